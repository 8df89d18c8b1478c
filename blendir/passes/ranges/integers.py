"""
The integers that tensors can hold, from the operations that make them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import singledispatch

from xdsl.dialects.builtin import i32
from xdsl.ir import Operation, SSAValue

from blendir import widths
from blendir.dialects import blend
from blendir.dialects.blend import FixedType, constant_value, element_format, is_real, tensor_type
from blendir.errors import UserError
from blendir.passes.fold.monotone import Grid

FEW_BITS = 8
"""The widest type whose integers are listed."""


@dataclass(frozen=True)
class Integers:
    """
    The integers of a tensor: the grid they lie on, and each that occurs where these are few.
    """

    grid: Grid
    values: Collection[int] | None

    @staticmethod
    def of_type(value: SSAValue) -> Integers:
        """
        All integers of a tensor's element type.
        """
        kind = tensor_type(value).element_type
        if isinstance(kind, FixedType) and kind.format.width > widths.EXACT:
            raise UserError(f"{kind} is too wide for a threshold")
        fmt = element_format(kind)
        few = range(fmt.low, fmt.high + 1) if fmt.width <= FEW_BITS else None
        return Integers(Grid(fmt.low, fmt.high, fmt.frac), few)

    @staticmethod
    def counts(most: int) -> Integers:
        """
        Sums of `most` numbers +-1.
        """
        return Integers(Grid(-most, most), None)


def integers_of(value: SSAValue) -> Integers:
    """
    The integers that a tensor can hold, which is not one of floats.
    """
    owner = value.owner
    return infer_integers(owner) if isinstance(owner, Operation) else Integers.of_type(value)


def grid_of(value: SSAValue) -> Grid | None:
    """
    The grid of a tensor, None for floats.
    """
    return None if is_real(value) else integers_of(value).grid


@singledispatch
def infer_integers(op: Operation) -> Integers:
    """
    The integers of an operation's result: those of its type where there is no narrower rule.
    """
    return Integers.of_type(op.results[0])


@infer_integers.register(blend.BinaryConv2dOp)
@infer_integers.register(blend.BinaryLinearOp)
def integers_of_taps(op: blend.BinaryConv2dOp | blend.BinaryLinearOp) -> Integers:
    return Integers.counts(constant_value(op.weight)[0].size)


@infer_integers.register(blend.PackedBinaryConv2dOp)
def integers_of_packed_conv(op: blend.PackedBinaryConv2dOp) -> Integers:
    """
    An accumulator of the channels of a window.
    """
    return Integers.counts(op.channels.value.data * op.window[0] * op.window[1])


@infer_integers.register(blend.PackedBinaryLinearOp)
def integers_of_packed_linear(op: blend.PackedBinaryLinearOp) -> Integers:
    return Integers.counts(op.channels.value.data)


@infer_integers.register(blend.MultiThresholdOp)
def integers_of_levels(op: blend.MultiThresholdOp) -> Integers:
    return Integers(Grid(op.levels[0], op.levels[-1]), op.levels)


@infer_integers.register(blend.BitsToValueOp)
def integers_of_bits(op: blend.BitsToValueOp) -> Integers:
    return Integers(Integers.of_type(op.result).grid, (-1, 1))


@infer_integers.register(blend.ArgmaxOp)
def integers_of_place(op: blend.ArgmaxOp) -> Integers:
    return Integers(Grid(0, op.count - 1), range(op.count) if op.count <= 1 << FEW_BITS else None)


@infer_integers.register(blend.LookupOp)
def integers_of_lookup(op: blend.LookupOp) -> Integers:
    """
    The entries of the table that the input reaches.
    """
    found, table = integers_of(op.input), constant_value(op.table).tolist()
    low = element_format(tensor_type(op.input).element_type).low
    few = None if found.values is None else {table[v - low] for v in found.values}
    return Integers(Integers.of_type(op.result).grid, few)


@infer_integers.register(blend.MaxPool2dOp)
@infer_integers.register(blend.ReshapeOp)
@infer_integers.register(blend.TransposeOp)
def integers_kept(op: blend.MaxPool2dOp | blend.ReshapeOp | blend.TransposeOp) -> Integers:
    """
    Those of the input; the grid of an accumulator too.
    """
    found = integers_of(op.input)
    grid = found.grid if tensor_type(op.result).element_type == i32 else Integers.of_type(op.result).grid
    return Integers(grid, found.values)


@infer_integers.register(blend.TakeOp)
def integers_taken(op: blend.TakeOp) -> Integers:
    """
    Those of the input, and 0 where it fills in.
    """
    few = integers_of(op.input).values
    filled = few if few is None or min(op.picks) >= 0 else {*few, 0}
    return Integers(Integers.of_type(op.result).grid, filled)


@infer_integers.register(blend.ConcatOp)
def integers_joined(op: blend.ConcatOp) -> Integers:
    parts = [integers_of(v).values for v in op.inputs]
    few = None if None in parts else {v for part in parts if part is not None for v in part}
    return Integers(Integers.of_type(op.result).grid, few)
