"""
Channels that are sliced, repeated, permuted and padded: the import, the laws, every stage and the C++.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from agreement import check_cpp, imported, lowered
from token_simulator import LATENCY, play
from torch import Tensor, nn
from xdsl.dialects.builtin import ModuleOp

import blendir
from blendir.dialects import blend
from blendir.dialects.stream import ProcessOp, Stream
from blendir.frontend import UnsupportedModelError
from blendir.hardware.processes import PROCESSES, process_of
from blendir.hardware.timing import processes, run
from blendir.models.resnet import PaddedShortcut
from blendir.pipeline import schedule


class Function(nn.Module):
    """
    Functions side by side, then the mean over H and W and a linear layer.
    """

    def __init__(self, channels: int, *functions: Callable[[Tensor], Tensor]):
        super().__init__()
        self.functions, self.fc = functions, nn.Linear(channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc((torch.cat([f(x) for f in self.functions], 1) * 2 + 1).mean((2, 3)))


def shuffled(x: Tensor) -> Tensor:
    return x.view(x.shape[0], 2, 2, *x.shape[2:]).transpose(1, 2).reshape(x.shape)


def expanded(x: Tensor) -> Tensor:
    return x.unsqueeze(2).expand(-1, -1, 3, -1, -1).reshape(x.shape[0], 12, *x.shape[2:])


ORDER = torch.tensor([3, 0, 2])
PICKS: list[tuple[Callable[[Tensor], Tensor], list[int]]] = [
    (lambda x: x[:, 1:3], [1, 2]),
    (lambda x: x[:, ::2], [0, 2]),
    (lambda x: x[:, 1:2], [1]),
    (lambda x: x[:, -1].unsqueeze(1), [3]),
    (lambda x: x[:, ORDER], [3, 0, 2]),
    (lambda x: torch.index_select(x, 1, ORDER), [3, 0, 2]),
    (lambda x: x.repeat_interleave(2, 1), [0, 0, 1, 1, 2, 2, 3, 3]),
    (lambda x: x.repeat(1, 2, 1, 1), [0, 1, 2, 3, 0, 1, 2, 3]),
    (expanded, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]),
    (lambda x: x.flip(1), [3, 2, 1, 0]),
    (lambda x: x.roll(1, 1), [3, 0, 1, 2]),
    (lambda x: F.channel_shuffle(x, 2), [0, 2, 1, 3]),
    (shuffled, [0, 2, 1, 3]),
    (lambda x: F.pad(x, (0, 0, 0, 0, 1, 2)), [-1, 0, 1, 2, 3, -1, -1]),
    (lambda x: x.split(3, 1)[1].repeat(1, 2, 1, 1), [3, 3]),
]


def takes(module: ModuleOp) -> list[list[int]]:
    return [op.picks for op in module.walk() if isinstance(op, blend.TakeOp)]


def test_every_spelling_is_one_take() -> None:
    torch.manual_seed(0)
    frames = torch.randn(2, 4, 3, 5)
    functions, picks = zip(*PICKS, strict=True)
    stages = lowered(imported(Function(sum(map(len, picks)), *functions).eval(), frames), frames)
    assert takes(stages["folded"]) == list(picks)
    assert sum(op.name == "stream.take" for op in processes(stages["stream"])) == len(picks)


class Block(nn.Module):
    """
    A shortcut with zero channels, a channel shuffle, and takes that weights absorb.
    """

    def __init__(self):
        super().__init__()
        self.conv, self.skip = nn.Conv2d(4, 7, 3, 2, 1), PaddedShortcut(4, 7)
        self.repeated = nn.Conv2d(14, 6, 1)
        self.norm = nn.BatchNorm2d(6)
        self.fc = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x) + self.skip(x)
        y = self.repeated(y.repeat_interleave(2, 1)).relu()
        y = self.norm(y + F.channel_shuffle(y, 3))
        bits = torch.where(y[:, ::2].repeat_interleave(2, 1) >= torch.arange(6.0).view(1, 6, 1, 1) / 6 - 0.5, 1.0, -1.0)
        return self.fc(bits.to(x.dtype).mean((2, 3)))


def test_every_stage_and_the_cpp_agree(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, frames = Block().eval(), torch.randn(4, 4, 6, 8)
    stages = lowered(imported(model, frames), frames)
    found = takes(stages["folded"])
    assert [-1, 0, 1, 2, 3, -1, -1] in found
    assert [0, 0, 2, 2, 4, 4] in found
    assert not any(len(picks) == 14 for picks in found)  # the convolution has it
    check_cpp(stages, frames, tmp_path)


def test_pixels_are_repeated_before_they_become_bits() -> None:
    levels = (torch.arange(5.0) * 50 + 3).repeat(2).view(1, 10, 1, 1)
    model = Function(10, lambda x: torch.where(x.float().repeat_interleave(5, 1) >= levels, 1.0, -1.0)).eval()
    frames = torch.randint(0, 256, (3, 2, 4, 4), dtype=torch.uint8)
    folded = lowered(imported(model, frames), frames)["folded"]
    (op,) = [op for op in folded.walk() if isinstance(op, blend.TakeOp)]
    assert blend.tensor_type(op.input).element_type == blend.ui8


def test_strided_rows_are_windows_of_single_pixels() -> None:
    model = Function(4, lambda x: x[:, :, ::2, ::3].relu()).eval()
    frames = torch.randn(2, 4, 5, 7)
    stages = lowered(imported(model, frames), frames)
    (pool,) = [op for op in stages["folded"].walk() if isinstance(op, blend.MaxPool2dOp)]
    assert (pool.window, pool.stride) == ((1, 1), (2, 3))
    window = next(op for op in processes(stages["stream"]) if op.name == "stream.window")
    assert process_of(window).firing(1).writes[0].flat[0] == 4 - 1  # the first pixel leaves with its last element


def test_channels_of_ones_are_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="pad"):
        blendir.from_torch(
            Function(4, lambda x: F.pad(x, (0, 0, 0, 0, 1, -1), value=1.0)).eval(), torch.randn(1, 4, 6, 6)
        )


def test_picks_take_the_cycles_of_their_schedule() -> None:
    network = Function(10, lambda x: x[:, ORDER], lambda x: x.repeat_interleave(2, 1)[:, :7])
    frames = torch.randn(2, 4, 5, 3)
    stream_module = lowered(imported(network.eval(), frames), frames)["stream"]
    schedule(stream_module)
    found = processes(stream_module)
    assert any(op.name == "stream.take" for op in found)
    outcome = play(stream_module, 3, interval=400)
    assert outcome.finished
    assert outcome.leaving == run(found, 3, 400).leaving.tolist()


def test_the_simulator_knows_every_process() -> None:
    kinds = {kind for kind in Stream.operations if issubclass(kind, ProcessOp)}
    assert set(LATENCY) == kinds
    for kind, cycles in LATENCY.items():
        assert PROCESSES[kind].latency == cycles
