"""
Convolutions of groups of channels: their meaning, and networks at every stage.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from layers import BinaryConv, Join, Levels, Sign
from torch import nn

import blendir
from blendir.dialects import blend, stream
from blendir.hardware.processes import process_of
from blendir.hardware.timing import processes
from blendir.interpreter import kernels
from blendir.numerics import WindowAxis
from blendir.packing import in_groups, of_groups
from blendir.passes.macs import macs
from blendir.tools.counts import count


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("padded", [False, True])
def test_interpreter_equals_pytorch(groups: int, padded: bool) -> None:
    rng = np.random.default_rng(groups)
    x, weight = rng.normal(size=(3, 6, 7, 5)), rng.normal(size=(12, 6 // groups, 3, 2))
    fill = rng.normal(size=6) if padded else np.zeros(6)
    axes = WindowAxis(3, 2, 1, 1), WindowAxis(2, 1, 0, 0)
    outer = torch.from_numpy(kernels.pad_frames(x, axes, fill))
    want = F.conv2d(outer, torch.from_numpy(weight), stride=(2, 1), groups=groups).numpy()
    got = kernels.convolve(x, weight, axes, fill)
    np.testing.assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize("at_once", [1, 200, 1000])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_rows_are_convolved_in_parts(monkeypatch: pytest.MonkeyPatch, at_once: int, stride: int, dilation: int) -> None:
    rng = np.random.default_rng(stride)
    x, weight = rng.integers(-9, 9, (3, 4, 13, 6)).astype(float), rng.integers(-9, 9, (5, 4, 3, 2)).astype(float)
    axes = WindowAxis(3, stride, 2, 1, dilation), WindowAxis(2, stride, 1, 0, dilation)
    outer = torch.from_numpy(kernels.pad_frames(x, axes, np.ones(4)))
    monkeypatch.setattr(kernels, "COLUMNS", at_once)
    want = F.conv2d(outer, torch.from_numpy(weight), stride=stride, dilation=dilation).numpy()
    np.testing.assert_array_equal(kernels.convolve(x, weight, axes, np.ones(4)), want)


@pytest.mark.parametrize("groups", [1, 2, 4, 12])
def test_weights_of_groups_come_back(groups: int) -> None:
    weight = np.random.default_rng(0).integers(1, 9, (24, 12 // groups, 2, 3))
    spread = in_groups(weight, groups)
    assert spread.shape == (24, 12, 2, 3)
    assert np.count_nonzero(spread) == weight.size
    np.testing.assert_array_equal(of_groups(spread, groups), weight)
    x = np.random.default_rng(1).normal(size=(2, 12, 4, 4))
    axes = WindowAxis(2, 1, 1, 1), WindowAxis(3, 1, 1, 1)
    got, want = (kernels.convolve(x, w.astype(np.float64), axes) for w in (weight, spread))
    np.testing.assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize(("channels", "groups"), [(4, 2), (60, 3), (50, 50), (6, 6)])
@pytest.mark.parametrize("fill", [0.0, 1.0, -1.0])
def test_words_keep_the_meaning(channels: int, groups: int, fill: float) -> None:
    """
    Lanes of other groups do not count, also where two concatenated values leave gaps in the words.
    """
    split = channels // 2 - 1
    parts = [nn.Sequential(nn.Conv2d(3, n, 1), Sign()) for n in (split, channels - split)]
    conv = BinaryConv(channels, 2 * groups, 3, 1, 1, fill, False, groups)
    frames = torch.randn(3, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(Join(*parts), conv).eval()
    module = blendir.from_torch(model, frames[:1])
    fixed, packed, streams = (
        blendir.lower(module, to=s, calibration=frames.numpy()) for s in ("fixed", "packed", "stream")
    )
    want = blendir.run(fixed, frames.numpy())
    assert any(isinstance(op, blend.PackedBinaryConv2dOp) and op.group_count == groups for op in packed.walk())
    np.testing.assert_array_equal(blendir.run(packed, frames.numpy()), want)
    np.testing.assert_array_equal(blendir.run(streams, frames.numpy()), want)


def norm(channels: int) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(channels)
    with torch.no_grad():
        for parameter in (layer.weight, layer.bias, layer.running_mean):
            assert parameter is not None
            parameter.normal_()
    return layer


def fixed(channels: int, outputs: int, groups: int, kernel: int = 3, **rest: int) -> nn.Module:
    return nn.Sequential(norm(channels), nn.Conv2d(channels, outputs, kernel, groups=groups, **rest), norm(outputs))


def binary(channels: int, outputs: int, groups: int, stride: int, fill: float) -> nn.Module:
    conv = BinaryConv(channels, outputs, 3, stride, 1, fill, True, groups)
    return nn.Sequential(norm(channels), Sign(), conv, norm(outputs))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "fixed depthwise": (lambda: fixed(6, 6, 6, padding=1), 1),
    "fixed depthwise with a stride": (lambda: fixed(6, 6, 6, stride=2), 1),
    "fixed multiplier": (lambda: fixed(6, 18, 6, padding=1), 1),
    "fixed groups": (lambda: fixed(6, 9, 3, padding=1), 0),
    "whole frame": (lambda: fixed(6, 6, 6, 6), 1),
    "single pixels": (lambda: fixed(6, 6, 6, 1), 1),
    "binary depthwise": (lambda: binary(6, 6, 6, 1, 0.0), 1),
    "binary depthwise after a border": (lambda: binary(6, 6, 6, 2, -1.0), 1),
    "binary multiplier": (lambda: binary(6, 12, 6, 1, 1.0), 1),
    "depthwise of levels": (lambda: nn.Sequential(norm(6), Levels(3), BinaryConv(6, 6, 3, 1, 1, 0.0, True, 6)), 1),
    "binary groups": (lambda: binary(6, 4, 2, 1, 0.0), 0),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_stage(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    make, units = NETWORKS[name]
    model = nn.Sequential(nn.Conv2d(3, 6, 1), nn.PReLU(), make()).eval()
    x = torch.randn(3, 3, 6, 6).numpy()
    module = blendir.from_torch(model, torch.from_numpy(x[:1]))
    folded = blendir.lower(module, to="folded")
    want = blendir.run(module, x)
    np.testing.assert_allclose(blendir.run(folded, x), want, atol=1e-9 * float(np.abs(want).max()))
    fixed = blendir.lower(module, to="fixed", calibration=x)
    build = blendir.compile(module, tmp_path / "design", calibration=x)
    exact = blendir.run(fixed, x)
    np.testing.assert_array_equal(blendir.run(build.module, x), exact)
    np.testing.assert_array_equal(build.csim(x), exact)
    found = [op for op in processes(build.module) if isinstance(op, stream.DepthwiseMvuOp)]
    assert len(found) == units


def depthwise(net_channels: int) -> stream.DepthwiseMvuOp:
    model = nn.Sequential(nn.Conv2d(3, net_channels, 1), nn.Conv2d(net_channels, net_channels, 3, groups=net_channels))
    frames = torch.randn(2, 3, 6, 6)
    module = blendir.lower(blendir.from_torch(model.eval(), frames[:1]), to="stream", calibration=frames.numpy())
    return next(op for op in processes(module) if isinstance(op, stream.DepthwiseMvuOp))


def test_a_unit_does_not_multiply_by_zeros() -> None:
    op = depthwise(8)
    assert macs(op).fpmac == 16 * 8 * 9
    process = process_of(op)
    foldings = {(f.reads, f.writes) for f in process.foldings("auto")}
    assert foldings == {(1, 1), (2, 2), (4, 4), (8, 8), (24, 8)}  # all taps are more than a payload
    for folding in process.foldings("auto"):
        assert process.cycles(folding) == 16 * 8 * 9 // folding.reads


def test_counts_are_those_of_groups() -> None:
    frames = torch.randn(2, 3, 6, 6)
    for groups in (2, 8):
        model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 16, 3, groups=groups)).eval()
        module = blendir.from_torch(model, frames[:1])
        packed, streams = (blendir.lower(module, to=s, calibration=frames.numpy()) for s in ("packed", "stream"))
        expected = 36 * 8 * 3 + 16 * 16 * 9 * 8 // groups
        assert count(packed).fpmac == expected
        assert sum(macs(op).fpmac for op in streams.walk()) == expected
        model = nn.Sequential(nn.Conv2d(3, 8, 1), Sign(), BinaryConv(8, 16, 3, 1, 0, 0.0, False, groups)).eval()
        module = blendir.from_torch(model, frames[:1])
        packed, streams = (blendir.lower(module, to=s, calibration=frames.numpy()) for s in ("packed", "stream"))
        assert count(packed).bmac == 16 * 16 * 9 * 8 // groups
        assert count(packed).binary_weight_bits == 16 * 9 * 8 // groups
        assert sum(macs(op).bmac for op in streams.walk()) == 16 * 16 * 9 * 8 // groups
