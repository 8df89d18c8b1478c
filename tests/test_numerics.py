"""
The arithmetic of formats, rounding, searches and borders against fractions and brute force.
"""

import itertools
import math
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blendir.numerics import (
    Format,
    Rounding,
    WindowAxis,
    border_classes,
    first_double,
    first_integer,
    outside_sums,
    round_shift,
    saturate,
    shifted,
    signed_bits,
)

FORMATS = st.builds(Format, st.integers(2, 24), st.integers(-8, 40), st.booleans())
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(DOUBLES, min_size=1), st.integers(-2200, 2200))
def test_shifted_rounds_once(values: list[float], exponent: int) -> None:
    with np.errstate(all="ignore"):
        assert shifted(np.array(values), exponent).tobytes() == np.ldexp(values, exponent).tobytes()


def nearest(value: Fraction, rounding: Rounding) -> int:
    if rounding is Rounding.HALF_UP:
        return math.floor(value + Fraction(1, 2))
    return round(value)


@given(st.integers(-(1 << 40), 1 << 40), st.integers(-8, 20), st.sampled_from(Rounding))
def test_round_shift(value: int, shift: int, rounding: Rounding) -> None:
    expected = nearest(Fraction(value) / Fraction(2) ** shift, rounding)
    assert round_shift(value, shift, rounding) == expected
    assert round_shift(np.array([value]), shift, rounding).tolist() == [expected]


@pytest.mark.parametrize(
    ("value", "half_up", "half_even"), [(-6, -1, -2), (-2, 0, 0), (2, 1, 0), (6, 2, 2), (10, 3, 2), (3, 1, 1)]
)
def test_round_shift_ties(value: int, half_up: int, half_even: int) -> None:
    assert round_shift(value, 2) == half_up
    assert round_shift(value, 2, Rounding.HALF_EVEN) == half_even


@given(st.integers(-(1 << 30), 1 << 30), st.integers(2, 24), st.booleans())
def test_saturate(value: int, width: int, signed: bool) -> None:
    grid = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if signed else (0, 2**width - 1)
    expected = sorted((grid[0], value, grid[1]))[1]
    assert saturate(value, width, signed) == expected
    assert saturate(np.array([value]), width, signed).tolist() == [expected]


@given(FORMATS, st.floats(-1e9, 1e9))
def test_encode_rounds_once_to_even(fmt: Format, value: float) -> None:
    exact = round(Fraction(value) * Fraction(2) ** fmt.frac)
    expected = min(max(exact, fmt.low), fmt.high)
    assert fmt.encode(np.array([value])).tolist() == [expected]
    assert fmt.holds(np.array([value])) == (exact == expected)


@given(FORMATS, st.data())
def test_decode_is_the_inverse_of_encode(fmt: Format, data: st.DataObject) -> None:
    integer = data.draw(st.integers(fmt.low, fmt.high))
    values = fmt.decode(np.array([integer]))
    assert values.tolist() == [integer * fmt.lsb]
    assert fmt.encode(values).tolist() == [integer]


@pytest.mark.parametrize("width", [53, 62, 64])
def test_encode_wide_formats_saturate_in_integers(width: int) -> None:
    fmt = Format(width, 0)
    assert fmt.encode(np.array([1e300, -1e300])).tolist() == [fmt.high, fmt.low]
    inside = 3 << (width - 3)
    assert fmt.encode(np.array([3.0, inside, -inside])).tolist() == [3, inside, -inside]


@given(st.floats(5e-324, 1e300), st.integers(2, 24))
def test_covering_is_the_finest_format(magnitude: float, width: int) -> None:
    fmt = Format.covering(magnitude, width)
    assert fmt.width == width

    def holds(frac: int) -> bool:
        return round(Fraction(magnitude) * Fraction(2) ** frac) <= fmt.high

    assert holds(fmt.frac)
    assert fmt.frac >= width - 1 + 1022 or not holds(fmt.frac + 1)


def test_covering_zero_and_powers() -> None:
    assert Format.covering(0.0, 16) == Format(16, 15)
    assert Format.covering(1.0, 16) == Format(16, 14)
    assert Format.covering(np.nextafter(1.0, 0.0), 16) == Format(16, 14)


