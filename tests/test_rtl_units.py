"""
The modules of the SystemVerilog library that move, pick, pool, count and normalize, in Verilator: every beat of every
stream is that of the interpreter, at any pace, and frames take the cycles of the schedule.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from layers import BinaryConv, Levels, Sign
from modules import scheduled
from rtl import FREE, STALLED, Pauses, simulation
from torch import Tensor, nn

import blendir
from blendir.backends.systemverilog.library import library
from blendir.dialects.stream import ProcessOp
from blendir.hardware import kept, timing
from blendir.hardware.processes import PROCESSES, process_of
from blendir.hardware.timing import processes


class Moves(nn.Module):
    """
    What moves, picks and compares elements, side by side.
    """

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        four = x[..., :4]
        return (
            x[:, :, 1:4, 2:],
            x.flip(2, 3),
            F.max_pool2d(four, 2),
            F.avg_pool2d(four, (3, 2)),
            torch.cat([x, x[:, [3, 0, 2]]], 1),
            torch.sigmoid(x[:, :3]),
            x.argmax(1),
            x.topk(3, 1).indices,
        )


def norm(channels: int) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(channels)
    with torch.no_grad():
        for parameter in (layer.weight, layer.bias, layer.running_mean):
            assert parameter is not None
            parameter.normal_()
    return layer


class Channels(nn.Module):
    """
    Depthwise convolutions in fixed point and of bits, levels before a binary convolution, and a layer normalization.
    """

    def __init__(self) -> None:
        super().__init__()
        self.each = nn.Conv2d(6, 6, 3, 1, 1, groups=6)
        self.bits = nn.Sequential(norm(6), Sign(), BinaryConv(6, 12, 3, 2, 1, 0.0, True, 6), norm(12))
        self.levels = nn.Sequential(norm(6), Levels(3), BinaryConv(6, 4, (3), 1, 1, 0.0, False), norm(4))
        self.norm = nn.LayerNorm(6)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = self.each(x)
        return self.bits(y), self.levels(y), self.norm(y.permute(0, 2, 3, 1))


NETWORKS = {"moves": (Moves, (4, 6, 5)), "channels": (Channels, (6, 5, 6))}
UNITS = {
    "moves": {"crop", "reorder", "pool", "take", "concat", "lookup", "argmax", "top_k"},
    "channels": {"fixed_depthwise", "binary_depthwise", "multi_threshold", "plane_mvu", "layer_norm"},
}


def clog2(n: int) -> int:
    return max(0, n - 1).bit_length()


class Constants(dict[str, Any]):
    """
    The constants of a module: parameters, and local ones, which are evaluated when something needs them.
    """

    def __init__(self, text: str, parameters: dict[str, int]):
        super().__init__(clog2=clog2, countones=int.bit_count, **parameters)
        self.expressions = dict(re.findall(r"localparam int (\w+) = ([^;]*);", text))

    def __missing__(self, name: str) -> int:
        text = self.expressions[name].replace("$", "").replace("/", "//")
        return int(eval(re.sub(r"\(([^()?]*)\?([^():]*):([^()]*)\)", r"((\2) if (\1) else (\3))", text), {}, self))


def latency(op: ProcessOp) -> int:
    """
    The cycles that the module of a process says it takes.
    """
    process = process_of(op)
    unit = process.unit()
    text = library()[f"blendir_{unit.function}"].file.read_text()
    return Constants(text, unit.config | {"XNOR_DSP": int(process.uses_dsp_xnor)})["LATENCY"]


@pytest.mark.parametrize(("name", "fps"), [("moves", None), ("moves", 1.5e6), ("channels", 1.5e6)])
def test_units(name: str, fps: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    make, shape = NETWORKS[name]
    frames = torch.randn(3, *shape, generator=torch.Generator().manual_seed(1))
    x = frames.numpy()
    module = blendir.lower(blendir.from_torch(make().eval(), frames[:1]), "stream", x)
    module = scheduled(module, fps)
    assert {process_of(op).unit().function for op in processes(module)} >= UNITS[name]
    made = simulation(module, tmp_path)
    made.check(x, (FREE, STALLED))

    assert all(latency(op) <= process_of(op).latency for op in processes(module))
    alone = made.run(x[:1], Pauses(interval=max(made.rtl.timing.cycles.values())))

    def of_the_modules(op: ProcessOp) -> Any:
        process = process_of(op)
        object.__setattr__(process, "latency", latency(op))
        return process

    for asked in (timing, kept):
        monkeypatch.setattr(asked, "process_of", of_the_modules)
    assert alone[0] < timing.simulate(module).first_frame_latency < made.rtl.timing.first_frame_latency


def test_every_unit_has_a_module() -> None:
    functions = {function.name for process in PROCESSES.values() for function in process.functions}
    assert {f"blendir_{function}" for function in functions} <= library().keys()
