"""
Laws that carry transposes and reshapes in front of functions of single elements, so that bits are made where they are
consumed, and that merge them.
"""

from __future__ import annotations

import math

from xdsl.dialects.builtin import StringAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from blendir.dialects.blend import (
    ActivationOp,
    AffineOp,
    BatchNormOp,
    BlendOp,
    ClampOp,
    PiecewiseLinearOp,
    PReluOp,
    ReluOp,
    ReshapeOp,
    SignOp,
    ThresholdOp,
    TransposeOp,
    WordType,
    tensor_type,
)
from blendir.dialects.blend.base import i64_attr
from blendir.dialects.blend.canonicalization import (
    DropIdentityTranspose,
    DropSameReshape,
    MergeReshapes,
    MergeTransposes,
)
from blendir.passes.rewriting import layer_of, shared

Move = TransposeOp | ReshapeOp
BITS = SignOp | ThresholdOp
FREE = BITS | AffineOp
UNIFORM = SignOp | ReluOp | ClampOp | ActivationOp
ELEMENTWISE = FREE | UNIFORM | BatchNormOp | PReluOp | PiecewiseLinearOp


def same_dimension(axis: int, source: tuple[int, ...], result: tuple[int, ...]) -> int | None:
    """
    The dimension of a reshape's result that runs like dimension `axis` of its input, None where there is none.
    """
    step = math.prod(source[axis + 1 :])
    found = (d for d, size in enumerate(result) if size == source[axis] and math.prod(result[d + 1 :]) == step)
    return next((d for d in found if d > 0), None)


def axis_after(op: Move, axis: int) -> int | None:
    """
    Where a dimension of a move's input is in its result.
    """
    if isinstance(op, TransposeOp):
        return list(op.permutation.get_values()).index(axis)
    return same_dimension(axis, tensor_type(op.input).get_shape(), tensor_type(op.result).get_shape())


def axis_before(op: Move, axis: int) -> int | None:
    """
    Where a dimension of a move's result was in its input.
    """
    if isinstance(op, TransposeOp):
        return list(op.permutation.get_values())[axis]
    return same_dimension(axis, tensor_type(op.result).get_shape(), tensor_type(op.input).get_shape())


def before_moves(value: SSAValue, axis: int) -> tuple[SSAValue, int, list[Move]]:
    """
    What a value was before moves that nothing else uses, where `axis` was there, and the moves, first to last.
    """
    moves: list[Move] = []
    while isinstance(value.owner, Move) and not shared(value):
        before = axis_before(value.owner, axis)
        if before is None:
            break
        moves.insert(0, value.owner)
        value, axis = value.owner.input, before
    return value, axis, moves


def again(op: Move, source: SSAValue) -> Move:
    """
    The same move of another value.
    """
    if isinstance(op, TransposeOp):
        return TransposeOp(source, op.permutation.get_values(), op.layer)
    return ReshapeOp(source, tensor_type(op.result).get_shape(), op.layer)


class MoveOfElementwise(RewritePattern):
    """
    `move(f(x)) == f(move(x))` for transpose and reshape, f working on single elements with parameters along one
    dimension, which the move keeps. f has one use, or is an affine, which folds, or makes bits: comparing again costs
    less than moving lanes.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp | ReshapeOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, ELEMENTWISE) or isinstance(tensor_type(op.input).element_type, WordType):
            return
        if shared(op.input) and not isinstance(inner, FREE):
            return
        properties = dict(inner.properties)
        given = None if isinstance(inner, UNIFORM) else inner.axis.value.data
        if given is not None or isinstance(op, ReshapeOp):
            axis = axis_after(op, 1 if given is None else given)
            if axis is None:
                return
            if given is not None:
                properties["axis"] = i64_attr(axis)
        move = again(op, inner.operands[0])
        made = type(inner).create(
            operands=[move.result, *inner.operands[1:]],
            result_types=[TensorType(tensor_type(op.result).element_type, tensor_type(op.result).get_shape())],
            properties=properties,
            attributes={"layer": StringAttr(moved_layer(op, inner))},
        )
        rewriter.replace(op, [move, made])


def moved_layer(op: Move, inner: BlendOp) -> str:
    """
    Bits that are made in another order are the result of the move; other functions stay known by their own name.
    """
    return layer_of(op if isinstance(inner, BITS) else inner)


MOVES: tuple[type[RewritePattern], ...] = (
    DropIdentityTranspose,
    DropSameReshape,
    MergeTransposes,
    MergeReshapes,
    MoveOfElementwise,
)
