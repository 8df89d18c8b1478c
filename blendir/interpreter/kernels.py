"""
Vectorised numpy kernels of the interpreter, frames first.

Sums of integers run as float matrix products wherever every partial sum is exact; the bound is checked, not assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blendir import widths
from blendir.numerics import Format, PadMode, WindowAxis, border_classes

Array = NDArray[Any]
Axes = tuple[WindowAxis, WindowAxis]
CACHE_WORDS = 1 << 17
COLUMNS = 1 << 18
"""How many elements of windows lie side by side at once, where a few rows of a frame leave that: a cache holds them."""


def exact_type(weight: Array, source: Format) -> type[np.floating[Any] | np.int64]:
    """
    The fastest type in which products of weights [O, ..] with integers of a format are summed exactly: the narrowest
    float, else 64-bit integers.
    """
    return type_of_sums(widths.row_sum(weight) * widths.magnitude(source))


def type_of_sums(limit: int) -> type[np.floating[Any] | np.int64]:
    """
    The fastest type for sums whose magnitudes add up to `limit` at most.
    """
    for dtype in (np.float32, np.float64):
        if limit < 1 << (np.finfo(dtype).nmant + 1):
            return dtype
    assert limit < 1 << (widths.EXACT - 1), f"sums up to {limit} do not fit in {widths.WORD} bits"
    return np.int64


def pad_frames(x: Array, axes: Axes, values: Array | None) -> Array:
    """
    Surrounds [N, C, H, W] with zeros or with a value per channel.
    """
    if not any(axis.before or axis.after for axis in axes):
        return x
    height, width = (axis.before + size + axis.after for axis, size in zip(axes, x.shape[2:], strict=True))
    padded = np.zeros((*x.shape[:2], height, width), x.dtype)
    if values is not None:
        padded += values.astype(x.dtype)[None, :, None, None]
    top, left = (axis.before for axis in axes)
    padded[:, :, top : top + x.shape[2], left : left + x.shape[3]] = x
    return padded


def tap_slice(axis: WindowAxis, tap: int, outputs: int) -> slice:
    """
    The padded positions that one tap reads over all outputs.
    """
    start = tap * axis.dilation
    return slice(start, start + (outputs - 1) * axis.stride + 1, axis.stride)


def take(x: Array, indices: Sequence[int], axis: int) -> Array:
    """
    The slices of x at `indices` along an axis, zeros for -1.
    """
    picks = np.array(indices)
    picked = x.take(picks, axis)
    picked[(slice(None),) * axis + (picks < 0,)] = 0
    return picked


def levels(x: Array, limits: Array, invert: Array, lowest: int, step: int, dtype: type[np.signedinteger[Any]]) -> Array:
    """
    `lowest + step * sum_l ((x >= limits[.., l]) xor invert)`; limits and invert broadcast to x.
    """
    count = np.zeros(x.shape, dtype)
    for level in range(limits.shape[-1]):
        count += (x >= limits[..., level]) ^ invert
    return count * dtype(step) + dtype(lowest)


def convolve(x: Array, weight: Array, axes: Axes, pad_values: Array | None = None) -> Array:
    """
    `sum_{i, tap} w[o, i, tap] * x[n, i, p * stride + tap * dilation - padding]` in the type of `weight`, i within a
    group.

    x: [N, I, H, W], weight: [O, I / groups, KH, KW]. Returns [N, O, OH, OW].
    """
    down, right = axes
    oh, ow = down.outputs(x.shape[2]), right.outputs(x.shape[3])
    padded = pad_frames(x, axes, pad_values)
    if padded.shape[1] != weight.shape[1]:
        return convolve_groups(padded.astype(weight.dtype, copy=False), weight, axes, (oh, ow))
    outputs, channels, kh, kw = weight.shape
    kernel = np.ascontiguousarray(weight.transpose(2, 0, 3, 1).reshape(kh, outputs, kw * channels))
    result = np.empty((len(x), outputs, oh, ow), weight.dtype)
    rows = min(oh, max(down.extent, COLUMNS // (kw * channels * ow * down.stride)))
    frames = max(1, COLUMNS // (kw * channels * ow * padded.shape[2])) if rows == oh else 1
    for top in range(0, oh, rows):
        bottom = min(top + rows, oh)
        read = slice(top * down.stride, (bottom - 1) * down.stride + down.extent)
        for first in range(0, len(x), frames):
            some = slice(first, first + frames)
            result[some, :, top:bottom] = convolve_rows(padded[some, :, read], kernel, axes, (bottom - top, ow))
    return result


def convolve_rows(padded: Array, kernel: Array, axes: Axes, size: tuple[int, int]) -> Array:
    """
    The same of padded frames whose windows lie side by side, for a size of the result: kernel [KH, O, KW * C].
    """
    (down, right), (oh, ow) = axes, size
    frames, channels, height, _ = padded.shape
    kh, outputs, _ = kernel.shape
    columns = np.empty((frames, right.kernel, channels, height, ow), kernel.dtype)
    for tap in range(right.kernel):
        columns[:, tap] = padded[..., tap_slice(right, tap, ow)]
    columns = columns.reshape(frames, -1, height, ow)
    if down.stride == 1:
        slabs = columns.reshape(*columns.shape[:2], height * ow)
        total = np.matmul(kernel[0], slabs[:, :, : oh * ow])
        for tap in range(1, kh):
            first = tap * down.dilation
            total += np.matmul(kernel[tap], slabs[:, :, first * ow : (first + oh) * ow])
        return total.reshape(frames, outputs, oh, ow)
    rows = np.stack([columns[:, :, tap_slice(down, tap, oh)] for tap in range(kh)], axis=1)
    rows = rows.reshape(frames, -1, oh * ow)
    flat = np.ascontiguousarray(kernel.transpose(1, 0, 2).reshape(outputs, -1))
    return np.matmul(flat, rows).reshape(frames, outputs, oh, ow)


def convolve_groups(x: Array, weight: Array, axes: Axes, size: tuple[int, int]) -> Array:
    """
    The same of groups of channels, for padded frames and a size of the result: tap by tap.
    """
    frames, channels, _, _ = x.shape
    outputs, each, kh, kw = weight.shape
    groups = channels // each
    total = np.zeros((frames, groups, outputs // groups, size[0] * size[1]), weight.dtype)
    kernel = weight.reshape(groups, -1, each, kh, kw)
    for row in range(kh):
        for column in range(kw):
            rows, columns = (tap_slice(a, t, n) for a, t, n in zip(axes, (row, column), size, strict=True))
            tap = x[:, :, rows, columns].reshape(frames, groups, each, -1)
            total += np.matmul(kernel[..., row, column], tap)
    return total.reshape(frames, outputs, *size)


def border_map(bias: Array, shape: Sequence[int], axes: Axes) -> Array:
    """
    Spreads a bias per channel, or per channel and border class, over the output positions of input [.., H, W].
    """
    if bias.ndim == 1:
        return bias[:, None, None]
    rows, columns = (border_classes(size, axis)[0] for size, axis in zip(shape[-2:], axes, strict=True))
    return bias[:, rows][:, :, columns]


def packed_convolve(x: Array, weight: Array, channels: int, axes: Axes, pad_mode: PadMode) -> NDArray[np.int32]:
    """
    The binary convolution on words: `n - 2 * popcount(x xor w)`, tap by tap over the positions it is inside.

    x: int64 [N, words, H, W]; weight: int64 [O, words, KH, KW]; n = `channels` per tap.
    """
    frames, _, height, width = x.shape
    outputs, words, kh, kw = weight.shape
    down, right = axes
    oh, ow = down.outputs(height), right.outputs(width)
    result = np.zeros((frames, outputs, oh, ow), np.int32)
    chunk = max(1, CACHE_WORDS // (outputs * oh * ow))
    for row in range(kh):
        ys, from_y = inside(row * down.dilation - down.before, height, down.stride, oh)
        for column in range(kw):
            xs, from_x = inside(column * right.dilation - right.before, width, right.stride, ow)
            tap = weight[:, :, row, column]
            if pad_mode is not PadMode.ZERO_EXACT:
                minus = channels - 2 * np.bitwise_count(tap).sum(axis=1, dtype=np.int32)
                outside = np.ones((oh, ow), np.bool_)
                outside[ys, xs] = False
                sign = 1 if pad_mode is PadMode.MINUS_ONE else -1
                result += (sign * minus)[:, None, None] * outside
            for start in range(0, frames, chunk):
                block = slice(start, start + chunk)
                ones = np.zeros((), np.int32)
                for index in range(words):
                    source = x[block, None, index, from_y, from_x]
                    ones = ones + np.bitwise_count(source ^ tap[:, index, None, None]).astype(np.int32)
                result[block, :, ys, xs] += channels - 2 * ones
    return result


def inside(offset: int, size: int, stride: int, outputs: int) -> tuple[slice, slice]:
    """
    The output positions at which input `position * stride + offset` exists, and those inputs.
    """
    first = max(0, -(-(-offset) // stride))
    last = min(outputs, (size - 1 - offset) // stride + 1)
    if last <= first:
        return slice(0, 0), slice(0, 0)
    start = first * stride + offset
    return slice(first, last), slice(start, start + (last - first - 1) * stride + 1, stride)


def packed_product(x: Array, weight: Array, channels: int) -> NDArray[np.int32]:
    """
    `channels - 2 * popcount(x xor w)`: x int64 [N, words], weight int64 [O, words].
    """
    result = np.empty((x.shape[0], weight.shape[0]), np.int32)
    chunk = max(1, CACHE_WORDS // weight.size)
    for start in range(0, x.shape[0], chunk):
        block = slice(start, start + chunk)
        ones = np.bitwise_count(x[block, None] ^ weight[None]).sum(axis=2, dtype=np.int32)
        result[block] = channels - 2 * ones
    return result


def reduce_windows(x: Array, axes: Axes, combine: np.ufunc, outside: Any, dtype: Any = None) -> Array:
    """
    Combines the taps of each window of [N, C, H, W]; taps outside the input are `outside`.
    """
    down, right = axes
    oh, ow = down.outputs(x.shape[2]), right.outputs(x.shape[3])
    source = pad_frames(x, axes, np.array([outside] * x.shape[1], x.dtype))
    result: Array | None = None
    for row in range(down.kernel):
        for column in range(right.kernel):
            tap = source[:, :, tap_slice(down, row, oh), tap_slice(right, column, ow)]
            result = tap.astype(dtype or x.dtype) if result is None else combine(result, tap)
    assert result is not None
    return result


def piecewise(x: Array, k: Array, a0: Array, b0: Array, a1: Array, b1: Array) -> Array:
    """
    `x >= k ? a1 * x + b1 : a0 * x + b0`.
    """
    chosen: Array = np.where(x >= k, a1 * x + b1, a0 * x + b0)
    return chosen


def channels_first(parameter: Array, axis: int, rank: int) -> Array:
    """
    Shapes a per-channel vector so that it broadcasts along `axis` of `rank` dimensions.
    """
    return parameter.reshape([-1 if d == axis else 1 for d in range(rank)])
