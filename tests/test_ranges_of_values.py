"""
Formats from calibration frames: values of any magnitude and shape keep the precision of their width.
"""

import math
from contextlib import nullcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from modules import Net, frames

import blendir
from blendir.dialects import blend
from blendir.numerics import Format
from blendir.passes.quantize.calibration import Range, Spread, fractional_bits

EXPONENTS = st.integers(-900, 900)
SEEDS = st.integers(0, 1 << 30)
WIDTH = 16


def seen(*batches, bound=math.inf):
    spread = Spread()
    for batch in batches:
        spread.add(np.asarray(batch, np.float64))
    return Range(bound, spread)


def worst(fmt: Format, values):
    """
    The largest error of the rounded values, relative to the largest value.
    """
    return np.abs(fmt.decode(fmt.encode(values)) - values).max() / np.abs(values).max()


@given(EXPONENTS, SEEDS)
def test_zeros_never_choose_a_format(exponent, seed):
    values = np.ldexp(np.random.default_rng(seed).uniform(-1, 1, 500), exponent)
    sparse = np.concatenate([values, np.zeros(4 * values.size)])
    fmt = seen(sparse).format(WIDTH)
    assert worst(fmt, values) < 2.0 ** (4 - WIDTH)
    assert abs(fmt.frac - seen(values).format(WIDTH).frac) <= 1


@given(EXPONENTS, SEEDS, st.sampled_from(["relu", "constant", "positive", "gauss"]))
def test_every_magnitude_has_the_same_precision(exponent, seed, kind):
    draw = np.random.default_rng(seed).normal(size=400)
    shapes = {"relu": draw.clip(0), "constant": np.full(9, draw[0]), "positive": np.exp(draw / 4), "gauss": draw}
    values = shapes[kind]
    near, far = seen(values).format(WIDTH), seen(np.ldexp(values, exponent)).format(WIDTH)
    assert far.frac == near.frac - exponent
    assert worst(near, values) < 2.0 ** (4 - WIDTH)


@given(st.integers(-200, 200), st.integers(2, 6), st.integers(1, 40), SEEDS)
def test_values_on_a_grid_are_held_exactly(exponent, bits, repeats, seed):
    levels = np.random.default_rng(seed).integers(-(1 << (bits - 1)) + 1, 1 << (bits - 1), 50)
    values = np.ldexp(np.repeat(levels, repeats).astype(np.float64), exponent)
    fmt = seen(values).format(8)
    assert np.array_equal(fmt.decode(fmt.encode(values)), values)


@pytest.mark.parametrize("values", [[0.0, 1.0], [1.0] * 1000 + [0.0], [-1.0, 1.0], [0.25, 3.0], [-6.0, 0.0, 6.0]])
@pytest.mark.parametrize("width", [6, 16])
def test_a_finite_set_is_held_exactly(values, width):
    fmt = seen(np.array(values), bound=float(np.abs(values).max())).format(width)
    assert fmt.decode(fmt.encode(np.array(values))).tolist() == values


@given(SEEDS, st.integers(-60, 60), st.integers(4, 16), st.booleans())
def test_the_end_of_a_clamp_is_held_exactly(seed, exponent, width, one_sided):
    """
    A quarter of the values is there; one unit less in each would be an error with one sign.
    """
    end = math.ldexp(1.0, exponent)
    values = np.random.default_rng(seed).normal(scale=end, size=400).clip(0 if one_sided else -end, end)
    fmt = seen(values[:100], values[100:], bound=end).format(width)
    assert fmt.decode(fmt.encode(np.array([end]))).tolist() == [end]
    assert fmt.frac >= Format.covering(end, width).frac


@pytest.mark.parametrize(("copies", "held"), [(1, False), (400, True)])
def test_one_largest_value_is_no_end(copies, held):
    values = np.append(np.random.default_rng(0).normal(size=4000), np.full(copies, 15.9))
    fmt = seen(values).format(4)
    assert (fmt.high >= round(math.ldexp(15.9, fmt.frac))) == held


def test_what_was_never_seen_takes_no_bits():
    assert seen(np.zeros(100), bound=2.0**30).format(WIDTH) == Format.covering(1.0, WIDTH)
    assert seen(np.zeros(100), bound=2.0**-30).format(WIDTH) == Format.covering(2.0**-30, WIDTH)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1).filter(any))
def test_fractional_bits_are_the_fewest_that_hold_all_values(values):
    scale = Fraction(2) ** fractional_bits(np.array(values))
    scaled = [Fraction(value) * scale for value in values]
    assert all(value.denominator == 1 for value in scaled)
    assert any(value.numerator % 2 for value in scaled)


@pytest.mark.parametrize("calibrated", [True, False])
def test_a_product_of_which_nothing_matters_has_a_format(calibrated: bool):
    net = Net((3, 2, 2))
    product = net.add(blend.MultiplyOp(net.input, net.input, "product"))
    module = net.module(net.affine(product, [0.0] * 3, [0.0] * 3, [1.0, 2.0, 3.0]))
    x = frames((3, 2, 2), 4)
    with nullcontext() if calibrated else pytest.warns(UserWarning, match="no calibration data"):
        fixed = blendir.lower(module, "fixed", x if calibrated else None)
    np.testing.assert_array_equal(
        blendir.run(fixed, x), np.tile(np.array([1.0, 2.0, 3.0])[:, None, None], (4, 1, 2, 2))
    )
