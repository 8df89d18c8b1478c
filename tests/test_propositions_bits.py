"""
The propositions about bits, each on small modules before and after the pass that uses it: thresholds (P1), unused
lanes (P2), zero padding (P3) and exact networks (P14).
"""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modules import Net, folds, frames, names, run_pass
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, i1, i64
from xdsl.ir import Operation

from blendir import lower, run
from blendir.dialects import blend
from blendir.dialects.blend import ui8
from blendir.numerics import PadMode
from blendir.passes.fold.fold_bn import FoldBNPass
from blendir.passes.pack48 import Pack48Pass

SIGNS = np.array([-1, 1])


def direct_binary_conv(
    x: NDArray[np.bool_], weight: NDArray[np.bool_], stride: int, pad: int, outside: int
) -> NDArray[np.int64]:
    """
    The sum over +-1, one product at a time; what lies outside counts as `outside`.
    """
    a, w = SIGNS[x.astype(int)], SIGNS[weight.astype(int)]
    padded = np.full((*a.shape[:2], a.shape[2] + 2 * pad, a.shape[3] + 2 * pad), outside)
    padded[:, :, pad : pad + a.shape[2], pad : pad + a.shape[3]] = a
    kernel = w.shape[2]
    sizes = [(padded.shape[d] - kernel) // stride + 1 for d in (2, 3)]
    result = np.zeros((len(a), len(w), *sizes), np.int64)
    for y, z in itertools.product(*map(range, sizes)):
        part = padded[:, None, :, y * stride : y * stride + kernel, z * stride : z * stride + kernel]
        result[:, :, y, z] = (part * w[None]).sum(axis=(2, 3, 4))
    return result


class TestP1Thresholds:
    """
    `sign(batch_norm(v))` is one threshold, with both directions, constants and ties.
    """

    @pytest.mark.parametrize("gamma", [1.5, -1.5, 0.0])
    @pytest.mark.parametrize("beta", [0.0, 0.4, -0.4])
    def test_real_input(self, gamma: float, beta: float) -> None:
        net = Net((2,))
        y = net.norm(net.input, [gamma] * 2, [beta] * 2, [0.5, -1.0], [1.0, 3.0])
        x = np.concatenate([frames((2,), 200), [[0.5, -1.0]]])  # the last frame is the mean: a tie for beta = 0
        folds(net, net.count(net.sign(y)), x, "threshold", "bits_to_value")

    @settings(deadline=None, max_examples=40)
    @given(
        st.integers(1, 12),
        st.sampled_from([0.7, -0.7, 0.0, 1e-4]),
        st.sampled_from([0.0, 0.0, 0.5, -1.25]),
        st.integers(-12, 12),
        st.sampled_from([0.25, 1.0, 2.25, 0.3]),
    )
    def test_integer_input_over_all_accumulators(
        self, taps: int, gamma: float, beta: float, mean: int, variance: float
    ) -> None:
        """
        Every accumulator of n taps is produced; with an integer mean and beta = 0 one of them is a tie.
        """
        net = Net((taps,))
        weight = net.random_bits(1, taps)
        v = net.add(blend.BinaryLinearOp(net.sign(net.input), net.constant(weight, i1)))
        y = net.norm(net.count(v), [gamma], [beta], [mean], [variance], epsilon=0.0)
        module = net.module(net.count(net.sign(y)))
        x = np.where(np.tri(taps + 1, taps, -1) > 0, SIGNS[weight.astype(int)], -SIGNS[weight.astype(int)])
        folded = run_pass(module, FoldBNPass())
        assert names(folded) == ["threshold", "binary_linear", "threshold", "bits_to_value"]
        accumulators = 2 * np.arange(taps + 1) - taps
        expected = gamma * (accumulators - mean) / math.sqrt(variance) + beta >= 0
        if gamma and beta:  # away from ties floats decide alike
            near = np.abs(gamma * (accumulators - mean) / math.sqrt(variance) + beta) < 1e-12
            expected[near] = run(folded, x)[near, 0] > 0
        assert np.array_equal(run(folded, x)[:, 0] > 0, expected)

    @pytest.mark.parametrize("bent", [False, True])
    @pytest.mark.parametrize("element", [blend.FixedType(8, 4), blend.FixedType(8, 10)])
    def test_fixed_point_input_over_all_integers(self, element: blend.FixedType, bent: bool) -> None:
        """
        An input of the module may be fixed point: thresholds count its units.
        """
        net = Net((2,), element)
        y = net.affine(net.input, element.format.lsb * np.array([30.3, -20.2]), [2.0, -1.0], [0.1, 0.4])
        if bent:
            y = net.affine(net.add(blend.PReluOp(y, *net.reals([0.25, 0.5]))), [1.5, 0.1], [1.0, 1.0], [0.0, 0.0])
        x = np.repeat(element.format.lsb * np.arange(-128.0, 128.0)[:, None], 2, axis=1)
        folds(net, net.count(net.sign(y)), x, "threshold", "bits_to_value")

    def test_strict_threshold_is_one_higher(self) -> None:
        """
        `v > T` on integers is `v >= T + 1`, and the pass keeps it.
        """
        net = Net((6,))
        v = net.add(blend.BinaryLinearOp(net.sign(net.input), net.constant(np.ones((1, 6), np.bool_), i1)))
        limit, invert = net.constant([3], i64), net.constant([False], i1)
        module = net.module(net.count(net.add(blend.ThresholdOp(v, limit, invert))))
        x = np.where(np.tri(7, 6, -1) > 0, 1.0, -1.0)
        bits = run(run_pass(module, FoldBNPass(), Pack48Pass()), x)[:, 0] > 0
        assert bits.tolist() == [v > 2 for v in range(-6, 7, 2)]

    def test_thresholds_are_clamped(self) -> None:
        net = Net((3,))
        v = net.add(blend.BinaryLinearOp(net.sign(net.input), net.constant(np.ones((2, 3), np.bool_), i1)))
        y = net.norm(net.count(v), [1e-9, 1e-9], [1.0, -1.0], [0.0, 0.0], [1.0, 1.0])
        folded = run_pass(net.module(net.count(net.sign(y))), FoldBNPass())
        (limits,) = [blend.constant_value(op.threshold) for op in folded.walk() if is_integer_threshold(op)]
        assert limits.tolist() == [-3, 4]

    def test_scale_and_bias_of_the_producer(self) -> None:
        """
        `sign(bn(alpha * v + b))`: the affine between is followed exactly.
        """
        net = Net((4,))
        weight = np.array([[1.0, -1, 1, 1], [1.0, 1, 1, -1]]) * np.array([[0.3], [1.7]])
        bits = net.add(blend.BitsToValueOp(net.sign(net.input)))
        z = net.add(blend.LinearOp(bits, *net.reals(weight, [0.25, -0.5])))
        y = net.norm(z, [-1.0, 2.0], [0.3, 0.1], [0.1, 0.2], [1.0, 2.0])
        left = ("threshold", "binary_linear", "threshold", "bits_to_value")
        folds(net, net.count(net.sign(y)), frames((4,), 50), *left)


def is_integer_threshold(op: Operation) -> bool:
    return isinstance(op, blend.ThresholdOp) and blend.tensor_type(op.threshold).element_type == i64


class TestP2Lanes:
    @pytest.mark.parametrize("channels", [1, 47, 48, 49, 100])
    def test_unused_lanes_do_not_count(self, channels: int) -> None:
        net = Net((channels, 3, 3))
        weight = net.random_bits(2, channels, 3, 3)
        module = net.module(net.count(net.binary_conv(net.sign(net.input), weight, pad=1)))
        folded = run_pass(module, FoldBNPass())
        packed = run_pass(folded, Pack48Pass())
        assert "packed_binary_conv2d" in names(packed)
        x = frames((channels, 3, 3))
        expected = direct_binary_conv(x >= 0, weight, 1, 1, 0)
        assert np.array_equal(run(folded, x), expected)
        assert np.array_equal(run(packed, x), expected)


class TestP3ZeroPadding:
    """
    Outside taps contribute nothing: neither +1 nor, as FINN has it, -1.
    """

    @pytest.mark.parametrize("stride", [1, 2])
    @pytest.mark.parametrize("size", [(4, 4), (5, 7), (6, 3)])
    @pytest.mark.parametrize(("mode", "outside"), [("zero_exact", 0), ("plus_one", 1), ("minus_one", -1)])
    def test_every_stage(self, stride: int, size: tuple[int, int], mode: str, outside: int) -> None:
        net = Net((5, *size))
        weight = net.random_bits(3, 5, 3, 3)
        module = net.module(net.count(net.binary_conv(net.sign(net.input), weight, stride, 1, PadMode(mode))))
        x = frames((5, *size))
        expected = direct_binary_conv(x >= 0, weight, stride, 1, outside)
        assert np.array_equal(run(module, x), expected)
        for stage in ("folded", "fixed", "packed", "stream"):
            lowered = lower(module, stage, x if stage != "folded" else None)
            assert np.array_equal(run(lowered, x), expected), stage

    @pytest.mark.parametrize("stride", [1, 2])
    def test_is_not_padding_with_minus_one(self, stride: int) -> None:
        net = Net((5, 6, 6))
        weight = net.random_bits(3, 5, 3, 3)
        module = net.module(net.count(net.binary_conv(net.sign(net.input), weight, stride, 1)))
        x = frames((5, 6, 6))
        y = run(lower(module, "stream", x), x)
        minus = direct_binary_conv(x >= 0, weight, stride, 1, -1)
        border = np.ones(y.shape[2:], np.bool_)
        border[1:, 1:] = False
        border[:, -1] |= stride == 1
        border[-1] |= stride == 1
        assert np.array_equal(y[..., ~border], minus[..., ~border])
        assert (y[..., border] != minus[..., border]).any()


class TestP14ExactnessClasses:
    """
    After an integer first layer, a network without real residuals is exact at every stage.
    """

    @pytest.mark.parametrize("channels", [3, 50])
    @pytest.mark.parametrize("pool", [False, True])
    def test_binary_network_is_exact_end_to_end(self, channels: int, pool: bool) -> None:
        net = Net((channels, 5, 6), ui8)
        y = net.affine(net.input, [128.0] * channels, [1.0] * channels, [0.0] * channels)
        y = net.sign(net.norm(y, mean=net.rng.integers(-9, 9, channels), beta=np.zeros(channels)))
        v = net.binary_conv(y, net.random_bits(7, channels, 3, 3), 1, 1)
        y = net.sign(net.norm(net.count(v), mean=net.rng.integers(-9, 9, 7), beta=np.zeros(7)))
        if pool:
            y = net.add(blend.MaxPool2dOp(y, (2, 2), (2, 2), (0, 0)))
        size = 6 if pool else 30
        flat = net.add(blend.ReshapeOp(y, (1, 7 * size)))
        out = net.add(blend.BinaryLinearOp(flat, net.constant(net.random_bits(4, 7 * size), i1)))
        module = net.module(net.count(out))
        x = np.random.default_rng(1).integers(0, 256, (4, channels, 5, 6), np.uint8)
        expected = run(module, x)
        stages: list[Callable[[], ModuleOp]] = [
            lambda: lower(module, "folded"),
            lambda: lower(module, "fixed", x),
            lambda: lower(module, "packed", x),
            lambda: lower(module, "stream", x),
        ]
        for stage in stages:
            assert np.array_equal(run(stage(), x), expected)
