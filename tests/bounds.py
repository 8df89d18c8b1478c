"""
Bounds of the difference between [fixed] and [folded]: each operation gets the same operands, and each format is checked
against its values.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, f64
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation, SSAValue

from blendir.dialects import blend
from blendir.dialects.blend import BlendOp, ConstantOp, FixedType, constant_value, tensor_type
from blendir.functions import FLAT, Function
from blendir.interpreter import main_function, run_module
from blendir.interpreter.blend import BlendFunctions, integer_dtype
from blendir.numerics import Format

CHOSEN = (blend.Conv2dOp, blend.LinearOp, blend.AffineOp, blend.PiecewiseLinearOp, blend.AddOp)
"""What gets a format of its own."""
MOVES = (blend.MaxPool2dOp, blend.ReshapeOp, blend.TransposeOp, blend.TakeOp, blend.ConcatOp)
ROUNDING = 1e-12
FACTOR_BITS = 30
"""Of a factor of a product of two values."""

SLOPE = {
    Function.SIGMOID: 0.25,
    Function.TANH: 1.0,
    Function.HARDSIGMOID: 1 / 6,
    Function.GELU: 1.129,
    Function.GELU_TANH: 1.13,
    Function.SILU: 1.1,
    Function.HARDSWISH: 1.5,
    Function.ELU: 1.0,
    Function.SOFTPLUS: 1.0,
    Function.MISH: 1.089,
    Function.ERF: 1.129,
}
"""No two results lie farther apart than this times the distance of the arguments."""

Array = NDArray[Any]
Key = tuple[str, int]
"""A layer, and the index among the operations with its name: there may be several operations on pooled bits."""


def is_constant(value: SSAValue) -> bool:
    return isinstance(value.owner, ConstantOp)


def largest(values: Array) -> float:
    return float(np.abs(values).max(initial=0.0))


@dataclass
class Pair:
    """
    A module at [folded] with all its values, and the same at [fixed], layer by layer.
    """

    folded: dict[Key, BlendOp]
    fixed: dict[Key, BlendOp]
    keys: dict[Operation, Key]
    values: dict[SSAValue, Array]
    arguments: tuple[SSAValue, SSAValue]
    interpreter: Interpreter

    def counterpart(self, value: SSAValue) -> SSAValue | None:
        """
        What stands for a value of [folded] at [fixed].
        """
        if value is self.arguments[0]:
            return self.arguments[1]
        op = value.owner
        found = self.fixed.get(self.keys[op]) if isinstance(op, BlendOp) else None
        return None if found is None else found.results[0]

    def format(self, value: SSAValue) -> Format | None:
        """
        The format that a real value of [folded] gets.
        """
        found = self.counterpart(value)
        kind = None if found is None else tensor_type(found).element_type
        return kind.format if isinstance(kind, FixedType) and tensor_type(value).element_type == f64 else None

    def step(self, op: Operation, operands: list[Array]) -> Array:
        (result,) = self.interpreter.run_op(op, tuple(operands))
        return result

    def rounded(self, value: SSAValue) -> Array:
        """
        A value of [folded] as [fixed] would have it if all operations up to it were exact.
        """
        fmt = self.format(value)
        return self.values[value] if fmt is None else fmt.decode(fmt.encode(self.values[value]))

    def integers(self, value: SSAValue) -> Array:
        """
        The result of a layer at [fixed] on the operands that the layer has at [folded].
        """
        op = value.owner
        if isinstance(op, ConstantOp):
            return op.numpy()
        given = self.folded.get(self.keys[op]) if isinstance(op, BlendOp) else None
        if given is None and isinstance(op, BlendOp):
            return self.step(op, [self.integers(v) for v in op.operands])
        before = self.arguments[0] if given is None else given.results[0]
        fmt = self.format(before)
        return self.values[before] if fmt is None else fmt.encode(self.values[before]).astype(integer_dtype(fmt.width))


def keyed(ops: Sequence[BlendOp]) -> dict[Key, BlendOp]:
    """
    The operations but constants by layer.
    """
    seen: Counter[str] = Counter()
    result: dict[Key, BlendOp] = {}
    for op in ops:
        if not isinstance(op, ConstantOp):
            result[op.layer_name, seen[op.layer_name]] = op
            seen[op.layer_name] += 1
    return result


def pair_of(folded: ModuleOp, fixed: ModuleOp, x: Array) -> Pair:
    """
    The layers of both stages, and the values on frames x at [folded].
    """
    mains = main_function(folded), main_function(fixed)
    layers = [keyed([op for op in m.body.block.ops if isinstance(op, BlendOp)]) for m in mains]
    arguments = mains[0].body.block.args[0], mains[1].body.block.args[0]
    real = tensor_type(arguments[0]).element_type == f64
    values: dict[SSAValue, Array] = {arguments[0]: x.astype(np.float64) if real else x.astype(np.int32)}

    def observe(op: Operation, index: int, value: Array) -> None:
        values[op.results[index]] = value

    run_module(folded, x, observe)
    interpreter = Interpreter(fixed)
    interpreter.register_implementations(BlendFunctions())
    keys: dict[Operation, Key] = {op: key for found in layers for key, op in found.items()}
    return Pair(layers[0], layers[1], keys, values, arguments, interpreter)


def bound(op: BlendOp, operands: list[Array], fmt: Format, bits: int, source: float | None) -> float:
    """
    The largest error of an operation at [fixed] inside its format, on the same operands. `source` is the unit of its
    input if that unit was not chosen for the operation.
    """
    peaks = [largest(v) for v in operands]
    match op:
        case blend.Conv2dOp() | blend.LinearOp():
            weight, pad = constant_value(op.weight), op.pad if isinstance(op, blend.Conv2dOp) else None
            unit = Format.covering(largest(weight), bits).lsb
            source = source or Format.covering(2 * peaks[0] or 1.0, bits).lsb
            outside = 0.0 if pad is None else largest(constant_value(pad))
            rounded = 0.0 if pad is None else np.abs(weight).reshape(len(weight), -1).sum(axis=1).max() * source / 2
            # of the bias too, which lies on the grid of the products
            return 0.75 * fmt.lsb + (weight[0].size * max(peaks[0], outside) + source) * unit / 2 + rounded
        case blend.AffineOp():
            return 0.75 * fmt.lsb + largest(constant_value(op.scale)) * peaks[0] * 2.0**-18
        case blend.PiecewiseLinearOp():
            steep = max(largest(constant_value(v)) for v in (op.slope0, op.slope1))
            return 0.75 * fmt.lsb + steep * peaks[0] * 2.0**-18
        case blend.AddOp():
            return 0.51 * fmt.lsb
        case blend.MultiplyOp():
            return 0.51 * fmt.lsb + peaks[0] * peaks[1] * 2.0**-28
        case blend.ClampOp() | blend.ConcatOp() | blend.ActivationOp():
            return 0.5 * fmt.lsb
        case _:
            return 0.0


def narrowed(op: BlendOp, operands: list[Array], pair: Pair) -> float:
    """
    How far factors of more than FACTOR_BITS, such as exact averages, move a product: they are rounded to these first.
    """
    if not isinstance(op, blend.MultiplyOp):
        return 0.0
    formats = [pair.format(v) for v in op.operands]
    units = [f.lsb * 2 ** (f.width - FACTOR_BITS) if f and f.width > FACTOR_BITS else 0.0 for f in formats]
    a, b = (largest(v) for v in operands)
    return 0.51 * (a * units[1] + b * units[0])


def indexed(op: BlendOp, found: BlendOp) -> float:
    """
    How far a table is off because its input is rounded to the bits of an index, or clipped where the function is flat.
    """
    if not isinstance(op, blend.ActivationOp) or not isinstance(found, blend.LookupOp):
        return 0.0
    kind = tensor_type(found.input).element_type
    assert isinstance(kind, FixedType)
    rounded = isinstance(found.input.owner, blend.RequantizeOp)
    return SLOPE[op.function.data] * kind.format.lsb / 2 + FLAT if rounded else 0.0


def check_operations(pair: Pair, bits: int, calibrated: bool) -> None:
    """
    Checks every operation: on the operands of [folded], in the formats of [fixed], it gives the result of [folded].
    Real results are within the bound of the operation, up to the ends of the format. Other results are equal.
    """
    for layer, op in pair.folded.items():
        found = pair.fixed.get(layer)
        if found is None:
            continue
        operands = [v.owner.numpy() if isinstance(v.owner, ConstantOp) else pair.rounded(v) for v in op.operands]
        exact = pair.step(op, operands)
        got = pair.step(found, [pair.integers(v) for v in found.operands])
        fmt = pair.format(op.results[0])
        if fmt is None:
            np.testing.assert_array_equal(got, exact, layer[0])
            if isinstance(op, blend.ThresholdOp) and (source := pair.format(op.input)) is not None:
                along = [-1 if d == op.axis.value.data else 1 for d in range(exact.ndim)]
                distance = np.abs(pair.values[op.input] - constant_value(op.threshold).reshape(along))
                moved = exact != pair.values[op.result]
                assert not (moved & (distance > 0.51 * source.lsb)).any(), f"{layer[0]}: bits far from the threshold"
            continue
        exact = exact.clip(fmt.low * fmt.lsb, fmt.high * fmt.lsb)
        given = [v for v, operand in zip(operands, op.operands, strict=True) if not is_constant(operand)]
        source = None if calibrated else pair.format(op.operands[0])
        allowed = bound(op, given, fmt, bits, None if source is None else source.lsb)
        allowed += narrowed(op, given, pair) + indexed(op, found)
        error = largest(fmt.decode(got) - exact)
        assert error <= allowed + ROUNDING * largest(exact), f"{layer[0]}: off by {error / fmt.lsb} units of {fmt}"


def shows_ends(value: SSAValue) -> bool:
    """
    Whether the readers of a value tell large values apart. Comparisons, clamps, functions by table and
    flat pieces do not.
    """
    for use in value.uses:
        match use.operation:
            case (
                blend.ThresholdOp()
                | blend.MultiThresholdOp()
                | blend.ClampOp()
                | blend.RoundOp()
                | blend.ActivationOp()
            ):
                continue
            case blend.AffineOp() as op if not constant_value(op.scale).all():
                continue
            case blend.PiecewiseLinearOp() as op if not all(constant_value(v).all() for v in (op.slope0, op.slope1)):
                continue
            case blend.AffineOp() as op if not constant_value(op.scale).all():
                continue
            case (
                blend.MaxPool2dOp() | blend.ReshapeOp() | blend.TransposeOp() | blend.TakeOp() | blend.ConcatOp() as op
            ):
                if shows_ends(op.results[0]):
                    return True
            case _:
                return True
    return False


def check_formats(pair: Pair, options: Mapping[str, Any]) -> None:
    """
    Checks formats against the values for which they were chosen, except operands of sums. The mean square error is not
    larger than for a format of twice the largest value. The format is exact if some format of its width that holds the
    largest value is exact, unless products are not exact anyway.
    """
    for value, values in pair.values.items():
        fmt, found = pair.format(value), pair.counterpart(value)
        if fmt is None or found is None or not (value is pair.arguments[0] or isinstance(value.owner, CHOSEN)):
            continue
        added = any(isinstance(use.operation, blend.AddOp) for use in value.uses)
        if added or not shows_ends(value) or not values.any():
            continue
        width = options["quantize_skip_bits" if isinstance(value.owner, blend.AddOp) else "quantize_bits"]
        if fmt.width != width:  # exact, or no finer than an exact result
            continue
        peak = largest(values)
        error = fmt.decode(fmt.encode(values)) - values
        unit = Format.covering(2 * peak, width).lsb
        assert math.sqrt(np.square(error / unit).mean()) <= 0.51, f"{value}: {fmt} for values up to {peak}"
        finest = Format.covering(peak, width)
        if np.array_equal(finest.decode(finest.encode(values)), values):
            assert not error.any(), f"{value}: {fmt} for values that {finest} holds exactly"


def check_fixed(folded: ModuleOp, fixed: ModuleOp, x: Array, options: Mapping[str, Any], calibrated: bool) -> None:
    """
    [folded] against [fixed], layer by layer.
    """
    pair = pair_of(folded, fixed, x)
    check_operations(pair, options["quantize_bits"], calibrated)
    if calibrated:
        check_formats(pair, options)
