"""
The foldings of each process of a design, and what each takes: cycles per frame and resources.

A line buffer belongs to the process behind it. What remains between two processes is a stream whose group the one
writes and the other reads; where they differ stands a width converter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, partial
from operator import add, le

from xdsl.ir import Block, SSAValue

from blendir.dialects import stream
from blendir.dialects.stream import Geometry, ProcessOp, StreamType, stream_type
from blendir.hardware import primitives
from blendir.hardware.cost import process_cost
from blendir.hardware.primitives import Cost
from blendir.hardware.processes import process_of
from blendir.hardware.processes.base import Folding, groups

BUDGETED = ("dsp", "lut", "bram18")
FIFO_DEPTH = 16
"""What a FIFO is taken to hold before it is sized."""
NO_WINDOW: Geometry = ((1, 1), (1, 1), (0, 0), (1, 1))


@dataclass(frozen=True)
class Choice:
    """
    A folding of a process with its line buffer and the FIFOs that it writes: `reads` and `writes` are the groups of its
    input and output streams, `cycles` those of the slower of process and line buffer, `cost` what `BUDGETED` lists.
    """

    reads: int
    writes: int
    folding: Folding
    cycles: int
    cost: tuple[int, ...]


@dataclass(frozen=True)
class Converter:
    """
    A width converter, or with no cycles a plain stream.
    """

    cycles: int
    cost: tuple[int, ...]


DIRECT = Converter(0, (0,) * len(BUDGETED))


def budgeted(cost: Cost) -> tuple[int, ...]:
    """
    What is counted of a cost.
    """
    return tuple(cost[kind] for kind in BUDGETED)


def window_before(op: ProcessOp) -> stream.WindowOp | None:
    """
    The line buffer that a process reads.
    """
    owner = op.operands[0].owner if op.operands else None
    return owner if isinstance(owner, stream.WindowOp) else None


def streams_read(op: ProcessOp) -> list[SSAValue]:
    """
    The streams that a process reads, at its line buffer where it has one.
    """
    window = window_before(op)
    if window is not None:
        return [window.input]
    return op.inputs


@cache
def line_buffer(source: StreamType, reads: int, geometry: Geometry, writes: int) -> tuple[int, tuple[int, ...]]:
    """
    Cycles per frame and cost of a line buffer, or of a width converter, with the FIFO that it writes.
    """
    window = process_of(stream.WindowOp(Block(arg_types=[source]).args[0], *geometry))
    folding = Folding(reads, writes)
    fifo = primitives.fifo(writes * source.format.width, FIFO_DEPTH, "srl")
    return window.cycles(folding), budgeted(process_cost(window, folding) + fifo)


def converter(kind: StreamType, reads: int, writes: int) -> Converter:
    """
    What stands between a stream of one group and a reader of another.
    """
    return DIRECT if reads == writes else Converter(*line_buffer(kind.grouped(1), reads, NO_WINDOW, writes))


def choices(op: ProcessOp, xnor: str, most: float = math.inf) -> list[Choice]:
    """
    The foldings of a process that no other one beats, of at most so many cycles.
    """
    window, process = window_before(op), process_of(op)
    buffers = None
    if window is not None:
        source, geometry = stream_type(window.input).grouped(1), window.geometry
        buffers = [(reads, partial(line_buffer, source, reads, geometry)) for reads in groups(source)]
    written = [stream_type(v).format.width for v in op.outputs]
    made: list[Choice] = []
    for folding in process.foldings(xnor):
        cycles = process.cycles(folding)
        if cycles > most:
            continue
        cost = process_cost(process, folding)
        for width in written:
            cost += primitives.fifo(folding.writes * width, FIFO_DEPTH, "srl")
        own = budgeted(cost)
        if buffers is None:
            made.append(Choice(folding.reads, folding.writes, folding, cycles, own))
            continue
        for reads, buffer in buffers:
            busy, more = buffer(folding.reads)
            if busy <= most:
                made.append(Choice(reads, folding.writes, folding, max(cycles, busy), tuple(map(add, own, more))))
    return undominated(made)


def undominated(made: list[Choice]) -> list[Choice]:
    """
    Choices of which no other has the same groups and is at most as slow and as expensive.
    """
    kept: dict[tuple[int, int], list[Choice]] = {}
    for choice in sorted(made, key=lambda c: (c.cycles, sum(c.cost), c.cost)):
        rivals = kept.setdefault((choice.reads, choice.writes), [])
        if not any(all(map(le, rival.cost, choice.cost)) for rival in rivals):
            rivals.append(choice)
    return [choice for rivals in kept.values() for choice in rivals]


def paper_choices(op: ProcessOp, made: list[Choice]) -> list[Choice]:
    """
    The choices that come nearest to the configuration of the BlendNet paper: fixed-point arrays of 32 x 32, binary
    units 48 wide, and what lies between them by gcd(32, 48) elements at a time.
    """
    wanted = process_of(op).paper_groups
    if wanted is None:
        return made
    offered = {c.folding.reads for c in made}
    reads = max((r for r in offered if r <= wanted[0]), default=min(offered))
    kept = [c for c in made if c.folding.reads == reads]
    writes = max(c.folding.writes for c in kept if c.folding.writes <= wanted[1])
    return [c for c in kept if c.folding.writes == writes]
