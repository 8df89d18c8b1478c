"""
Activations of a few levels: exact thresholds, integer products, and the networks that use them at every stage.
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from agreement import imported, lowered
from hypothesis import example, given
from hypothesis import strategies as st
from modules import Net
from torch import Tensor, nn
from torch_counts import torch_counts
from xdsl.dialects.builtin import ModuleOp, f64, i1

import blendir
from blendir.dialects import blend
from blendir.models.dorefa import DOREFA20, dorefa
from blendir.models.dsq import DSQ20, dsq
from blendir.models.entry import ZooEntry
from blendir.models.fracbnn import FRACBNN20, fracbnn
from blendir.models.irnet import irnet
from blendir.models.resnet import RESNET20
from blendir.passes.fold.laws.level_products import common_unit
from blendir.passes.fold.laws.scaled_levels import Scaled
from blendir.passes.fold.monotone import (
    Clamp,
    ExactAffine,
    ExactBatchNorm,
    Grid,
    Monotone,
    Ray,
    Rounding,
    first_of,
    quantizer_levels,
)
from blendir.tools.counts import count

MOST = 15
eighths = st.integers(-40, 40).map(lambda n: n / 8)
positive = st.integers(1, 24).map(lambda n: n / 8)
signed = st.one_of(eighths, st.just(0.0))


class Function:
    """
    round(clamp(norm(v * alpha + bias)) * scale + shift) in exact arithmetic; the variance is the square of `sigma`.
    """

    def __init__(self, alpha: float, bias: float, norm: tuple[float, ...], bounds: tuple[float, float], scale: float):
        self.inner = tuple(map(Fraction, (alpha, bias)))
        self.gamma, self.beta, self.mean, self.sigma = map(Fraction, norm)
        self.bounds = bounds
        self.scale = Fraction(scale)

    def __call__(self, v: Fraction) -> int:
        y = self.gamma * (v * self.inner[0] + self.inner[1] - self.mean) / self.sigma + self.beta
        low, high = map(Fraction, self.bounds)
        return round(min(max(y, low), high) * self.scale)

    def exact(self, normalized: bool) -> Monotone:
        inner = ExactAffine(Fraction(0), *self.inner)
        norm = [ExactBatchNorm(self.gamma, self.beta, self.mean, self.sigma**2)] if normalized else []
        return Monotone([inner, *norm, Clamp(*self.bounds), ExactAffine(Fraction(0), self.scale, Fraction(0))])


functions = st.builds(
    Function,
    signed,
    eighths,
    st.tuples(signed, eighths, eighths, positive),
    st.tuples(st.integers(-8, 0), st.integers(1, 8)).map(lambda b: (b[0] / 8, b[1] / 8)),
    st.sampled_from([1.0, 2.0, 4.0, -2.0, 1 / 3]),
)


def level(x: float, low: int, limits: np.ndarray, invert: np.ndarray) -> int:
    return low + sum((x >= t) != invert[0] for t in limits[0])


@example(Function(1 / 8, 3 / 8, (-1 / 8, 0.0, 0.0, 1 / 8), (-0.25, 0.125), 4.0), 2)
@given(functions, st.integers(1, 30))
def test_thresholds_of_integers_are_exact_over_all_of_them(function: Function, most: int) -> None:
    grid = Grid(-most, most)
    found = quantizer_levels([function.exact(True)], grid, MOST)
    values = [function(Fraction(v)) for v in range(-most, most + 1)]
    if found is None:
        assert len(set(values)) == 1 or abs(function.scale) * 2 > MOST
        return
    assert [level(v, *found) for v in range(-most, most + 1)] == values
    assert grid.low <= found[1].min()
    assert found[1].max() <= grid.high + 1


@given(functions)
def test_thresholds_of_doubles_are_the_first_that_round_up(function: Function) -> None:
    function.gamma, function.beta, function.mean, function.sigma = map(Fraction, (1, 0, 0, 1))
    found = quantizer_levels([function.exact(False)], None, MOST)
    if found is None:
        return
    for threshold in found[1][np.isfinite(found[1])].tolist():
        for x in (threshold, np.nextafter(threshold, -np.inf), np.nextafter(threshold, np.inf)):
            assert level(x, *found) == function(Fraction(float(x)))


@given(st.integers(-1000, 1000).map(lambda n: n / 8))
def test_a_threshold_before_rounding_is_half_a_unit_lower(limit: float) -> None:
    condition = Rounding().before(Ray(Fraction(limit)))
    first, _ = first_of(condition, None)
    assert round(float(first)) >= limit > round(float(np.nextafter(first, -np.inf)))


def test_too_many_levels_and_endless_ones_stay() -> None:
    sixteen = [Monotone([Clamp(0.0, 1.0), ExactAffine(Fraction(0), Fraction(16), Fraction(0))])] * 2
    assert quantizer_levels(sixteen, None, MOST) is None
    assert quantizer_levels(sixteen, None, MOST + 1) is not None
    assert quantizer_levels([Monotone([Clamp(0.0, np.inf)])] * 2, None, MOST) is None


# Networks


class Quantize(nn.Module):
    """
    Clamp, scale, shift, round, shift and scale back.
    """

    def __init__(self, low: float, high: float, steps: int, after: bool = False):
        super().__init__()
        self.low, self.high, self.step, self.after = low, high, (high - low) / steps, after

    def forward(self, x: Tensor) -> Tensor:
        if self.after:  # clamps integers
            low, high = round(self.low / self.step), round(self.high / self.step)
            return torch.clamp(torch.round(x / self.step), low, high) * self.step
        return torch.round((x.clamp(self.low, self.high) - self.low) / self.step) * self.step + self.low


class StraightThrough(Quantize):
    """
    The same, with the gradient of the identity.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x + (super().forward(x) - x).detach()


