"""
ATen pools: averages and maxima of windows in one or two dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from xdsl.dialects.builtin import i1
from xdsl.ir import SSAValue

from blendir.dialects.blend import AvgPool2dOp, MaxPool2dOp, ReluOp, tensor_type, ui8
from blendir.frontend.aten_picks import along
from blendir.frontend.aten_shape import reshaped
from blendir.frontend.emitter import Array, Emitter, Padded, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.geometry import Pads, Sizes, bordered, both_ends, inner, joined, pair, planes, rank_of
from blendir.frontend.table import Result, translates
from blendir.numerics import WindowAxis, border_classes


@dataclass(frozen=True)
class Pool:
    """
    The windows of a pool over frames of `sizes`, border and all; `counted` is the padding without the border and
    without what ceil_mode adds.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: Pads
    dilation: tuple[int, int]
    sizes: tuple[int, int]
    outputs: tuple[int, int]
    counted: Pads

    @staticmethod
    def of(e: Emitter, x: SSAValue | Padded, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes = 1) -> Pool:
        """
        The geometry of a pool; the shape of its result says whether ceil_mode adds windows.
        """
        rank, border = rank_of(e, x), x.pads if isinstance(x, Padded) else (0, 0, 0, 0)
        taps, pads = pair(kernel, rank), both_ends(padding, rank)
        strides = taps if stride in ((), []) else pair(stride, rank)
        gaps = pair(dilation, rank)
        inside = (1, *shape_of(inner(x))[2:])[-2:]
        rows, columns = outputs = (1, *e.site.shape[2:])[-2:]
        sizes = (border[0] + inside[0] + border[2], border[1] + inside[1] + border[3])
        ends = list(pads)
        for d in (0, 1):
            axis = WindowAxis(taps[d], strides[d], pads[d], pads[2 + d], gaps[d])
            more = (outputs[d] - 1) * axis.stride + axis.extent - axis.before - sizes[d]
            ends[2 + d] = axis.after if axis.outputs(sizes[d]) == outputs[d] else more
        outer = (ends[0], ends[1], ends[2], ends[3])
        gaps = (gaps[0] if taps[0] > 1 else 1, gaps[1] if taps[1] > 1 else 1)
        return Pool(taps, strides, joined(border, outer), gaps, sizes, (rows, columns), pads)

    def without_border(self, x: Padded) -> Pool:
        """
        The same windows where the border is a part of the frame.
        """
        top, left, bottom, right = (p - b for p, b in zip(self.pads, x.pads, strict=True))
        return replace(self, pads=(top, left, bottom, right))

    def counts(self, d: int, padded: bool) -> Array:
        """
        The elements that the average of each row or column counts: those on padding too, or not.
        """
        starts = np.arange(self.outputs[d]) * self.strides[d] - self.counted[d]
        ends = np.minimum(starts + self.kernel[d], self.sizes[d] + self.counted[d])
        return ends - starts if padded else np.minimum(ends, self.sizes[d]) - np.maximum(starts, 0)

    def has_empty_windows(self, size: tuple[int, ...]) -> bool:
        """
        Whether some windows of an input [.., H, W] have no tap inside.
        """
        axes = (
            WindowAxis(self.kernel[d], self.strides[d], self.pads[d], self.pads[2 + d], self.dilation[d])
            for d in (0, 1)
        )
        return any(() in border_classes(n, axis)[1] for n, axis in zip((1, *size)[-2:], axes, strict=True))


