"""
ATen operations that move elements, and those that change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.ir import SSAValue

from blendir.dialects.blend import ConcatOp, ReshapeOp, TakeOp, TransposeOp
from blendir.frontend.emitter import Constant, Emitter, Padded, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.table import Result, translates


@translates(
    "copy",
    *(f"{name}.default" for name in ("detach", "alias", "clone", "contiguous", "lift_fresh", "lift_fresh_copy")),
    moves=True,
)
def same(e: Emitter, x: SSAValue, *_: object, **__: object) -> Result:
    """
    The value itself.
    """
    return x


@translates("dropout", "dropout.default", "feature_dropout.default", moves=True)
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
    if shape_of(x)[:1] != (1,) or tuple(shape)[:1] != (1,) or len(shape) < 2:
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
    values = [t for t in tensors if isinstance(t, SSAValue)]
    if len(values) != len(tensors):
        raise UntranslatableError(f"{e.site.target} of values and constants")
    axis = dim % len(shape_of(values[0]))
    if axis == 0:
        raise UntranslatableError(f"{e.site.target} along the leading dimension, the batch")
    operands = values if e.site.dtype in ("bool", "uint8") else [e.real(v) for v in values]
    return e.emit(ConcatOp(operands, axis))


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


@translates("pad", "constant_pad_nd.default", "pad.default", moves=True)
def pad(
    e: Emitter, x: SSAValue, pads: Sequence[int], mode: str | float = "constant", value: float | None = None
) -> Result:
    """
    A border of one value, which the next convolution takes over; channels of zeros.
    """
    if isinstance(mode, str) and mode != "constant":
        raise UntranslatableError(f"{e.site.target} of mode {mode}")
    fill = (value or 0.0) if isinstance(mode, str) else float(mode)
    if not any(pads):
        return x
    left, right, top, bottom, front, back = [*pads, *[0] * 6][:6]
    refused = any(pads[6:]) or min(pads) < 0 or not np.isfinite(fill) or (fill and (front or back))
    if len(shape_of(x)) != 4 or refused:
        raise UntranslatableError(f"{e.site.target} by {list(pads)} with {fill}")
    if front or back:
        x = e.emit(TakeOp(e.real(x), [-1] * front + list(range(shape_of(x)[1])) + [-1] * back))
    return Padded(x, (left, right, top, bottom), fill) if left or right or top or bottom else x
