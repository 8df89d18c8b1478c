"""
`quantize`: floats become fixed point; every result is exact, rounded once and saturated once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects.blend import BlendOp, ConstantOp, FixedType, is_real
from blendir.dialects.blend.base import retyped
from blendir.interpreter import find_main, main_function, returned_values
from blendir.numerics import Rounding
from blendir.passes.quantize import functions, pairs, products
from blendir.passes.quantize.calibration import Range, value_ranges
from blendir.passes.quantize.formats import FormatChoice, Formats
from blendir.passes.quantize.rules import quantized
from blendir.passes.rewriting import erase_unused_constants, replace
from blendir.passes.stage import VerifyStagePass, is_stream, reached

RULES = (functions, pairs, products)
"""Files of rules, which register themselves with `quantized`."""


def quantize_operations(module: ModuleOp, formats: Formats, ranges: dict[SSAValue, Range]) -> None:
    """
    Quantizes the operations of `@main` in order, given the widths and what values of floats must hold.
    """
    main, choice = main_function(module), FormatChoice(formats, ranges)
    block = main.body.block
    argument = block.args[0]
    if is_real(argument):
        kind = retyped(argument, FixedType.of(choice.input_format(argument)))
        known = ranges[argument]
        argument = Rewriter.replace_value_with_new_type(argument, kind)
        ranges[argument] = known
    for op in list(block.ops):
        if not isinstance(op, BlendOp) or isinstance(op, ConstantOp):
            continue
        if any(is_real(value) for value in (*op.operands, *op.results)):
            value = op.results[0]
            new = replace(op, quantized(op, choice))
            if value in ranges:
                ranges[new] = ranges[value]
    outputs = [value.type for value in returned_values(module)]
    main.properties["function_type"] = FunctionType.from_lists([argument.type], outputs)
    erase_unused_constants(block)


def quantize(module: ModuleOp, formats: Formats, calibration: NDArray[Any] | None) -> None:
    """
    Quantizes a folded module in place, with formats from calibration frames [N, ..] or from interval bounds.
    """
    quantize_operations(module, formats, value_ranges(module, calibration))


@dataclass(frozen=True)
class QuantizePass(ModulePass):
    """
    Chooses fixed-point formats from calibration data (an .npy file of frames) or from interval bounds.
    """

    name = "quantize"
    calibration: str | None = None
    bits: int = 16
    skip_bits: int = 16
    rounding: str = "half_up"

    @property
    def formats(self) -> Formats:
        """
        The widths and the rounding.
        """
        if self.rounding not in list(Rounding):
            raise PassFailedException(f"quantize: rounding should be half_up or half_even, got {self.rounding}")
        return Formats(self.bits, self.skip_bits, Rounding(self.rounding))

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if find_main(op) is None or is_stream(op) or reached(op, "fixed"):
            return
        try:
            frames = None if self.calibration is None else np.load(self.calibration, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise PassFailedException(f"quantize: cannot read {self.calibration}: {error}") from error
        if isinstance(frames, np.lib.npyio.NpzFile):
            raise PassFailedException(f"quantize: {self.calibration} holds several arrays; give one .npy of frames")
        VerifyStagePass("folded").apply(ctx, op)
        quantize(op, self.formats, frames)
