"""
ATen operations that pick, repeat and permute the elements of a value along one dimension.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from xdsl.ir import SSAValue

from blendir.dialects.blend import MaxPool2dOp, TakeOp
from blendir.dialects.blend.canonicalization import picked_lines
from blendir.frontend.aten_shape import reshaped
from blendir.frontend.emitter import Emitter, Padded, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.table import Result, translates

Places = NDArray[np.int64]


@translates(
    "slice",
    "slice.Tensor",
    "select.int",
    "narrow.default",
    "index_select.default",
    "index.Tensor",
    "split.Tensor",
    "split_with_sizes.default",
    "chunk.default",
    "unbind.int",
    moves=True,
)
@translates(
    "repeat",
    "expand.default",
    "repeat.default",
    "repeat_interleave.self_int",
    "flip.default",
    "roll.default",
    "channel_shuffle.default",
    "upsample_nearest1d.vec",
    "upsample_nearest1d.default",
    "_upsample_nearest_exact1d.vec",
    "_upsample_nearest_exact1d.default",
    "upsample_nearest2d.vec",
    "upsample_nearest2d.default",
    "_upsample_nearest_exact2d.vec",
    "_upsample_nearest_exact2d.default",
    moves=True,
)
def picked(e: Emitter, x: SSAValue, *args: Any, **kwargs: Any) -> Result:
    """
    Picks elements of x. PyTorch itself finds which ones: it runs the same operation on the element numbers.
    """
    shape = shape_of(x)
    numbers = torch.arange(int(np.prod(shape)), dtype=torch.float64).reshape(shape)
    target = reduce(getattr, e.site.target.split("."), torch.ops)
    arguments = [tensors(a) for a in args]
    found = cast(Any, target)(numbers, *arguments, **{k: tensors(v) for k, v in kwargs.items()})
    if isinstance(found, torch.Tensor):
        return element_places(e, x, found.long().numpy())
    return tuple(element_places(e, x, part.long().numpy(), str(index)) for index, part in enumerate(found))


@translates("pad", "constant_pad_nd.default", "pad.default", moves=True)
def pad(
    e: Emitter, x: SSAValue, pads: Sequence[int], mode: str | float = "constant", value: float | None = None
) -> Result:
    """
    A border of one value, which the next convolution or pool takes over; channels of zeros; borders of elements that
    are picked, and cuts.
    """
    if isinstance(mode, str) and mode != "constant":
        return picked(e, x, pads, mode)
    fill = (value or 0.0) if isinstance(mode, str) else float(mode)
    if min(pads) < 0:
        numbers = np.arange(int(np.prod(shape_of(x)))).reshape(shape_of(x))
        cut = functional.pad(torch.from_numpy(numbers), [min(p, 0) for p in pads])
        x, pads = element_places(e, x, cut.numpy(), "cut" if max(pads) > 0 else ""), [max(p, 0) for p in pads]
    if not any(pads):
        return x
    around = 2 * (len(shape_of(x)) - 2)
    front, back = [*pads[around:], 0, 0][:2]
    left, right, top, bottom = [*pads[:around], *[0] * 4][:4]
    if len(shape_of(x)) not in (3, 4) or any(pads[around + 2 :]) or np.isnan(fill) or (fill and (front or back)):
        raise UntranslatableError(f"{e.site.target} by {list(pads)} with {fill}")
    if front or back:
        x = e.emit(TakeOp(e.real(x), [-1] * front + list(range(shape_of(x)[1])) + [-1] * back))
    return Padded(x, (left, right, top, bottom), fill) if left or right or top or bottom else x


def tensors(argument: Any) -> Any:
    """
    Arrays as PyTorch takes them.
    """
    if isinstance(argument, (list, tuple)):
        return [tensors(a) for a in cast(Any, argument)]
    return torch.from_numpy(argument) if isinstance(argument, np.ndarray) else argument


def widened(e: Emitter, x: SSAValue, shape: tuple[int, ...], word: str = "wide") -> SSAValue:
    """
    A value repeated to a shape that it broadcasts to.
    """
    source = shape_of(x)
    return element_places(e, x, np.broadcast_to(np.arange(int(np.prod(source))).reshape(source), shape), word)


def element_places(e: Emitter, x: SSAValue, places: Places, word: str = "") -> SSAValue:
    """
    The elements of x at some places, -1 for zero, where each dimension picks by itself, or where they differ along one
    dimension only; there more than four dimensions [N, .., H, W] count as [N, C, H, W].
    """
    shape = shape_of(x)
    if shape == places.shape and bool((places.reshape(-1) == np.arange(places.size)).all()):
        return x
    picked = picked_lines(places, shape, places.shape)
    if picked is not None:
        for count, (axis, picks) in enumerate(picked.items(), 1):
            x = along(e, x, axis, picks, word if count == len(picked) else f"{word or 'axis'}{axis}")
        return x
    if len(shape) > 4:
        shape = (1, int(np.prod(shape[1:-2])), *shape[-2:])
        x = reshaped(e, x, shape, f"{word}.planes" if word else "planes")
    for axis in range(1, len(shape)):
        picks = picks_along(axis, shape, places)
        if picks is None:
            continue
        value = along(e, x, axis, picks, word)
        return reshaped(e, value, places.shape, f"{word}.shape" if word else "shape")
    raise UntranslatableError(f"{e.site.target} from {list(shape)} to {list(places.shape)}")


def picks_along(axis: int, shape: tuple[int, ...], places: Places) -> list[int] | None:
    """
    The index along a dimension of each result; None if the elements do not come from one dimension in this way.
    """
    inner = int(np.prod(shape[axis + 1 :], dtype=np.int64))
    outer = int(np.prod(shape[:axis], dtype=np.int64))
    if not places.size or places.size % (inner * outer):
        return None
    block = places.reshape(outer, -1, inner)
    first = block[0, :, 0]
    picks = np.where(first < 0, -1, first // inner)
    expected = (np.arange(outer)[:, None, None] * shape[axis] + picks[:, None]) * inner + np.arange(inner)
    same = np.array_equal(block, np.where(picks[:, None] < 0, -1, expected))
    return picks.tolist() if same else None


def along(e: Emitter, x: SSAValue, axis: int, picks: list[int], word: str) -> SSAValue:
    """
    Picks along one axis. Every n-th row or column, from the first on, is a max pool with 1x1 windows.
    """
    size = shape_of(x)[axis]
    step = picks[1] - picks[0] if len(picks) > 1 else size
    if len(shape_of(x)) != 4 or axis == 1 or step < 1 or picks != list(range(0, size, step)):
        return e.emit(TakeOp(x, picks, axis), word)
    strides = [1, 1]
    strides[axis - 2] = step
    inner = x.owner
    if isinstance(inner, MaxPool2dOp) and inner.window == (1, 1) and not any(inner.pads):
        x, strides = inner.input, list(map(operator.mul, strides, inner.stride))
    return e.emit(MaxPool2dOp(x, (1, 1), strides, (0, 0)), word)
