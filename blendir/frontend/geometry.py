"""
The geometry of windows as PyTorch states it: one or two dimensions, padding, and borders before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from xdsl.ir import SSAValue

from blendir.dialects.blend import AvgPool2dOp
from blendir.frontend.aten_shape import reshaped
from blendir.frontend.emitter import Array, Emitter, Padded, shape_of
from blendir.frontend.errors import UntranslatableError

Sizes: TypeAlias = int | Sequence[int]
Pads: TypeAlias = tuple[int, int, int, int]
"""Padding at the top, left, bottom and right."""


def pair(sizes: Sizes, rank: int = 2, row: int = 1) -> tuple[int, int]:
    """
    The numbers of rows and of columns: one number stands for both. Windows of rank 1 lie in one row, with `row`.
    """
    numbers = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    return numbers[0] if rank == 2 else row, numbers[-1]


def both_ends(padding: Sizes, rank: int) -> Pads:
    """
    The same padding at both ends.
    """
    rows, columns = pair(padding, rank, 0)
    return rows, columns, rows, columns


def same_pads(kernel: Sequence[int], dilation: Sequence[int]) -> Pads:
    """
    The padding that keeps the size; where it is odd, the end has one more.
    """
    rows, columns = ((k - 1) * d for k, d in zip(kernel, dilation, strict=True))
    return rows // 2, columns // 2, rows - rows // 2, columns - columns // 2


def joined(border: Pads, pads: Pads) -> Pads:
    """
    A border and the padding around it.
    """
    top, left, bottom, right = (b + p for b, p in zip(border, pads, strict=True))
    return top, left, bottom, right


def inner(x: SSAValue | Padded) -> SSAValue:
    """
    A value without its border.
    """
    return x.value if isinstance(x, Padded) else x


def rank_of(e: Emitter, x: SSAValue | Padded) -> int:
    """
    The dimensions in which windows of [N, C, H, W] or [N, C, L] lie.
    """
    shape = shape_of(inner(x))
    if len(shape) not in (3, 4):
        raise UntranslatableError(f"{e.site.target} of a tensor of shape {list(shape)}, not [N, C, H, W] or [N, C, L]")
    return len(shape) - 2


def planes(e: Emitter, x: SSAValue) -> SSAValue:
    """
    [N, C, L] as [N, C, 1, L].
    """
    shape = shape_of(x)
    return reshaped(e, x, (*shape[:2], 1, shape[2]), "planes") if rank_of(e, x) == 1 else x


def bordered(e: Emitter, x: Padded) -> SSAValue:
    """
    A value with its border: averages of single pixels, less the border's number, which are padded with 0.
    """
    value = e.real(x.value)
    numbers: Array = np.broadcast_to(np.asarray(x.fill, np.float64), shape_of(value)[1])
    if not np.isfinite(numbers).all():
        raise UntranslatableError(f"{e.site.target} after a border that is infinite")
    fill = numbers.reshape(-1, *[1] * (len(shape_of(value)) - 2))
    source = planes(e, e.affine(value, center=fill, word="border.less"))
    pixels = e.emit(AvgPool2dOp(source, (1, 1), (1, 1), x.pads, 1), "border")
    top, left, bottom, right = x.pads
    *front, width = shape_of(value)
    rows = [front[-1] + top + bottom] if len(front) == 3 else []
    result = reshaped(e, pixels, (*front[:2], *rows, width + left + right), "border.shape")
    return e.affine(result, offset=fill, word="border.value")
