"""
The propositions about folding, each on small modules before and after the pass that uses it: PReLU (P4), pools (P5,
P6), convolutions (P7, P8), chains (P9), residual additions (P10) and scales (P11).
"""

import itertools

import numpy as np
import pytest
from modules import Net, folds, frames, names, output_of, run_pass, unit_of
from xdsl.dialects.builtin import ModuleOp, i1
from xdsl.ir import SSAValue

from blendir import lower, run
from blendir.dialects import blend
from blendir.dialects.blend import ui8
from blendir.passes.fold.fold_bn import FoldBNPass
from blendir.passes.fold.laws.backward import MOST_SPREAD

SIGNS = np.array([-1, 1])


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

    @pytest.mark.parametrize("relu", [False, True])
    def test_sums_that_equal_a_mean_are_decided_exactly(self, relu: bool) -> None:
        """
        bn(v) is 0 where v is the mean, and its sign +1; what is rounded on the way there falls on either side. A ReLU
        is never negative.
        """
        means = np.resize([1.0, 3.0, -1.0, -3.0, 5.0, -5.0], 16)
        net = Net((9,))
        v = net.add(blend.BinaryLinearOp(net.sign(net.input), net.constant(net.random_bits(16, 9), i1)))
        y = net.norm(net.count(v), np.linspace(0.3, 1.7, 16), np.zeros(16), means, np.linspace(0.5, 7, 16))
        y = net.add(blend.ReluOp(y) if relu else blend.PReluOp(y, *net.reals([0.25] * 16)))
        folded = run_pass(net.module(net.count(net.sign(y))), FoldBNPass())
        limits = [blend.constant_value(op.threshold) for op in folded.walk() if isinstance(op, blend.ThresholdOp)]
        assert limits[1].tolist() == ([-9] * 16 if relu else means.tolist())

    @pytest.mark.parametrize("slope", [-0.3, 1.7])
    def test_prelu_in_fixed_point(self, slope: float) -> None:
        net = Net((2,))
        module = net.module(net.norm(net.add(blend.PReluOp(net.input, *net.reals([slope, slope])))))
        x = frames((2,), 100)
        fixed = lower(module, "fixed", x)
        assert np.abs(run(fixed, x) - run(module, x)).max() < 4 * unit_of(output_of(fixed)) * 2


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

    @pytest.mark.parametrize("gamma", [0.2, 1e-4])
    def test_channels_of_small_scale_do_not_take_bits_of_others(self, gamma: float) -> None:
        """
        A scale that is a small part of the others stays on the skip, others cost three bits at most.
        """
        net = Net((2, 3, 3))
        skip = net.norm(net.input, [gamma, 1.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0])
        module = net.module(net.add(blend.AddOp(skip, net.conv(net.input, pad=1))))
        x = frames((2, 3, 3), 50)
        want = run(module, x)
        forms = [lower(module, "fixed", x, fold_bn_residual=form) for form in ("renormalize", "affine")]
        renormalized, affine = (float(np.square(run(fixed, x) - want).mean()) for fixed in forms)
        assert renormalized <= MOST_SPREAD**2 * affine

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
