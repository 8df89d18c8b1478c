"""
Laws that carry transposes and reshapes in front of functions of single elements, so that bits are made where they are
consumed, and that merge them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import IntegerAttr, StringAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from blendir.dialects import blend
from blendir.dialects.blend import BlendOp, WordType, tensor_type
from blendir.dialects.blend.base import i64_attr
from blendir.dialects.blend.canonicalization import (
    DropIdentityTranspose,
    DropSameReshape,
    MergeReshapes,
    MergeTransposes,
)
from blendir.passes.rewriting import of_operand, shared

Move = blend.TransposeOp | blend.ReshapeOp
BITS = blend.SignOp | blend.ThresholdOp
FREE = BITS | blend.AffineOp
OF_INTEGERS = blend.BitsToValueOp | blend.LookupOp | blend.MultiThresholdOp | blend.RequantizeOp | blend.RoundOp
"""Functions to and from levels, which other laws look for where they are."""


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
    if isinstance(op, blend.TransposeOp):
        return list(op.permutation.get_values()).index(axis)
    return same_dimension(axis, tensor_type(op.input).get_shape(), tensor_type(op.result).get_shape())


def axis_before(op: Move, axis: int) -> int | None:
    """
    Where a dimension of a move's result was in its input.
    """
    if isinstance(op, blend.TransposeOp):
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


def channels_before(value: SSAValue, axis: int) -> tuple[SSAValue, NDArray[np.int64], list[Move | blend.TakeOp]] | None:
    """
    What a value was before moves that nothing else uses, which index of its dimension `axis` each channel of that is,
    and the moves, first to last; None where no channel is one index.
    """
    shape, moves = tensor_type(value).get_shape(), list[Move | blend.TakeOp]()
    index = np.broadcast_to(np.arange(shape[axis]).reshape([-1 if d == axis else 1 for d in range(len(shape))]), shape)
    while isinstance(op := value.owner, Move | blend.TakeOp) and not shared(value):
        source = tensor_type(op.input).get_shape()
        if isinstance(op, blend.TakeOp):
            taken = op.axis.value.data
            first = index.take([0], taken)
            if min(op.picks) < 0 or bool((index != first).any()):
                break
            index = np.broadcast_to(first, source)
        elif isinstance(op, blend.ReshapeOp):
            index = index.reshape(source)
        else:
            index = index.transpose(np.argsort(op.permutation.get_values()))
        moves.insert(0, op)
        value = op.input
    channels = np.moveaxis(index, 1, 0).reshape(index.shape[1], -1)
    return (value, channels[:, 0], moves) if bool((channels == channels[:, :1]).all()) else None


class MoveOfElementwise(RewritePattern):
    """
    `move(f(x)) == f(move(x))` for transpose and reshape, f working on single elements with parameters along one
    dimension, which the move keeps. f has one use, or is an affine, which folds, or makes bits: comparing again costs
    less than moving lanes.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.TransposeOp | blend.ReshapeOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, blend.Elementwise) or isinstance(inner, OF_INTEGERS):
            return
        if isinstance(tensor_type(op.input).element_type, WordType):
            return
        if shared(op.input) and not isinstance(inner, FREE):
            return
        properties = dict(inner.properties)
        given = properties.get("axis")
        if given is not None or isinstance(op, blend.ReshapeOp):
            axis = axis_after(op, given.value.data if isinstance(given, IntegerAttr) else 1)
            if axis is None:
                return
            if given is not None:
                properties["axis"] = i64_attr(axis)
        move = of_operand(op, inner.operands[0])
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
    return (op if isinstance(inner, BITS) else inner).layer_name


TRANSPOSES: tuple[type[RewritePattern], ...] = (
    DropIdentityTranspose,
    DropSameReshape,
    MergeTransposes,
    MergeReshapes,
    MoveOfElementwise,
)
