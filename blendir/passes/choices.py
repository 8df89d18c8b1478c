"""
The ways in which each process of a design can be laid out, and what each takes: cycles per frame and resources.

A line buffer belongs to the process behind it. What remains between two processes is a stream whose group the one
writes and the other reads; where they differ stands a width converter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from operator import add, le

from xdsl.ir import Block, SSAValue

from blendir.dialects import stream
from blendir.dialects.stream import PAYLOAD_BITS, ProcessOp, StreamType, stream_type
from blendir.packing import WORD_BITS
from blendir.passes import leaves
from blendir.passes.leaves import Cost
from blendir.passes.resources import Fold, process_cost
from blendir.passes.timing import cycles_per_frame

BUDGETED = ("dsp", "lut", "bram18")
FIFO_DEPTH = 16
"""What a FIFO is taken to hold before it is sized."""
PAPER_ARRAY = 32
"""Rows and columns of the paper's fixed-point array."""
Geometry = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
MAX_XNOR_WORDS = 64
"""Of 48 lanes, in one blackbox."""
NO_WINDOW: Geometry = ((1, 1), (1, 1), (0, 0))


@dataclass(frozen=True)
class Choice:
    """
    A layout of a process with its line buffer and the FIFOs that it writes: `reads` and `writes` are the groups of its
    input and output streams, `cycles` those of the slower of process and line buffer, `cost` what `BUDGETED` lists.
    """

    reads: int
    writes: int
    fold: Fold
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


def divisors(number: int) -> list[int]:
    """
    All divisors, smallest first.
    """
    return [d for d in range(1, number + 1) if number % d == 0]


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
    return [v for v in op.operands if isinstance(v.type, StreamType)]


def groups(*kinds: StreamType) -> list[int]:
    """
    The groups in which streams can be processed beat for beat.
    """
    widest = max(kind.format.width for kind in kinds)
    common = math.gcd(*(kind.length.data for kind in kinds))
    return [d for d in divisors(common) if d * widest <= PAYLOAD_BITS]