class SignConv(nn.Module):
    """
    A convolution with weights +-alpha[o].
    """

    def __init__(self, channels: int, outputs: int, stride: int = 1, padding: int = 1):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(outputs, channels, 3, 3) - 0.5)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.sign(self.weight) * self.weight.abs().mean((1, 2, 3), keepdim=True)
        return F.conv2d(x, weight.to(x.dtype), None, self.stride, self.padding)


class Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def norm(channels: int, generator: torch.Generator) -> nn.BatchNorm2d:
    """
    Gammas of either sign, the first 0, and means that accumulators hit.
    """
    bn = nn.BatchNorm2d(channels)
    for value in (bn.weight.data, bn.bias.data):
        value.copy_(torch.randint(-4, 5, (channels,), generator=generator) / 4)
    bn.weight.data[0] = 0.0
    assert bn.running_mean is not None
    bn.running_mean.copy_(torch.randint(-6, 7, (channels,), generator=generator) / 2)
    return bn


def network(activation: Callable[[], nn.Module], padding: int = 1) -> tuple[nn.Module, Tensor]:
    """
    Real, then two binary-weight convolutions of quantized activations, and a pool between them.
    """
    torch.manual_seed(1)
    g = torch.Generator().manual_seed(2)
    model = nn.Sequential(
        *(nn.Conv2d(2, 4, 3, padding=1), norm(4, g), activation(), nn.MaxPool2d(2)),
        *(SignConv(4, 6, padding=padding), norm(6, g), activation(), SignConv(6, 5, 2, padding), norm(5, g)),
        *(Mean(), nn.Linear(5, 3)),
    ).eval()
    return model, torch.randn(6, 2, 12, 12, generator=g)


def kinds(module: ModuleOp) -> list[str]:
    return [op.name.removeprefix("blend.") for op in module.walk() if isinstance(op, blend.BlendOp)]


