"""
Mixers: linear layers along any dimension, transposes in front of signs, and streams that leave in another order.
"""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from agreement import check_cpp, imported, lowered
from hypothesis import given
from hypothesis import strategies as st
from layers import Sign, float64
from numpy.typing import NDArray
from token_simulator import play
from torch import Tensor, nn
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block

import blendir
from blendir import pipeline
from blendir.dialects import blend, stream
from blendir.dialects.blend import FixedType, tensor_type
from blendir.dialects.stream import StreamType, loop_nest, stream_type
from blendir.frontend import from_torch
from blendir.hardware import primitives
from blendir.hardware.fifos import deadlock_free_depths
from blendir.hardware.processes import process_of
from blendir.hardware.processes.base import Folding, regroup
from blendir.hardware.timing import cycles_per_frame, processes
from blendir.interpreter import run_module
from blendir.models.initialize import seeded
from blendir.models.mixer import B4, DOUBLE_S4, S4, Mixer, MixerConfig, Transposed
from blendir.tools.counts import count

SMALL = MixerConfig(8, 6, 10, 1, image=(3, 8, 12))
CLOSE = 1e-9

Array = NDArray[Any]


def frames_of(config: MixerConfig, count: int = 6) -> Array:
    return np.random.default_rng(0).integers(0, 256, (count, *config.image), np.uint8)


def mixer(config: MixerConfig) -> nn.Module:
    return seeded(lambda: Mixer(config), config.image, 255, 0)


def in_pytorch(model: nn.Module, x: Array) -> Array:
    with float64(model), torch.no_grad():
        return model(torch.from_numpy(x)).numpy()


def check_stages(model: nn.Module, x: Array) -> dict[str, ModuleOp]:
    """
    Floats to 1e-9, integers layer by layer.
    """
    frames = torch.from_numpy(x)
    stages = lowered(imported(model, frames), frames)
    assert len(np.unique(run_module(stages["fixed"], x), axis=0)) > 1
    return stages


BLENDS = [("BB", "BB"), ("BB", "FPB"), ("BB", "BFP"), ("FPB", "BB"), ("BFP", "BB"), ("FPFP", "BB")]
VARIANTS: dict[str, dict[str, Any]] = {
    **{f"{tokens}-{channels}": {"tokens_kind": tokens, "channels_kind": channels} for tokens, channels in BLENDS},
    "two-layers": {"layers": 2},
    "patches": {"norm": "patches"},
    "layer": {"norm": "layer"},
    "binarymixer": {"blend": False},
    "mlpmixer": {"blend": False, "tokens_kind": "FPFP", "channels_kind": "FPFP"},
}


class TestVariants:
    @pytest.mark.parametrize("name", VARIANTS)
    def test_stages_agree(self, name: str) -> None:
        config = replace(SMALL, **VARIANTS[name])
        stages = check_stages(mixer(config), frames_of(config))
        transposed = [op for op in stages["fixed"].walk() if isinstance(op, blend.TransposeOp)]
        assert all(tensor_type(op.input).element_type != blend.types.i1 for op in transposed)

    def test_cpp_agrees(self, tmp_path: Path) -> None:
        config = replace(SMALL, channels_kind="BFP")
        x = frames_of(config)
        check_cpp(check_stages(mixer(config), x), torch.from_numpy(x), tmp_path)

    def test_a_layer_has_two_frame_memories(self) -> None:
        """
        Bits on the way in and accumulators, narrower than what the norm and the PReLU make of them, on the way out.
        """
        config = replace(SMALL, layers=2)
        x = frames_of(config)
        module = blendir.lower(from_torch(mixer(config), x), "stream", x)
        memories = [op for op in processes(module) if isinstance(op, stream.ReorderOp)]
        widths = [stream_type(op.input).format.width for op in memories]
        accumulator = 4  # of six hidden values: -6 .. 6
        assert widths == [1, accumulator] * config.layers


def test_counts_are_those_of_the_paper() -> None:
    """
    Per layer 2 T D_S C + 2 C D_C T binary products and 2 T D_S + 2 C D_C bits; 48 C T + 10 C others.
    """
    config = replace(S4, layers=1)
    x = frames_of(config, 1)
    packed = blendir.lower(from_torch(Mixer(config).eval(), x), "packed", x)
    t, c, ds, dc = 64, config.channels, config.token_hidden, config.channel_hidden
    counted = count(packed)
    assert counted.bmac == 2 * t * ds * c + 2 * c * dc * t
    assert counted.binary_weight_bits == 2 * t * ds + 2 * c * dc
    assert counted.fpmac == 48 * c * t + 10 * c
    products = {
        name: round(k.layers * (2 * 64 * k.token_hidden * k.channels + 2 * k.channels * k.channel_hidden * 64) / 1e8, 2)
        for name, k in (("S", S4), ("B", B4), ("2S", DOUBLE_S4))
    }
    assert products == {"S": 0.75, "B": 2.55, "2S": 3.02}


