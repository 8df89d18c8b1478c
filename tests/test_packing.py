"""
Words of 48 lanes, the order of windows, and beats as bytes.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blendir.packing import (
    WORD_BITS,
    in_beats,
    pack_beats,
    pack_words,
    place_lanes,
    unpack_beats,
    unpack_words,
    window_order,
    word_count,
)

LANES = st.integers(1, 200)
SEEDS = st.integers(0, 999)


def bits(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, shape).astype(np.bool_)


@given(LANES, st.integers(0, 2), SEEDS)
def test_pack_and_unpack(lanes: int, axis: int, seed: int) -> None:
    shape = [2, 3, 2]
    shape[axis] = lanes
    given_bits = bits(seed, *shape)
    words = pack_words(given_bits, axis)
    assert words.shape[axis] == word_count(lanes) == -(-lanes // 48)
    back = np.moveaxis(unpack_words(words, axis), axis, -1)
    assert np.array_equal(back[..., :lanes], np.moveaxis(given_bits, axis, -1))
    assert not back[..., lanes:].any()


@pytest.mark.parametrize("channel", [0, 1, 47, 48, 95, 96, 99])
def test_channel_i_is_bit_i_of_word_w(channel: int) -> None:
    one = np.zeros(100, np.bool_)
    one[channel] = True
    expected = [0, 0, 0]
    expected[channel // WORD_BITS] = 1 << (channel % WORD_BITS)
    assert pack_words(one, 0).tolist() == expected


@given(LANES, SEEDS)
def test_dot_product_is_n_minus_two_popcounts(lanes: int, seed: int) -> None:
    a, w = bits(seed, lanes), bits(seed + 1, lanes)
    product = int((np.where(a, 1, -1) * np.where(w, 1, -1)).sum())
    xor = pack_words(a, 0) ^ pack_words(w, 0)
    assert lanes - 2 * int(np.bitwise_count(xor).sum()) == product


@given(LANES, st.integers(0, 3), SEEDS)
def test_place_lanes(lanes: int, extra: int, seed: int) -> None:
    count = word_count(lanes) + extra
    places = np.random.default_rng(seed).permutation(count * WORD_BITS)[:lanes]
    source = bits(seed, 2, lanes)
    spread = place_lanes(source, places, count)
    assert np.array_equal(spread[:, places], source)
    assert spread.sum() == source.sum()


@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(1, 60))
def test_window_order_in_beats(outputs: int, channels: int, rows: int, columns: int, lanes: int) -> None:
    size = outputs * channels * rows * columns
    weights = np.arange(1, size + 1).reshape(outputs, channels, rows, columns)
    beats = in_beats(window_order(weights), lanes)
    taps = rows * columns
    assert beats.shape == (outputs, -(-channels * taps // lanes), lanes)
    for output in range(outputs):
        flat = beats[output].reshape(-1)
        for tap in range(taps):
            for channel in range(channels):
                weight = weights[output, channel, tap // columns, tap % columns]
                assert flat[tap * channels + channel] == weight
        assert not flat[channels * taps :].any()


@given(st.integers(1, 64), st.integers(1, 9), st.booleans(), st.data())
def test_beats_of_every_width(width: int, elements: int, signed: bool, data: st.DataObject) -> None:
    signed = signed or width == 64
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
    values = data.draw(st.lists(st.integers(low, high), min_size=elements, max_size=elements))
    packed = pack_beats(np.array([values, values], np.int64), width)
    assert packed.shape == (2, -(-width * elements // 8))
    total = sum((v & ((1 << width) - 1)) << (width * j) for j, v in enumerate(values))
    assert bytes(packed[0]) == total.to_bytes(packed.shape[1], "little")
    assert unpack_beats(packed, width, elements, signed).tolist() == [values, values]
