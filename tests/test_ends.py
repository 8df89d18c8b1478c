"""
Formats of whole networks: bounds follow the input, and a format spends no bits on values that no reader tells apart.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import blendir
from blendir.functions import FLAT, FLAT_BELOW, Function, evaluate
from blendir.passes.ranges.ends import through

NUMBERS = st.floats(-100, 100)
SLOPES = st.floats(0.01, 100) | st.just(0.0)
BOUND = 0.02
"""The largest error at 16 bits, relative to the standard deviation of the outputs."""


@given(NUMBERS, SLOPES, SLOPES, NUMBERS, NUMBERS, NUMBERS, st.booleans(), st.lists(NUMBERS, min_size=1))
def test_beyond_the_ends_a_function_is_constant_or_outside(k, a0, a1, meet, low, high, falls, xs):
    low, high = min(low, high), max(low, high)
    if falls:
        a0, a1 = -a0, -a1
    b0, b1 = meet - a0 * k, meet - a1 * k
    below, above = through(k, a0, b0, a1, b1, (low, high))
    x = np.array([*xs, -1e4, 1e4])

    def seen(x):
        return np.where(x >= k, a1 * x + b1, a0 * x + b0).clip(low, high)

    clipped = x.clip(min(below, above), max(below, above))
    np.testing.assert_allclose(seen(clipped), seen(x), atol=1e-9 * (1 + 200 * max(abs(a0), abs(a1))))


def test_a_function_that_rises_and_falls_matters_everywhere():
    assert through(0.0, -1.0, 0.0, 1.0, 0.0, (-1.0, 1.0)) == (-math.inf, math.inf)


@pytest.mark.parametrize("function", FLAT_BELOW)
def test_below_their_ends_activations_are_flat(function: Function):
    x = np.linspace(FLAT_BELOW[function], -60, 10_000)
    values = evaluate(function, x)
    assert values.max() - values.min() < FLAT


class Gate(nn.Module):
    """
    `x * f(conv(x))`.
    """

    def __init__(self, channels: int, function):
        super().__init__()
        self.conv, self.function = nn.Conv2d(channels, channels, 1), function

    def forward(self, x):
        return x * self.function(self.conv(x))


class Unlike(nn.Module):
    """
    The sum of what is large and what is small.
    """

    def __init__(self, channels: int, scale: float):
        super().__init__()
        self.conv, self.scale = nn.Conv2d(channels, channels, 1), scale

    def forward(self, x):
        return x + self.scale * F.hardtanh(self.conv(x))


class Scale(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale, dtype=torch.float32).reshape(1, -1, 1, 1))

    def forward(self, x):
        return x * self.scale


class Pick(nn.Module):
    def forward(self, x):
        return x[:, ::2]


def norm(channels: int, random: np.random.Generator) -> nn.Module:
    made = nn.BatchNorm2d(channels)
    made.weight.data = torch.tensor(random.uniform(-1.5, 1.5, channels), dtype=torch.float32)
    made.running_mean = torch.tensor(random.normal(0, 1, channels), dtype=torch.float32)
    made.running_var = torch.tensor(10 ** random.uniform(-1, 1, channels), dtype=torch.float32)
    return made


def network(seed: int) -> tuple[nn.Module, np.ndarray]:
    """
    A network of 2 to 6 layers, and frames of a scale from 0.01 to 10. In a third of the cases, half of the values are
    zeros.
    """
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    channels = first = int(random.integers(2, 6))
    layers: list[nn.Module] = []
    for _ in range(int(random.integers(2, 7))):
        kind = random.choice(["conv", "norm", "prelu", "hardtanh", "relu6", "pool", "scale", "pick", "gate", "unlike"])
        bound = float(10 ** random.uniform(-1, 1))
        match kind:
            case "conv":
                layers.append(nn.Conv2d(channels, 6, 3, padding=1))
                channels = 6
            case "norm":
                layers.append(norm(channels, random))
            case "prelu":
                layers.append(nn.PReLU(channels))
                layers[-1].weight.data = torch.tensor(random.normal(0, 0.5, channels), dtype=torch.float32)
            case "hardtanh":
                layers.append(nn.Hardtanh(-bound, bound))
            case "relu6":
                layers.append(nn.ReLU6())
            case "pool" if len(layers) < 3:
                layers.append(random.choice([nn.MaxPool2d(2), nn.AvgPool2d(2)]))
            case "scale":
                layers.append(Scale(random.normal(0, 1, channels) * bound))
            case "pick":
                layers.append(Pick())
                channels = (channels + 1) // 2
            case "gate":
                layers.append(Gate(channels, random.choice([torch.sigmoid, torch.tanh, F.hardsigmoid])))
            case _:
                layers.append(Unlike(channels, 10 ** random.uniform(-3, 2)))
    x = random.normal(0, 1, (24, first, 8, 8)) * 10 ** random.uniform(-2, 1)
    return nn.Sequential(*layers).eval(), (x * (random.random(x.shape) < 0.5) if random.random() < 1 / 3 else x)


def error(model: nn.Module, x: np.ndarray) -> float:
    """
    The root mean square error at 16 bits on frames that calibration did not see, relative to the standard deviation.
    """
    folded = blendir.lower(blendir.from_torch(model, x.astype(np.float32)), "folded")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of layers that saturate
        fixed = blendir.lower(folded, "fixed", x[:16])
    want, got = (blendir.run(module, x[16:]) for module in (folded, fixed))
    return 0.0 if want.std() < 1e-3 * np.abs(want).max() else float(np.sqrt(((want - got) ** 2).mean()) / want.std())


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_keep_their_precision(seed: int):
    assert error(*network(seed)) < BOUND


@pytest.mark.parametrize(
    "layers",
    {
        "a large input": lambda: [nn.PReLU(3)],
        "a gate of a large input": lambda: [Gate(3, torch.sigmoid), nn.Conv2d(3, 4, 3)],
        "a clamp of large sums": lambda: [Scale([900.0]), nn.Conv2d(3, 4, 3), nn.Hardtanh(-0.2, 0.3)],
        "a clamp behind slopes": lambda: [nn.Conv2d(3, 4, 3), Scale([300.0]), nn.PReLU(4), nn.Hardtanh(-0.2, 0.3)],
        "a clamp behind a table": lambda: [nn.GELU(), nn.Hardtanh(-0.2, 0.3)],
        "a gate of large sums": lambda: [Gate(3, lambda x: torch.sigmoid(500 * x))],
    }.items(),
    ids=lambda item: item[0].replace(" ", "_"),
)
def test_what_no_reader_tells_apart_takes_no_bits(layers):
    torch.manual_seed(1)
    x = np.random.default_rng(0).normal(0, 8, (64, 3, 8, 8))
    assert error(nn.Sequential(*layers[1]()).eval(), x) < 0.005


class TestUnseen:
    """
    A warning names layers that have one constant value on all calibration frames.
    """

    def lowered(self, bias: list[float], frames: int = 8):
        torch.manual_seed(0)
        layers = [nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 1)]
        layers[0].bias.data = torch.tensor(bias)
        x = np.random.default_rng(0).normal(size=(frames, 2, 8, 8)).astype(np.float32)
        blendir.lower(blendir.from_torch(nn.Sequential(*layers).eval(), x), "fixed", x)

    def test_a_dead_layer_is_named(self):
        with pytest.warns(UserWarning, match=r"one and the same value in 1, .*; give more frames with --calibrate"):
            self.lowered([-4.0] * 4)

    def test_a_layer_that_no_frame_can_wake_is_not(self):
        self.lowered([-999.0] * 4)

    def test_dead_channels_are_not(self):
        self.lowered([0.0, -99.0, 0.0, -99.0])
