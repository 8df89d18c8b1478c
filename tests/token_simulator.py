"""
A cycle-level simulator of processes and bounded FIFOs, independent of `hardware/timing.py`. It advances one cycle at a
time.

A process is a program of cycles. Each cycle reads some inputs and writes some outputs. A cycle starts when every input
that it reads has a beat. Its results leave the pipeline `latency` cycles later. If there is no room for them, the whole
pipeline stops. If input is missing, a pipeline of style flp continues, and one of style stp stops. With latency 0 a
process stores nothing: it reads and writes in the same cycle or not at all.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from blendir.dialects import stream
from blendir.dialects.stream import StreamType, stream_type
from blendir.dialects.stream.elementwise import ElementwiseOp
from blendir.hardware.processes import process_of
from blendir.hardware.timing import FORWARD_LATENCY, processes

Cycle = tuple[Sequence[int], Sequence[int]]
UNBOUNDED = 1 << 60
LATENCY: dict[type[stream.ProcessOp], int] = {
    stream.SourceOp: 2,
    stream.SinkOp: 3,
    stream.ForkOp: 3,
    stream.ConcatOp: 3,
    stream.CropOp: 3,
    stream.TakeOp: 3,
    stream.ReorderOp: 3,
    stream.WindowOp: 4,
    stream.PoolOp: 5,
    stream.BinaryMvuOp: 10,
    stream.FixedMvuOp: 12,
    stream.PlaneMvuOp: 12,
    stream.DepthwiseMvuOp: 12,
    stream.ThresholdOp: 3,
    stream.MultiThresholdOp: 5,
    stream.PiecewiseLinearOp: 10,
    stream.ResidualOp: 6,
    stream.AddOp: 5,
    stream.MultiplyOp: 8,
    stream.ClampOp: 3,
    stream.RequantizeOp: 3,
    stream.BitsToValueOp: 3,
    stream.LookupOp: 5,
    stream.LayerNormOp: 40,
    stream.ArgmaxOp: 16,
}
"""
Cycles from a read to the write that depends on it, of each process there is.
"""


@dataclass
class Fifo:
    """
    A bounded FIFO. A beat that is written in one cycle can be read `forward` cycles later. A read makes room at once.
    """

    depth: int
    forward: int = 1
    readable: deque[int] = field(default_factory=deque[int])


@dataclass
class Unit:
    """
    A process; `open` says in which cycles nothing outside stops it.
    """

    cycles: Iterator[Cycle]
    inputs: list[Fifo]
    outputs: list[Fifo]
    latency: int = 1
    stops: bool = False
    open: Callable[[int], bool] = lambda now: True
    started: int = 0
    clock: int = 0
    held: bool = False
    flying: deque[tuple[int, Sequence[int]]] = field(default_factory=deque[tuple[int, Sequence[int]]])

    def __post_init__(self) -> None:
        self.next = next(self.cycles, None)

    def room(self, ports: Sequence[int]) -> bool:
        """
        Whether a beat fits each output.
        """
        return all(len(self.outputs[p].readable) < self.outputs[p].depth for p in ports)

    def land(self, ports: Sequence[int], now: int) -> None:
        """
        Results reach the outputs.
        """
        for port in ports:
            self.outputs[port].readable.append(now + self.outputs[port].forward)

    def step(self, now: int) -> bool:
        """
        Moves on by one cycle; whether a cycle started or results are on their way.
        """
        reads, writes = self.next or ((), ())
        ready = (bool(f.readable) and f.readable[0] <= now for f in map(self.inputs.__getitem__, reads))
        starts = self.next is not None and self.open(now) and all(ready)
        if self.stops and self.next is not None and not starts:
            return False
        leaving = self.flying[0][1] if self.flying and self.flying[0][0] == self.clock else ()
        if starts and not self.latency:
            leaving = writes
        if not self.room(leaving):
            self.held = True
            return False
        self.land(leaving, now)
        if leaving and self.latency:
            self.flying.popleft()
        moved = starts or bool(self.flying)
        if starts:
            for port in reads:
                self.inputs[port].readable.popleft()
            if writes and self.latency:
                self.flying.append((self.clock + self.latency, writes))
            self.started += 1
            self.next = next(self.cycles, None)
        self.clock += 1
        return moved


@dataclass
class Outcome:
    """
    Whether a batch finished, the cycle of each frame's last word, and the cycle in which a full FIFO first stopped a
    process.
    """

    finished: bool
    leaving: list[int]
    held: int


def play_units(units: list[Unit], waits: Callable[[int], bool] = lambda now: False) -> Outcome:
    """
    Plays units, in the order of the graph, to the end or to a deadlock. The last unit writes words to its first output.
    `waits` says whether the first unit only waits for its time.
    """
    patience = max(u.latency for u in units) + max(FORWARD_LATENCY.values()) + 1
    words = units[-1].outputs[0].readable
    held, idle, now = UNBOUNDED, 0, 0
    while idle <= patience:
        moved = False
        for unit in reversed(units):  # readers first, so that what they read makes room in the same cycle
            moved |= unit.step(now)
            if unit.held:
                held = min(held, now)
        idle = 0 if moved else idle + (not waits(now))
        now += 1
    return Outcome(all(u.next is None and not u.flying for u in units), [at - 1 for at in words], held)


def program(op: stream.ProcessOp, frames: int) -> Iterator[Cycle]:
    """
    The behavior of each process of the library, cycle by cycle, written from the loops of the header library.
    """
    inputs = [stream_type(v) for v in op.operands if isinstance(v.type, StreamType)]
    outputs = [stream_type(v) for v in op.results if isinstance(v.type, StreamType)]
    if isinstance(op, stream.WindowOp):
        yield from window_program(op, frames)
        return
    if isinstance(op, stream.LayerNormOp):
        beats = frames * outputs[0].positions * outputs[0].beats
        for cycle in range(beats + outputs[0].beats):
            yield [0] if cycle < beats else [], [0] if cycle >= outputs[0].beats else []
        return
    if isinstance(op, stream.ReorderOp):
        parts = op.blocks.value.data
        read, written = (kind.positions * kind.beats // parts for kind in (inputs[0], outputs[0]))
        for part, at in itertools.product(range(parts * frames + 1), range(max(read, written))):
            reads, writes = part < parts * frames and at < read, part > 0 and at < written
            if part < parts * frames or writes:
                yield [0] if reads else [], [0] if writes else []
        return
    for _ in range(frames):
        match op:
            case stream.DepthwiseMvuOp():
                rows = outputs[0].beats
                taps = inputs[0].beats // rows
                for _, tap, _ in itertools.product(range(outputs[0].positions), range(taps), range(rows)):
                    yield [0], [0] if tap == taps - 1 else []
            case stream.MvuOp():
                rows, beats = op.fold
                for _, row, beat in itertools.product(range(outputs[0].positions), range(rows), range(beats)):
                    yield [0] if row == 0 else [], [0] if beat == beats - 1 else []
            case stream.PoolOp():
                kh, kw, parts = op.window
                rows, columns = outputs[0].rows.data, outputs[0].columns.data
                for _, i, _, j, _ in itertools.product(*map(range, (rows, kh, columns, kw * parts, outputs[0].beats))):
                    yield [0], [0] if (i, j) == (kh - 1, kw * parts - 1) else []
            case stream.ArgmaxOp():
                for _, beat in itertools.product(range(inputs[0].positions), range(inputs[0].beats)):
                    yield [0], [0] if beat == inputs[0].beats - 1 else []
            case stream.SinkOp():
                for _, index in itertools.product(range(inputs[0].positions), range(inputs[0].length.data)):
                    yield [0] if index % inputs[0].group.data == 0 else [], [0]
            case stream.MultiplyOp():
                for position, _ in itertools.product(range(inputs[0].positions), range(inputs[0].beats)):
                    yield [0, 1] if position % (inputs[0].positions // inputs[1].positions) == 0 else [0], [0]
            case stream.ConcatOp():
                parts, *elements = op.parts
                beats = [count // inputs[0].group.data for count in elements]
                for _ in range(parts):
                    yield from (([port], [0]) for port in (0, 1) for _ in range(beats[port]))
            case stream.CropOp():
                sizes = (inputs[0].rows.data, inputs[0].columns.data)
                for row, column, _ in itertools.product(*map(range, (*sizes, inputs[0].beats))):
                    yield [0], [0] if row in op.lines[0] and column in op.lines[1] else []
            case stream.TakeOp():
                first = inputs[0].beats - 1
                for _, cycle in itertools.product(range(outputs[0].positions), range(first + outputs[0].beats)):
                    yield [0] if cycle <= first else [], [0] if cycle >= first else []
            case stream.SourceOp() | stream.ForkOp() | ElementwiseOp():
                for _ in range(outputs[0].positions * outputs[0].beats):
                    yield range(len(inputs)), range(len(outputs))
            case _:
                raise NotImplementedError(f"no program for {op.name}")


def outputs_of(kind: StreamType) -> list[tuple[int, int]]:
    """
    The positions of a frame.
    """
    return list(itertools.product(range(kind.rows.data), range(kind.columns.data)))


def window_program(op: stream.WindowOp, frames: int) -> Iterator[Cycle]:
    """
    A flat loop over the slots of all frames, most of them pixels: a pixel is read, and the window that is complete is
    written.
    """
    source, result = stream_type(op.input), stream_type(op.result)
    (kh, kw), (sh, sw), (ph, pw, *_), (dh, dw) = op.geometry
    ends = [(y * sh - ph + (kh - 1) * dh, x * sw - pw + (kw - 1) * dw) for y, x in outputs_of(result)]
    top, left = max(0, -ends[0][0]), max(0, -ends[0][1])
    columns = max(left + source.columns.data, (ends[-1][1] - ends[0][1]) // sh + 1 if result.rows.data > 1 else 1)
    rows = top + source.rows.data
    while rows * columns <= (ends[-1][0] - ends[0][0]) * columns + ends[-1][1] - ends[0][1]:
        rows += 1
    done = [(top + y) * columns + left + x for y, x in ends]
    assert done == sorted({*done}), "every window is complete in a slot of its own"
    pixels = {(top + y) * columns + left + x for y, x in outputs_of(source)}
    slots = frames * rows * columns + max(0, done[-1] - (rows * columns - 1))
    emitting = {frame * rows * columns + slot for frame in range(frames) for slot in done}
    for slot in range(slots):
        reads = [0] if slot < frames * rows * columns and slot % (rows * columns) in pixels else []
        for beat in range(source.beats):
            yield reads, [0] if slot in emitting and beat == source.beats - 1 else []
        if slot in emitting:
            for _ in range(result.beats - 1):
                yield [], [0]


def play(
    module: ModuleOp,
    frames: int,
    depths: Mapping[SSAValue, int] | None = None,
    interval: int = 0,
    latency: Callable[[stream.ProcessOp], int] = lambda op: LATENCY[type(op)],
    stops: Callable[[stream.ProcessOp], bool] = lambda op: process_of(op).uses_dsp_xnor,
    stalls: Callable[[int], bool] = lambda now: False,
) -> Outcome:
    """
    Plays a batch of a scheduled module with the FIFOs of its attributes, or of `depths`.

    The source offers a frame every `interval` cycles; source and sink stand still in the cycles `stalls`.
    """
    found = processes(module)
    fifos: dict[SSAValue, Fifo] = {}
    sinks = [op for op in found if isinstance(op, stream.SinkOp)]
    for op in found:
        if op in sinks:
            continue
        assert op.fifo_depths is not None
        assert op.fifo_storage is not None
        for value, depth, storage in zip(op.results, op.fifo_depths.get_values(), op.fifo_storage.data, strict=True):
            fifos[value] = Fifo((depths or {}).get(value, int(depth)), FORWARD_LATENCY[storage.data])
    fifos |= {op.result: Fifo(UNBOUNDED) for op in sinks}
    units: list[Unit] = []
    for op in found:
        ports = [fifos[v] for v in op.operands if v in fifos], [fifos[v] for v in op.results]
        units.append(Unit(program(op, frames), *ports, latency(op), stops(op)))
    source = units[0]
    kind = stream_type(found[0].results[0])
    offered = kind.positions * kind.beats

    def closed(now: int) -> bool:
        return stalls(now) or (source.started < frames * offered and now < source.started * interval // offered)

    source.open = lambda now: not closed(now)
    for op, unit in zip(found, units, strict=True):
        if op in sinks:
            unit.open = lambda now: not stalls(now + 1)
    outcome = play_units(units, lambda now: closed(now) or stalls(now + 1))
    ends: list[list[int]] = []
    for sink in sinks:
        kind, words = stream_type(sink.input), [at - 1 for at in fifos[sink.result].readable]
        size = kind.positions * kind.length.data
        ends.append(words[size - 1 :: size])
    outcome.leaving = [max(frame) for frame in zip(*ends, strict=True)]
    return outcome