@translates("avg_pool", "avg_pool1d.default", "avg_pool2d.default", borders=True)
def avg_pool(
    e: Emitter,
    x: SSAValue | Padded,
    kernel_size: Sizes,
    stride: Sizes = (),
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Result:
    """
    Average pooling; a border counts. Where windows count different numbers of elements, their sums by one divisor are
    scaled, row by row and column by column.
    """
    pool = Pool.of(e, x, kernel_size, stride, padding)
    if isinstance(x, Padded) and np.any(x.fill):
        x, pool = bordered(e, x), pool.without_border(x)
    down, right = (pool.counts(d, count_include_pad) for d in (0, 1))
    full, alike = int(down.max() * right.max()), len({*down.tolist()}) == len({*right.tolist()}) == 1
    if alike or divisor_override is not None:
        divisor = divisor_override or full
        if divisor < 0:
            raise UntranslatableError(f"{e.site.target} with divisor_override = {divisor}")
        return reshaped(e, averages(e, inner(x), pool, divisor), e.site.shape, "shape")
    power = 1 << (full.bit_length() - 1)
    sums = averages(e, inner(x), pool, power, "sums")
    return reshaped(e, e.affine(sums, scale=power / (down[:, None] * right)), e.site.shape, "shape")


def averages(e: Emitter, x: SSAValue, pool: Pool, divisor: int, word: str = "") -> SSAValue:
    """
    The sums of windows by a divisor, [N, C, H, W].
    """
    return e.emit(AvgPool2dOp(planes(e, e.real(x)), pool.kernel, pool.strides, pool.pads, divisor), word)


@translates("avg_pool", "adaptive_avg_pool1d.default", "adaptive_avg_pool2d.default", "_adaptive_avg_pool2d.default")
def adaptive_avg_pool(e: Emitter, x: SSAValue, output_size: Sizes) -> Result:
    """
    Averages of windows of any sizes; where the sizes differ, their sums are scaled row by row and column by column.
    """
    x, rows, columns = apart(e, e.real(x), repeats_of)
    if rows.kernel == columns.kernel == 1:
        return reshaped(e, x, e.site.shape, "shape")
    down, right = np.array(rows.counts), np.array(columns.counts)
    full, alike = int(down.max() * right.max()), len({*rows.counts}) == len({*columns.counts}) == 1
    divisor = full if alike else 1 << (full.bit_length() - 1)
    kernel, strides = (rows.kernel, columns.kernel), (rows.stride, columns.stride)
    sums = e.emit(AvgPool2dOp(x, kernel, strides, (0, 0), divisor), "" if alike else "sums")
    value = sums if alike else e.affine(sums, scale=divisor / (down[:, None] * right))
    return reshaped(e, value, e.site.shape, "shape")


@dataclass(frozen=True)
class AdaptiveAxis:
    """
    The windows of an adaptive pool in one dimension, as those of an ordinary pool, and how many elements each averages.
    """

    kernel: int
    stride: int
    counts: tuple[int, ...]


def apart(
    e: Emitter, x: SSAValue, fill: Callable[[list[int], int], list[int]]
) -> tuple[SSAValue, AdaptiveAxis, AdaptiveAxis]:
    """
    [N, C, H, W], and the windows over it. Windows that no stride makes are first laid side by side, each with as many
    elements as the largest: `fill` says which.
    """
    rank_of(e, x)
    targets = (1, *e.site.shape[2:])[-2:]
    x, found = planes(e, x), list[AdaptiveAxis]()
    for axis, target in zip((2, 3), targets, strict=True):
        source = shape_of(x)[axis]
        windows = [list(range(i * source // target, -(-(i + 1) * source // target))) for i in range(target)]
        size, stride = max(map(len, windows)), windows[1][0] if target > 1 else source
        if stride == 0 or windows != [list(range(i * stride, i * stride + size)) for i in range(target)]:
            windows, stride = [fill(window, size) for window in windows], size
            x = along(e, x, axis, [place for window in windows for place in window], f"windows{axis}")
        found.append(AdaptiveAxis(size, stride, tuple(size - window.count(-1) for window in windows)))
    return x, found[0], found[1]


def repeats_of(window: list[int], size: int) -> list[int]:
    """
    Elements with the same average, as often as it takes; where they do not divide, with zeros behind, of the same sum.
    """
    if size % len(window):
        return [*window, *[-1] * (size - len(window))]
    return [place for place in window for _ in range(size // len(window))]


def last_of(window: list[int], size: int) -> list[int]:
    """
    Elements with the same maximum: the last one several times.
    """
    return [*window, *[window[-1]] * (size - len(window))]


@translates("max_pool", "max_pool1d.default", "max_pool2d.default", moves=True, borders=True)
def max_pool(
    e: Emitter,
    x: SSAValue | Padded,
    kernel_size: Sizes,
    stride: Sizes = (),
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Result:
    """
    Max pooling; padding does not count, nor does a border of numbers that no value is less than.
    """
    pool = Pool.of(e, x, kernel_size, stride, padding, dilation)
    if isinstance(x, Padded):
        value = shape_of(x.value)
        seen = not bool((np.asarray(x.fill) <= least(e, x.value)).all())
        if seen or (pool.has_empty_windows(value) and np.isfinite(x.fill).all()):
            x, pool = bordered(e, x), pool.without_border(x)
    source = planes(e, inner(x))
    maxima = e.emit(MaxPool2dOp(source, pool.kernel, pool.strides, pool.pads, dilation=pool.dilation))
    return reshaped(e, maxima, e.site.shape, "shape")


def least(e: Emitter, x: SSAValue) -> float:
    """
    A number that no element is less than.
    """
    if (known := e.levels.get(x)) is not None:
        return float(min(known.low.min(), known.high.min()))
    whole = tensor_type(x).element_type in (i1, ui8)
    return 0.0 if whole or isinstance(x.owner, ReluOp) else -np.inf


@translates("max_pool", "adaptive_max_pool1d.default", "adaptive_max_pool2d.default", moves=True)
def adaptive_max_pool(e: Emitter, x: SSAValue, output_size: Sizes) -> Result:
    """
    Maxima of windows of any sizes; their places are not supported.
    """
    x, rows, columns = apart(e, x, last_of)
    maxima = e.emit(MaxPool2dOp(x, (rows.kernel, columns.kernel), (rows.stride, columns.stride), (0, 0)))
    return reshaped(e, maxima, e.site.shape, "shape"), None


@translates("max_pool", "max_pool1d_with_indices.default", "max_pool2d_with_indices.default", moves=True, borders=True)
def max_pool_with_indices(e: Emitter, x: SSAValue | Padded, *geometry: Any, **modes: Any) -> Result:
    """
    The maxima; their places are not supported.
    """
    value = max_pool(e, x, *geometry, **modes)
    assert isinstance(value, SSAValue)
    return value, None
