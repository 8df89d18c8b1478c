"""
Layer normalization: the reciprocal root over its range, the integers against float64, and networks through all stages.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from agreement import check_cpp, imported, lowered, named
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from imports import randomized
from modules import Net, scheduled
from token_simulator import play
from torch import Tensor, nn
from xdsl.dialects.builtin import ModuleOp

import blendir
from blendir.dialects import blend, stream
from blendir.dialects.stream import stream_type
from blendir.hardware.fifos import deadlock_free_depths
from blendir.hardware.timing import processes
from blendir.interpreter import run_module
from blendir.numerics import reciprocal_root, standardize


class TestReciprocalRoot:
    @staticmethod
    def errors(values: np.ndarray) -> np.ndarray:
        mantissa, pairs = reciprocal_root(values)
        assert 1 <= mantissa.min()
        assert mantissa.max() < 1 << 17
        exact = np.ldexp(mantissa.astype(np.longdouble), -16 - pairs) * np.sqrt(values.astype(np.longdouble))
        return np.abs(exact - 1)

    def test_error_bound(self) -> None:
        """
        Both ends of every interval of the seeds at every magnitude, all small numbers, and some between.
        """
        starts = np.arange(1 << 7, 1 << 9, dtype=np.int64)
        scales = [starts << shift for shift in range(53)]
        ends = [((starts + 1) << shift) - 1 for shift in range(53)]
        random = 2.0 ** np.random.default_rng(0).uniform(0, 62, 20000)
        values = np.concatenate([*scales, *ends, np.arange(1, 3000), random.astype(np.int64)])
        assert self.errors(values).max() < 2.0**-16

    def test_bound_is_not_loose(self) -> None:
        assert self.errors(np.arange(1 << 16, 1 << 18, dtype=np.int64)).max() > 2.0**-17


@given(
    st.integers(1, 40),
    st.sampled_from([0, 1, 5, 300, 1 << 40]),
    st.sampled_from([1, 20, 32767, 1 << 25]),
    st.integers(0, 1 << 30),
)
def test_standardized_is_within_its_bound(count: int, epsilon: int, size: int, seed: int) -> None:
    x = np.random.default_rng(seed).integers(-size, size, (20, count), endpoint=True)
    got = standardize(x, epsilon) / 2.0**16
    deviation = x - x.mean(axis=1, keepdims=True)
    root = np.sqrt(np.maximum((deviation**2).mean(axis=1, keepdims=True) + epsilon / count**2, 1 / count**2))
    exact = deviation / root
    assert (np.abs(got - exact) <= 2.0**-17 + 2.0**-16 * np.abs(exact) + 1e-9).all()


def norm_module(shape: tuple[int, ...], axis: int, skip: bool) -> ModuleOp:
    """
    A layer normalization with random parameters, and a skip around it.
    """
    net = Net(shape, seed=len(shape))
    channels = shape[axis - 1]
    gamma, beta = net.reals(net.rng.normal(size=channels), net.rng.normal(size=channels))
    y = net.add(blend.LayerNormOp(net.input, gamma, beta, 1e-3, axis))
    return named(net.module(net.add(blend.AddOp(y, net.input)) if skip else y))


@settings(max_examples=12, deadline=None, phases=[Phase.generate])
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 4)),
    st.booleans(),
    st.sampled_from([4, 8, 16, 24]),
    st.sampled_from(["half_up", "half_even"]),
)
def test_stages_agree(shape: tuple[int, int, int], calibrated: bool, bits: int, rounding: str) -> None:
    frames = torch.randn(3, *shape, generator=torch.Generator().manual_seed(bits), dtype=torch.float64)
    module = norm_module(shape, 1, bits == 8)
    lowered(module, frames, calibrated, quantize_bits=bits, quantize_skip_bits=max(8, bits), quantize_rounding=rounding)


@pytest.mark.parametrize("calibrated", [True, False])
def test_fixed_point_is_near(calibrated: bool) -> None:
    """
    Rounding of the input is magnified by gamma over the deviation; the rest stays within a few units of the result.
    """
    module = norm_module((6, 3, 3), 1, False)
    frames = torch.rand(8, 6, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 4
    fixed = lowered(module, frames, calibrated)["fixed"]
    error = np.abs(run_module(fixed, frames.numpy()) - run_module(module, frames.numpy()))
    assert error.max() < 2.0**-9


class TestStreams:
    def test_skip_holds_a_position_and_a_beat(self) -> None:
        """
        The first result is written while the first beat of the next position is read.
        """
        frames = np.random.default_rng(0).normal(size=(2, 3, 2, 4))
        module = scheduled(blendir.lower(norm_module((3, 2, 4), 1, True), "stream", frames))
        (fork,) = [op for op in processes(module) if isinstance(op, stream.ForkOp)]
        least = deadlock_free_depths(processes(module))
        (skip,) = [v for v in fork.copies if least[v] > 2]
        assert least[skip] == stream_type(skip).beats + 1
        stalls = np.random.default_rng(0).random(997) < 0.3
        assert play(module, 4, least).finished
        assert play(module, 4, least, stalls=lambda now: bool(stalls[now % 997])).finished
        assert not play(module, 4, least | {skip: least[skip] - 1}, latency=lambda op: 0).finished

    @pytest.mark.parametrize("axis", [2, 3])
    def test_any_axis(self, axis: int) -> None:
        """
        Through a frame memory.
        """
        frames = torch.randn(3, 3, 2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        lowered(norm_module((3, 2, 4), axis, False), frames)


class ChannelsLast(nn.Module):
    """
    Something on [N, H, W, C].
    """

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def test_networks(tmp_path: Path) -> None:
    """
    Over channels of pixels, and over all features without parameters of its own.
    """
    torch.manual_seed(0)
    norm = nn.LayerNorm(5)
    with torch.no_grad():
        norm.weight.copy_(torch.randn(5))
        norm.bias.copy_(torch.randn(5))
    plain = nn.LayerNorm(45, elementwise_affine=False)
    model = nn.Sequential(nn.Conv2d(2, 5, 2), ChannelsLast(norm), nn.Flatten(), plain, nn.Linear(45, 3)).eval()
    frames = torch.randn(4, 2, 4, 4)
    check_cpp(lowered(imported(model, frames), frames), frames, tmp_path)


NORMS = {
    "whole frame": nn.LayerNorm([4, 3, 5]),
    "rows": nn.LayerNorm([3, 5]),
    "groups": nn.GroupNorm(2, 4),
    "instances": nn.InstanceNorm2d(4, affine=True),
    "running statistics": nn.InstanceNorm2d(4, track_running_stats=True),
}


@pytest.mark.parametrize("name", NORMS)
def test_norms_of_several_dimensions(name: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 4, 2), randomized(NORMS[name]), nn.ReLU()).eval()
    frames = torch.randn(4, 2, 4, 6)
    lowered(imported(model, frames), frames)
