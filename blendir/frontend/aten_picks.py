"""
ATen operations that pick, repeat and permute the elements of a value along one dimension.
"""

from __future__ import annotations

import operator
from functools import reduce
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from blendir.dialects.blend import MaxPool2dOp, TakeOp
from blendir.frontend.aten_shape import reshaped
from blendir.frontend.emitter import Emitter, shape_of
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
    "pixel_shuffle.default",
    moves=True,
)
def picked(e: Emitter, x: SSAValue, *args: Any, **kwargs: Any) -> Result:
    """
    Elements of x. Which ones is found by letting PyTorch do the same with their numbers.
    """
    shape = shape_of(x)
    numbers = torch.arange(int(np.prod(shape))).reshape(shape)
    target = reduce(getattr, e.site.target.split("."), torch.ops)
    arguments = [tensors(a) for a in args]
    found = cast(Any, target)(numbers, *arguments, **{k: tensors(v) for k, v in kwargs.items()})
    if isinstance(found, torch.Tensor):
        return element_places(e, x, found.numpy())
    return tuple(element_places(e, x, part.numpy(), str(index)) for index, part in enumerate(found))


def tensors(argument: Any) -> Any:
    """
    Arrays as PyTorch takes them.
    """
    if isinstance(argument, (list, tuple)):
        return [tensors(a) for a in cast(Any, argument)]
    return torch.from_numpy(argument) if isinstance(argument, np.ndarray) else argument


def element_places(e: Emitter, x: SSAValue, places: Places, word: str = "") -> SSAValue:
    """
    The elements of x at some places, -1 for zero, where they differ along one dimension only.
    """
    shape = shape_of(x)
    if shape == places.shape and bool((places.reshape(-1) == np.arange(places.size)).all()):
        return x
    for axis in range(1, len(shape)):
        picks = picks_along(axis, shape, places)
        if picks is None:
            continue
        if len(shape) == 4 and axis > 1:
            value = strided(e, x, axis, picks, word)
        else:
            value = e.emit(TakeOp(x, picks, axis), word)
        return reshaped(e, value, places.shape, f"{word}.shape" if word else "shape")
    raise UntranslatableError(f"{e.site.target} from {list(shape)} to {list(places.shape)}")


def picks_along(axis: int, shape: tuple[int, ...], places: Places) -> list[int] | None:
    """
    The indices along a dimension from which elements come, None where they do not lie so.
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


def strided(e: Emitter, x: SSAValue, axis: int, picks: list[int], word: str) -> SSAValue:
    """
    Every n-th row or column from the first on, as a maximum of single pixels.
    """
    size = shape_of(x)[axis]
    step = picks[1] - picks[0] if len(picks) > 1 else size
    if step < 1 or picks != list(range(0, size, step)):
        raise UntranslatableError(f"{e.site.target} of rows or columns other than every n-th from the first on")
    strides = [1, 1]
    strides[axis - 2] = step
    inner = x.owner
    if isinstance(inner, MaxPool2dOp) and inner.window == (1, 1) and not any(inner.pads):
        x, strides = inner.input, list(map(operator.mul, strides, inner.stride))
    return e.emit(MaxPool2dOp(x, (1, 1), strides, (0, 0)), word)