@given(st.integers(-100, 100), st.integers(0, 200), st.integers(-120, 320))
def test_first_integer(low: int, size: int, start: int) -> None:
    found = first_integer(lambda v: v >= start, low, low + size)
    assert found == min(max(start, low), low + size + 1)


EDGES = [0.0, 5e-324, -5e-324, sys.float_info.min, sys.float_info.max, -sys.float_info.max, 1.0, -1.0]


@given(st.one_of(DOUBLES, st.sampled_from(EDGES)), st.one_of(DOUBLES, st.just(math.inf), st.just(math.nan)))
def test_first_double(start: float, guess: float) -> None:
    found = first_double(lambda v: v >= start, guess)
    assert found == (-math.inf if start == -sys.float_info.max else start)


@pytest.mark.parametrize(("start", "guess"), [(-5.0, 1e-323), (5.0, -1e-323), (0.0, 1e-323)])
def test_first_double_passes_zero(start: float, guess: float) -> None:
    assert first_double(lambda v: v >= start, guess) == start


@given(DOUBLES, DOUBLES)
def test_first_double_of_a_strict_predicate(start: float, guess: float) -> None:
    assert first_double(lambda v: v > start, guess) == math.nextafter(start, math.inf)


@given(DOUBLES)
def test_first_double_of_constants(guess: float) -> None:
    assert first_double(lambda v: True, guess) == -math.inf
    assert first_double(lambda v: False, guess) == math.inf


@given(st.integers(-(1 << 40), 1 << 40), st.integers(0, 1 << 40))
def test_signed_bits(low: int, size: int) -> None:
    high = low + size
    width = signed_bits(low, high)

    def holds(bits: int) -> bool:
        return -(1 << (bits - 1)) <= low and high <= (1 << (bits - 1)) - 1

    assert holds(width)
    assert width == 1 or not holds(width - 1)


AXIS = st.builds(
    WindowAxis, st.integers(1, 5), st.integers(1, 3), st.integers(0, 7), st.integers(0, 7), st.integers(1, 3)
)
GEOMETRY = st.tuples(st.integers(1, 9), AXIS).filter(lambda g: g[1].outputs(g[0]) > 0)


@given(GEOMETRY)
def test_border_classes(geometry: tuple[int, WindowAxis]) -> None:
    size, axis = geometry
    classes, taps = border_classes(*geometry)
    starts = range(-axis.before, size + axis.after - axis.extent + 1, axis.stride)
    assert len(classes) == axis.outputs(size) == len(starts)
    assert len(set(taps)) == len(taps) == len(set(classes))
    for start, index in zip(starts, classes, strict=True):
        assert list(taps[index]) == [t for t in range(axis.kernel) if 0 <= start + t * axis.dilation < size]


def test_border_classes_of_three_taps() -> None:
    assert len(border_classes(8, WindowAxis(3, 1, 1, 1))[1]) == 3
    assert len(border_classes(8, WindowAxis(3, 2, 1, 1))[1]) == 2
    assert len(border_classes(7, WindowAxis(3, 2, 1, 1))[1]) == 3
    assert border_classes(8, WindowAxis(3, 2, 0, 1))[1] == [(0, 1, 2), (0, 1)]
    assert border_classes(2, WindowAxis(3, 1, 3, 0))[1] == [(), (2,), (1, 2)]
    assert border_classes(8, WindowAxis(1)) == ([0] * 8, [(0,)])


@given(GEOMETRY, GEOMETRY, st.integers(0, 99))
def test_outside_sums(rows: tuple[int, WindowAxis], columns: tuple[int, WindowAxis], seed: int) -> None:
    (height, v), (width, h) = rows, columns
    weights = np.random.default_rng(seed).integers(-3, 4, (2, 3, v.kernel, h.kernel))
    (down, row_taps), (right, column_taps) = border_classes(*rows), border_classes(*columns)
    sums = outside_sums(weights, row_taps, column_taps)
    for (y, row), (x, column) in itertools.product(enumerate(down), enumerate(right)):
        total = np.zeros(2, np.int64)
        for i, j in itertools.product(range(v.kernel), range(h.kernel)):
            at = (y * v.stride - v.before + i * v.dilation, x * h.stride - h.before + j * h.dilation)
            if not (0 <= at[0] < height and 0 <= at[1] < width):
                total += weights[:, :, i, j].sum(axis=1)
        assert sums[:, row, column].tolist() == total.tolist()