class TestImport:
    """
    A user's own layers on (N, tokens, channels).
    """

    @pytest.mark.parametrize("shape", [(5, 7), (2, 3, 4), (1, 2, 3)])
    def test_linear_along_the_last_dimension(self, shape: tuple[int, ...]) -> None:
        model = nn.Sequential(nn.Linear(shape[-1], 6), nn.ReLU(), nn.Linear(6, 2, bias=False)).eval()
        x = np.random.default_rng(0).normal(size=(3, *shape))
        module = from_torch(model, x)
        np.testing.assert_allclose(run_module(module, x), in_pytorch(model, x), rtol=0, atol=CLOSE)

    def test_tokens_as_input(self) -> None:
        model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), Transposed(nn.Linear(5, 3)), nn.Flatten(), nn.Linear(12, 2))
        check_stages(model.eval(), np.random.default_rng(0).normal(size=(4, 5, 6)))

    def test_a_product_with_a_matrix(self) -> None:
        class Product(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.w = nn.Parameter(torch.randn(4, 3))

            def forward(self, x: Tensor) -> Tensor:
                return x @ self.w

        x = np.random.default_rng(0).normal(size=(3, 5, 4))
        model = Product().eval()
        np.testing.assert_allclose(run_module(from_torch(model, x), x), in_pytorch(model, x), rtol=0, atol=CLOSE)

    def test_binary_weights_along_the_last_dimension(self) -> None:
        class Binary(nn.Linear):
            def forward(self, input: Tensor) -> Tensor:
                weight = torch.sign(self.weight) * self.weight.abs().mean(1, keepdim=True)
                return F.linear(torch.where(input >= 0, 1.0, -1.0).to(input.dtype), weight.to(input.dtype))

        x = np.random.default_rng(0).normal(size=(3, 5, 4))
        model = Binary(4, 3).eval()
        module = from_torch(model, x)
        assert any(isinstance(op, blend.BinaryConv2dOp) for op in module.walk())
        np.testing.assert_allclose(run_module(module, x), in_pytorch(model, x), rtol=0, atol=CLOSE)

    @pytest.mark.parametrize("dims", [(1,), (1, 2), (2,), (1, 3), (3,)])
    def test_means_over_any_dimensions(self, dims: tuple[int, ...]) -> None:
        class Mean(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                return x.mean(dims)

        x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
        np.testing.assert_allclose(run_module(from_torch(Mean().eval(), x), x), x.mean(dims), rtol=0, atol=CLOSE)


class Permuted(nn.Module):
    """
    A convolution of [N, C, H, W] with its dimensions in another order, and a sum with what was before.
    """

    def __init__(self, dims: tuple[int, ...], channels: tuple[int, int], binary: bool):
        super().__init__()
        self.dims, self.binary = dims, binary
        self.stem = nn.Conv2d(2, channels[0], 1)
        self.conv = nn.Conv2d(channels[1], channels[1], 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels[1])

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = x.permute(self.dims)
        if self.binary:
            y = torch.where(y >= 0, 1.0, -1.0).to(x.dtype)
        y = self.norm(self.conv(y))
        return x + y.permute([self.dims.index(d) for d in range(4)])


class TestOrders:
    @pytest.mark.parametrize("binary", [False, True])
    @pytest.mark.parametrize("dims", [(0, 2, 3, 1), (0, 3, 2, 1), (0, 1, 3, 2), (0, 3, 1, 2)])
    def test_any_order_of_dimensions(self, dims: tuple[int, ...], binary: bool) -> None:
        size = (4, 3, 5)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = Permuted(dims, (size[0], size[dims[1] - 1]), binary).eval()
        check_stages(model, np.random.default_rng(1).normal(size=(5, 2, *size[1:])))

    def test_cpp_agrees(self, tmp_path: Path) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = Permuted((0, 2, 3, 1), (4, 3), True).eval()
        x = np.random.default_rng(1).normal(size=(5, 2, 3, 5))
        check_cpp(check_stages(model, x), torch.from_numpy(x), tmp_path)

    def test_bits_in_two_orders(self) -> None:
        """
        Each use has a threshold of its own, and no bits are transposed.
        """

        class Twice(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.sign, self.a, self.b = Sign(), nn.Linear(3, 2), nn.Linear(5, 2)

            def forward(self, x: Tensor) -> Tensor:
                bits = self.sign(x.flatten(2))
                return torch.cat([self.a(bits.transpose(1, 2)).flatten(1), self.b(bits).flatten(1)], 1)

        x = np.random.default_rng(0).normal(size=(4, 3, 5, 1))
        folded = blendir.lower(from_torch(Twice().eval(), x), "folded")
        assert sum(isinstance(op, blend.ThresholdOp) for op in folded.walk()) == 2
        fixed, packed = blendir.lower(folded, "fixed", x), blendir.lower(folded, "packed", x)
        np.testing.assert_array_equal(run_module(packed, x), run_module(fixed, x))


@st.composite
def nests(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """
    The shape of an array and an order of its dimensions.
    """
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    return tuple(shape), tuple(draw(st.permutations(range(len(shape)))))


@given(nests())
def test_loops_visit_a_transposed_array(case: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    shape, dims = case
    order = np.arange(np.prod(shape)).reshape(shape).transpose(dims).reshape(-1)
    nest = loop_nest(order)
    assert nest is not None
    places = itertools.product(*(range(extent) for extent, _ in nest))
    visited = [sum(i * step for i, (_, step) in zip(place, nest, strict=True)) for place in places]
    assert visited == order.tolist()


@pytest.mark.parametrize("order", [[0, 2, 1], [0, 1, 3, 2], [0, 2, 4, 1, 3, 5, 6]])
def test_what_no_loops_visit(order: list[int]) -> None:
    assert loop_nest(np.array(order)) is None


def frame_memory(rows: int, length: int, group: int = 1) -> stream.ReorderOp:
    """
    Rows of `length` elements leave column by column; with a group, elements of rows and columns leave as they are.
    """
    block = Block(arg_types=[StreamType(rows, 1, length * group, FixedType(8, 4), group)])
    nest = [(length, group), (rows, length * group)] + [(group, 1)] * (group > 1)
    op = stream.ReorderOp(block.args[0], [loop for loop in nest if loop[0] > 1], (length, 1, rows * group))
    regroup(op.result, group)
    op.verify()
    return op


class TestFrameMemory:
    @given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 3))
    def test_is_a_transposition(self, rows: int, length: int, group: int) -> None:
        x = np.arange(rows * length * group).reshape(rows, length, group)
        assert frame_memory(rows, length, group).places.tolist() == x.transpose(1, 0, 2).reshape(-1).tolist()

    @pytest.mark.parametrize("group", [1, 2])
    def test_first_beat_leaves_after_the_frame_and_then_one_per_cycle(self, group: int) -> None:
        op = frame_memory(3, 4, group)
        pattern = process_of(op).firing(2)
        assert cycles_per_frame(op) == 12
        assert pattern.reads[0].flat.tolist() == list(range(24))
        assert pattern.writes[0].flat.tolist() == list(range(12, 36))

    def test_takes_two_frames_of_block_ram(self) -> None:
        """
        Two frames of 8,192 bits fit a block RAM of 18 Kbit as 16,384 x 1; of bytes, eight of 2,048 x 9.
        """
        assert process_of(frame_memory(64, 128)).cost(Folding(1, 1))["bram18"] == 8
        assert frame_cost(16384, 1) == 1
        assert frame_cost(16384, 16) == 16

    def test_skip_holds_two_frames(self) -> None:
        """
        Each of the two memories of a layer withholds a frame, so that the skip beside them holds two frames and what
        is on its way; with one beat less, nothing moves.
        """
        config = MixerConfig(3, 2, 3, 1, image=(3, 8, 8), classes=2)
        x = frames_of(config)
        module = blendir.lower(from_torch(mixer(config), x), "stream", x)
        pipeline.schedule(module)
        found = processes(module)
        least = deadlock_free_depths(found)
        (memory,) = [op for op in found if isinstance(op, stream.ReorderOp) and stream_type(op.input).format.width > 1]
        frame = stream_type(memory.input).positions * stream_type(memory.input).length.data
        skip, depth = max(least.items(), key=lambda item: item[1])
        assert 2 * frame < depth <= 3 * frame
        assert play(module, 3, least, latency=lambda op: 0).finished
        assert not play(module, 3, least | {skip: depth - 1}, latency=lambda op: 0).finished


def frame_cost(depth: int, width: int) -> int:
    return primitives.frame_memory(depth, width)["bram18"]
