"""
Why a design is not faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import mul

from xdsl.dialects.builtin import ModuleOp

from blendir.dialects import stream
from blendir.dialects.stream import stream_type
from blendir.hardware.foldings import BUDGETED, choices, streams_read
from blendir.hardware.processes import process_of
from blendir.hardware.search import WEIGHTS
from blendir.hardware.timing import cycles_per_frame, processes


@dataclass(frozen=True)
class Bottleneck:
    """
    The process that sets the frame interval, and the next faster folding of it: its cycles, and what it costs more.
    """

    layer: str
    cycles: int
    faster: int | None
    cost: dict[str, int]


def bottleneck(module: ModuleOp) -> Bottleneck:
    """
    Why a scheduled module is not faster. A line buffer is taken together with the process that reads it.
    """
    slowest = max(processes(module), key=cycles_per_frame)
    cycles = cycles_per_frame(slowest)
    op = slowest
    if isinstance(op, stream.WindowOp):
        (use,) = op.result.uses
        assert isinstance(use.operation, stream.ProcessOp)
        op = use.operation
    folding = process_of(op).folding
    made = choices(op, folding.xnor)
    read = stream_type(streams_read(op)[0]).group.data if streams_read(op) else 1
    now = next((c for c in made if c.folding == folding and c.reads == read), None)
    faster = [c for c in made if c.cycles < cycles]
    if not faster or now is None:
        return Bottleneck(slowest.layer_name, cycles, None, {})
    best = min(faster, key=lambda c: (-c.cycles, sum(map(mul, WEIGHTS, c.cost))))
    more = {kind: a - b for kind, a, b in zip(BUDGETED, best.cost, now.cost, strict=True)}
    return Bottleneck(slowest.layer_name, cycles, best.cycles, more)
