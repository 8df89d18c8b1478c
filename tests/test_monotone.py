"""
Exact monotone functions: thresholds decided over every integer, and between neighboring doubles.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blendir.passes.fold.monotone import (
    Clamp,
    ExactAffine,
    ExactBatchNorm,
    Grid,
    Kink,
    Monotone,
    Ray,
    Rounding,
    Step,
    before_rounding,
    first_of,
    ray_from,
)

ZERO, ONE = Fraction(0), Fraction(1)
EIGHTHS = st.integers(-32, 32).map(lambda n: Fraction(n, 8))
FRACTIONS = st.fractions(-4, 4, max_denominator=12)
FACTORS = st.one_of(st.just(ZERO), EIGHTHS)
ROOTS = st.integers(1, 12).map(lambda n: Fraction(n, 4))
AFFINES = st.builds(ExactAffine, EIGHTHS, FACTORS, EIGHTHS)
NORMS = st.builds(ExactBatchNorm, FACTORS, FACTORS, EIGHTHS, ROOTS.map(lambda root: root * root))
CLAMPS = st.tuples(st.integers(-16, 16), st.integers(0, 16)).map(lambda n: Clamp(n[0] / 8, (n[0] + n[1]) / 8))


def kink(at: Fraction, below: Fraction, above: Fraction, height: Fraction) -> Kink:
    """
    A continuous function of two slopes.
    """
    return Kink(at, ExactAffine(at, below, height), ExactAffine(at, above, height))


KINKS = st.tuples(EIGHTHS, FACTORS.map(abs), FACTORS.map(abs), EIGHTHS, st.sampled_from([-1, 1])).map(
    lambda n: kink(n[0], n[4] * n[1], n[4] * n[2], n[3])
)
STEPS = st.one_of(AFFINES, NORMS, CLAMPS, KINKS, st.just(Rounding()))


def value_of(step: Step, v: Fraction) -> Fraction:
    """
    The function itself; the variances of these tests are squares.
    """
    match step:
        case ExactBatchNorm():
            root = Fraction(math.isqrt(step.variance.numerator), math.isqrt(step.variance.denominator))
            return step.gamma * (v - step.mean) / root + step.beta
        case ExactAffine():
            return (v - step.center) * step.scale + step.offset
        case Clamp():
            return min(max(v, Fraction(step.low)), Fraction(step.high))
        case Kink():
            return value_of(step.above if v >= step.at else step.below, v)
        case _:
            return Fraction(round(v))


def composed(steps: Sequence[Step], v: Fraction) -> Fraction:
    """
    All functions, first to last.
    """
    for step in steps:
        v = value_of(step, v)
    return v


@given(st.floats(-1e300, 1e300), st.booleans(), st.booleans(), st.integers(-9, 9))
def test_what_is_rounded_to_doubles_that_meet_a_condition(bound: float, below: bool, strict: bool, eighths: int):
    ray = Ray(Fraction(bound), below, strict)
    condition = before_rounding(ray)
    assert isinstance(condition, Ray)
    unit = Fraction(math.ulp(bound))
    value = Fraction(bound) + unit * eighths / 8
    assert condition.holds(value) == ray.holds(float(value)) or bound == 0


@given(st.integers(1, 40), st.integers(2, 48))
def test_rounded_scales_decide_no_tie(count: int, parts: int):
    """
    `count` times 1/parts reaches what it is in float64, and does not exceed it.
    """
    thirds, grid = ExactAffine(ZERO, Fraction(1 / parts), ZERO), Grid(-100, 100)
    for strict in (False, True):
        condition = thirds.before(before_rounding(Ray(Fraction(count * (1 / parts)), open=strict)))
        assert first_of(condition, grid) == (count + strict, False)


@given(st.integers(1, 40), st.integers(0, 3), st.lists(STEPS, max_size=5), EIGHTHS, st.booleans())
def test_thresholds_are_exact_over_all_integers(n: int, frac: int, steps: list[Step], limit: Fraction, flip: bool):
    grid = Grid(-n, n, frac)
    condition = Monotone(steps).before(ray_from(limit, flip))
    assert condition is not None
    threshold, invert = first_of(condition, grid)
    assert grid.low <= threshold <= grid.high + 1
    for v in range(-n, n + 1):
        assert ((v >= threshold) != invert) == ((composed(steps, grid.real(v)) >= limit) != flip)


@given(st.lists(STEPS, max_size=4), EIGHTHS, st.integers(-40, 40))
def test_thresholds_of_doubles_are_the_first_that_hold(steps: list[Step], limit: Fraction, point: int):
    found = Monotone(steps).threshold(limit, None)
    assert found is not None
    threshold, invert = found
    beside = (threshold, np.nextafter(threshold, -math.inf), np.nextafter(threshold, math.inf))
    for x in (point / 8, *(float(v) for v in beside)):
        if math.isfinite(x):
            assert ((x >= threshold) != invert) == (composed(steps, Fraction(x)) >= limit)


@given(FRACTIONS, FRACTIONS, FRACTIONS, FRACTIONS, st.fractions("1/5", 4, max_denominator=8))
def test_the_limit_itself_is_reached(gamma: Fraction, beta: Fraction, mean: Fraction, value: Fraction, root: Fraction):
    norm = ExactBatchNorm(gamma, beta, mean, root * root)
    condition = norm_condition(norm, gamma * (value - mean) / root + beta)
    assert condition if isinstance(condition, bool) else condition.holds(value)


def norm_condition(norm: ExactBatchNorm, limit: Fraction):
    """
    What a batch normalization brings to a limit or above.
    """
    return Monotone([norm]).before(ray_from(limit))


@pytest.mark.parametrize("gamma", [0.1, -0.1, 3e-5, -7.0])
@pytest.mark.parametrize("mean", [-9, -2, 0, 3, 9, 12, -12])
@pytest.mark.parametrize("variance", [0.3, 2.0, 1e-12, 1e9])
def test_a_whole_mean_without_offset_is_a_tie(gamma: float, mean: int, variance: float):
    norm = ExactBatchNorm(Fraction(gamma), ZERO, Fraction(mean), Fraction(variance))
    slopes = kink(ZERO, Fraction(0.3), ONE, ZERO)
    for steps in ([norm], [norm, slopes], [norm, slopes, ExactAffine(ZERO, Fraction(0.3), ZERO)]):
        found = Monotone(steps).threshold(0.0, Grid(-9, 9))
        assert found is not None
        bits = [(v >= found[0]) != found[1] for v in range(-9, 10)]
        assert bits == [(v - mean) * math.copysign(1, gamma) >= 0 for v in range(-9, 10)]


@pytest.mark.parametrize(("beta", "holds"), [(0.0, True), (0.5, True), (-0.5, False)])
def test_zero_gamma_is_a_constant(beta: float, holds: bool):
    norm = Monotone([ExactBatchNorm(ZERO, Fraction(beta), ONE, ONE)])
    assert norm.threshold(0.0, Grid(-4, 4)) == (-4 if holds else 5, False)
    assert norm.threshold(0.0, None) == (-math.inf if holds else math.inf, False)


@pytest.mark.parametrize("limit", [math.inf, -math.inf])
def test_infinite_limits_stay_constants(limit: float):
    minus = Monotone([ExactAffine(ZERO, -ONE, ZERO)])
    assert minus.threshold(limit, None) == (limit, False)
    assert minus.threshold(limit, Grid(-3, 3)) == (-3 if limit < 0 else 4, False)


@pytest.mark.parametrize("step", [kink(ZERO, -ONE, ONE, ZERO), kink(ZERO, ONE, -ONE, ZERO)])
def test_what_turns_has_no_threshold(step: Kink):
    assert Monotone([step]).threshold(Fraction(1, 2) if step.above.scale > 0 else Fraction(-1, 2), Grid(-3, 3)) is None
