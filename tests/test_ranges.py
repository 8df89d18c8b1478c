"""
The formats that calibration frames lead to.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import blendir
from blendir.dialects.blend import AddOp, element_format, tensor_type
from blendir.interpreter import main_function
from blendir.models import blendnet8
from blendir.numerics import Format
from blendir.passes.quantize.calibration import GUARD, Range, Spread


def spread_of(values: np.ndarray) -> Spread:
    """
    The spread of values, taken in in two parts.
    """
    spread = Spread()
    for part in np.array_split(values, 2):
        spread.add(part)
    return spread


def mean_square_error(fmt: Format, values: np.ndarray) -> float:
    """
    Of clipping values to +-2**e, where e is the format's exponent, and of rounding as if errors were even.
    """
    beyond = np.maximum(np.abs(values) - 2.0 ** (fmt.width - 1 - fmt.frac), 0)
    return float((beyond**2).mean()) + fmt.lsb**2 / 12


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.1, 1.0, 30.0]),
    st.sampled_from(["normal", "laplace", "uniform"]),
    st.integers(-3, 6),
)
def test_excess_is_the_mean_square_beyond_a_power_of_two(seed: int, scale: float, kind: str, exponent: int):
    draw = getattr(np.random.default_rng(seed), kind)
    values = draw(-scale, scale, 500) if kind == "uniform" else draw(0, scale, 500)
    beyond = np.maximum(np.abs(values) - 2.0**exponent, 0)
    assert 4.0**exponent * spread_of(values).excess(exponent) == pytest.approx((beyond**2).mean(), rel=1e-9, abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(3, 16))
def test_the_format_has_the_least_error(seed: int, width: int):
    values = np.random.default_rng(seed).laplace(0, 2, 4000)
    known = Range(np.inf, spread_of(values))
    chosen = known.format(width)
    seen = np.append(values, GUARD * np.abs(values).max())
    assert chosen.width == width
    errors = {frac: mean_square_error(Format(width, frac), seen) for frac in range(chosen.frac - 6, chosen.frac + 7)}
    assert errors[chosen.frac] <= min(errors.values()) * (1 + 2 / len(values)) + 1e-12


def test_wide_formats_hold_twice_what_was_seen_and_narrow_ones_clip():
    values = np.random.default_rng(0).laplace(0, 2, 4000)
    known = Range(np.inf, spread_of(values))
    peak = float(np.abs(values).max())
    assert known.format(16).holds(np.array([GUARD * peak, -GUARD * peak]))
    assert not known.format(5).holds(np.array([peak]))


def test_no_format_is_wider_than_the_bound():
    known = Range(3.0, spread_of(np.linspace(-2.5, 2.5, 100)))
    assert known.largest == 3.0
    assert known.format(16) == Format.covering(3.0, 16)
    assert Range(3.0).format(4) == Format.covering(3.0, 4)


def test_a_value_that_is_always_zero_has_the_format_of_a_small_bound():
    assert Range(np.inf, spread_of(np.zeros(10))).format(8) == Format.covering(1.0, 8)
    assert Range(0.3, spread_of(np.zeros(10))).format(8) == Format.covering(0.3, 8)


def test_no_frames_are_no_calibration():
    module = blendir.from_torch(blendnet8(), np.zeros((1, 1, 8, 8), np.uint8))
    with pytest.raises(ValueError, match=r"^the calibration data holds no frames"):
        blendir.lower(module, "fixed", np.zeros((0, 1, 8, 8), np.uint8))


@pytest.mark.parametrize("bits", [8, 16])
def test_branches_are_no_finer_than_the_sum_they_enter(bits: int):
    model = blendnet8(seed=3)
    frames = np.random.default_rng(0).integers(0, 17, (32, 1, 8, 8)).astype(np.uint8)
    module = blendir.lower(blendir.from_torch(model, frames), "fixed", frames, quantize_skip_bits=bits)
    adds = [op for op in main_function(module).body.block.ops if isinstance(op, AddOp)]
    assert len(adds) == 4
    for op in adds:
        total = element_format(tensor_type(op.result).element_type)
        for value in (op.lhs, op.rhs):
            if value.has_one_use():
                assert element_format(tensor_type(value).element_type).frac <= total.frac