@pytest.mark.parametrize(
    ("activation", "conv", "thresholds"),
    [
        (lambda: Quantize(0.0, 1.0, 3), "fixed_conv2d", (0, 1)),
        (lambda: Quantize(0.0, 1.0, 1), "binary_conv2d", None),
        (lambda: StraightThrough(-1.0, 1.0, 3), "fixed_conv2d", (-3, 2)),
        (lambda: Quantize(-0.8, 0.7, 15), "fixed_conv2d", (-8, 1)),
        (lambda: Quantize(-0.6, 0.8, 14), "fixed_conv2d", (0, 1)),  # -6 .. 8 differ in five bits, 0 .. 14 in four
        (lambda: Quantize(-0.75, 0.5, 5, after=True), "fixed_conv2d", (-3, 1)),
        (lambda: Quantize(-0.3, 0.8, 3), "conv2d", (0, 1)),
    ],
)
def test_every_stage_agrees(activation: Callable[[], nn.Module], conv: str, thresholds: tuple[int, int] | None) -> None:
    """
    Where the real zero is a level, or halfway between two, products are integers and zero padding needs no table; the
    zero is level 0 unless that takes more bits.
    """
    model, frames = network(activation)
    stages = lowered(imported(model, frames), frames)
    found = kinds(stages["folded"])
    assert found.count(conv) == 2 + (conv == "conv2d")
    assert found.count("affine") == found.count("round") == found.count("clamp") == 0
    for op in stages["folded"].walk():
        if isinstance(op, blend.MultiThresholdOp):
            assert (op.lowest.value.data, op.step.value.data) == thresholds
        if isinstance(op, blend.FixedConv2dOp):
            assert op.pad is None or set(blend.constant_value(op.pad)) == {6}
    assert found.count("multi_threshold") == (0 if thresholds is None else 2)


@pytest.mark.parametrize("low", [0.0, -0.3])
def test_zero_padding_of_levels_is_exact(low: float) -> None:
    """
    Outside taps add nothing, not the nearest level: behind the first activation only the last layer rounds.
    """
    model, frames = network(lambda: Quantize(low, 1.0, 3))
    stages = lowered(imported(model, frames), frames, quantize_bits=20, quantize_skip_bits=20)
    y, fixed = (blendir.run(stages[s], frames.numpy()) for s in ("folded", "fixed"))
    close = np.abs(fixed - y).max(axis=1) < 1e-2
    assert close.sum() >= len(frames) - 1  # a frame may round to another level at the first activation


class Uneven(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x >= 0, 1.0, 0.1).to(x.dtype)


def test_a_real_zero_between_two_levels_is_not_rounded_to_one() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(Uneven(), nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(32, 2)).eval()
    frames = torch.randn(3, 1, 4, 4)
    stages = lowered(imported(model, frames), frames)
    y, fixed = (blendir.run(stages[s], frames.numpy()) for s in ("folded", "fixed"))
    np.testing.assert_allclose(fixed, y, 0, 2e-3)


def test_without_padding_any_zero_is_exact() -> None:
    model, frames = network(lambda: Quantize(-0.3, 1.0, 3), padding=0)
    assert kinds(lowered(imported(model, frames), frames)["folded"]).count("fixed_conv2d") == 2


