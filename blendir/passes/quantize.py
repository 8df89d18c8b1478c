"""
`quantize`: floats become fixed point; every result is exact, rounded once and saturated once.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp, TensorType, f64, i1, i64
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects.blend import (
    ActivationOp,
    AddOp,
    AffineOp,
    AvgPool2dOp,
    BitsToValueOp,
    BlendOp,
    ClampOp,
    ConcatOp,
    ConstantOp,
    Conv2dOp,
    FixedConv2dOp,
    FixedLayerNormOp,
    FixedLinearOp,
    FixedType,
    LayerNormOp,
    LinearOp,
    LookupOp,
    MaxPool2dOp,
    MultiplyOp,
    MultiThresholdOp,
    PiecewiseLinearOp,
    RequantizeOp,
    ReshapeOp,
    RoundOp,
    TakeOp,
    ThresholdOp,
    TransposeOp,
    constant_value,
    element_format,
    is_real,
    tensor_type,
    ui8,
)
from blendir.dialects.blend.layer_norm import EPSILON_LIMIT, fits_sums
from blendir.dialects.blend.multiply import PRODUCT_BITS
from blendir.functions import FLAT_FROM, evaluate
from blendir.interpreter import main_function
from blendir.numerics import STANDARD_FRAC, Format, Rounding, outside_sums, signed_bits
from blendir.passes.folding import Pieces
from blendir.passes.formats import (
    CONSTANT_BITS,
    FormatChoice,
    Formats,
    covering_type,
    exact_integers,
    excess_bits,
    integer_limits,
    no_finer,
)
from blendir.passes.ranges import ASSUMED_INPUT, Range, interval_magnitudes, measured
from blendir.passes.rewriting import affine_of, integer_range, layer_of, pieces_of
from blendir.passes.stage import VerifyStagePass

SLOPE_BITS = 26
SUM_GUARD_BITS = 24
LOOKUP_BITS = 12
FACTOR_BITS = PRODUCT_BITS - 32
"""Of a factor in fixed point; the other one may be an accumulator."""


def ranges(module: ModuleOp, calibration: NDArray[Any] | None) -> dict[SSAValue, Range]:
    """
    What formats must hold: interval bounds, and what calibration frames show.
    """
    bounds = interval_magnitudes(module)
    argument = main_function(module).body.block.args[0]
    if calibration is None:
        assumed = f" and an input in +-{ASSUMED_INPUT:g}" if is_real(argument) else ""
        warnings.warn(
            f"no calibration data: formats come from interval bounds{assumed}, which wastes bits; "
            "give frames with --calibrate X.npy (calibration= in Python)",
            stacklevel=2,
        )
        return {value: Range(bound) for value, bound in bounds.items()}
    if is_real(argument):
        bounds[argument] = math.inf
    spreads = measured(module, calibration)
    return {value: Range(bound, spreads.get(value)) for value, bound in bounds.items()}


class Quantizer(FormatChoice):
    """
    Rewrites the operations of `@main` in order; every float value gets a fixed-point one.
    """

    def __init__(self, module: ModuleOp, formats: Formats, ranges: dict[SSAValue, Range]):
        super().__init__(formats, ranges)
        self.main = main_function(module)

    def run(self) -> None:
        """
        Quantizes the function in place.
        """
        block = self.main.body.block
        argument = block.args[0]
        if is_real(argument):
            self.retype(argument, FixedType.of(self.cover(argument, self.formats.bits)))
        for op in list(block.ops):
            if isinstance(op, BlendOp) and not isinstance(op, ConstantOp):
                self.rewrite(op)
        returned = block.last_op
        assert isinstance(returned, func.ReturnOp)
        self.main.properties["function_type"] = FunctionType.from_lists([argument.type], [returned.operands[0].type])
        for op in reversed(list(block.ops)):
            if isinstance(op, ConstantOp) and not op.result.uses.get_length():
                op.detach()
                op.erase()

    def retype(self, value: SSAValue, element: FixedType) -> None:
        """
        Gives a value another element type in place.
        """
        value._type = TensorType(element, tensor_type(value).get_shape())  # pyright: ignore[reportPrivateUsage]

    def replace(self, op: BlendOp, new: list[Operation]) -> None:
        """
        Puts operations in place of one; the last one's result takes over.
        """
        block = op.parent
        assert block is not None
        block.insert_ops_before(new, op)
        new[-1].results[0].name_hint = op.results[0].name_hint
        op.results[0].replace_all_uses_with(new[-1].results[0])
        if op.results[0] in self.ranges:
            self.ranges[new[-1].results[0]] = self.ranges[op.results[0]]
        op.detach()
        op.erase()

    def rewrite(self, op: BlendOp) -> None:
        """
        Quantizes one operation; what has no floats stays.
        """
        match op:
            case Conv2dOp():
                self.replace(op, self.conv(op))
            case LinearOp():
                self.replace(op, self.linear(op))
            case AffineOp():
                affine = affine_of(op)
                always = np.full_like(affine.scale, -np.inf)
                pieces = Pieces(always, affine.scale, affine.shift, affine.scale, affine.shift)
                self.replace(op, self.pieces(op, op.input, pieces, op.axis.value.data))
            case PiecewiseLinearOp() if is_real(op.result):
                self.replace(op, self.pieces(op, op.input, pieces_of(op), op.axis.value.data))
            case ThresholdOp() if tensor_type(op.threshold).element_type == f64:
                self.replace(op, self.threshold(op))
            case MultiThresholdOp() if tensor_type(op.thresholds).element_type == f64:
                self.replace(op, self.multi_threshold(op))
            case RoundOp():
                self.replace(op, [self.round(op)])
            case AddOp() if is_real(op.result):
                self.replace(op, self.add(op))
            case MultiplyOp() if is_real(op.result):
                self.replace(op, self.multiply(op))
            case ActivationOp():
                self.replace(op, self.activation(op))
            case LayerNormOp():
                self.replace(op, self.layer_norm(op))
            case AvgPool2dOp() if is_real(op.result):
                self.replace(op, self.avg_pool(op))
            case ClampOp() if isinstance(tensor_type(op.input).element_type, FixedType):
                self.replace(op, self.clamp(op))
            case BitsToValueOp() if is_real(op.result):
                kind = TensorType(FixedType(2, 2), tensor_type(op.result).get_shape())
                lanes = None if op.lanes is None else list(op.lanes.get_values())
                self.replace(op, [BitsToValueOp(op.input, op.layer, kind, lanes)])
            case ConcatOp() if is_real(op.result):
                self.replace(op, self.concat(op))
            case MaxPool2dOp() if is_real(op.result):
                self.replace(op, [MaxPool2dOp(op.input, op.window, op.stride, op.pads, op.layer)])
            case ReshapeOp() if is_real(op.result):
                self.replace(op, [ReshapeOp(op.input, tensor_type(op.result).get_shape(), op.layer)])
            case TakeOp() if is_real(op.result):
                self.replace(op, [TakeOp(op.input, op.picks, op.axis.value.data, op.layer)])
            case TransposeOp() if is_real(op.result):
                self.replace(op, [TransposeOp(op.input, op.permutation.get_values(), op.layer)])
            case _:
                pass

    def grid_input(self, source: SSAValue, layer: str) -> tuple[SSAValue, list[Operation]]:
        """
        An input of products: accumulators become fixed point of their exact width.
        """
        kind = tensor_type(source).element_type
        if kind == ui8 or isinstance(kind, FixedType):
            return source, []
        grid = integer_range(source)
        assert grid is not None
        bits = max(2, signed_bits(grid.low, grid.high))
        cast = RequantizeOp(source, FixedType(bits, bits), f"{layer}.input")
        return cast.result, [cast]

    def conv(self, op: Conv2dOp) -> list[Operation]:
        """
        A convolution; the pad value is rounded like any other input, or becomes a border map where it does not fit.
        """
        layer = layer_of(op)
        source, before = self.grid_input(op.input, layer)
        weight, bias = constant_value(op.weight), constant_value(op.bias)
        kind = tensor_type(source).element_type
        fmt = element_format(kind)
        values = constant_value(op.pad) if op.pad is not None else None
        if values is not None and not self.pads(fmt, values):
            outside = outside_sums(weight * values[:, None, None], *op.borders(tensor_type(op.input).get_shape()))
            bias, values = (bias[:, None, None] if bias.ndim == 1 else bias) + outside, None
        made = self.products(source, weight, bias)
        w, b = (c.result for c in made)
        pad = None
        if values is not None:
            made.append(ConstantOp.from_numpy(fmt.encode(values), kind))
            pad = made[-1].result
        result, rounding = self.result_type(op), self.formats.rounding
        conv = FixedConv2dOp(source, w, b, op.stride, op.pads, result, pad, op.layer, rounding)
        return [*before, *made, conv]

    def linear(self, op: LinearOp) -> list[Operation]:
        """
        A linear layer.
        """
        source, before = self.grid_input(op.input, layer_of(op))
        made = self.products(source, constant_value(op.weight), constant_value(op.bias))
        w, b = (c.result for c in made)
        return [
            *before,
            *made,
            FixedLinearOp(source, w, b, self.result_type(op), op.layer, self.formats.rounding),
        ]

    def pieces(self, op: BlendOp, source: SSAValue, pieces: Pieces, axis: int) -> list[Operation]:
        """
        A piecewise linear function: slopes fine enough for an error below an eighth of the result's unit, and coarse
        enough for products and offsets of 62 bits.
        """
        result = self.result_type(op)
        kind = tensor_type(source).element_type
        frac = element_format(kind).frac
        grid = integer_range(source)
        assert grid is not None
        largest = math.ldexp(max(abs(grid.low), abs(grid.high)), -frac)
        steep = float(max(np.abs(pieces.a0).max(), np.abs(pieces.a1).max()))
        slope_frac = result.format.frac + 2 + max(0, math.frexp(largest)[1])
        slope_frac = max(min(slope_frac, Format.covering(steep, SLOPE_BITS).frac), result.format.frac - frac)
        slope_frac -= max(excess_bits(v, frac + slope_frac) for v in (pieces.b0, pieces.b1))
        slope_bits = math.frexp(steep)[1] + slope_frac + 1
        slope_frac -= max(0, signed_bits(grid.low, grid.high) + slope_bits - CONSTANT_BITS)
        slopes = [exact_integers(v, slope_frac) for v in (pieces.a0, pieces.a1)]
        offsets = [exact_integers(v, frac + slope_frac) for v in (pieces.b0, pieces.b1)]
        slope_type, offset_type = covering_type(slopes, slope_frac), covering_type(offsets, frac + slope_frac)
        made = [
            ConstantOp.from_numpy(integer_limits(pieces.k, frac, grid), i64),
            *(
                ConstantOp.from_numpy(values, element)
                for slope, offset in zip(slopes, offsets, strict=True)
                for values, element in ((slope, slope_type), (offset, offset_type))
            ),
        ]
        k, a0, b0, a1, b1 = (c.result for c in made)
        shape = tensor_type(op.results[0]).get_shape()
        new = PiecewiseLinearOp(
            source, (k, a0, b0, a1, b1), axis, op.layer, TensorType(result, shape), self.formats.rounding
        )
        return [*made, new]

    def threshold(self, op: ThresholdOp) -> list[Operation]:
        """
        A threshold: the first integer of the grid at or above the real one.
        """
        grid = integer_range(op.input)
        assert grid is not None
        frac = element_format(tensor_type(op.input).element_type).frac
        limits = ConstantOp.from_numpy(integer_limits(constant_value(op.threshold), frac, grid), i64)
        invert = ConstantOp.from_numpy(constant_value(op.invert), i1)
        axis, kind = op.axis.value.data, tensor_type(op.result)
        return [limits, invert, ThresholdOp(op.input, limits.result, invert.result, axis, op.layer, kind)]

    def multi_threshold(self, op: MultiThresholdOp) -> list[Operation]:
        """
        Several thresholds per channel, each like a single one.
        """
        grid = integer_range(op.input)
        assert grid is not None
        frac, real = element_format(tensor_type(op.input).element_type).frac, constant_value(op.thresholds)
        limits = ConstantOp.from_numpy(integer_limits(real.reshape(-1), frac, grid).reshape(real.shape), i64)
        invert = ConstantOp.from_numpy(constant_value(op.invert), i1)
        lowest, step, axis = (v.value.data for v in (op.lowest, op.step, op.axis))
        return [limits, invert, MultiThresholdOp(op.input, limits.result, invert.result, lowest, step, axis, op.layer)]

    def round(self, op: RoundOp) -> Operation:
        """
        Exact: to integers, as many as the input reaches.
        """
        fmt = element_format(tensor_type(op.input).element_type)
        whole = Format(max(2, fmt.width - fmt.frac + 1), 0) if fmt.frac > 0 else fmt
        return RequantizeOp(op.input, FixedType.of(whole), op.layer, Rounding.HALF_EVEN)

    def add(self, op: AddOp) -> list[Operation]:
        """
        An addition; an operand whose unit is far below the result's is rounded first, so that the sum stays narrow.
        """
        result = self.result_type(op)
        made: list[Operation] = []
        operands: list[SSAValue] = []
        for value, side in ((op.lhs, "lhs"), (op.rhs, "rhs")):
            fmt = element_format(tensor_type(value).element_type)
            excess = fmt.frac - result.format.frac - SUM_GUARD_BITS
            if excess > 0:
                element = FixedType.of(Format(max(2, fmt.width - excess), fmt.frac - excess))
                made.append(RequantizeOp(value, element, f"{layer_of(op)}.{side}", self.formats.rounding))
                value = made[-1].results[0]
            operands.append(value)
        kind = TensorType(result, tensor_type(op.result).get_shape())
        return [*made, AddOp(operands[0], operands[1], op.layer, kind, self.formats.rounding)]

    def multiply(self, op: MultiplyOp) -> list[Operation]:
        """
        A product, no finer than the exact one; operands that are too wide for 64 bits are rounded first.
        """
        made: list[Operation] = []
        operands: list[SSAValue] = []
        for value, side in ((op.lhs, "lhs"), (op.rhs, "rhs")):
            value, before = self.grid_input(value, f"{layer_of(op)}.{side}")
            made += before
            kind = tensor_type(value).element_type
            if isinstance(kind, FixedType) and (excess := kind.format.width - FACTOR_BITS) > 0:
                element = FixedType.of(Format(FACTOR_BITS, kind.format.frac - excess))
                made.append(RequantizeOp(value, element, f"{layer_of(op)}.{side}", self.formats.rounding))
                value = made[-1].results[0]
            operands.append(value)
        frac = sum(element_format(tensor_type(v).element_type).frac for v in operands)
        element = FixedType.of(no_finer(self.result_type(op).format, frac))
        result = TensorType(element, tensor_type(op.result).get_shape())
        return [*made, MultiplyOp(operands[0], operands[1], op.layer, result, self.formats.rounding)]

    def activation(self, op: ActivationOp) -> list[Operation]:
        """
        A table over at most 12 bits of the input.

        The result is off by half a unit, and where the input is rounded to its bits by half a unit of them times the
        function's greatest slope; a function is flat beyond what they hold, or they hold the range of the input.
        """
        function = op.function.data
        source = element_format(tensor_type(op.input).element_type)
        index = self.cover(op.input, LOOKUP_BITS)
        if function in FLAT_FROM:
            index = max(index, Format.covering(FLAT_FROM[function], LOOKUP_BITS), key=lambda fmt: fmt.frac)
        made: list[Operation] = []
        value = op.input
        if source.width <= LOOKUP_BITS:
            index = source
        else:
            index = no_finer(index, source.frac)
            made.append(RequantizeOp(value, FixedType.of(index), f"{layer_of(op)}.input", self.formats.rounding))
            value = made[-1].results[0]
        result = self.result_type(op)
        exact = evaluate(function, index.decode(np.arange(index.low, index.high + 1)))
        table = ConstantOp.from_numpy(result.format.encode(exact), result)
        return [*made, table, LookupOp(value, table.result, op.layer)]

    def layer_norm(self, op: LayerNormOp) -> list[Operation]:
        """
        A layer normalization; an input whose squares do not fit 64 bits is rounded first.
        """
        source, made = self.grid_input(op.input, layer_of(op))
        fmt, axis = element_format(tensor_type(source).element_type), op.axis.value.data
        count = tensor_type(source).get_shape()[axis]
        units = count**2 * Fraction(op.epsilon.value.data)
        while not fits_sums(fmt, count) or units * Fraction(4) ** fmt.frac >= EPSILON_LIMIT:
            fmt = Format(max(2, fmt.width - 1), fmt.frac - 1)
        if fmt != element_format(tensor_type(source).element_type):
            made.append(RequantizeOp(source, FixedType.of(fmt), f"{layer_of(op)}.input", self.formats.rounding))
            source = made[-1].results[0]
        scales = constant_value(op.gamma)
        parameters = self.factors(self.of_factors(scales), STANDARD_FRAC, scales, constant_value(op.beta))
        epsilon = round(units * Fraction(4) ** fmt.frac)
        gamma, beta = (c.result for c in parameters)
        result, rounding = self.result_type(op), self.formats.rounding
        return [*made, *parameters, FixedLayerNormOp(source, gamma, beta, epsilon, axis, result, op.layer, rounding)]

    def avg_pool(self, op: AvgPool2dOp) -> list[Operation]:
        """
        An average that keeps every bit.
        """
        source, before = self.grid_input(op.input, layer_of(op))
        fmt = element_format(tensor_type(source).element_type)
        divisor, taps = op.divisor.value.data, op.window[0] * op.window[1]
        if divisor & (divisor - 1):
            raise PassFailedException(f"{layer_of(op)}: divisor {divisor} is not a power of two; run fold-bn first")
        width = signed_bits(min(fmt.low * taps, 0), fmt.high * taps)
        element = FixedType.of(Format(width, fmt.frac + divisor.bit_length() - 1))
        return [*before, AvgPool2dOp(source, op.window, op.stride, op.pads, divisor, element, op.layer)]

    def clamp(self, op: ClampOp) -> list[Operation]:
        """
        A clamp with its bounds on the input's grid.
        """
        fmt = element_format(tensor_type(op.input).element_type)
        low, high = fmt.encode(np.array([op.low.value.data, op.high.value.data], np.float64)).tolist()
        return [ClampOp(op.input, low, high, op.layer)]

    def concat(self, op: ConcatOp) -> list[Operation]:
        """
        A concatenation: operands of other formats are brought to one that holds the range of all, with the finest unit
        for which there are bits.
        """
        formats = [element_format(tensor_type(v).element_type) for v in op.inputs]
        widths = [f.width + (not f.signed) for f in formats]
        whole = max(width - f.frac for width, f in zip(widths, formats, strict=True))
        width = max(self.width_of(op), *widths)
        common = FixedType.of(no_finer(Format(width, width - whole), max(f.frac for f in formats)))
        made: list[Operation] = []
        inputs: list[SSAValue] = []
        for index, value in enumerate(op.inputs):
            if tensor_type(value).element_type != common:
                made.append(RequantizeOp(value, common, f"{layer_of(op)}.{index}", self.formats.rounding))
                value = made[-1].results[0]
            inputs.append(value)
        return [*made, ConcatOp(inputs, op.axis.value.data, op.layer)]


def quantize(module: ModuleOp, formats: Formats, calibration: NDArray[Any] | None) -> None:
    """
    Quantizes a folded module in place, with formats from calibration frames [N, ..] or from interval bounds.
    """
    Quantizer(module, formats, ranges(module, calibration)).run()


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
        try:
            frames = None if self.calibration is None else np.load(self.calibration, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise PassFailedException(f"quantize: cannot read {self.calibration}: {error}") from error
        if isinstance(frames, np.lib.npyio.NpzFile):
            raise PassFailedException(f"quantize: {self.calibration} holds several arrays; give one .npy of frames")
        VerifyStagePass("folded").apply(ctx, op)
        quantize(op, self.formats, frames)
