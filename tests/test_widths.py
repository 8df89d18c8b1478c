"""
Widths near the limits of machine words: what verifies never wraps, and what would wrap does not verify.
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import wide_operations as wide
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from integers import computed, format_of, traced
from modules import Net
from wide_operations import DIALECTS, Wide, kind
from xdsl.dialects.builtin import IntegerType, ModuleOp, Signedness, i1, i64
from xdsl.utils.exceptions import VerifyException

from blendir.dialects import blend, stream
from blendir.interpreter import run_module
from blendir.numerics import Format, Rounding, round_shift

DTYPES = st.sampled_from([np.int8, np.int16, np.int32, np.int64])


@given(DTYPES, st.integers(0, 200), st.sampled_from(list(Rounding)), st.data())
def test_any_right_shift_rounds_exactly(dtype: type, shift: int, rounding: Rounding, data: st.DataObject):
    info = np.iinfo(dtype)
    value = data.draw(st.one_of(st.integers(info.min, info.max), st.sampled_from([info.min, info.max])))
    exact = Fraction(value, 1 << shift)
    expected = round(exact) if rounding is Rounding.HALF_EVEN else (exact + Fraction(1, 2)).__floor__()
    assert round_shift(value, shift, rounding) == expected
    assert round_shift(np.array([value], dtype), shift, rounding).tolist() == [expected]


WIDTHS = st.one_of(st.integers(2, 64), st.sampled_from([2, 8, 16, 24, 30, 31, 32, 33, 34, 60, 61, 62]))
FRACS = st.one_of(st.integers(-70, 70), st.integers(-4, 12))
FORMATS = st.builds(Format, WIDTHS, FRACS)
ROUNDINGS = st.sampled_from(list(Rounding))
ADDENDS = st.integers(2, 64)
Drawn = Callable[[st.DataObject, str], Wide]


def drawn_clamp(data: st.DataObject, dialect: str) -> Wide:
    fmt = data.draw(FORMATS)
    low, high = sorted(data.draw(st.lists(st.integers(fmt.low, fmt.high), min_size=2, max_size=2)))
    return wide.clamp(dialect, fmt, low, high)


def drawn_levels(data: st.DataObject, dialect: str) -> Wide:
    lowest, step = data.draw(st.integers(-(1 << 61), 1 << 61)), data.draw(st.integers(1, 1 << 59))
    result = Format(data.draw(st.integers(2, 64)), 0)
    return wide.multi_threshold(dialect, data.draw(FORMATS), lowest, step, result)


def drawn_lookup(data: st.DataObject, dialect: str) -> Wide:
    return wide.lookup(dialect, Format(data.draw(st.integers(2, 8)), data.draw(FRACS)), data.draw(FORMATS))


def drawn_average(data: st.DataObject, dialect: str) -> Wide:
    fmt = data.draw(FORMATS)
    return wide.average(dialect, fmt, data.draw(st.integers(1, 9)), Format(data.draw(WIDTHS), fmt.frac))


def of(make: Callable[..., Wide], *strategies: st.SearchStrategy[object]) -> Drawn:
    return lambda data, dialect: make(dialect, *(data.draw(s) for s in strategies))


OPERATIONS: dict[str, Drawn] = {
    "add": of(wide.add, FORMATS, FORMATS, FORMATS, ROUNDINGS),
    "multiply": of(wide.multiply, FORMATS, FORMATS, FORMATS, ROUNDINGS),
    "piecewise_linear": of(wide.piecewise, FORMATS, FORMATS, ADDENDS, FORMATS, ROUNDINGS),
    "linear": of(wide.linear, FORMATS, FORMATS, ADDENDS, FORMATS, ROUNDINGS),
    "conv2d": of(wide.conv, FORMATS, FORMATS, ADDENDS, FORMATS, ROUNDINGS),
    "layer_norm": of(wide.layer_norm, FORMATS, FORMATS, ADDENDS, FORMATS),
    "requantize": of(wide.requantize, FORMATS, FORMATS, ROUNDINGS),
    "maximum": of(wide.maximum, FORMATS),
    "clamp": drawn_clamp,
    "multi_threshold": drawn_levels,
    "lookup": drawn_lookup,
    "average": drawn_average,
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_what_verifies_is_exact(name: str, dialect: str) -> None:
    """
    Equal to the same formula on Python integers; and the formats drawn do verify now and then.
    """
    verified: list[Wide] = []

    @settings(max_examples=60, deadline=None, phases=[Phase.generate], derandomize=True)
    @given(st.data(), st.integers(0, 1 << 32))
    def agree(data: st.DataObject, seed: int) -> None:
        try:
            case = OPERATIONS[name](data, dialect)
            case.verify()
        except VerifyException:
            return
        verified.append(case)
        args = wide.values(case, np.random.default_rng(seed))
        want = computed(case.op, *(a.astype(object) for a in args))
        assert case.run(args).tolist() == want.tolist()

    agree()
    assert len(verified) >= 5


M, N, W = Format(20, 0), Format(39, 0), Format(16, 8)
AT_THE_LIMIT: dict[str, tuple[Callable[[str, int], Wide], str]] = {
    "aligned operand": (lambda d, k: wide.add(d, Format(32, 0), Format(16, 30 + k), W), "right|left operand"),
    "sum brought to finer units": (lambda d, k: wide.add(d, N, N, Format(24, 24 + k)), "a sum of 40 bits"),
    "product": (lambda d, k: wide.multiply(d, Format(31, 4), Format(31 + k, 4), W), "a product of 63 bits"),
    "product in finer units": (lambda d, k: wide.multiply(d, M, M, Format(16, 24 + k)), "a sum of 40 bits"),
    "piece": (lambda d, k: wide.piecewise(d, Format(30, 4), Format(32 + k, 4), 40, W), "a product of 63 bits"),
    "offset": (lambda d, k: wide.piecewise(d, Format(30, 4), Format(20, 4), 62 + k, W), "an offset of 63 bits"),
    "linear": (lambda d, k: wide.linear(d, Format(30, 4), Format(30 + k, 4), 40, W), "a sum of products of 63 bits"),
    "bias": (lambda d, k: wide.linear(d, Format(30, 4), Format(20, 4), 62 + k, W), "a bias of 63 bits"),
    "conv2d": (lambda d, k: wide.conv(d, Format(30, 4), Format(30 + k, 4), 40, W), "a sum of products of 63 bits"),
    "average": (lambda d, k: wide.average(d, Format(58 + k, 4), 16, Format(62 + k, 4)), "of 63 bits is wider than 62"),
    "average's own sum": (lambda d, k: wide.average(d, Format(20 + k, 4), 16, Format(24, 4)), "the sum of 16 needs 25"),
    "maximum": (lambda d, k: wide.maximum(d, Format(62 + k, 4)), "of 63 bits is wider than 62"),
    "requantize": (lambda d, k: wide.requantize(d, Format(62 + k, 9), W), "an input of 63 bits"),
    "requantize finer": (lambda d, k: wide.requantize(d, Format(40, 0), Format(16, 24 + k)), "a sum of 40 bits"),
    "clamp": (lambda d, k: wide.clamp(d, Format(16, 8), -9, (1 << 15) - 1 + k), "bounds -9 .. 32768 are not integers"),
    "levels": (lambda d, k: wide.multi_threshold(d, W, 1 + k, 42, Format(8, 0)), "levels 2 .. 128 are not"),
    "lookup": (lambda d, k: wide.lookup(d, Format(16 + k, 4), W), "a table for elements of 17 bits"),
    "squares": (lambda d, k: wide.layer_norm(d, Format(30 + k, 4), W, 30, W), "squares of 4 elements"),
    "one square": (lambda d, k: wide.layer_norm(d, Format(31 + k, 4), W, 30, W, count=1), "squares of 1 elements"),
    "scaled norm": (lambda d, k: wide.layer_norm(d, W, Format(43 + k, 4), 30, W), "a product of 63 bits"),
    "beta": (lambda d, k: wide.layer_norm(d, W, Format(20, 4), 62 + k, W), "beta of 63 bits"),
    "epsilon": (lambda d, k: wide.layer_norm(d, W, W, 30, W, (1 << 61) + k), "epsilon is above"),
}  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", AT_THE_LIMIT)
def test_one_bit_too_wide_does_not_verify(name: str, dialect: str) -> None:
    make, message = AT_THE_LIMIT[name]
    fits = make(dialect, 0)
    fits.verify()
    args = wide.values(fits, np.random.default_rng(0))
    assert fits.run(args).tolist() == computed(fits.op, *(a.astype(object) for a in args)).tolist()
    with pytest.raises(VerifyException, match=message):
        make(dialect, 1).verify()


def counted(dialect: str, taps: int, width: int) -> Wide:
    """
    A binary linear layer with accumulators of `width` bits, 32 at [blend].
    """
    if dialect == "blend":
        types = [wide.parameters(i1, 1, taps), wide.parameters(i1, 1, taps)]
        return Wide(types, lambda v: blend.BinaryLinearOp(*v))
    types = [
        stream.StreamType(1, 1, taps, i1, 1),
        wide.parameters(blend.WordType(), 1, -(-taps // 48)),
        wide.parameters(i64, 1, 1, 1),
    ]
    accumulator = IntegerType(width, Signedness.SIGNED)
    return Wide(types, lambda v: stream.BinaryMvuOp(*v, ([0], [0]), accumulator))


@pytest.mark.parametrize(("dialect", "taps", "width"), [("blend", (1 << 31) - 1, 32), ("stream", 15, 5)])
def test_accumulators_hold_every_count(dialect: str, taps: int, width: int) -> None:
    counted(dialect, taps, width).verify()
    with pytest.raises(VerifyException, match=f"accumulators have {width} bits"):
        counted(dialect, taps + 1, width).verify()


def test_planes_have_widths_too() -> None:
    def planes(width: int, places: list[int]) -> Wide:
        types = [
            stream.StreamType(1, 1, 15, kind(Format(62, 0)), 1),
            wide.parameters(blend.WordType(), 1, 1, 1),
            wide.parameters(i64, 1, 1, 1),
        ]
        result = IntegerType(width, Signedness.SIGNED)
        return Wide(types, lambda v: stream.PlaneMvuOp(*v, places, ([0], [0]), result))

    planes(62, [57]).verify()
    for width, places in ((63, [57]), (62, [58])):
        with pytest.raises(VerifyException, match="of 63 bits is wider than 62"):
            planes(width, places).verify()


def test_weights_that_are_constant_count_as_they_are() -> None:
    """
    Of 24 bits by their type, they add up to 2**7 at most.
    """
    x = np.array([[-(1 << 53), (1 << 53) - 1, 0, 7]])

    def module(scale: int) -> ModuleOp:
        net = Net((4,), kind(Format(54, 4)))
        weight = net.constant(np.array([[1, -2, 1, -4]]) * scale, kind(Format(24, 4)))
        bias = net.constant([(1 << 61) - 1], kind(Format(62, 8)))
        return net.module(net.add(blend.FixedLinearOp(net.input, weight, bias, kind(Format(24, -30)))))

    wide_sums = module(15)
    assert run_module(wide_sums, Format(54, 4).decode(x)).tolist() == [[decoded(wide_sums, x)]]
    with pytest.raises(VerifyException, match="a sum of products of 63 bits is wider than 62"):
        module(32)


@pytest.mark.parametrize("finer", [0, 1])
def test_weights_that_are_constant_count_in_finer_units_too(finer: int) -> None:
    def module() -> ModuleOp:
        net = Net((1,), kind(Format(30, 0)))
        weight, bias = net.constant([[1]], kind(Format(20, 0))), net.constant([0], kind(Format(2, 0)))
        return net.module(net.add(blend.FixedLinearOp(net.input, weight, bias, kind(Format(24, 32 + finer)))))

    if finer:
        with pytest.raises(VerifyException, match="a sum of 32 bits, brought from 0 to 33 fractional bits, takes 65"):
            module()
    else:
        module()


def decoded(module: ModuleOp, x: np.ndarray) -> float:
    *_, (op, result) = traced(module, x).items()
    return float(format_of(op.results[0]).decode(result.astype(np.int64)).item())
