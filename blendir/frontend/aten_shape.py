"""
ATen operations that move elements, and those that change nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from xdsl.ir import SSAValue

from blendir.dialects.blend import BlendOp, ConcatOp, ReshapeOp, TakeOp, TransposeOp
from blendir.frontend.emitter import Constant, Emitter, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.table import Result, translates


@translates(
    "copy",
    *(f"{name}.default" for name in ("detach", "alias", "clone", "contiguous", "lift_fresh", "lift_fresh_copy")),
    moves=True,
    pointwise=True,
)
def same(e: Emitter, x: SSAValue, *_: object, **__: object) -> Result:
    """
    The value itself.
    """
    return x


@translates("dropout", "dropout.default", "feature_dropout.default", moves=True, pointwise=True)
def dropout(e: Emitter, x: SSAValue, p: float, train: bool) -> Result:
    """
    Nothing at inference.
    """
    if train and p > 0:
        raise UntranslatableError(f"{e.site.target} that is active in evaluation mode")
    return x


def reshaped(e: Emitter, x: SSAValue, shape: Sequence[int], word: str = "") -> SSAValue:
    """
    Another shape, with the frames in front.
    """
    if tuple(shape) == shape_of(x):
        return x
    inner = x.owner
    if isinstance(inner, ReshapeOp) and shape_of(inner.input) == tuple(shape):
        return inner.input
    if shape_of(x)[:1] != (1,) or tuple(shape)[:1] != (1,):
        raise UntranslatableError(
            f"{e.site.target} from {list(shape_of(x))} to {list(shape)} moves the batch, the leading dimension"
        )
    return e.emit(ReshapeOp(x, shape), word)


@translates("reshape", "view.default", "_unsafe_view.default", "reshape.default", "flatten.using_ints", moves=True)
def view(e: Emitter, x: SSAValue, *_: object) -> Result:
    """
    The shape is the one that was traced.
    """
    return reshaped(e, x, e.site.shape)


@translates("squeeze", "squeeze.default", "squeeze.dim", "squeeze.dims", "unsqueeze.default", moves=True)
def squeeze(e: Emitter, x: SSAValue, dim: int | Sequence[int] | None = None) -> Result:
    """
    Dimensions of size 1 come and go, but not the leading one.
    """
    result, source = len(e.site.shape), len(shape_of(x))
    rank = max(result, source)
    dims = [0] if dim is None else [dim] if isinstance(dim, int) else dim
    if any(d % rank == 0 for d in dims) and result != source:
        raise UntranslatableError(
            f"{e.site.target} of the leading dimension, the batch (name the dimensions, or use flatten(1))"
        )
    return reshaped(e, x, e.site.shape)


@translates("concat", "cat.default", moves=True)
def concat(e: Emitter, tensors: Sequence[SSAValue | Constant], dim: int = 0) -> Result:
    """
    Values one after another, not along the batch.
    """
    axis = dim % len(e.site.shape)
    if axis == 0:
        raise UntranslatableError(f"{e.site.target} along the leading dimension, the batch")
    values = values_of(e, tensors, axis)
    operands = values if e.site.dtype in ("bool", "uint8", "int8") else [e.real(v) for v in values]
    rank = len(e.site.shape)
    if rank == 4 or (rank == 2 and not any(map(is_flat, values))):
        return e.emit(ConcatOp(operands, axis))
    return concat_of_parts(e, operands, axis)


def values_of(e: Emitter, tensors: Sequence[SSAValue | Constant], axis: int) -> list[SSAValue]:
    """
    Constants, which lie along an axis, as values that a factor of 0 makes independent of the input.
    """
    first = next(t for t in tensors if isinstance(t, SSAValue))
    values: list[SSAValue] = []
    for index, t in enumerate(tensors):
        if not isinstance(t, SSAValue):
            array = np.asarray(t)
            if e.site.dtype in ("bool", "uint8", "int8"):
                raise UntranslatableError(f"{e.site.target} of values and constants in {e.site.dtype}")
            space = e.emit(TakeOp(e.real(first), [0] * array.shape[axis], axis), f"space{index}")
            t = e.affine(space, scale=0.0, offset=array, word=f"constant{index}")
        values.append(t)
    return values


def is_flat(x: SSAValue) -> bool:
    """
    Whether features [N, F] are those of several pixels.
    """
    op = x.owner
    if isinstance(op, ReshapeOp):
        shape = shape_of(op.input)
        return math.prod(shape[2:] if len(shape) != 3 else shape[1:2]) > 1
    source = op.operands[0] if isinstance(op, BlendOp) and op.operands else None
    return source is not None and shape_of(source) == shape_of(x) and is_flat(source)


def concat_of_parts(e: Emitter, operands: Sequence[SSAValue], axis: int) -> SSAValue:
    """
    Values [N, .., size, ..] one after another along an axis: equal parts of them as channels, which are then brought
    into order.
    """
    if e.site.dtype == "bool" and axis > 1:
        raise UntranslatableError(f"{e.site.target} of bits along dimension {axis} (cast to float first)")
    shape = e.site.shape
    sizes = [shape_of(v)[axis] for v in operands]
    part, outer = math.gcd(*sizes), math.prod(shape[1:axis])
    planes = (part, *shape[axis + 1 :]) if axis < len(shape) - 1 else (part, 1)
    planes = (math.prod(planes[:-1]), planes[-1])
    counts = [size // part for size in sizes]
    parts = [
        reshaped(e, v, (1, outer * n, *planes), f"part{i}")
        for i, (v, n) in enumerate(zip(operands, counts, strict=True))
    ]
    starts = np.cumsum([0, *(outer * n for n in counts)])
    picks = [
        int(start) + o * n + i for o in range(outer) for start, n in zip(starts, counts, strict=False) for i in range(n)
    ]
    joined = e.emit(ConcatOp(parts, 1))
    ordered = joined if outer == 1 else e.emit(TakeOp(joined, picks), "order")
    return reshaped(e, ordered, shape, "shape")


@translates("reshape", "pixel_shuffle.default", "pixel_unshuffle.default", moves=True)
def shuffle(e: Emitter, x: SSAValue, factor: int) -> Result:
    """
    Channels that become rows and columns, or the other way round.
    """
    if "unshuffle" in e.site.target:
        channels, rows, columns = shape_of(x)[1:]
        parts, order = (1, channels, rows // factor, factor, columns // factor, factor), (0, 1, 3, 5, 2, 4)
    else:
        channels, rows, columns = e.site.shape[1:]
        parts, order = (1, channels, factor, factor, rows // factor, columns // factor), (0, 1, 4, 2, 5, 3)
    moved = e.emit(TransposeOp(reshaped(e, x, parts, "parts"), order), "moved")
    return e.emit(ReshapeOp(moved, e.site.shape))


@translates("transpose", "permute.default", moves=True)
def permute(e: Emitter, x: SSAValue, dims: Sequence[int]) -> Result:
    """
    Any order that keeps the frames in front.
    """
    order = [d % len(dims) for d in dims]
    if order[0] != 0:
        raise UntranslatableError(f"{e.site.target} of the leading dimension, the batch")
    return x if order == sorted(order) else e.emit(TransposeOp(x, order))


@translates("transpose", "transpose.int", moves=True)
def transpose(e: Emitter, x: SSAValue, dim0: int, dim1: int) -> Result:
    """
    Two dimensions change places.
    """
    order = list(range(len(shape_of(x))))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return permute(e, x, order)
