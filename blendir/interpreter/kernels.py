"""
Vectorised numpy kernels of the interpreter, frames first.

Sums of integers run as float matrix products wherever every partial sum is exact; the bound is checked, not assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blendir.numerics import PadMode, border_classes, output_size

Array = NDArray[Any]
Pair = tuple[int, int]
CACHE_WORDS = 1 << 17


def exact_type(weight: Array, magnitude: int) -> type[np.floating[Any] | np.int64]:
    """
    The fastest type in which products with integers up to `magnitude` are summed exactly: the narrowest float, else
    64-bit integers.
    """
    flat = np.abs(weight.astype(np.float64)).reshape(weight.shape[0], -1)
    bound = float(flat.sum(axis=1).max(initial=0.0)) * magnitude
    if bound < 1 << 24:
        return np.float32
    if bound < 1 << 53:
        return np.float64
    if bound < 1 << 62:
        return np.int64
    raise OverflowError(f"sums up to {bound:.3g} do not fit in 64 bits")


def pad_frames(x: Array, padding: Pair, values: Array | None) -> Array:
    """
    Surrounds [N, C, H, W] with zeros or with a value per channel.
    """
    rows, columns = padding
    if not rows and not columns:
        return x
    frames, channels, height, width = x.shape
    padded = np.zeros((frames, channels, height + 2 * rows, width + 2 * columns), x.dtype)
    if values is not None:
        padded += values.astype(x.dtype)[None, :, None, None]
    padded[:, :, rows : rows + height, columns : columns + width] = x
    return padded


def take(x: Array, indices: Sequence[int], axis: int) -> Array:
    """
    The slices of x at `indices` along an axis, zeros for -1.
    """
    picks = np.array(indices)
    picked = x.take(picks, axis)
    picked[(slice(None),) * axis + (picks < 0,)] = 0
    return picked


def levels(x: Array, limits: Array, invert: Array, lowest: int, step: int) -> Array:
    """
    `lowest + step * sum_l ((x >= limits[.., l]) xor invert)`; limits and invert broadcast to x.
    """
    count = np.zeros(x.shape, np.int32)
    for level in range(limits.shape[-1]):
        count += (x >= limits[..., level]) ^ invert
    return count * np.int32(step) + np.int32(lowest)


def convolve(x: Array, weight: Array, strides: Pair, padding: Pair, pad_values: Array | None = None) -> Array:
    """
    `sum_{i, tap} w[o, i, tap] * x[n, i, p * stride + tap - padding]` in the type of `weight`.

    x: [N, I, H, W], weight: [O, I, KH, KW]. Returns [N, O, OH, OW].
    """
    padded = pad_frames(x, padding, pad_values).astype(weight.dtype, copy=False)
    frames, channels, height, width = padded.shape
    outputs, _, kh, kw = weight.shape
    oh, ow = output_size(height, kh, strides[0], 0), output_size(width, kw, strides[1], 0)
    columns = np.empty((frames, kw, channels, height, ow), weight.dtype)
    for tap in range(kw):
        columns[:, tap] = padded[..., tap : tap + (ow - 1) * strides[1] + 1 : strides[1]]
    columns = columns.reshape(frames, kw * channels, height, ow)
    kernel = np.ascontiguousarray(weight.transpose(2, 0, 3, 1).reshape(kh, outputs, kw * channels))
    if strides[0] == 1:
        slabs = columns.reshape(frames, kw * channels, height * ow)
        total = np.matmul(kernel[0], slabs[:, :, : oh * ow])
        for tap in range(1, kh):
            total += np.matmul(kernel[tap], slabs[:, :, tap * ow : (tap + oh) * ow])
        return total.reshape(frames, outputs, oh, ow)
    stop = (oh - 1) * strides[0] + 1
    rows = np.stack([columns[:, :, tap : tap + stop : strides[0]] for tap in range(kh)], axis=1)
    rows = rows.reshape(frames, kh * kw * channels, oh * ow)
    flat = np.ascontiguousarray(kernel.transpose(1, 0, 2).reshape(outputs, -1))
    return np.matmul(flat, rows).reshape(frames, outputs, oh, ow)


def border_map(bias: Array, shape: Sequence[int], kernel: Pair, strides: Pair, padding: Pair) -> Array:
    """
    Spreads a bias per channel, or per channel and border class, over the output positions of input [.., H, W].
    """
    if bias.ndim == 1:
        return bias[:, None, None]
    rows, columns = (border_classes(shape[d - 2], kernel[d], strides[d], padding[d])[0] for d in (0, 1))
    return bias[:, rows][:, :, columns]


def packed_convolve(
    x: Array, weight: Array, channels: int, strides: Pair, padding: Pair, pad_mode: PadMode
) -> NDArray[np.int32]:
    """
    The binary convolution on words: `n - 2 * popcount(x xor w)`, tap by tap over the positions it is inside.

    x: int64 [N, words, H, W]; weight: int64 [O, words, KH, KW]; n = `channels` per tap.
    """
    frames, _, height, width = x.shape
    outputs, words, kh, kw = weight.shape
    oh, ow = (output_size((height, width)[d], (kh, kw)[d], strides[d], padding[d]) for d in (0, 1))
    result = np.zeros((frames, outputs, oh, ow), np.int32)
    chunk = max(1, CACHE_WORDS // (outputs * oh * ow))
    for row in range(kh):
        ys, from_y = inside(row - padding[0], height, strides[0], oh)
        for column in range(kw):
            xs, from_x = inside(column - padding[1], width, strides[1], ow)
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


def reduce_windows(
    x: Array, kernel: Pair, strides: Pair, padding: Pair, combine: np.ufunc, outside: Any, dtype: Any = None
) -> Array:
    """
    Combines the taps of each window of [N, C, H, W]; taps outside the input are `outside`.
    """
    source = x
    if padding != (0, 0):
        source = np.full((*x.shape[:2], x.shape[2] + 2 * padding[0], x.shape[3] + 2 * padding[1]), outside, x.dtype)
        source[:, :, padding[0] : padding[0] + x.shape[2], padding[1] : padding[1] + x.shape[3]] = x
    oh, ow = (output_size(source.shape[2 + d], kernel[d], strides[d], 0) for d in (0, 1))
    result: Array | None = None
    for row in range(kernel[0]):
        for column in range(kernel[1]):
            tap = source[
                :,
                :,
                row : row + (oh - 1) * strides[0] + 1 : strides[0],
                column : column + (ow - 1) * strides[1] + 1 : strides[1],
            ]
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
