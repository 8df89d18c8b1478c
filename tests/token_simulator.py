"""
A cycle-level simulator of processes and bounded FIFOs, independent of `passes/timing.py`: it moves one cycle at a time.

A process is a program of cycles, each of which reads some inputs and writes some outputs. A cycle starts when every
read has a beat; what it writes comes out of the pipeline `latency` cycles later and needs room there, else the whole
pipeline stands still. Without input, a pipeline of style flp moves on and one of style stp stands still too. With
latency 0 a process holds nothing: it reads and writes at once or not at all.
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
from blendir.passes.timing import FORWARD_LATENCY, processes, stops_when_starved

Cycle = tuple[Sequence[int], Sequence[int]]
UNBOUNDED = 1 << 60
LATENCY: dict[type[stream.ProcessOp], int] = {
    stream.SourceOp: 2,
    stream.SinkOp: 3,
    stream.ForkOp: 3,
    stream.ConcatOp: 3,
    stream.TakeOp: 3,
    stream.ReorderOp: 3,
    stream.WindowOp: 4,
    stream.PoolOp: 5,
    stream.BinaryMvuOp: 10,
    stream.FixedMvuOp: 12,
    stream.PlaneMvuOp: 12,
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
}
"""
Cycles from a read to the write that depends on it, of each process there is.
"""


@dataclass
class Fifo:
    """
    A bounded FIFO: a beat that lands in one cycle can be read `forward` cycles later; a read makes room at once.
    """

    depth: int
    forward: int = 1
    readable: deque[int] = field(default_factory=deque[int])


@dataclass
class Unit:
    """
    A process; `open` says in which cycles it is not held up from outside.
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
    Whether a batch got through, when each frame's last word left, and when a full FIFO first held up a process.
    """

    finished: bool
    leaving: list[int]
    held: int


def play_units(units: list[Unit], waits: Callable[[int], bool] = lambda now: False) -> Outcome:
    """
    Plays units, in the order of the graph, to the end or to a deadlock. The last one writes words to its first output;
    `waits` says whether the first one is only waiting for its time.
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
    What each process of the library does cycle by cycle, written from their loops.
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
        beats = outputs[0].positions * outputs[0].beats
        for frame, _ in itertools.product(range(frames + 1), range(beats)):
            yield [0] if frame < frames else [], [0] if frame else []
        return
    for _ in range(frames):
        match op:
            case stream.MvuOp():
                rows, beats = op.fold
                for _, row, beat in itertools.product(range(outputs[0].positions), range(rows), range(beats)):
                    yield [0] if row == 0 else [], [0] if beat == beats - 1 else []
            case stream.PoolOp():
                kh, kw, parts = op.window
                rows, columns = outputs[0].rows.data, outputs[0].columns.data
                for _, i, _, j, _ in itertools.product(*map(range, (rows, kh, columns, kw * parts, outputs[0].beats))):
                    yield [0], [0] if (i, j) == (kh - 1, kw * parts - 1) else []
            case stream.SinkOp():
                for _, index in itertools.product(range(inputs[0].positions), range(inputs[0].length.data)):
                    yield [0] if index % inputs[0].group.data == 0 else [], [0]
            case stream.MultiplyOp():
                for position, _ in itertools.product(range(inputs[0].positions), range(inputs[0].beats)):
                    yield [0, 1] if position % (inputs[0].positions // inputs[1].positions) == 0 else [0], [0]
            case stream.ConcatOp():
                for _ in range(outputs[0].positions):
                    yield from (([port], [0]) for port in (0, 1) for _ in range(inputs[port].beats))
            case stream.TakeOp():
                first = inputs[0].beats - 1
                for _, cycle in itertools.product(range(outputs[0].positions), range(first + outputs[0].beats)):
                    yield [0] if cycle <= first else [], [0] if cycle >= first else []
            case stream.SourceOp() | stream.ForkOp() | ElementwiseOp():
                for _ in range(outputs[0].positions * outputs[0].beats):
                    yield range(len(inputs)), range(len(outputs))
            case _:
                raise NotImplementedError(f"no program for {op.name}")


def window_program(op: stream.WindowOp, frames: int) -> Iterator[Cycle]:
    """
    A flat loop over the pixels of all frames: a pixel is read, and the window that it completes is written.
    """
    source, result = stream_type(op.input), stream_type(op.result)
    (kh, kw), (sh, sw), (ph, pw) = op.geometry
    rows, columns = source.rows.data, source.columns.data
    done = {
        (y * sh - ph + kh - 1) * columns + x * sw - pw + kw - 1: None
        for y in range(result.rows.data)
        for x in range(result.columns.data)
    }
    last = max(done)
    slots = frames * rows * columns + max(0, last - (rows * columns - 1))
    emitting = {frame * rows * columns + slot for frame in range(frames) for slot in done}
    for slot in range(slots):
        reads = [0] if slot < frames * rows * columns else []
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
    stops: Callable[[stream.ProcessOp], bool] = stops_when_starved,
    stalls: Callable[[int], bool] = lambda now: False,
) -> Outcome:
    """
    Plays a batch of a scheduled module with the FIFOs of its attributes, or of `depths`.

    The source offers a frame every `interval` cycles; source and sink stand still in the cycles `stalls`.
    """
    found = processes(module)
    fifos: dict[SSAValue, Fifo] = {}
    for op in found[:-1]:
        assert op.fifo_depths is not None
        assert op.fifo_storage is not None
        for value, depth, storage in zip(op.results, op.fifo_depths.get_values(), op.fifo_storage.data, strict=True):
            fifos[value] = Fifo((depths or {}).get(value, int(depth)), FORWARD_LATENCY[storage.data])
    fifos[found[-1].results[0]] = Fifo(UNBOUNDED)
    units: list[Unit] = []
    for op in found:
        ports = [fifos[v] for v in op.operands if v in fifos], [fifos[v] for v in op.results]
        units.append(Unit(program(op, frames), *ports, latency(op), stops(op)))
    source, sink = units[0], units[-1]
    kind = stream_type(found[0].results[0])
    offered = kind.positions * kind.beats

    def closed(now: int) -> bool:
        return stalls(now) or (source.started < frames * offered and now < source.started * interval // offered)

    source.open = lambda now: not closed(now)
    sink.open = lambda now: not stalls(now + 1)
    outcome = play_units(units, lambda now: closed(now) or stalls(now + 1))
    kind = stream_type(found[-1].operands[0])
    words = kind.positions * kind.length.data
    outcome.leaving = outcome.leaving[words - 1 :: words]
    return outcome
