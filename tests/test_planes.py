"""
Sums of products of few bits as counts of bits: the planes, the networks that they are found in, and their C++.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from agreement import check_cpp, named
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from modules import Net
from numpy.typing import NDArray
from torch import from_numpy
from xdsl.dialects.builtin import ModuleOp, TensorType, i1, i64
from xdsl.ir import SSAValue
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import VerifyException

import blendir
from blendir.dialects import blend, stream
from blendir.dialects.blend.levels import level_type
from blendir.hardware.processes.plane_mvu import PlaneMvu
from blendir.hardware.timing import processes
from blendir.numerics import Format
from blendir.passes.bit_planes import MOST_PAIRS, PlaneForm, Planes
from blendir.tools.counts import count

Ints = NDArray[np.int64]


def steps(planes: Planes) -> dict[int, int]:
    """
    What each bit of two's complement counts.
    """
    fmt = planes.fmt
    return {p: -(1 << p) if fmt.signed and p == fmt.width - 1 else 1 << p for p in planes.places}


@given(st.sets(st.integers(-16, 15), min_size=1))
def test_planes_make_up_every_value(values: set[int]) -> None:
    fmt = Format(5, 0)
    planes = Planes.of(fmt, values)
    for v in values:
        assert v == planes.constant + sum(step for p, step in steps(planes).items() if v >> p & 1)
    assert all(len({v >> p & 1 for v in values}) == 2 for p in planes.places)
    reached = {planes.constant + sum(c) for c in product(*((0, s) for s in steps(planes).values()))}
    everything = np.arange(fmt.low, fmt.high + 1)
    assert {int(v) for v in everything if planes.holds(np.array([v]))} == reached >= values


@given(st.sets(st.integers(-8, 7), min_size=2), st.integers(1, 3), st.randoms(use_true_random=False))
def test_a_sum_of_products_is_a_base_less_counts(values: set[int], planes: int, random: object) -> None:
    rng = np.random.default_rng(random.randint(0, 999))  # pyright: ignore
    form = PlaneForm(Planes.of(Format(4, 0), values), planes)
    x = rng.choice(sorted(values), 11)
    weight = rng.integers(0, 1 << planes, (3, 11)) * 2 - (1 << planes) + 1
    signs = form.signs(weight)
    counts = sum(
        (step << j) * ((x >> p & 1) != signs[:, j]).sum(axis=1)
        for p, step in steps(form.planes).items()
        for j in range(planes)
    )
    np.testing.assert_array_equal(form.base(weight) - counts, weight @ x)


# Convolutions of levels


def levels(net: Net, x: SSAValue, lowest: int, step: int, thresholds: Ints, flips: NDArray[np.bool_]) -> SSAValue:
    limits, invert = net.constant(thresholds, i64), net.constant(flips, i1)
    return net.add(blend.MultiThresholdOp(x, limits, invert, lowest, step))


def conv(net: Net, x: SSAValue, weight: Ints, bias: Ints, stride: int, padding: int, pad: int | None) -> SSAValue:
    """
    An exact convolution of integers.
    """
    kind = blend.tensor_type(x)
    most = 256 * int(np.abs(weight).sum()) + int(np.abs(bias).max())
    values = None if pad is None else net.constant(np.full(weight.shape[1], pad), kind.element_type)
    heaviest = int(np.abs(weight).max())
    w, b = net.constant(weight, level_type(-heaviest, heaviest)), net.constant(bias, level_type(-99, 99))
    args = (stride, stride), (padding, padding), level_type(-most, most), values
    return net.add(blend.FixedConv2dOp(x, w, b, *args))


def convolved(x: Ints, weight: Ints, bias: Ints, stride: int, padding: int, pad: int) -> Ints:
    """
    The same, window by window.
    """
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=pad)
    k = weight.shape[-1]
    size = [(n - k) // stride + 1 for n in padded.shape[2:]]
    result = np.empty((len(x), len(weight), *size), np.int64)
    for i, j in np.ndindex(*size):
        window = padded[:, :, i * stride : i * stride + k, j * stride : j * stride + k]
        result[:, :, i, j] = np.einsum("nikl,oikl->no", window, weight) + bias
    return result


ODD = {1: [-1, 1], 2: [-3, -1, 1, 3]}


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.generate])
@example((-3, 2, 3), (3, 2, 3, 1), (True, None), 1, 0)  # 0 is no level
@example((0, 1, 3), (3, 2, 3, 2), (True, 2), 2, 0)
@given(
    st.tuples(st.integers(-5, 3), st.integers(1, 2), st.integers(2, 15)),
    st.tuples(st.sampled_from([1, 3, 50]), st.integers(1, 3), st.sampled_from([1, 3]), st.integers(1, 2)),
    st.tuples(st.booleans(), st.one_of(st.none(), st.integers(-2, 3))),
    st.sampled_from(list(ODD)),
    st.integers(0, 10**6),
)
def test_convolutions_of_levels(
    quantizer: tuple[int, int, int],
    shape: tuple[int, int, int, int],
    borders: tuple[bool, int | None],
    weight_bits: int,
    seed: int,
) -> None:
    (lowest, step, count), (channels, outputs, k, stride), (padded, pad) = quantizer, shape, borders
    padding = k // 2 if padded else 0
    net = Net((channels, 5, 4), blend.FixedType(8, 8), seed)
    thresholds = np.sort(net.rng.integers(-40, 40, (channels, count)), axis=1)
    flips = net.rng.integers(0, 2, channels).astype(np.bool_)
    thresholds[flips] = thresholds[flips, ::-1]
    weight, bias = net.rng.choice(ODD[weight_bits], (outputs, channels, k, k)), net.rng.integers(-9, 9, outputs)
    q = levels(net, net.input, lowest, step, thresholds, flips)
    reached = [lowest + step * n for n in range(count + 1)]
    fmt = level_type(lowest, reached[-1]).format
    if pad is not None:
        pad = min(max(pad, fmt.low), fmt.high)
    module = net.module(conv(net, q, weight, bias, stride, padding, pad))

    x = net.rng.integers(-128, 128, (2, channels, 5, 4))
    above = (x[..., None] >= thresholds[:, None, None]) ^ flips[:, None, None, None]
    want = convolved(lowest + step * above.sum(axis=-1), weight, bias, stride, padding, pad or 0)
    low = blendir.lower(module, "stream")
    for made in (module, low):
        np.testing.assert_array_equal(blendir.run(made, x.astype(np.float64)), want)

    varying = sum(len({v >> p & 1 for v in reached}) == 2 for p in range(fmt.width))
    heavy = int(np.abs(weight).max()).bit_length()
    found = [op for op in processes(low) if isinstance(op, stream.MvuOp)]
    assert [isinstance(op, stream.PlaneMvuOp) for op in found] == [varying * heavy <= MOST_PAIRS]


def mixed() -> tuple[ModuleOp, NDArray[np.uint8]]:
    """
    Pixels times +-1; levels that two convolutions and an addition read; signed levels of two bits before a linear
    layer. Weights have one or two bits. Zero padding is a level in some convolutions and not in others.
    """
    net = Net((3, 6, 5), blend.ui8)
    rng = net.rng

    def signs(*shape: int, most: int = 1) -> Ints:
        return rng.choice(ODD[most], shape)

    def quantized(x: SSAValue, lowest: int, step: int, count: int, spread: int) -> SSAValue:
        channels = blend.tensor_type(x).get_shape()[1]
        thresholds = np.sort(rng.integers(-spread, spread, (channels, count)), axis=1)
        return levels(net, x, lowest, step, thresholds, np.zeros(channels, np.bool_))

    def plain(x: SSAValue, *shape: int, stride: int = 1, pad: int | None = None, most: int = 1) -> SSAValue:
        bias = rng.integers(-9, 9, shape[0])
        return conv(net, x, signs(*shape, most=most), bias, stride, shape[-1] // 2, pad)

    first = plain(net.input, 6, 3, 3, 3)
    a = quantized(first, 0, 1, 3, 600)
    wide = plain(a, 6, 6, 3, 3, most=2)
    narrow = plain(a, 6, 6, 1, 1)
    kind = TensorType(level_type(-(1 << 12), 1 << 12), blend.tensor_type(wide).get_shape())
    total = net.add(blend.AddOp(net.add(blend.AddOp(wide, narrow, None, kind)), a, None, kind))
    b = quantized(total, -3, 2, 3, 60)
    strided = plain(b, 50, 6, 3, 3, stride=2)  # no level is 0
    c = quantized(strided, -5, 1, 12, 30)
    padded = plain(c, 4, 50, 3, 3, pad=-2)
    d = quantized(padded, -1, 1, 2, 40)
    flat = net.add(blend.ReshapeOp(d, (1, 4 * 3 * 3)))
    w, zero = net.constant(signs(5, 36), level_type(-1, 1)), net.constant(np.zeros(5, np.int64), level_type(-1, 1))
    module = net.module(net.add(blend.FixedLinearOp(flat, w, zero, level_type(-99, 99))))
    return named(module), rng.integers(0, 256, (3, 3, 6, 5)).astype(np.uint8)


def test_the_cpp_of_shared_levels(tmp_path: Path) -> None:
    module, x = mixed()
    stages = {"fixed": module, "stream": blendir.lower(module, "stream")}
    np.testing.assert_array_equal(blendir.run(stages["stream"], x), blendir.run(module, x))
    build = check_cpp(stages, from_numpy(x), tmp_path, fps=2e6)
    units = [op for op in processes(build.module) if isinstance(op, stream.MvuOp)]
    assert [op.pairs for op in units if isinstance(op, stream.PlaneMvuOp)] == [8, 4, 2, 2, 4, 2]
    assert len(units) == 6


def test_tiles_of_weights_are_no_wider_than_the_tools_integers() -> None:
    """
    A beat can hold 432 levels of two bits, but a tile cannot hold 432 weights of three bits.
    """
    net = Net((48, 3, 3), blend.FixedType(8, 8))
    thresholds = np.sort(net.rng.integers(-40, 40, (48, 3)), axis=1)
    q = levels(net, net.input, -2, 1, thresholds, np.zeros(48, np.bool_))
    weight, bias = net.rng.choice([-7, -5, -3, -1, 1, 3, 5, 7], (1, 48, 3, 3)), net.rng.integers(-9, 9, 1)
    low = blendir.lower(net.module(conv(net, q, weight, bias, 1, 1, -2)), "stream")
    (unit,) = (op for op in processes(low) if isinstance(op, stream.PlaneMvuOp))
    assert (unit.vector, unit.weight_planes, stream.stream_type(unit.input).format.width) == (432, 3, 2)
    assert max(PlaneMvu(unit).simds()) * 3 <= 1024 < 432 * 3

    kind = stream.stream_type(unit.input)
    Rewriter.replace_value_with_new_type(unit.input, kind.grouped(341))
    unit.verify_()
    Rewriter.replace_value_with_new_type(unit.input, kind.grouped(342))
    with pytest.raises(VerifyException, match="a tile of 1026 bits of weights is wider than 1024"):
        unit.verify_()


def test_weights_are_counted_in_the_bits_that_are_stored() -> None:
    module, _ = mixed()
    found = count(blendir.lower(module, "packed"))
    weights = {"one": 6 * 3 * 9 + 6 * 6 + 50 * 6 * 9 + 4 * 50 * 9 + 5 * 36, "two": 6 * 6 * 9}
    assert found.binary_weight_bits == weights["one"] + 2 * weights["two"]
    assert found.fpmac == 0
    planes = 30 * 8 * 162 + 30 * (4 * 324 + 2 * 36) + 9 * (2 * 2700 + 4 * 1800) + 2 * 180
    assert found.bmac == planes
