"""
Products of two values: elements, gates per channel, and constants that vary along several axes.
"""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from agreement import check_cpp, imported, lowered, named
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from modules import Net, names, scheduled
from token_simulator import play
from torch import Tensor, nn
from xdsl.dialects.builtin import ModuleOp

import blendir
from blendir.dialects import blend, stream
from blendir.functions import Function
from blendir.hardware.fifos import deadlock_free_depths
from blendir.hardware.timing import processes
from blendir.interpreter.blend import settled_product
from blendir.numerics import Format, Rounding


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize(("fracs", "result"), [((2, 3), (6, 3)), ((0, -1), (9, 2)), ((4, 4), (3, 0)), ((1, 1), (4, 2))])
def test_exact_product_is_rounded_and_saturated_once(
    fracs: tuple[int, int], result: tuple[int, int], rounding: Rounding
) -> None:
    formats = Format(5, fracs[0]), Format(4, fracs[1], signed=False)
    a, b = np.arange(-16, 16)[:, None], np.arange(16)[None]
    kind = blend.FixedType.of(Format(*result))
    for (i, j), got in np.ndenumerate(settled_product(a, b, formats, kind, rounding)):
        exact = Fraction(int(a[i, 0]) * int(b[0, j])) / Fraction(2) ** (sum(fracs) - result[1])
        nearest = round(exact) if rounding is Rounding.HALF_EVEN else math.floor(exact + Fraction(1, 2))
        assert got == min(max(nearest, kind.format.low), kind.format.high)


def gated(rows: int, columns: int, channels: int, gate: bool, seed: int = 0) -> ModuleOp:
    """
    A convolution times its own squashed means, or times a second convolution, and a skip around it.
    """
    net = Net((channels, rows, columns), seed=seed)
    main = net.conv(net.input, pad=1, outputs=channels)
    other = net.conv(net.input, outputs=channels, kernel=1)
    if gate:
        frame = (rows, columns)
        other = net.add(blend.AvgPool2dOp(other, frame, frame, (0, 0), rows * columns))
    factor = net.add(blend.ActivationOp(other, Function.SIGMOID))
    return named(net.module(net.add(blend.AddOp(net.add(blend.MultiplyOp(main, factor)), net.input))))


@settings(max_examples=12, deadline=None, phases=[Phase.generate])
@given(
    st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 7)),
    st.booleans(),
    st.booleans(),
    st.sampled_from([3, 8, 16, 24]),
    st.sampled_from(["half_up", "half_even"]),
)
def test_stages_agree(shape: tuple[int, int, int], gate: bool, calibrated: bool, bits: int, rounding: str) -> None:
    module = gated(*shape, gate)
    frames = torch.randn(3, shape[2], *shape[:2], generator=torch.Generator().manual_seed(bits), dtype=torch.float64)
    lowered(module, frames, calibrated, quantize_bits=bits, quantize_skip_bits=max(8, bits), quantize_rounding=rounding)


class TestFifos:
    """
    The first product waits for a gate that sees the last pixel's first beat: the main path holds all up to it.
    """

    @pytest.mark.parametrize("shape", [(3, 4, 2), (2, 3, 4), (2, 2, 1)])
    def test_main_path_holds_a_frame(self, shape: tuple[int, int, int]) -> None:
        net = Net((shape[2], *shape[:2]))
        mean = net.add(blend.AvgPool2dOp(net.input, shape[:2], shape[:2], (0, 0), shape[0] * shape[1]))
        module = net.module(net.add(blend.MultiplyOp(net.input, mean)))
        frames = net.rng.normal(size=(2, shape[2], *shape[:2]))
        module = scheduled(blendir.lower(module, "stream", frames))
        (product,) = [op for op in processes(module) if isinstance(op, stream.MultiplyOp)]
        (fork,) = [op for op in processes(module) if isinstance(op, stream.ForkOp)]
        kind = stream.stream_type(fork.input)
        least = deadlock_free_depths(processes(module))
        (main,) = [v for v in fork.copies if least[v] > 2]
        assert main in (product.lhs, next(iter(main.uses)).operation.operands[0])
        assert least[main] == (kind.positions - 1) * kind.beats + 1
        stalls = np.random.default_rng(0).random(997) < 0.3
        assert play(module, 4, least).finished
        assert play(module, 4, least, stalls=lambda now: bool(stalls[now % 997])).finished
        assert not play(module, 4, least | {main: least[main] - 1}, latency=lambda op: 0).finished


