"""
Bits in words: the storage order (48 channels per word), and the order in which processing elements read a window.

Bit 1 is +1 and bit 0 is -1. Unused lanes are 0 in both operands of a product. So the dot product of n used lanes is `n
- 2 * popcount(a ^ w)`, for any number of words.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

WORD_BITS = 48
Bits = NDArray[np.bool_]
Words = NDArray[np.int64]


def word_count(lanes: int) -> int:
    """
    The number of words that hold `lanes` bits.
    """
    return -(-lanes // WORD_BITS)


def pack_words(bits: Bits, axis: int) -> Words:
    """
    Packs one axis into words. Lane i becomes bit i % 48 of word i // 48; missing lanes are 0.

    bits: [.., C, ..] of bool. Returns int64 with ceil(C / 48) in place of C.
    """
    moved = np.moveaxis(bits, axis, -1)
    count = word_count(moved.shape[-1])
    lanes = np.zeros((*moved.shape[:-1], count, 64), np.bool_)
    padded = np.zeros((*moved.shape[:-1], count * WORD_BITS), np.bool_)
    padded[..., : moved.shape[-1]] = moved
    lanes[..., :WORD_BITS] = padded.reshape(*moved.shape[:-1], count, WORD_BITS)
    words = np.packbits(lanes, axis=-1, bitorder="little").view(np.int64)[..., 0]
    return np.ascontiguousarray(np.moveaxis(words, -1, axis))


def unpack_words(words: Words, axis: int) -> Bits:
    """
    The lanes of words along one axis: [.., W, ..] of int64 to [.., 48 * W, ..] of bool.
    """
    moved = np.ascontiguousarray(np.moveaxis(words, axis, -1))
    lanes = np.unpackbits(moved.view(np.uint8).reshape(*moved.shape, 8), axis=-1, bitorder="little")
    flat = lanes[..., :WORD_BITS].reshape(*moved.shape[:-1], moved.shape[-1] * WORD_BITS)
    return np.moveaxis(flat.astype(np.bool_), -1, axis)


def place_lanes(bits: Bits, lanes: NDArray[np.int64], count: int) -> Bits:
    """
    Spreads the last axis to `48 * count` lanes. Element i goes to lane `lanes[i]`; the other lanes are 0.
    """
    spread = np.zeros((*bits.shape[:-1], count * WORD_BITS), np.bool_)
    spread[..., lanes] = bits
    return spread


def of_groups(weights: NDArray[Any], groups: int) -> NDArray[Any]:
    """
    What each output reads of weights for all channels: [O, C, ..] to [O, C / groups, ..].
    """
    outputs, channels, *taps = weights.shape
    parts = weights.reshape(groups, outputs // groups, groups, channels // groups, *taps)
    each = np.arange(groups)
    return parts[each, :, each].reshape(outputs, channels // groups, *taps)


def in_groups(weights: NDArray[Any], groups: int) -> NDArray[Any]:
    """
    The inverse, with zeros for the channels of other groups.
    """
    outputs, share, *taps = weights.shape
    spread = np.zeros((groups, outputs // groups, groups, share, *taps), weights.dtype)
    each = np.arange(groups)
    spread[each, :, each] = weights.reshape(groups, outputs // groups, share, *taps)
    return spread.reshape(outputs, groups * share, *taps)


def window_order(weights: NDArray[Any]) -> NDArray[Any]:
    """
    The order in which a processing element reads a window: element `tap * C + channel`.

    weights: [O, C, KH, KW]. Returns [O, KH * KW * C].
    """
    return weights.transpose(0, 2, 3, 1).reshape(len(weights), -1)


def in_beats(matrix: NDArray[Any], lanes: int) -> NDArray[Any]:
    """
    Vectors in beats of `lanes` elements; the last beat is filled with zeros.

    matrix: [O, V]. Returns [O, ceil(V / lanes), lanes].
    """
    beats = -(-matrix.shape[1] // lanes)
    filled = np.zeros((len(matrix), beats * lanes), matrix.dtype)
    filled[:, : matrix.shape[1]] = matrix
    return filled.reshape(len(matrix), beats, lanes)


def pack_beats(values: NDArray[Any], width: int) -> NDArray[np.uint8]:
    """
    Beats of integers as little-endian bytes. Element j lies at bits [j * width, (j + 1) * width).

    values: [.., elements]. Returns uint8 [.., ceil(elements * width / 8)].
    """
    if width in (8, 16, 32, 64):
        exact = np.ascontiguousarray(values.astype(np.int64).astype(f"<i{width // 8}"))
        return exact.view(np.uint8).reshape(*values.shape[:-1], -1)
    lanes = values.astype(np.int64)[..., None] >> np.arange(width) & 1
    return np.packbits(lanes.astype(np.uint8).reshape(*values.shape[:-1], -1), axis=-1, bitorder="little")


def unpack_beats(data: NDArray[np.uint8], width: int, elements: int, signed: bool) -> NDArray[Any]:
    """
    The inverse of `pack_beats`: uint8 [.., bytes] to [.., elements], as the narrowest integers; as int64 above 32 bits.
    """
    size = next(size for size in (8, 16, 32, 64) if width <= size)
    values = np.empty((*data.shape[:-1], elements), f"{'i' if signed or size == 64 else 'u'}{size // 8}")
    if size == width and data.shape[-1] * 8 == width * elements:
        return np.ascontiguousarray(data).view(values.dtype)
    for j in range(elements):
        values[..., j] = bit_field(data, j * width, width, signed)
    return values


def bit_field(data: NDArray[np.uint8], offset: int, width: int, signed: bool) -> NDArray[Any]:
    """
    `width` bits from bit `offset` of little-endian bytes [.., bytes], as integers [..].
    """
    start, skipped = divmod(offset, 8)
    if skipped + width > 64:  # nine bytes
        low = bit_field(data, offset, 64 - skipped, False)
        high = bit_field(data, offset + 64 - skipped, width + skipped - 64, signed)
        return low.astype(np.int64) | high.astype(np.int64) << (64 - skipped)
    size = next(size for size in (8, 16, 32, 64) if skipped + width <= size)
    part = data[..., start : start + (skipped + width + 7) // 8]
    if part.shape[-1] * 8 < size:
        filled = np.zeros((*part.shape[:-1], size // 8), np.uint8)
        filled[..., : part.shape[-1]] = part
        part = filled
    words = np.ascontiguousarray(part).view(f"<{'i' if signed else 'u'}{size // 8}")[..., 0]
    return words << (size - skipped - width) >> (size - width)
