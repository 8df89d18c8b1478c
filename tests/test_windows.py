"""
Windows that lie outside the frame in part or as a whole, and whose taps lie apart: the same at every stage and in C++.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from agreement import check_cpp, imported, lowered, named
from layers import BinaryConv, Bordered, Levels, Line, Sign, Sum
from token_simulator import play
from torch import Tensor, nn
from xdsl.ir import Block

from blendir.dialects import blend, stream
from blendir.hardware.processes import process_of
from blendir.hardware.timing import simulate


def fixed() -> nn.Module:
    """
    Numbers: stride-two "same" padding, even kernels, distant taps, windows outside the frame, a border of ones.
    """
    return nn.Sequential(
        Bordered((0, 1, 0, 1), 0.0, nn.Conv2d(3, 6, 3, 2)),
        nn.ReLU(),
        nn.Conv2d(6, 4, 4, padding="same", dilation=(1, 2)),
        nn.BatchNorm2d(4),
        nn.Conv2d(4, 5, 2, 1, 3),
        Bordered((2, 0, 1, 0), 1.0, nn.Conv2d(5, 3, (3, 1), (2, 3))),
    )


def bits() -> nn.Module:
    """
    Bits and levels, with borders of 0 and of -1.
    """
    return nn.Sequential(
        nn.BatchNorm2d(3),
        Sign(),
        BinaryConv(3, 7, 3, 1, 2, 0.0, True, dilation=2),
        nn.BatchNorm2d(7),
        Sign(),
        Bordered((2, 0, 0, 3), -1.0, BinaryConv(7, 50, 2, 2, 0, 0.0, False)),
        nn.BatchNorm2d(50),
        Levels(3),
        Bordered((0, 2, 1, 1), 0.0, BinaryConv(50, 4, 2, 1, 1, 0.0, True)),
        nn.BatchNorm2d(4),
        Sign(),
        nn.MaxPool2d(2, 2, 1, ceil_mode=True),
        BinaryConv(4, 3, 1, 1, 1, 0.0, False),
    )


def pools() -> nn.Module:
    """
    Pools with ceil_mode and padding, counted and not, on both branches of a sum.
    """
    one = nn.Sequential(nn.MaxPool2d(3, 2, 1, 2, ceil_mode=True), Bordered((1, 0, 1, 0), 0.0, nn.Identity()))
    other = nn.AvgPool2d(3, 2, 1, True, False)
    return nn.Sequential(nn.Conv2d(3, 4, 1), Sum(nn.Sequential(one, nn.Conv2d(4, 4, 1)), other), nn.AvgPool2d(4, 2, 2))


def line() -> nn.Module:
    """
    One dimension.
    """
    return nn.Sequential(
        nn.Conv1d(5, 8, 5, padding=2),
        nn.PReLU(8),
        nn.Conv1d(8, 6, 3, 2, 4, 2),
        nn.BatchNorm1d(6),
        Sum(nn.Identity(), nn.Sequential(Sign(), BinaryLine(6), nn.BatchNorm1d(6))),
        nn.MaxPool1d(3, 2, 1),
        nn.AvgPool1d(2, 2, ceil_mode=True),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(6, 3),
    )


def adaptive() -> nn.Module:
    """
    Adaptive pools to sizes that divide, that do not, and that are larger.
    """
    return nn.Sequential(
        nn.Conv2d(2, 3, 1),
        nn.AdaptiveMaxPool2d((7, 10)),
        nn.AdaptiveAvgPool2d((5, 4)),
        nn.Conv2d(3, 2, 1),
        nn.AdaptiveAvgPool2d((3, 7)),
        Sign(),
        nn.AdaptiveMaxPool2d((2, 9)),
        BinaryConv(2, 3, 2, 1, 0, 0.0, False),
    )


class BinaryLine(nn.Module):
    """
    A binary convolution of [N, C, L] that keeps the length.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(channels, channels, 4) - 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv1d(x, torch.sign(self.weight).to(x.dtype), padding="same")


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "fixed": (fixed, (3, 9, 8)),
    "bits": (bits, (3, 6, 7)),
    "pools": (pools, (3, 7, 8)),
    "adaptive": (adaptive, (2, 9, 8)),
    "line": (line, (5, 21)),
    "pixels in a line": (lambda: nn.Sequential(nn.Conv2d(2, 3, 2, 1, 1), Line(nn.Conv1d(3, 2, 3, 1, 5))), (2, 3, 4)),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
def test_every_stage_and_the_cpp_agree(name: str, tmp_path: Path) -> None:
    make, shape = NETWORKS[name]
    torch.manual_seed(0)
    model = make().eval()
    frames = torch.randn(4, *shape)
    for norm in (m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)):
        norm.running_mean = torch.randn(norm.num_features) / 4
    stages = lowered(named(imported(model, frames)), frames)
    build = check_cpp(stages, frames, tmp_path)
    timing = simulate(build.module)
    outcome = play(build.module, 9, interval=timing.frame_interval)
    assert outcome.finished
    assert outcome.leaving[2] - outcome.leaving[1] == timing.frame_interval


@pytest.mark.parametrize(
    ("source", "target", "kinds"),
    [
        (13, 6, ["avg_pool2d"]),  # windows of one size at one distance
        (2, 7, ["take", "avg_pool2d"]),  # of one or two elements: one twice
        (2, 6, ["take"]),  # of single elements
        (7, 5, ["take", "avg_pool2d", "affine"]),  # of two or three
    ],
)
def test_adaptive_averages_are_as_simple_as_sizes_allow(source: int, target: int, kinds: list[str]) -> None:
    module = imported(nn.Sequential(nn.AdaptiveAvgPool2d((target, 3))).eval(), torch.randn(2, 2, source, 3))
    found = [op.name.removeprefix("blend.") for op in module.walk() if op.name.startswith("blend.")]
    assert [name for name in found if name != "constant"] == kinds


@pytest.mark.parametrize(
    ("shape", "geometry", "slots", "first"),
    [
        ((4, 4), ((3, 3), (1, 1), (1, 1)), 16, 5),  # no idle slots
        ((8, 8), ((3, 3), (2, 2), (0, 0, 1, 1)), 64, 18),  # more at the end, none either
        ((6, 5), ((3, 3), (1, 1), (2, 2), (2, 2)), 30, 12),  # the same size, taps apart
        ((4, 5), ((3, 3), (1, 1), (2, 2)), 6 * 7, 0),  # windows outside on all sides
        ((4, 5), ((1, 1), (1, 1), (1, 0, 0, 2)), 5 * 7, 0),  # a border alone
        ((8, 8), ((4, 4), (2, 2), (2, 2)), 10 * 8, 9),  # half of an even kernel: two rows later
    ],
)
def test_slots(shape: tuple[int, int], geometry: tuple[tuple[int, ...], ...], slots: int, first: int) -> None:
    """
    A line buffer takes a cycle per pixel, and idle ones only where windows would be complete in the same cycle.
    """
    source = stream.StreamType(*shape, 2, blend.FixedType(4, 4), 2)
    taps = geometry[0][0] * geometry[0][1]
    window = stream.WindowOp(Block(arg_types=[source]).args[0], *geometry, group=2 * taps)
    window.verify()
    process = process_of(window)
    assert process.firing(1).writes[0].flat[0] == first
    assert process.cycles(process.folding) == slots