class Gate(nn.Module):
    """
    Channels scaled by what a small network makes of their means.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.fc = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.fc(x.mean((2, 3))).clamp(0, 1)
        return gate[:, :, None, None] * x


class Mask(nn.Module):
    """
    Values where others are positive, 0 elsewhere.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x * (x.flip(0) * 0 + x > 0.25)


class Times(nn.Module):
    """
    Constant factors.
    """

    def __init__(self, *shapes: tuple[int, ...]):
        super().__init__()
        self.factors = nn.ParameterList(torch.randn(shape) for shape in shapes)

    def forward(self, x: Tensor) -> Tensor:
        return x * math.prod(self.factors)


def test_networks(tmp_path: Path) -> None:
    """
    A gate, a mask of bits, and constants along rows and columns or along everything.
    """
    torch.manual_seed(0)
    times = Times((4, 1, 1), (4, 1), (5,)), nn.ReLU(), Times((4, 4, 5)), nn.ReLU()
    model = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), Gate(4), Mask(), *times, nn.Flatten(), nn.Linear(80, 3)).eval()
    frames = torch.randn(3, 2, 4, 5)
    stages = lowered(imported(model, frames), frames)
    functions = [op for op in processes(stages["stream"]) if isinstance(op, stream.PiecewiseLinearOp)]
    sizes = {(len(blend.constant_value(op.breakpoint)), op.hold.value.data) for op in functions}
    assert {(5, 4), (4, 20), (80, 1)} <= sizes  # columns, rows, the whole frame
    check_cpp(stages, frames, tmp_path)


@pytest.mark.parametrize("shape", [(1, 4, 5), (3, 1, 5), (1, 1, 1)])
def test_other_broadcasts(shape: tuple[int, int, int], tmp_path: Path) -> None:
    class Broadcast(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * torch.nn.functional.adaptive_avg_pool2d(x, shape[1:])[:, : shape[0]]

    frames = torch.randn(3, 3, 4, 5)
    check_cpp(lowered(imported(Broadcast().eval(), frames), frames), frames, tmp_path)


@pytest.mark.parametrize("scale", [1.0, 0.75])
@pytest.mark.parametrize("square", [False, True])
def test_products_of_two_binary_sums(scale: float, square: bool) -> None:
    net = Net((3, 4, 4))
    bits = net.sign(net.input)
    sides = [net.binary_conv(bits, net.random_bits(3, 3, 3, 3), pad=1) for _ in range(2 - square)]
    scaled = [net.affine(v, [0] * 3, [scale] * 3, [0] * 3) for v in sides]
    module = named(net.module(net.add(blend.MultiplyOp(scaled[0], scaled[-1]))))
    lowered(module, torch.from_numpy(np.random.default_rng(0).normal(size=(4, 3, 4, 4))))


def test_scales_pass_the_product() -> None:
    """
    What multiplies the sums of a binary convolution goes where it costs nothing.
    """
    net = Net((3, 4, 4))
    v = net.binary_conv(net.sign(net.input), net.random_bits(3, 3, 3, 3), pad=1)
    scaled = net.affine(v, [0] * 3, [0.5, -2, 3], [0] * 3)
    folded = blendir.lower(net.module(net.add(blend.ReluOp(net.add(blend.MultiplyOp(scaled, net.input))))), "folded")
    assert names(folded) == ["threshold", "binary_conv2d", "multiply", "piecewise_linear"]
