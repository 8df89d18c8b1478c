"""
Values that are only compared are not rounded: levels and bits of exact sums are those of the folded network.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from xdsl.dialects.builtin import f64
from xdsl.ir import Operation

import blendir
from blendir import widths
from blendir.backends.traces import Parts
from blendir.dialects.blend import (
    ConstantOp,
    FixedConv2dOp,
    FixedLinearOp,
    MultiThresholdOp,
    RequantizeOp,
    ThresholdOp,
    element_format,
    tensor_type,
)
from blendir.interpreter import main_function
from blendir.numerics import Format

FORMATS = st.builds(Format, st.integers(2, 24), st.integers(-20, 40))


class Levels(nn.Module):
    """
    A uniform quantizer.
    """

    def __init__(self, scale: float, low: int, high: int):
        super().__init__()
        self.scale, self.low, self.high = scale, low, high

    def forward(self, x):
        return torch.round(torch.clamp(x / self.scale, self.low, self.high)) * self.scale


class Sign(nn.Module):
    def forward(self, x):
        return torch.where(x >= 0, 1.0, -1.0)


class Sum(nn.Module):
    def __init__(self, *branches: nn.Module):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return sum(branch(x) for branch in self.branches)


def conv(inputs: int, outputs: int, steps: int | None = None, **options) -> nn.Conv2d:
    """
    A convolution, of weights that are multiples of an eighth where there are steps.
    """
    made = nn.Conv2d(inputs, outputs, 3, **options)
    if steps:
        made.weight.data = torch.randint(-steps, steps + 1, made.weight.shape) / 8.0
        made.bias.data = torch.randint(-99, 100, made.bias.shape) / 128.0
    return made


def results(module, x, kinds: tuple[type[Operation], ...]):
    """
    What operations of some kinds compute, by layer.
    """
    seen = {}
    blendir.run(module, x, lambda op, _, v: seen.update({op.layer_name: v}) if isinstance(op, kinds) else None)
    return seen


NETWORKS = {
    "signs": lambda: [conv(3, 8, 40), Sign(), nn.Conv2d(8, 4, 1)],
    "levels": lambda: [conv(3, 8, 40, padding=1), Levels(1.3, -2, 3), nn.Conv2d(8, 4, 1)],
    "pooled": lambda: [conv(3, 8, 40), nn.MaxPool2d(2), nn.BatchNorm2d(8), Levels(0.9, -2, 2), nn.Conv2d(8, 4, 1)],
    "sum": lambda: [Sum(conv(3, 8, 40), conv(3, 8, 500)), Sign(), nn.Conv2d(8, 4, 1)],
    "linear": lambda: [nn.Flatten(), nn.Linear(192, 5), Sign(), nn.Linear(5, 2)],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_levels_of_exact_sums_are_those_of_the_folded_network(name: str, tmp_path: Path) -> None:
    torch.manual_seed(len(name))
    model = nn.Sequential(*NETWORKS[name]()).eval()
    if name == "linear":
        model[1].weight.data = torch.randint(-999, 1000, model[1].weight.shape) / 512.0
    # inputs on a grid, so that nothing is rounded before the sums
    x = np.random.default_rng(0).integers(-2047, 2048, (64, 3, 8, 8)).astype(np.float32) / 512
    folded = blendir.lower(blendir.from_torch(model, x), "folded")
    build = blendir.compile(folded, tmp_path / "design", calibration=x)
    fixed = blendir.lower(folded, "fixed", x)
    kinds = (ThresholdOp, MultiThresholdOp)
    want, got = results(folded, x, kinds), results(fixed, x, kinds)
    assert want.keys() == got.keys() != set()
    assert all(np.array_equal(want[layer], got[layer]) for layer in want)
    assert np.array_equal(build.csim(x[:4]), blendir.run(fixed, x[:4]))


def test_what_else_needs_a_sum_has_it_rounded() -> None:
    model = nn.Sequential(conv(3, 8, 40), Sum(Sign(), nn.ReLU())).eval()
    x = np.random.default_rng(0).normal(size=(8, 3, 8, 8)).astype(np.float32)
    fixed = blendir.lower(blendir.from_torch(model, x), "fixed", x)
    (op,) = [op for op in fixed.walk() if isinstance(op, FixedConv2dOp)]
    assert element_format(tensor_type(op.result).element_type).width == 16


def test_more_levels_than_thresholds_are_counted_for_are_integers(tmp_path: Path) -> None:
    """
    Eight bits, then weights of two: exact sums from [folded] on, so that two bits behind them never differ.
    """
    torch.manual_seed(0)
    layers = [Levels(1 / 128, -128, 127), conv(3, 8), nn.BatchNorm2d(8), Levels(0.5, -1, 1), nn.Conv2d(8, 4, 1)]
    layers[1].weight.data = torch.randint(-1, 2, (8, 3, 3, 3)) * 0.0123
    model = nn.Sequential(*layers).eval()
    x = np.random.default_rng(0).integers(-(1 << 20), 1 << 20, (64, 3, 8, 8)) / (1 << 20)
    folded = blendir.lower(blendir.from_torch(model, x), "folded")
    assert Counter(type(op) for op in main_function(folded).body.block.ops)[RequantizeOp] == 1
    build = blendir.compile(folded, tmp_path / "design", calibration=x)
    fixed = blendir.lower(folded, "fixed", x)
    (op, _) = [op for op in fixed.walk() if isinstance(op, FixedConv2dOp | FixedLinearOp)]
    assert element_format(tensor_type(op.weight).element_type) == Format(2, 0)
    kinds = (RequantizeOp, MultiThresholdOp)
    want, got = results(folded, x, kinds), results(fixed, x, kinds)
    assert all(np.array_equal(want[layer], got[layer]) for layer in want)
    assert np.array_equal(build.csim(x[:4]), blendir.run(fixed, x[:4]))


@given(FORMATS, FORMATS)
def test_exact_formats_hold_every_sum_and_product_and_no_narrower_ones_do(a: Format, b: Format) -> None:
    ends = [(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    total, product = widths.exact_sum(a, b), widths.exact_product(a, b)
    sums = [(x << (total.frac - a.frac)) + (y << (total.frac - b.frac)) for x, y in ends]
    assert (total.frac, product.frac) == (max(a.frac, b.frac), a.frac + b.frac)
    for fmt, values in ((total, sums), (product, [x * y for x, y in ends])):
        half = Format(fmt.width - 1, fmt.frac)
        assert fmt.low <= min(values)
        assert max(values) <= fmt.high
        assert min(values) < half.low or half.high < max(values)


def test_frames_that_run_apart_make_one_trace() -> None:
    """
    Of two operations of one layer the last one's result stands for it, in all frames.
    """
    first, second = (ConstantOp.from_numpy(np.zeros(count), f64) for count in (2, 3))
    parts = Parts()
    for frame in range(2):
        parts.add(first, 0, "layer", np.zeros((1, 2)))
        parts.add(second, 0, "layer", np.full((1, 3), frame))
    np.testing.assert_array_equal(parts.trace()["layer"], [[0, 0, 0], [1, 1, 1]])
