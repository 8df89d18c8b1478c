"""
Canonicalization patterns of the `blend` dialect: what changes nothing disappears, what moves twice moves once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import f64
from xdsl.ir import SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from blendir.dialects.blend.elementwise import AffineOp, RequantizeOp
from blendir.dialects.blend.shape import MoveOp, ReshapeOp, TakeOp, TransposeOp, constant_value
from blendir.dialects.blend.types import tensor_type


class DropIdentityAffine(RewritePattern):
    """
    `affine(x) == x` where every center and offset is 0 and every scale 1.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AffineOp, rewriter: PatternRewriter) -> None:
        if tensor_type(op.input).element_type != f64:
            return
        center, scale, offset = (constant_value(v) for v in (op.center, op.scale, op.offset))
        if not center.any() and not offset.any() and bool((scale == 1).all()):
            rewriter.replace(op, [], [op.input])


class DropSameReshape(RewritePattern):
    """
    `reshape(x) == x` for the same shape.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter) -> None:
        if op.result.type == op.input.type:
            rewriter.replace(op, [], [op.input])


class MergeReshapes(RewritePattern):
    """
    `reshape(reshape(x)) == reshape(x)`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if isinstance(inner, ReshapeOp):
            rewriter.replace(op, ReshapeOp(inner.input, tensor_type(op.result).get_shape(), op.layer))


class DropIdentityTake(RewritePattern):
    """
    `take(x) == x` where every index stays.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TakeOp, rewriter: PatternRewriter) -> None:
        if op.picks == list(range(tensor_type(op.input).get_shape()[op.axis.value.data])):
            rewriter.replace(op, [], [op.input])


class MergeTakes(RewritePattern):
    """
    `take_i(take_j(x)) == take_k(x)` along one axis, with `k = j[i]` and -1 for what is 0.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TakeOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if isinstance(inner, TakeOp) and inner.axis == op.axis:
            first = inner.picks
            picks = [-1 if i < 0 else first[i] for i in op.picks]
            rewriter.replace(op, TakeOp(inner.input, picks, op.axis.value.data, op.layer))


class MovesAreTake(RewritePattern):
    """
    `reshape(moves(x)) == take(x)` where reshapes, transposes and takes together only pick channels of x, or, with a
    take among them, take after take where they pick along each axis by itself.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter) -> None:
        shape = tensor_type(op.result).get_shape()
        if len(shape) not in (2, 4):
            return
        for source, places in moved_places(op):
            picks = picked_channels(places, tensor_type(source).get_shape(), shape)
            if picks is not None:
                rewriter.replace(op, TakeOp(source, picks, 1, op.layer))
                return
        for source, places in moved_places(op, TakeOp):
            picked = picked_lines(places, tensor_type(source).get_shape(), shape)
            if picked is not None:
                rewriter.replace(op, takes_of(source, picked, op.layer_name))
                return


def takes_of(source: SSAValue, picked: dict[int, list[int]], layer: str) -> list[TakeOp]:
    """
    Takes along some axes, of which the last has the layer.
    """
    made: list[TakeOp] = []
    for count, (axis, picks) in enumerate(picked.items(), 1):
        made.append(TakeOp(source, picks, axis, layer if count == len(picked) else f"{layer}.axis{axis}"))
        source = made[-1].result
    return made


def moved_places(op: MoveOp, kind: type[MoveOp] = MoveOp) -> list[tuple[SSAValue, NDArray[np.int64]]]:
    """
    The values from which moves make a result, with more than reshapes among them, and one of a kind: where in a frame
    of each its elements lie.
    """
    chain: list[MoveOp] = [op]
    while isinstance(inner := chain[-1].operands[0].owner, ReshapeOp | TransposeOp | TakeOp):
        chain.append(inner)
    found: list[tuple[SSAValue, NDArray[np.int64]]] = []
    for count, last in enumerate(chain[1:], 2):
        kinds = [move for move in chain[:count] if not isinstance(move, ReshapeOp)]
        if any(isinstance(move, kind) for move in kinds):
            shape = tensor_type(last.operands[0]).get_shape()
            places = np.arange(int(np.prod(shape[1:]))).reshape(1, *shape[1:])
            for move in reversed(chain[:count]):
                places = moved(move, places)
            found.append((last.operands[0], places))
    return found


def moved(op: MoveOp, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """
    What a move makes of the places of its input's elements; -1 is a zero.
    """
    match op:
        case ReshapeOp():
            return places.reshape(1, *tensor_type(op.result).get_shape()[1:])
        case TransposeOp():
            return places.transpose(list(op.permutation.get_values()))
        case TakeOp():
            axis, picks = op.axis.value.data, np.array(op.picks)
            outside = (picks < 0).reshape([-1 if d == axis else 1 for d in range(places.ndim)])
            return np.where(outside, -1, places.take(picks, axis))
        case _:
            raise ValueError(f"{op.name} does not only move elements")


def picked_channels(places: NDArray[np.int64], source: tuple[int, ...], result: tuple[int, ...]) -> list[int] | None:
    """
    The channel of the source that each channel of the result is, -1 for zeros; None where it is not one channel.
    """
    if len(source) != len(result) or source[2:] != result[2:]:
        return None
    pixels = int(np.prod(source[2:], dtype=np.int64))
    flat = places.reshape(result[1], pixels)
    picks = np.where(flat[:, 0] < 0, -1, flat[:, 0] // pixels)
    expected = np.where(picks[:, None] < 0, -1, picks[:, None] * pixels + np.arange(pixels))
    return picks.tolist() if np.array_equal(flat, expected) else None


def picked_lines(
    places: NDArray[np.int64], source: tuple[int, ...], result: tuple[int, ...]
) -> dict[int, list[int]] | None:
    """
    The indices that are picked along the axes on which not all stay; None where the elements do not come from each axis
    by itself.
    """
    if len(source) != len(result) or not places.size or bool((places < 0).any()):
        return None
    picked: dict[int, list[int]] = {}
    for axis, index in enumerate(np.unravel_index(places.reshape(result), source)):
        line = np.moveaxis(index, axis, 0).reshape(result[axis], -1)
        if bool((line != line[:, :1]).any()):
            return None
        if line[:, 0].tolist() != list(range(source[axis])):
            picked[axis] = line[:, 0].tolist()
    return picked if 0 not in picked else None


class DropIdentityTranspose(RewritePattern):
    """
    `transpose(x) == x` for the identity permutation.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp, rewriter: PatternRewriter) -> None:
        order = list(op.permutation.get_values())
        if order == sorted(order):
            rewriter.replace(op, [], [op.input])


class MergeTransposes(RewritePattern):
    """
    `transpose_p(transpose_q(x)) == transpose_r(x)` with `r[d] = q[p[d]]`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if isinstance(inner, TransposeOp):
            first = list(inner.permutation.get_values())
            order = [first[d] for d in op.permutation.get_values()]
            rewriter.replace(op, TransposeOp(inner.input, order, op.layer))


class DropSameRequantize(RewritePattern):
    """
    `requantize(x) == x` for the same format.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RequantizeOp, rewriter: PatternRewriter) -> None:
        if op.result.type == op.input.type:
            rewriter.replace(op, [], [op.input])