def simd_choices(op: stream.MvuOp) -> list[int]:
    """
    How many elements of the vector a unit may take per cycle.
    """
    source = stream_type(op.operands[0])
    weight = op.weight_planes if isinstance(op, stream.PlaneMvuOp) else 1
    limit = PAYLOAD_BITS // max(source.format.width, weight)
    length = source.length.data
    if source.positions != stream_type(op.results[0]).positions:
        return [d for d in divisors(length) if d <= limit]
    if isinstance(op, stream.BinaryMvuOp | stream.PlaneMvuOp):
        words = [n for n in range(WORD_BITS, length, WORD_BITS) if n <= limit]
        return [*words, length] if length <= limit else words
    return sorted({-(-length // beats) for beats in range(1, length + 1)} & set(range(1, limit + 1)))


def xnor_kinds(op: stream.MvuOp, simd: int, pe: int, xnor: str) -> list[str]:
    """
    What may make the XNORs: DSPs take whole words, or a vector of less than one.
    """
    if xnor == "lut" or not isinstance(op, stream.BinaryMvuOp):
        return ["lut"]
    fits = pe * -(-simd // WORD_BITS) <= MAX_XNOR_WORDS
    whole = fits and (simd % WORD_BITS == 0 or op.vector < WORD_BITS)
    if xnor == "dsp":
        return ["dsp"] if whole else []
    return ["lut", "dsp"] if whole else ["lut"]


def folds(op: ProcessOp, xnor: str) -> list[Fold]:
    """
    All layouts of a process.
    """
    if isinstance(op, stream.ReorderOp):
        both = groups(stream_type(op.input), stream_type(op.result))
        return [Fold(group, group) for group in both if op.run % group == 0]
    if isinstance(op, stream.TakeOp):
        pairs = [groups(stream_type(v)) for v in (op.input, op.result)]
        return [Fold(reads, writes) for reads in pairs[0] for writes in pairs[1]]
    if not isinstance(op, stream.MvuOp):
        kinds = [stream_type(v) for v in (*op.operands, *op.results) if isinstance(v.type, StreamType)]
        if isinstance(op, stream.PoolOp):
            kinds = [k for k in kinds if k.length == stream_type(op.result).length] or [stream_type(op.result)]
        storages = ("lutram", "bram") if isinstance(op, stream.LookupOp) else ("lutram",)
        return [Fold(group, group, storage=storage) for group in groups(*kinds) for storage in storages]
    made: list[Fold] = []
    for simd in simd_choices(op):
        for pe in groups(stream_type(op.results[0])):
            for kind in xnor_kinds(op, simd, pe, xnor):
                tiles = stream_type(op.results[0]).length.data // pe * -(-op.vector // simd)
                made += [
                    Fold(simd, pe, kind, storage) for storage in (("lutram", "bram") if tiles > 1 else ("lutram",))
                ]
    return made or folds(op, "lut")


def unit_cycles(op: ProcessOp, fold: Fold) -> int:
    """
    Cycles per frame of a process by itself.
    """
    match op:
        case stream.MvuOp():
            result = stream_type(op.results[0])
            return result.positions * (result.length.data // fold.writes) * -(-op.vector // fold.reads)
        case stream.PoolOp():
            result = stream_type(op.result)
            return result.positions * op.taps.value.data * (result.length.data // fold.writes)
        case stream.SinkOp():
            kind = stream_type(op.input)
            return kind.positions * kind.length.data
        case stream.TakeOp():
            source, result = stream_type(op.input), stream_type(op.result)
            return source.positions * (source.length.data // fold.reads + result.length.data // fold.writes - 1)
        case _:
            kind = stream_type(op.results[0])
            return kind.positions * (kind.length.data // fold.writes)


@cache
def line_buffer(source: StreamType, reads: int, geometry: Geometry, writes: int) -> tuple[int, tuple[int, ...]]:
    """
    Cycles per frame and cost of a line buffer, or of a width converter, with the FIFO that it writes.
    """
    window = stream.WindowOp(Block(arg_types=[source.grouped(reads)]).args[0], *geometry, group=writes)
    payload = stream_type(window.result).payload
    cost = process_cost(window, Fold(reads, writes)) + leaves.fifo(payload, FIFO_DEPTH, "srl")
    return cycles_per_frame(window), budgeted(cost)


def converter(kind: StreamType, reads: int, writes: int) -> Converter:
    """
    What stands between a stream of one group and a reader of another.
    """
    return DIRECT if reads == writes else Converter(*line_buffer(kind.grouped(1), reads, NO_WINDOW, writes))


def choices(op: ProcessOp, xnor: str, most: float = math.inf) -> list[Choice]:
    """
    The layouts of a process that no other one beats, of at most so many cycles.
    """
    window = window_before(op)
    written = [stream_type(v).format.width for v in op.results if isinstance(v.type, StreamType)]
    made: list[Choice] = []
    for fold in folds(op, xnor):
        cycles = unit_cycles(op, fold)
        if cycles > most:
            continue
        cost = process_cost(op, fold)
        for width in written:
            cost += leaves.fifo(fold.writes * width, FIFO_DEPTH, "srl")
        own = budgeted(cost)
        if window is None:
            made.append(Choice(fold.reads, fold.writes, fold, cycles, own))
            continue
        source = stream_type(window.input).grouped(1)
        for reads in groups(source):
            busy, buffer = line_buffer(source, reads, window.geometry, fold.reads)
            if busy <= most:
                made.append(Choice(reads, fold.writes, fold, max(cycles, busy), tuple(map(add, own, buffer))))
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
    The layouts that come nearest to the configuration of the BlendNet paper: fixed-point arrays of 32 x 32, binary
    units 48 wide, and what lies between them by gcd(32, 48) elements at a time.
    """
    joint = math.gcd(PAPER_ARRAY, WORD_BITS)
    if isinstance(op, stream.SourceOp | stream.SinkOp):
        return made
    reads, writes = joint, joint
    if isinstance(op, stream.BinaryMvuOp | stream.PlaneMvuOp):
        reads = WORD_BITS
    elif isinstance(op, stream.FixedMvuOp):
        reads = writes = PAPER_ARRAY
    reads = max((c.fold.reads for c in made if c.fold.reads <= reads), default=min(c.fold.reads for c in made))
    kept = [c for c in made if c.fold.reads == reads]
    writes = max(c.fold.writes for c in kept if c.fold.writes <= writes)
    return [c for c in kept if c.fold.writes == writes]
