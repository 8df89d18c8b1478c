"""
The propositions behind the rewrites, P1 .. P14, each on small modules before and after the pass that uses it.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modules import Net, names, run_pass
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, i1, i64
from xdsl.ir import Operation, SSAValue

from blendir import lower, run
from blendir.dialects import blend
from blendir.dialects.blend import ui8
from blendir.numerics import PadMode, Rounding
from blendir.passes.fold_bn import FoldBNPass
from blendir.passes.pack48 import Pack48Pass

Reals = NDArray[np.float64]
SIGNS = np.array([-1, 1])


def frames(shape: tuple[int, ...], count: int = 4, seed: int = 0) -> Reals:
    return np.random.default_rng(seed).normal(size=(count, *shape))


def folds(net: Net, result: SSAValue, x: Reals, *left: str, residual: str = "renormalize") -> ModuleOp:
    """
    Folds a net, compares it with itself and the operations with those expected.
    """
    before = net.module(result)
    after = run_pass(before, FoldBNPass(residual))  # pyright: ignore[reportArgumentType]
    y, folded = run(before, x), run(after, x)
    assert np.allclose(y, folded, rtol=1e-9, atol=1e-9 * np.abs(y).max(initial=1e-3))
    assert names(after) == list(left)
    return after


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


class TestP4PRelu:
    """
    BN-PReLU-BN is one function of two pieces; a sign behind it is one threshold where the slope is not negative.
    """

    @pytest.mark.parametrize("slope", [0.25, 0.0, 1.7, -0.3, 1.0])
    @pytest.mark.parametrize("signs", list(itertools.product([1, -1], repeat=2)))
    def test_norm_prelu_norm(self, slope: float, signs: tuple[int, int]) -> None:
        net = Net((3, 2, 2))
        y = net.norm(net.input, signs[0] * np.array([0.5, 1.0, 2.0]))
        y = net.add(blend.PReluOp(y, *net.reals([slope] * 3)))
        y = net.norm(y, signs[1] * np.array([0.7, 1.1, 0.2]))
        folds(net, y, frames((3, 2, 2), 30), "piecewise_linear")

    @pytest.mark.parametrize(("slope", "merged"), [(0.25, True), (0.0, True), (1.7, True), (-0.3, False)])
    def test_sign_of_norm_prelu_norm(self, slope: float, merged: bool) -> None:
        net = Net((3,))
        y = net.norm(net.input, [1.0, -1.0, 0.5])
        y = net.norm(net.add(blend.PReluOp(y, *net.reals([slope] * 3))), [1.0, 1.0, -2.0])
        left = ["threshold", "bits_to_value"] if merged else ["piecewise_linear", "threshold", "bits_to_value"]
        folds(net, net.count(net.sign(y)), frames((3,), 300), *left)

    def test_zero_gamma(self) -> None:
        net = Net((2,))
        y = net.norm(net.input, [0.0, 0.0], [0.5, -0.5])
        folds(net, net.add(blend.PReluOp(y, *net.reals([0.25, 3.0]))), frames((2,)), "piecewise_linear")

    def test_prelu_before_sign_is_dead(self) -> None:
        net = Net((2,))
        y = net.add(blend.PReluOp(net.input, *net.reals([0.25, 3.0])))
        x = np.concatenate([frames((2,), 50), np.zeros((1, 2))])
        after = folds(net, net.count(net.sign(y)), x, "threshold", "bits_to_value")
        (limits,) = [blend.constant_value(op.threshold) for op in after.walk() if isinstance(op, blend.ThresholdOp)]
        assert limits.tolist() == [0.0, 0.0]

    @pytest.mark.parametrize("slope", [-0.3, 1.7])
    def test_prelu_in_fixed_point(self, slope: float) -> None:
        net = Net((2,))
        module = net.module(net.norm(net.add(blend.PReluOp(net.input, *net.reals([slope, slope])))))
        x = frames((2,), 100)
        fixed = lower(module, "fixed", x)
        assert np.abs(run(fixed, x) - run(module, x)).max() < 4 * unit_of(fixed) * 2


class TestP5AvgPool:
    @pytest.mark.parametrize("kernel", [2, 3])
    def test_norm_passes(self, kernel: int) -> None:
        net = Net((3, 6, 6))
        y = net.norm(net.input, [1.0, -2.0, 0.0])
        pool = blend.AvgPool2dOp(y, (kernel,) * 2, (kernel,) * 2, (0, 0), kernel * kernel)
        folds(net, net.add(pool), frames((3, 6, 6)), "avg_pool2d", "affine")

    def test_padded_pool_keeps_the_norm_before(self) -> None:
        net = Net((2, 4, 4))
        y = net.norm(net.input, [1.0, -2.0])
        pool = blend.AvgPool2dOp(y, (2, 2), (2, 2), (1, 1), 4)
        folds(net, net.add(pool), frames((2, 4, 4)), "affine", "avg_pool2d")

    def test_average_is_exact_in_fixed_point(self) -> None:
        net = Net((2, 4, 4), ui8)
        module = net.module(net.add(blend.AvgPool2dOp(net.input, (4, 4), (4, 4), (0, 0), 16)))
        x = np.random.default_rng(0).integers(0, 256, (5, 2, 4, 4), np.uint8)
        assert np.array_equal(run(lower(module, "fixed", x), x), x.mean(axis=(2, 3), keepdims=True))


class TestP6MaxPool:
    def test_rising_norms_pass(self) -> None:
        net = Net((2, 4, 4))
        y = net.norm(net.input, [1.0, 0.3])
        folds(net, net.add(blend.MaxPool2dOp(y, (2, 2), (2, 2), (0, 0))), frames((2, 4, 4)), "max_pool2d", "affine")

    @pytest.mark.parametrize("gamma", [-1.0, 0.0])
    def test_others_stay(self, gamma: float) -> None:
        net = Net((2, 4, 4))
        y = net.norm(net.input, [1.0, gamma])
        folds(net, net.add(blend.MaxPool2dOp(y, (2, 2), (2, 2), (1, 1))), frames((2, 4, 4)), "affine", "max_pool2d")

    @pytest.mark.parametrize("pad", [0, 1])
    def test_sign_of_max_is_or(self, pad: int) -> None:
        net = Net((2, 4, 4))
        y = net.add(blend.MaxPool2dOp(net.input, (2, 2), (2, 2), (pad, pad)))
        left = ("threshold", "max_pool2d", "bits_to_value")
        folds(net, net.count(net.sign(y)), frames((2, 4, 4)) - 1, *left)

    def test_inverted_thresholds_stay_behind(self) -> None:
        net = Net((2, 4, 4))
        y = net.norm(net.add(blend.MaxPool2dOp(net.input, (2, 2), (2, 2), (0, 0))), [1.0, -1.0])
        left = ("max_pool2d", "threshold", "bits_to_value")
        folds(net, net.count(net.sign(y)), frames((2, 4, 4)), *left)


def conv_of(module: ModuleOp) -> blend.Conv2dOp:
    (conv,) = [op for op in module.walk() if isinstance(op, blend.Conv2dOp)]
    return conv


class TestP7NormBeforeConv:
    """
    A batch normalization before a padded convolution moves the padding: to a pad value or to a border map.
    """

    @pytest.mark.parametrize("stride", [1, 2])
    @pytest.mark.parametrize("size", [(4, 4), (5, 6)])
    def test_real_input_takes_a_pad_value(self, stride: int, size: tuple[int, int]) -> None:
        net = Net((3, *size))
        y = net.norm(net.input, [1.0, -2.0, 0.1], [0.3, 0.1, -2.0])
        conv = conv_of(folds(net, net.conv(y, stride=stride, pad=1), frames((3, *size)), "conv2d"))
        assert conv.pad is not None
        assert blend.tensor_type(conv.bias).get_num_dims() == 1

    @pytest.mark.parametrize("stride", [1, 2])
    def test_zero_gamma_takes_a_border_map(self, stride: int) -> None:
        net = Net((2, 5, 6))
        y = net.norm(net.input, [1.0, 0.0], [0.3, 0.7])
        conv = conv_of(folds(net, net.conv(y, stride=stride, pad=1), frames((2, 5, 6)), "conv2d"))
        assert conv.pad is None
        assert blend.tensor_type(conv.bias).get_shape() == (2, 3, 2 if stride == 2 else 3)

    @pytest.mark.parametrize(("mean", "mapped"), [([100, 0], False), ([100.5, 0], True), ([256, 0], True)])
    def test_pixels(self, mean: list[float], mapped: bool) -> None:
        net = Net((2, 4, 5), ui8)
        y = net.affine(net.input, mean, [0.01, 0.02], [0.0, 0.0])
        x = np.random.default_rng(0).integers(0, 256, (3, 2, 4, 5), np.uint8)
        conv = conv_of(folds(net, net.conv(y, pad=1), x, "conv2d"))
        assert (conv.pad is None) == mapped
        assert (blend.tensor_type(conv.bias).get_num_dims() == 3) == mapped

    @pytest.mark.parametrize("producer", ["input", "add", "max_pool"])
    def test_producers_that_cannot_absorb(self, producer: str) -> None:
        net = Net((2, 4, 4))
        z = net.input
        if producer == "add":
            z = net.add(blend.AddOp(z, z))
        elif producer == "max_pool":
            z = net.add(blend.MaxPool2dOp(z, (3, 3), (1, 1), (1, 1)))
        left = [] if producer == "input" else [producer + ("2d" if producer == "max_pool" else "")]
        folds(net, net.conv(net.norm(z, [1.0, -0.5]), pad=1), frames((2, 4, 4)), *left, "conv2d")

    def test_pad_values_that_do_not_fit_the_format(self) -> None:
        """
        A tiny gamma gives a pad value far outside the input's range: quantize makes it a border map.
        """
        net = Net((2, 4, 4))
        module = net.module(net.conv(net.norm(net.input, [1e-4, 1.0], [1.0, 0.5]), pad=1))
        x = frames((2, 4, 4), 8)
        assert np.abs(run(lower(module, "fixed", x), x) - run(module, x)).max() < 1e-2

    def test_unpadded_and_linear(self) -> None:
        net = Net((2, 4, 4))
        folds(net, net.conv(net.norm(net.input)), frames((2, 4, 4)), "conv2d")
        net = Net((3,))
        y = net.add(blend.LinearOp(net.norm(net.input), *net.reals(np.ones((2, 3)), [1.0, 2.0])))
        folds(net, y, frames((3,)), "linear")


class TestP8NormAfterConv:
    @pytest.mark.parametrize("gamma", [[1.0, -1.0], [0.0, 2.0]])
    def test_conv_and_linear(self, gamma: list[float]) -> None:
        net = Net((3, 4, 4))
        folds(net, net.norm(net.conv(net.input, pad=1), gamma), frames((3, 4, 4)), "conv2d")
        net = Net((3,))
        y = net.add(blend.LinearOp(net.input, *net.reals(np.ones((2, 3)), [1.0, 2.0])))
        folds(net, net.norm(y, gamma), frames((3,)), "linear")

    def test_binary_conv_keeps_its_bits(self) -> None:
        net = Net((3, 4, 4))
        v = net.binary_conv(net.sign(net.input), net.random_bits(2, 3, 3, 3), pad=1)
        y = net.norm(net.count(v), [1.0, -1.0])
        folds(net, y, frames((3, 4, 4)), "threshold", "binary_conv2d", "affine")


class TestP9Chains:
    @pytest.mark.parametrize("pool", [False, True])
    def test_norm_conv_norm(self, pool: bool) -> None:
        net = Net((2, 4, 4))
        y = net.norm(net.input)
        if pool:
            y = net.add(blend.AvgPool2dOp(y, (2, 2), (2, 2), (0, 0), 4))
        y = net.norm(net.conv(y, kernel=1 if pool else 3, pad=0 if pool else 1))
        left = ["avg_pool2d", "conv2d"] if pool else ["conv2d"]
        folds(net, y, frames((2, 4, 4)), *left)


def residual_block(net: Net, z: SSAValue) -> SSAValue:
    """
    `bn(prelu(bn(conv(sign(z))))) + z`, the shape of a BlendNet module, with the norms after the addition.
    """
    channels = blend.tensor_type(z).get_shape()[1]
    v = net.binary_conv(net.sign(z), net.random_bits(channels, channels, 3, 3), pad=1)
    y = net.add(blend.PReluOp(net.norm(net.count(v)), *net.reals([0.25] * channels)))
    total = net.add(blend.AddOp(net.norm(y), z))
    return net.norm(total, net.rng.uniform(0.4, 2, channels))


class TestP10ForksAndAdds:
    """
    Residual streams in form R (renormalize) and form C (affine).
    """

    @pytest.mark.parametrize(("residual", "user"), [("renormalize", "func.return"), ("affine", "blend.add")])
    def test_chained_blocks(self, residual: str, user: str) -> None:
        """
        Form R carries the one pending scale to the output, form C leaves it on the skip.
        """
        net = Net((3, 4, 4))
        y = residual_block(net, residual_block(net, net.input))
        module = net.module(y)
        x = frames((3, 4, 4), 6)
        folded = lower(module, "folded", fold_bn_residual=residual)
        assert np.allclose(run(folded, x), run(module, x), atol=1e-9)
        assert "batch_norm" not in names(folded)
        (affine,) = [op for op in folded.walk() if isinstance(op, blend.AffineOp)]
        assert [use.operation.name for use in affine.result.uses] == [user]

    def test_negative_scale_on_the_skip_stays(self) -> None:
        net = Net((2, 3, 3))
        skip = net.norm(net.input, [1.0, -1.0])
        y = net.add(blend.AddOp(skip, net.conv(net.input, pad=1)))
        folds(net, y, frames((2, 3, 3)), "affine", "conv2d", "add")

    def test_both_sides_absorb(self) -> None:
        net = Net((2, 3, 3))
        y = net.norm(net.add(blend.AddOp(net.conv(net.input, pad=1), net.conv(net.input, pad=1))), [0.0, -2.0])
        folds(net, y, frames((2, 3, 3)), "conv2d", "conv2d", "add")

    def test_fork_is_looked_through(self) -> None:
        net = Net((2, 3, 3))
        z = net.norm(net.input, [1.0, 2.0])
        y = net.add(blend.AddOp(net.conv(z, pad=1), net.conv(z, pad=1)))
        folds(net, y, frames((2, 3, 3)), "conv2d", "conv2d", "add")

    def test_axes_do_not_mix(self) -> None:
        """
        An affine along another axis is not absorbed by either side, and the pass ends.
        """
        net = Net((3, 5, 4))
        sides = [net.add(blend.PReluOp(net.input, *net.reals([0.1, 0.2, a]))) for a in (0.3, 0.4)]
        y = net.norm(net.add(blend.AddOp(*sides)), axis=2)
        folds(net, y, frames((3, 5, 4)), "piecewise_linear", "piecewise_linear", "add", "affine")

    def test_concat_reshape_and_transpose(self) -> None:
        net = Net((2, 3, 4))
        joined = net.add(blend.ConcatOp([net.norm(net.input), net.input], 1))
        moved = net.add(blend.TransposeOp(joined, (0, 2, 3, 1)))
        flat = net.add(blend.ReshapeOp(moved, (1, 48)))
        y = net.add(blend.LinearOp(flat, *net.reals(net.rng.normal(size=(2, 48)), [0.0, 1.0])))
        folds(net, y, frames((2, 3, 4)), "concat", "transpose", "reshape", "linear")

    def test_affine_along_a_moved_axis(self) -> None:
        net = Net((2, 3, 4))
        moved = net.add(blend.TransposeOp(net.norm(net.input, [1.0, -2.0]), (0, 3, 2, 1)))
        after = folds(net, moved, frames((2, 3, 4)), "transpose", "affine")
        (affine,) = [op for op in after.walk() if isinstance(op, blend.AffineOp)]
        assert affine.axis.value.data == 3

    def test_sum_of_very_different_units(self) -> None:
        net = Net((2, 3, 3))
        tiny = net.conv(net.input, 1e-18 * net.rng.normal(size=(2, 2, 1, 1)), [0.0, 0.0])
        module = net.module(net.add(blend.AddOp(tiny, net.conv(net.input, kernel=1))))
        x = frames((2, 3, 3), 8)
        assert np.abs(run(lower(module, "fixed", x), x) - run(module, x)).max() < 1e-2


class TestP11Scales:
    def test_scales_merge(self) -> None:
        net = Net((3,))
        y = net.affine(net.input, [1.0, 2, 3], [2.0, -1, 0], [0.0, 1, 2])
        folds(net, net.affine(y, [0.0, 1, 0], [3.0, 1, 1], [1.0, 0, 0]), frames((3,)), "affine")

    def test_binary_weights_with_scales_become_bits(self) -> None:
        net = Net((3, 4, 4))
        alpha = np.array([0.3, 0.0])[:, None, None, None]
        weight = alpha * SIGNS[net.random_bits(2, 3, 3, 3).astype(int)]
        bits = net.add(blend.BitsToValueOp(net.sign(net.input)))
        folds(net, net.conv(bits, weight, [0.5, 1.0], pad=1), frames((3, 4, 4)), "threshold", "binary_conv2d", "affine")


def unit_of(module: ModuleOp) -> float:
    """
    The unit of a module's result.
    """
    element = blend.tensor_type(next(op for op in module.walk() if op.name == "func.return").operands[0]).element_type
    return blend.element_format(element).lsb


def exact_of(op: Operation, source: Reals, other: Reals) -> Reals:
    """
    An operation on the real values of its first two operands, as floats.
    """
    parameters = [blend.constant_value(v) * fmt_of(v) for v in op.operands if is_constant(v)]
    match op:
        case blend.PiecewiseLinearOp():
            _, a0, b0, a1, b1 = parameters
            k = blend.constant_value(op.breakpoint) * fmt_of(op.input)
            return np.where(source >= k, a1 * source + b1, a0 * source + b0)
        case blend.FixedLinearOp():
            weight, bias = parameters
            return source @ weight.T + bias
        case _:
            assert isinstance(op, blend.AddOp)
            return source + other


def is_constant(value: SSAValue) -> bool:
    return isinstance(value.owner, blend.ConstantOp)


def fmt_of(value: SSAValue) -> float:
    """
    The unit of a value of the IR.
    """
    element = blend.tensor_type(value).element_type
    return blend.element_format(element).lsb if isinstance(element, blend.FixedType) else 1.0


class TestP12ErrorBounds:
    """
    Fixed point: every operation, given the operands it really had, is within half a unit of the exact value, or of the
    end of its format where that lies beyond.
    """

    @pytest.mark.parametrize("rounding", ["half_up", "half_even"])
    @pytest.mark.parametrize("bits", [8, 12, 16])
    def test_teacher_forced(self, rounding: str, bits: int) -> None:
        net = Net((4,))
        y = net.add(blend.LinearOp(net.input, *net.reals(net.rng.normal(size=(4, 4)), [0.1, 0.2, -0.3, 0.0])))
        z = net.norm(net.add(blend.PReluOp(net.norm(y), *net.reals([0.25, -0.5, 2.0, 0.0]))))
        module = net.module(net.add(blend.AddOp(z, net.input)))
        x = frames((4,), 64)  # one chunk
        fixed = lower(module, "fixed", x, quantize_bits=bits, quantize_skip_bits=bits, quantize_rounding=rounding)
        seen: dict[SSAValue, NDArray[Any]] = {input_of(fixed): run_input(fixed, x)}

        def observe(op: Operation, index: int, value: NDArray[Any]) -> None:
            seen[op.results[index]] = value

        run(fixed, x, observe)
        assert names(fixed) == ["fixed_linear", "piecewise_linear", "add"]
        for value, integers in seen.items():
            op = value.owner
            if isinstance(op, blend.BlendOp):
                operands = [seen[v] * fmt_of(v) for v in op.operands if v in seen]
                exact = exact_of(op, operands[0], operands[-1]) / fmt_of(value)
                fmt = blend.element_format(blend.tensor_type(value).element_type)
                assert np.abs(integers - exact.clip(fmt.low, fmt.high)).max() <= 0.5 + 1e-6, op.name

    def test_end_to_end_bound(self) -> None:
        """
        Without signs on the way the errors add up linearly with the gains.
        """
        net = Net((4,))
        module = net.module(net.norm(net.add(blend.PReluOp(net.input, *net.reals([0.25, -0.5, 2.0, 1.0])))))
        x = frames((4,), 300)
        fixed = lower(module, "fixed", x)
        (pieces,) = [op for op in run_pass(module, FoldBNPass()).walk() if isinstance(op, blend.PiecewiseLinearOp)]
        gain = max(np.abs(blend.constant_value(v)).max() for v in (pieces.slope0, pieces.slope1))
        bound = gain * fmt_of(input_of(fixed)) / 2 + 0.75 * unit_of(fixed)
        assert np.abs(run(fixed, x) - run(module, x)).max() <= bound

    @pytest.mark.parametrize(("rounding", "expected"), [("half_up", [1, 1, 2, 0]), ("half_even", [0, 1, 2, 0])])
    def test_ties(self, rounding: str, expected: list[int]) -> None:
        net = Net((4,), blend.FixedType(8, 7))
        y = net.add(blend.RequantizeOp(net.input, blend.FixedType(8, 8), rounding=Rounding(rounding)))
        x = np.array([[0.5, 1.0, 1.5, -0.5]])
        assert run(net.module(y), x).tolist() == [expected]

    def test_saturation(self) -> None:
        net = Net((2,), blend.FixedType(8, 8))
        module = net.module(net.add(blend.RequantizeOp(net.input, blend.FixedType(4, 4))))
        assert run(module, np.array([[100.0, -100.0]])).tolist() == [[7.0, -8.0]]


def input_of(module: ModuleOp) -> SSAValue:
    (main,) = [op for op in module.walk() if op.name == "func.func"]
    return main.regions[0].block.args[0]


def run_input(module: ModuleOp, x: Reals) -> Reals:
    """
    The integers that enter a fixed-point module.
    """
    kind = blend.tensor_type(input_of(module))
    return blend.element_format(kind.element_type).encode(x).astype(np.float64)


class TestP13ConditionalExactness:
    def test_bits_agree_where_the_margin_exceeds_the_error(self) -> None:
        net = Net((6,))
        z = net.norm(net.input, net.rng.uniform(0.5, 2, 6))
        bits = net.sign(z)
        v = net.add(blend.BinaryLinearOp(bits, net.constant(net.random_bits(3, 6), i1)))
        module = net.module(net.count(v))
        x = frames((6,), 500)
        fixed = lower(module, "fixed", x, quantize_bits=6)
        quantum = fmt_of(input_of(fixed))
        (limits,) = [
            blend.constant_value(op.threshold)
            for op in run_pass(module, FoldBNPass()).walk()
            if isinstance(op, blend.ThresholdOp)
        ]
        safe = (np.abs(x - limits) > quantum / 2).all(axis=1)
        y, y_fixed = run(module, x), run(fixed, x)
        assert 0 < safe.sum() < len(x)
        assert np.array_equal(y[safe], y_fixed[safe])
        assert (y != y_fixed).any()  # coarse formats do flip bits near the threshold
        assert ((y - y_fixed) % 2 == 0).all()  # each flip moves an accumulator by 2


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
