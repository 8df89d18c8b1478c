"""
Rows and columns that are cut, repeated, flipped, joined and made of channels: the import, the laws, every stage and the
C++; transposed convolutions.
"""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from agreement import check_cpp, imported, lowered
from hypothesis import given
from hypothesis import strategies as st
from imports import Lambda, check
from layers import Join, Sign
from onnx_files import OnnxFile, executed
from token_simulator import play
from torch import Tensor, nn
from xdsl.dialects.builtin import i1
from xdsl.ir import Block

import blendir
from blendir.dialects import blend, stream
from blendir.dialects.stream import StreamType, stream_type, visit_of
from blendir.frontend.aten_transposed import phases_of
from blendir.frontend.onnx_files import load_onnx
from blendir.hardware.fifos import deadlock_free_depths
from blendir.hardware.processes import process_of
from blendir.hardware.processes.base import Folding
from blendir.hardware.timing import processes, run
from blendir.interpreter import run_module
from blendir.pipeline import schedule

Function = Callable[[Tensor], Tensor]


def expanded(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x[:, :, :, None, :, None].expand(n, c, h, 2, w, 3).reshape(n, c, h * 2, w * 3)


TAKES: dict[str, tuple[Function, list[tuple[int, list[int]]]]] = {
    "cut": (lambda x: x[:, :, 1:4, 2:], [(2, [1, 2, 3]), (3, [2, 3, 4, 5])]),
    "every second from the second on": (lambda x: x[..., 1::2], [(3, [1, 3, 5])]),
    "narrow": (lambda x: x.narrow(2, 1, 2), [(2, [1, 2])]),
    "negative padding": (lambda x: F.pad(x, (0, -1, -2, 0)), [(2, [2, 3, 4]), (3, [0, 1, 2, 3, 4])]),
    "reflected": (lambda x: F.pad(x, (2, 0, 0, 0), "reflect"), [(3, [2, 1, 0, 1, 2, 3, 4, 5])]),
    "replicated": (lambda x: F.pad(x, (0, 0, 1, 1), "replicate"), [(2, [0, 0, 1, 2, 3, 4, 4])]),
    "circular": (lambda x: F.pad(x, (1, 0, 0, 0), "circular"), [(3, [5, 0, 1, 2, 3, 4, 5])]),
    "flip": (lambda x: x.flip(2, 3), [(2, [4, 3, 2, 1, 0]), (3, [5, 4, 3, 2, 1, 0])]),
    "repeat": (lambda x: x.repeat(1, 1, 2, 1), [(2, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4])]),
    "repeat_interleave": (lambda x: x.repeat_interleave(2, 2), [(2, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4])]),
    "interpolate": (
        lambda x: F.interpolate(x, scale_factor=2),
        [(2, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]), (3, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5])],
    ),
    "interpolate to a size": (lambda x: F.interpolate(x, (10, 6)), [(2, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4])]),
    "nearest-exact": (
        lambda x: F.interpolate(x, scale_factor=(1, 3), mode="nearest-exact"),
        [(3, [i // 3 for i in range(18)])],
    ),
    "Upsample": (nn.Upsample(scale_factor=(2, 1)), [(2, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4])]),
}


@pytest.mark.parametrize("name", TAKES)
def test_every_spelling_is_one_take_per_dimension(name: str) -> None:
    function, picks = TAKES[name]
    folded = blendir.lower(check(Lambda(lambda x: function(x.relu()) + 1), torch.randn(2, 4, 5, 6)), "folded")
    found = [(op.axis.value.data, op.picks) for op in folded.walk() if isinstance(op, blend.TakeOp)]
    assert found == picks


class Everything(nn.Module):
    """
    Cuts, strides, flips and repeats of numbers and of bits, one after another; an affine moves through some of them.
    """

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.sign, self.last = Sign(), nn.Conv2d(8, 4, 3)
        self.weight = nn.Parameter(torch.randn(8, 8, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(F.interpolate(self.stem(x), scale_factor=2))[:, :, 1:9, 3:]
        y = y.relu().flip(3)[:, :, ::2, 1::2].repeat(1, 1, 2, 1)
        bits = F.interpolate(self.sign(y), scale_factor=(1, 2))[:, :, 1:, :7]
        signs = torch.where(self.weight >= 0, 1.0, -1.0).to(x.dtype)
        return self.last(F.conv2d(bits, signs, padding=1))


class Joined(nn.Module):
    """
    Rows and columns one after another, of numbers and of bits, and channels that become rows and columns.
    """

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 8, (3, 2), padding=(1, 0))
        self.sign, self.last = Sign(), nn.Conv2d(2, 4, 3, padding=1)
        self.weight = nn.Parameter(torch.randn(8, 8, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.a(x), self.b(x)
        y = torch.cat([a, b.relu(), a], 3)
        bits = torch.cat([self.sign(y), self.sign(y[:, :, :2] * 2 - 1)], 2)
        signs = torch.where(self.weight >= 0, 1.0, -1.0).to(x.dtype)
        return F.pixel_unshuffle(self.last(F.pixel_shuffle(F.conv2d(bits, signs), 2)), 2)


class Picked(nn.Module):
    """
    Rows and columns in orders that loops do not have, of numbers and of bits in more than a word.
    """

    def __init__(self):
        super().__init__()
        self.a, self.sign, self.last = nn.Conv2d(3, 50, 1), Sign(), nn.Conv2d(50, 4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = F.interpolate(self.a(x), (7, 5))[:, :, [0, 2, 1, 6, 3]].roll(1, 3).relu()
        return self.last(self.sign(y - 0.25)[..., [0, 1, 3, 3, 4]])


class UNet(nn.Module):
    """
    Two halvings, two doublings, one by a transposed convolution, and two skips that are concatenated.
    """

    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in ((3, 4), (4, 6), (6, 8)))
        self.up, self.norm = nn.ConvTranspose2d(8, 6, 2, 2), nn.BatchNorm2d(6)
        self.mix, self.last = nn.Conv2d(12, 4, 3, padding=1), nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        first = self.down[0](x).relu()
        second = self.down[1](F.max_pool2d(first, 2)).relu()
        deep = self.down[2](F.max_pool2d(second, 2)).relu()
        second = self.mix(torch.cat([second, self.norm(self.up(deep)).relu()], 1)).relu()
        return self.last(torch.cat([first, F.interpolate(second, scale_factor=2)], 1))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "everything": (Everything, (3, 6, 6)),
    "joined": (Joined, (3, 5, 6)),
    "picked": (Picked, (3, 4, 4)),
    "transposed in groups": (
        lambda: nn.Sequential(
            nn.ConvTranspose2d(4, 6, 4, 2, 1, groups=2),
            nn.ConvTranspose2d(6, 6, 3, (2, 1), 1, (1, 0), groups=6, dilation=(1, 2)),
        ),
        (4, 2, 3),
    ),
    "transposed in a line": (
        lambda: nn.Sequential(
            nn.ConvTranspose1d(4, 4, 3, 3, 1, 2, groups=2),
            nn.Upsample(scale_factor=2),
            nn.ConvTranspose1d(4, 2, 3, dilation=2),
        ),
        (4, 5),
    ),
    "u-net": (UNet, (3, 8, 8)),
    "expanded": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), Lambda(expanded), nn.Conv2d(4, 2, 2)), (3, 5, 6)),
    "more dimensions": (lambda: nn.Sequential(nn.Flatten(1, 2), nn.Conv2d(6, 3, 3)), (2, 3, 5, 4)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_stage_and_the_cpp_agree(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    model, frames = make().eval(), torch.randn(3, *shape)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(-1, 1)
            module.running_mean = torch.randn(module.num_features)
    stages = lowered(imported(model, frames), frames)
    assert not any(isinstance(op, blend.AffineOp) and "norm" in op.layer_name for op in stages["folded"].walk())
    check_cpp(stages, frames, tmp_path)


def test_firings_are_those_of_the_loops() -> None:
    torch.manual_seed(0)
    model, frames = UNet().eval(), torch.randn(2, 3, 8, 8)
    module = lowered(imported(Join(model, nn.Conv2d(3, 2, 1)).eval(), frames), frames)["stream"]
    schedule(module)
    found = processes(module)
    assert {stream.ReorderOp, stream.ConcatOp} <= set(map(type, found))
    outcome = play(module, 3, interval=3000)
    assert outcome.finished
    assert outcome.leaving == run(found, 3, 3000).leaving.tolist()


@pytest.mark.parametrize("axis", [2, 3])
def test_the_second_part_waits_in_its_fifo(axis: int) -> None:
    """
    Of rows a whole frame, of columns a row; with one beat less nothing moves.
    """
    frames = torch.randn(2, 2, 4, 5)
    model = Lambda(lambda x: torch.cat([x.relu(), x.clamp(-1, 1)], axis)).eval()
    module = lowered(imported(model, frames), frames)["stream"]
    schedule(module)
    least = deadlock_free_depths(processes(module))
    (concat,) = [op for op in processes(module) if isinstance(op, stream.ConcatOp)]
    waiting = concat.rhs
    kind = stream_type(waiting)
    assert least[waiting] >= (20 if axis == 2 else 5) * kind.beats - 2
    assert play(module, 3, least, latency=lambda op: 0).finished
    assert not play(module, 3, least | {waiting: least[waiting] - 1}, latency=lambda op: 0).finished


def test_a_crop_keeps_no_frame() -> None:
    block = Block(arg_types=[StreamType(4, 5, 2, i1)])
    op = stream.CropOp(block.args[0], (1, 0), (2, 1), (2, 3))
    op.verify()
    pattern = process_of(op).firing(1)
    assert pattern.count == 40
    assert pattern.writes[0].flat.tolist() == [*range(10, 16), *range(30, 36)]
    assert process_of(op).cost(Folding(1, 1))["bram18"] == 0


@pytest.mark.parametrize("channels", [1, 3])
def test_frames_of_a_line_need_no_memory(channels: int, tmp_path: Path) -> None:
    """
    [C, L] streams position by position along L, where convolutions read it so, also behind a normalization; not where
    a linear layer reads the features of each channel.
    """
    torch.manual_seed(0)
    x = torch.randn(4, channels, 12)
    layers = nn.BatchNorm1d(channels), nn.PReLU(), nn.Conv1d(channels, 4, 3), nn.Flatten(), nn.Linear(40, 3)
    stages = lowered(imported(nn.Sequential(*layers).eval(), x), x)
    kinds = [type(op) for op in processes(stages["stream"])]
    assert not {stream.ReorderOp, stream.CropOp} & set(kinds)
    (source,) = [op for op in processes(stages["stream"]) if isinstance(op, stream.SourceOp)]
    assert source.is_line
    check_cpp(stages, x, tmp_path)
    stages = lowered(imported(nn.Linear(12, 5).eval(), x), x)
    (source,) = [op for op in processes(stages["stream"]) if isinstance(op, stream.SourceOp)]
    assert not source.is_line


def test_an_upsampling_keeps_two_rows() -> None:
    rows, columns, length = 4, 5, 2
    order = np.arange(rows * columns * length).reshape(rows, columns, length).repeat(2, 0).repeat(2, 1).reshape(-1)
    visit = visit_of(order, rows * columns * length, (rows * columns, 4 * rows * columns))
    assert visit == (rows, 0, [(2, 0), (columns, length), (2, 0), (length, 1)])
    block = Block(arg_types=[StreamType(rows, columns, length, i1)])
    op = stream.ReorderOp(block.args[0], visit.nest, (2 * rows, 2 * columns, length), None, visit.blocks, visit.offset)
    op.verify()
    assert op.places.tolist() == order.tolist()
    assert op.block == columns * length
    pattern = process_of(op).firing(1)
    assert pattern.reads[0].flat.tolist() == [40 * row + at for row in range(rows) for at in range(10)]
    assert pattern.writes[0].flat.tolist() == list(range(40, 200))


TRANSPOSED = [
    *((*case, 0) for case in itertools.product((1, 4), (1, 2, 4), (2, 3), (0, 1))),
    *((5, 3, 2, 1, more) for more in (0, 1)),
    (5, 3, 1, 1, 0),
    (5, 1, 1, 0, 0),
    (6, 5, 2, 2, 1),
]  # fmt: skip


@pytest.mark.parametrize("case", TRANSPOSED)
def test_phases_make_a_transposed_convolution(case: tuple[int, int, int, int, int]) -> None:
    size, kernel, stride, padding, more = case
    x, w = torch.randn(size), torch.randn(kernel)
    try:
        want = F.conv_transpose1d(x[None, None], w[None, None], None, stride, padding, more)[0, 0].numpy()
    except RuntimeError:
        return  # PyTorch makes nothing of it
    phases = phases_of(size, kernel, stride, padding, len(want))
    padded = np.pad(x.numpy(), (phases.pad, phases.pad))
    windows = np.lib.stride_tricks.sliding_window_view(padded, phases.taps.shape[1])
    taps = np.append(w.numpy(), 0.0)[phases.taps]
    np.testing.assert_allclose((windows @ taps.T).reshape(-1)[: len(want)], want, 1e-5, 1e-5)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "more"), [(2, 2, 0, 0), (4, 2, 1, 0), (3, 2, 1, 1), (3, 2, 1, 0)]
)
def test_norms_fold_into_transposed_convolutions(kernel: int, stride: int, padding: int, more: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.ConvTranspose2d(3, 4, kernel, stride, padding, more), nn.BatchNorm2d(4)).eval()
    model[1].running_mean, model[1].weight.data = torch.randn(4), torch.randn(4)
    folded = lowered(imported(model, frames := torch.randn(2, 3, 4, 5)), frames)["folded"]
    kinds = [op.name for op in folded.walk() if isinstance(op, blend.AffineOp | blend.Conv2dOp)]
    assert kinds == ["blend.conv2d"]


@given(st.data())
def test_loops_are_found_where_there_are_some(data: st.DataObject) -> None:
    """
    Parts, an offset and loops of any steps.
    """
    loops = data.draw(st.lists(st.tuples(st.integers(2, 4), st.integers(-3, 5)), max_size=4))
    blocks, order = data.draw(st.integers(1, 3)), np.zeros(1, np.int64)
    for extent, step in loops:
        order = (order[:, None] + np.arange(extent) * step).reshape(-1)
    offset = data.draw(st.integers(0, 3)) - int(order.min())
    size = int(order.max()) + offset + 1 + data.draw(st.integers(0, 3))
    places = (np.arange(blocks)[:, None] * size + order + offset).reshape(-1)
    visit = visit_of(places, blocks * size, (blocks, blocks))
    assert visit is not None
    assert visit.blocks == blocks
    index = np.zeros(1, np.int64)
    for extent, step in visit.nest:
        index = (index[:, None] + np.arange(extent) * step).reshape(-1)
    assert (index + visit.offset).tolist() == (order + offset).tolist()


def sliced(f: OnnxFile) -> None:
    x = f.add("Slice", "input", np.array([1, -1]), np.array([5, -100]), np.array([2, 3]), np.array([1, -1]))
    f.add("Slice", x, np.array([1]), np.array([2**31]), np.array([3]), np.array([2]))


def resized(f: OnnxFile, **attributes: str) -> None:
    f.add("Resize", "input", "", np.array([1.0, 1.0, 2.0, 3.0]), mode="nearest", **attributes)


DOUBLED = np.array([1.0, 1.0, 2.0, 2.0])
ONNX: dict[str, tuple[int, Callable[[OnnxFile], object]]] = {
    "slice": (17, sliced),
    "gather": (17, lambda f: f.add("Gather", "input", np.array([2, 1, 0]), axis=1)),
    "resize": (17, resized),
    "resize asymmetric": (
        17,
        lambda f: resized(f, coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    ),
    "resize to sizes": (17, lambda f: f.add("Resize", "input", "", "", np.array([1, 4, 12, 6]), mode="nearest")),
    "resize of the tenth version": (10, lambda f: f.add("Resize", "input", DOUBLED, mode="nearest")),
    "upsample": (9, lambda f: f.add("Upsample", "input", DOUBLED, mode="nearest")),
    "depth to space": (17, lambda f: f.add("DepthToSpace", "input", blocksize=2)),
    "depth to space by columns": (17, lambda f: f.add("DepthToSpace", "input", blocksize=2, mode="CRD")),
    "space to depth": (17, lambda f: f.add("SpaceToDepth", "input", blocksize=2)),
    "tile": (17, lambda f: f.add("Tile", "input", np.array([1, 1, 2, 1]))),
    "expand": (17, lambda f: f.add("Expand", f.add("ReduceMean", "input", axes=[3]), np.array([1, 4, 6, 3]))),
    "transposed": (
        17,
        lambda f: f.add(
            *("ConvTranspose", "input", f.rng.standard_normal((4, 3, 4, 4)), np.arange(3.0)),
            strides=[2, 2],
            pads=[1, 1, 1, 1],
        ),
    ),
    "transposed and cut": (
        17,
        lambda f: f.add(
            "ConvTranspose", "input", f.rng.standard_normal((4, 3, 2, 2)), strides=[2, 2], pads=[1, 0, 0, 1]
        ),
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Output shapes disagree:UserWarning")
@pytest.mark.parametrize("name", ONNX)
def test_onnx_operations_equal_the_executor(name: str, tmp_path: Path) -> None:
    opset, make = ONNX[name]
    f = OnnxFile((1, 4, 6, 6), opset=opset)
    x = np.random.default_rng(1).standard_normal((2, 4, 6, 6)).astype(np.float32)
    make(f)
    path = f.save(tmp_path / "net.onnx")
    want = executed(path, x)["output"]
    y = load_onnx(path)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(y, want, 1e-5, 1e-5)
    np.testing.assert_allclose(run_module(blendir.from_onnx(path), x), want, 1e-4, 1e-4)


def test_onnx_resize_of_another_kind_is_refused(tmp_path: Path) -> None:
    f = OnnxFile((1, 4, 6, 6))
    f.add("Resize", "input", "", np.array([1.0, 1.0, 2.0, 2.0]), mode="linear")
    with pytest.raises(blendir.frontend.UnsupportedModelError, match="only nearest is supported"):
        blendir.from_onnx(f.save(tmp_path / "net.onnx"))
