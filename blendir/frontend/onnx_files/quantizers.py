"""
Quantizers of QONNX (Pappalardo et al., 2022), and thresholds of FINN.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from blendir.frontend.aten_levels import MOST_THRESHOLDS, level_thresholds, multi_threshold
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.onnx_files.graph import OnnxNode
from blendir.frontend.onnx_files.operations import Operand, constant, enters, tensor


def away_from_zero(x: Tensor) -> Tensor:
    """
    The nearest integer, the larger one of two in magnitude.
    """
    return x.sign() * (x.abs() + 0.5).floor()


HALF_EVEN = ("ROUND", "HALF_EVEN")
THRESHOLDS = {
    "FLOOR": "floor",
    "CEIL": "ceil",
    "DOWN": "trunc",
    "UP": "away",
    "HALF_UP": "half_away",
    "HALF_DOWN": "half_to_zero",
}
"""Modes whose levels are counts of thresholds."""
ROUNDING: dict[str, Callable[[Tensor], Tensor]] = {
    **dict.fromkeys(HALF_EVEN, torch.round),
    "CEIL": torch.ceil,
    "FLOOR": torch.floor,
    "DOWN": torch.trunc,
    "UP": lambda x: x.sign() * x.abs().ceil(),
    "HALF_UP": away_from_zero,
    "HALF_DOWN": lambda x: x.sign() * (x.abs() - 0.5).ceil(),
}


@enters("BipolarQuant")
def bipolar_quant(node: OnnxNode, x: Operand, scale: Operand) -> Tensor:
    """
    `x >= 0 ? scale : -scale`.
    """
    step = tensor(constant(scale, "the scale"))
    return torch.where(tensor(x) >= 0, step, -step)


def limits(bits: int, signed: bool, narrow: bool) -> tuple[int, int]:
    """
    The least and the greatest integer of a quantizer.
    """
    if signed:
        return narrow - 2 ** (bits - 1), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


@enters("Quant", "IntQuant")
def quant(node: OnnxNode, x: Operand, scale: Operand, zero_point: Operand, bit_width: Operand) -> Tensor:
    """
    `(round(clamp(x / scale + zero)) - zero) * scale`; one signed bit means +1 and -1, never 0.
    """
    get = node.attributes.get
    step, zero = tensor(constant(scale, "the scale")), tensor(constant(zero_point, "the zero point"))
    bits, signed = float(constant(bit_width, "the bit width").item()), bool(get("signed", 1))
    if bits < 1 or bits != int(bits):
        raise UntranslatableError(f"a bit width of {bits:g}, which is not a positive integer")
    source, centered = tensor(x), not bool(zero.any())
    if bits == 1 and signed:
        positive = source >= 0 if centered and bool((step > 0).all()) else source / step + zero >= 0
        return torch.where(positive, (1 - zero) * step, (-1 - zero) * step)
    mode, (low, high) = rounding_mode(node), limits(int(bits), signed, bool(get("narrow", 0)))
    levels = source / step if centered else source / step + zero
    if isinstance(x, Tensor) and mode in THRESHOLDS:
        levels = low + multi_threshold(levels, tensor(level_thresholds(THRESHOLDS[mode], low, high)[None]), 1)
    else:
        levels = ROUNDING[mode](torch.clamp(levels, low, high))
    return levels * step if centered else (levels - zero) * step


def rounding_mode(node: OnnxNode) -> str:
    """
    The rounding mode of a quantizer.
    """
    mode = node.attributes.get("rounding_mode", "FLOOR" if node.op == "Trunc" else "ROUND").upper()
    if mode not in ROUNDING:
        raise UntranslatableError(f"rounding_mode {mode}, which is unknown")
    return mode


@enters("Trunc")
def trunc(node: OnnxNode, x: Tensor, scale: Operand, zero_point: Operand, bits: Operand, *rest: Operand) -> Tensor:
    """
    Integers with fewer bits. The low bits, beyond the output's bit width, are rounded away, and the scale stays. The
    second version of the operation has an output scale: the integers are divided by the power of two nearest to the
    quotient of the scales, and bounded.
    """
    step, zero = tensor(constant(scale, "the scale")), tensor(constant(zero_point, "the zero point"))
    before, *output, after = (float(constant(v, "a scale or a bit width").item()) for v in (bits, *rest))
    mode = rounding_mode(node)
    if mode not in ("FLOOR", "CEIL", *HALF_EVEN):
        raise UntranslatableError(f"rounding_mode {mode} of values, only FLOOR, CEIL and ROUND are supported")
    integers = torch.round(tensor(x) / step + zero)
    if not output:
        return (ROUNDING[mode](integers / 2 ** (before - after)) - zero) * step
    unit = 2.0 ** round(math.log2(output[0] / step.item()))
    low, high = limits(int(after), bool(node.attributes.get("signed", 1)), bool(node.attributes.get("narrow", 0)))
    return (torch.clamp(ROUNDING[mode](integers / unit), low, high) - zero / unit) * output[0]


@enters("MultiThreshold")
def count_thresholds(node: OnnxNode, x: Tensor, thresholds: Operand) -> Tensor:
    """
    `out_bias + out_scale * n`, where n is the number of thresholds that are reached; one row of thresholds per channel,
    or one for all channels.
    """
    get = node.attributes.get
    table, layout = constant(thresholds, "the table of thresholds"), get("data_layout", "")
    axis = layout.index("C") if "C" in layout else 2 if x.ndim == 3 and not layout else 1
    if table.ndim != 2 or table.shape[0] not in (1, x.shape[axis]) or not 0 < table.shape[1] <= MOST_THRESHOLDS:
        raise UntranslatableError(
            f"a table of thresholds of shape {list(table.shape)}, not one row or {x.shape[axis]}, "
            f"of at most {MOST_THRESHOLDS} thresholds"
        )
    return get("out_bias", 0.0) + get("out_scale", 1.0) * multi_threshold(x, tensor(table), axis)
