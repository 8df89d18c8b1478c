"""
What the rewrite patterns share: reading parameters from the IR and making operations from arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray
from xdsl.dialects.builtin import StringAttr, f64, i1, i32, i64
from xdsl.ir import Attribute, Operation, SSAValue

from blendir.dialects.blend import (
    AffineOp,
    BinaryConv2dOp,
    BinaryLinearOp,
    BlendOp,
    ConstantOp,
    FixedType,
    MaxPool2dOp,
    MultiThresholdOp,
    PackedBinaryConv2dOp,
    PackedBinaryLinearOp,
    PiecewiseLinearOp,
    ReshapeOp,
    ThresholdOp,
    TransposeOp,
    constant_value,
    element_format,
    tensor_type,
)
from blendir.passes.folding import Affine, Pieces
from blendir.passes.monotone import Grid


def layer_of(op: BlendOp) -> str:
    """
    The layer of an operation, or its name.
    """
    return op.layer_name


def affine_of(op: AffineOp) -> Affine:
    """
    The parameters of an affine.
    """
    return Affine(*(constant_value(v) for v in (op.center, op.scale, op.offset)))


def pieces_of(op: PiecewiseLinearOp) -> Pieces:
    """
    The parameters of a piecewise linear function.
    """
    return Pieces(*(constant_value(v) for v in op.parameters))


def constants(arrays: Sequence[NDArray[Any]], element: Attribute = f64) -> list[ConstantOp]:
    """
    One constant per array.
    """
    return [ConstantOp.from_numpy(a, element) for a in arrays]


def affine_ops(source: SSAValue, affine: Affine, axis: int, layer: str | StringAttr | None) -> list[Operation]:
    """
    An affine and its constants, the affine last.
    """
    made = constants((affine.center, affine.scale, affine.offset))
    return [*made, AffineOp(source, *(c.result for c in made), axis=axis, layer=layer)]


def pieces_ops(source: SSAValue, pieces: Pieces, axis: int, layer: str) -> list[Operation]:
    """
    A piecewise linear function and its constants, the function last.
    """
    k, a0, b0, a1, b1 = made = constants(pieces.arrays)
    parameters = (k.result, a0.result, b0.result, a1.result, b1.result)
    return [*made, PiecewiseLinearOp(source, parameters, axis, layer)]


def threshold_ops(
    source: SSAValue, limits: NDArray[Any], invert: NDArray[Any], axis: int, layer: str
) -> list[Operation]:
    """
    A threshold and its constants, the threshold last.
    """
    kind = f64 if tensor_type(source).element_type == f64 else i64
    t, i = ConstantOp.from_numpy(limits, kind), ConstantOp.from_numpy(invert, i1)
    return [t, i, ThresholdOp(source, t.result, i.result, axis, layer)]


def integer_range(value: SSAValue) -> Grid | None:
    """
    The integers that a value can take, None for floats.

    Accumulators of n taps lie in -n .. n; what only moves or selects values keeps the range.
    """
    owner = value.owner
    match owner:
        case BinaryConv2dOp() | BinaryLinearOp():
            count = constant_value(owner.weight)[0].size
            return Grid(-count, count)
        case PackedBinaryConv2dOp():
            count = owner.channels.value.data * owner.window[0] * owner.window[1]
            return Grid(-count, count)
        case PackedBinaryLinearOp():
            return Grid(-owner.channels.value.data, owner.channels.value.data)
        case MultiThresholdOp():
            return Grid(owner.levels[0], owner.levels[-1])
        case MaxPool2dOp() | ReshapeOp() | TransposeOp() if tensor_type(value).element_type == i32:
            return integer_range(owner.input)
        case _:
            pass
    kind = tensor_type(value).element_type
    if kind == f64:
        return None
    if isinstance(kind, FixedType) and kind.format.width > 62:
        raise ValueError(f"{kind} is too wide for a threshold")
    fmt = element_format(kind)
    return Grid(fmt.low, fmt.high, fmt.frac)


def shared(value: SSAValue) -> bool:
    """
    Whether a value has more than one use.
    """
    return value.has_more_than_one_use()


def affine_input(value: SSAValue, axis: int = 1) -> AffineOp | None:
    """
    The affine along `axis` that makes a value.
    """
    owner = value.owner
    return owner if isinstance(owner, AffineOp) and owner.axis.value.data == axis else None