def test_other_weights_and_open_ranges_stay_real() -> None:
    torch.manual_seed(0)
    frames = torch.randn(3, 2, 6, 6)
    real = nn.Sequential(nn.Conv2d(2, 3, 3), Quantize(0.0, 1.0, 3), nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    found = kinds(lowered(imported(real.eval(), frames), frames)["folded"])
    assert found.count("conv2d") == 2
    assert found.count("multi_threshold") == 1


@pytest.mark.parametrize("levels", [4, 6, 8])
def test_parameters_stand_for_integers_up_to_rounding(levels: int) -> None:
    """
    Weights that arithmetic has rounded are multiples of one number, those that differ by more are not.
    """
    steps = np.arange(levels).reshape(2, -1, 1, 1)
    weight = 2 * (steps / (levels - 1.0)) - 1
    found = common_unit(weight)
    assert found is not None
    alpha, integers = found
    assert np.array_equal(integers, 2 * steps - (levels - 1))
    np.testing.assert_allclose(alpha, 1 / (levels - 1), 2.0**-45)
    weight[0, 0] += 1e-13
    assert common_unit(weight) is None


@pytest.mark.parametrize("offset", [-1.0, -1 + 1e-11])
def test_a_zero_is_a_level_up_to_rounding_alone(offset: float) -> None:
    net = Net((2, 4, 4))
    limits, invert = net.constant(np.zeros((2, 3)), f64), net.constant(np.zeros(2, bool), i1)
    levels = net.add(blend.MultiThresholdOp(net.input, limits, invert, 0))
    scaled = Scaled.of(net.affine(levels, [0.0] * 2, [2 / 3] * 2, [offset] * 2))
    assert scaled is not None
    assert (scaled.zero == 1.5) == (offset == -1.0)


class Rounded(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.round(x * 4) / 4


def test_a_round_without_bounds_is_a_requantize_half_to_even() -> None:
    frames = torch.arange(-16.0, 16.0).view(2, 1, 4, 4) / 8  # every second one is a tie
    model = Rounded().eval()
    stages = lowered(imported(model, frames), frames)
    assert "requantize" in kinds(stages["fixed"])
    np.testing.assert_array_equal(blendir.run(stages["fixed"], frames.numpy()), model(frames).numpy())


class SignOfLevels(nn.Module):
    """
    Comparisons of levels: between two, at one, and of an inverted order.
    """

    def forward(self, x: Tensor) -> Tensor:
        q = torch.round(x.clamp(-1, 1) * 1.5 + 1.5) / 1.5 - 1
        parts = [torch.where(v, 1.0, -1.0) for v in (q >= 0, q > 1 / 3, -q >= 0.2, q >= 2, q >= -1)]
        return torch.cat([p.to(x.dtype) for p in parts], 1)


def test_thresholds_of_levels_are_thresholds() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(SignOfLevels(), nn.Flatten(), nn.Linear(160, 2)).eval()
    frames = torch.randn(4, 2, 4, 4)
    assert "multi_threshold" not in kinds(lowered(imported(model, frames), frames)["folded"])


# The networks of the zoo

NARROW = {"image": (3, 8, 8), "widths": (4, 8), "blocks_per_stage": 1, "classes": 3}
BITS = {"activation_bounds": (0.07, 1.7), "weight_bounds": (-0.11, 0.13)}


def entry(name: str, make: Callable[[], nn.Module]) -> ZooEntry:
    return ZooEntry(name, make, (3, 8, 8), 255, "")


NETWORKS = [
    entry("dorefa", lambda: dorefa(replace(DOREFA20, **NARROW))),
    entry("dorefa-1bit", lambda: dorefa(replace(DOREFA20, **NARROW, activation_bits=1))),
    entry("dsq", lambda: dsq(replace(DSQ20, **NARROW))),
    entry("dsq-uneven", lambda: dsq(replace(DSQ20, **NARROW, **BITS))),
    entry("irnet", lambda: irnet(replace(RESNET20, **NARROW))),
    entry("fracbnn", lambda: fracbnn(replace(FRACBNN20, **NARROW, resolution=15))),
    entry("fracbnn-1bit", lambda: fracbnn(replace(FRACBNN20, **NARROW, resolution=15, gated=False))),
]


STEM, CLASSIFIER = 3 * 9 * 4 * 8 * 8, 8 * 3
PLANES = {"dorefa": (2, STEM + CLASSIFIER), "fracbnn": (2, CLASSIFIER)}
"""Counts for each product of a quantized layer, and the products of real ones."""


@pytest.mark.parametrize("narrow", NETWORKS, ids=lambda narrow: narrow.name)
def test_networks(narrow: ZooEntry, tmp_path: Path) -> None:
    network, frames = narrow.random(), narrow.example(4)
    stages = lowered(imported(network, frames), frames)
    y = blendir.run(stages["fixed"], frames.numpy())
    assert len(np.unique(y, axis=0)) == len(frames)
    if narrow.name in PLANES:
        counted, products = count(stages["packed"]), torch_counts(narrow)
        planes, real = PLANES[narrow.name]
        assert (counted.bmac, counted.fpmac) == (products.bmac + planes * (products.fpmac - real), real)
    if narrow.name == "fracbnn":  # pixels, levels, bits and gates
        build = blendir.compile(stages["stream"], tmp_path / "design")
        np.testing.assert_array_equal(build.csim(frames.numpy()), y)


def test_weights_of_irnet_are_powers_of_two() -> None:
    model = irnet(replace(RESNET20, **NARROW))
    for name, module in model.named_modules():
        if name.endswith("quantizer"):
            weight = module(model.get_submodule(name.removesuffix(".quantizer")).weight)
            exponents = torch.log2(weight.abs())
            assert torch.equal(exponents, exponents.round())
            assert len(weight.abs().flatten(1).unique(dim=1)[0]) == 1
