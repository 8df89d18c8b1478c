"""
The token simulation and the FIFO depths of `schedule`, against counts made by hand and a simulator of its own that
moves one cycle at a time with bounded FIFOs.
"""

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from modules import Net, run_pass
from xdsl.dialects.builtin import ModuleOp, i8, i64
from xdsl.ir import Block, SSAValue
from xdsl.utils.exceptions import PassFailedException

from blendir import lower
from blendir.dialects import blend, stream
from blendir.dialects.stream import StreamType, stream_type
from blendir.passes.pipeline import schedule
from blendir.passes.schedule import SchedulePass, fifo_storage
from blendir.passes.timing import FIFO_LATENCY, firing, latency_of, processes, simulate


@dataclass
class Fifo:
    """
    A bounded FIFO: a beat written in one cycle can be read `FIFO_LATENCY` cycles later.
    """

    depth: int
    beats: deque[int] = field(default_factory=deque[int])
    flying: int = 0


class Unit:
    """
    A process as a program of cycles, each with the FIFOs that it reads and writes; results fly `latency` cycles.

    A write needs room for everything that flies and everything that waits, so that nothing blocks inside the pipeline.
    """

    def __init__(self, cycles: Iterator[tuple[list[int], list[int]]], latency: int):
        self.cycles = cycles
        self.latency = latency
        self.next = next(cycles, None)
        self.flying: deque[tuple[int, int]] = deque()

    def land(self, now: int, outputs: list[Fifo]) -> None:
        """
        Results that have come through the pipeline.
        """
        while self.flying and self.flying[0][0] <= now:
            due, port = self.flying.popleft()
            outputs[port].flying -= 1
            outputs[port].beats.append(due + FIFO_LATENCY)

    def step(self, now: int, inputs: list[Fifo], outputs: list[Fifo]) -> bool:
        """
        Moves on by one cycle if every read has a beat and every write has room.
        """
        self.land(now, outputs)
        if self.next is None:
            return False
        reads, writes = self.next
        if any(not inputs[p].beats or inputs[p].beats[0] > now for p in reads):
            return False
        if any(len(outputs[p].beats) + outputs[p].flying >= outputs[p].depth for p in writes):
            return False
        for port in reads:
            inputs[port].beats.popleft()
        for port in writes:
            outputs[port].flying += 1
            self.flying.append((now + self.latency, port))
        self.next = next(self.cycles, None)
        return True


def program(op: stream.ProcessOp, frames: int) -> Iterator[tuple[list[int], list[int]]]:
    """
    What each process of the library does cycle by cycle, written from their loops.
    """
    inputs = [stream_type(v) for v in op.operands if isinstance(v.type, StreamType)]
    outputs = [stream_type(v) for v in op.results if isinstance(v.type, StreamType)]
    everything = range(len(outputs))
    for _ in range(frames):
        match op:
            case stream.MvuOp():
                rows, beats = op.fold
                for _, row, beat in itertools.product(range(outputs[0].positions), range(rows), range(beats)):
                    yield [0] if row == 0 else [], [0] if beat == beats - 1 else []
            case stream.PoolOp():
                taps = op.taps.value.data
                shape = (outputs[0].positions, taps, outputs[0].beats)
                for _, tap, _beat in itertools.product(*map(range, shape)):
                    yield [0], [0] if tap == taps - 1 else []
            case stream.SinkOp():
                for _, index in itertools.product(range(inputs[0].positions), range(inputs[0].length.data)):
                    yield [0] if index % inputs[0].group.data == 0 else [], []
            case stream.ConcatOp():
                for _ in range(outputs[0].positions):
                    yield from (([port], [0]) for port in (0, 1) for _ in range(inputs[port].beats))
            case stream.WindowOp():
                yield from ()
            case _:
                for _ in range(outputs[0].positions * outputs[0].beats):
                    yield list(range(len(inputs))), list(everything)


def window_program(op: stream.WindowOp, frames: int) -> Iterator[tuple[list[int], list[int]]]:
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


@dataclass
class Outcome:
    """
    Whether a batch got through, when each frame left, and the greatest occupancy of each FIFO.
    """

    finished: bool
    leaving: list[int]


def play(module: ModuleOp, frames: int, depths: dict[SSAValue, int] | None = None, interval: int = 0) -> Outcome:
    """
    Plays a batch with bounded FIFOs; the source offers a frame every `interval` cycles.
    """
    found = processes(module)
    fifos: dict[SSAValue, Fifo] = {}
    for op in found:
        if op.fifo_depths is not None:
            streams = [v for v in op.results if isinstance(v.type, StreamType)]
            for value, depth in zip(streams, op.fifo_depths.get_values(), strict=True):
                fifos[value] = Fifo((depths or {}).get(value, int(depth)))
    units: list[tuple[stream.ProcessOp, Unit, list[Fifo], list[Fifo]]] = []
    for op in found:
        cycles = window_program(op, frames) if isinstance(op, stream.WindowOp) else program(op, frames)
        ports = [fifos[v] for v in op.operands if v in fifos], [fifos[v] for v in op.results if v in fifos]
        units.append((op, Unit(cycles, latency_of(op)), *ports))
    sink = stream_type(found[-1].operands[0])
    per_frame = sink.positions * sink.length.data
    source = stream_type(found[0].results[0])
    offered = source.positions * source.beats
    leaving: list[int] = []
    eaten = sent = idle = now = 0
    while eaten < frames * per_frame:
        moved = False
        for op, unit, inputs, outputs in reversed(units):
            if isinstance(op, stream.SourceOp) and now < sent * interval // offered:
                moved = True
                unit.land(now, outputs)
                continue
            stepped = unit.step(now, inputs, outputs)
            moved |= stepped or bool(unit.flying)
            if stepped and isinstance(op, stream.SourceOp):
                sent += 1
            if stepped and isinstance(op, stream.SinkOp):
                eaten += 1
                if eaten % per_frame == 0:
                    leaving.append(now)
        idle = 0 if moved else idle + 1
        if idle > FIFO_LATENCY + 2:
            return Outcome(False, leaving)
        now += 1
    return Outcome(True, leaving)


def scheduled(module: ModuleOp, fps: float | None = None) -> ModuleOp:
    """
    A scheduled copy.
    """
    return run_pass(module, SchedulePass(fps))


def residual_network(rows: int, columns: int, channels: int, blocks: int = 1) -> ModuleOp:
    """
    Blocks `z + prelu(bn(bconv(sign(z))))`.
    """
    net = Net((channels, rows, columns))
    z = net.input
    for _ in range(blocks):
        v = net.binary_conv(net.sign(z), net.random_bits(channels, channels, 3, 3), 1, 1)
        y = net.norm(net.add(blend.PReluOp(net.norm(net.count(v)), *net.reals([0.25] * channels))))
        z = net.add(blend.AddOp(y, z))
    frames = net.rng.normal(size=(4, channels, rows, columns))
    return lower(net.module(z), "stream", frames)


def line_buffer(rows: int, columns: int, stride: int, group: int = 1) -> stream.WindowOp:
    """
    A 3 x 3 window, padding 1, of pixels of one beat.
    """
    block = Block(arg_types=[StreamType(rows, columns, group, i8, group)])
    return stream.WindowOp(block.args[0], (3, 3), (stride, stride), (1, 1), group=9 * group)


class TestFirings:
    @pytest.mark.parametrize(("rows", "columns"), [(32, 32), (16, 16), (8, 8), (5, 7)])
    def test_window_lags_by_a_line_and_a_pixel(self, rows: int, columns: int) -> None:
        """
        One flat loop: frames * H * W + W + 1 slots, window p is written when pixel p + W + 1 is read.
        """
        pattern = firing(line_buffer(rows, columns, 1), 3)
        assert pattern.count == 3 * rows * columns + columns + 1
        assert pattern.reads[0].tolist() == list(range(3 * rows * columns))
        assert pattern.writes[0].tolist() == [p + columns + 1 for p in range(3 * rows * columns)]

    def test_strided_window_emits_on_odd_rows_and_columns(self) -> None:
        pattern = firing(line_buffer(4, 4, 2), 1)
        assert pattern.writes[0].tolist() == [5, 7, 13, 15]
        assert pattern.count == 16

    @pytest.mark.parametrize(("rows", "columns", "stride"), [(4, 4, 1), (4, 4, 2), (5, 7, 1), (5, 7, 2)])
    def test_windows_like_the_loop(self, rows: int, columns: int, stride: int) -> None:
        op = line_buffer(rows, columns, stride)
        cycles = list(window_program(op, 3))
        pattern = firing(op, 3)
        assert len(cycles) == pattern.count
        assert [i for i, (reads, _) in enumerate(cycles) if reads] == pattern.reads[0].tolist()
        assert [i for i, (_, writes) in enumerate(cycles) if writes] == pattern.writes[0].tolist()


class TestBacklogs:
    """
    How far windows run ahead of an ideal consumer at strided layers.
    """

    @pytest.mark.parametrize(("size", "fold", "peak"), [(32, 4, 8), (16, 16, 4)])
    def test_strided_backlog(self, size: int, fold: int, peak: int) -> None:
        pace = fold * (size // 2) ** 2 // size**2  # cycles between pixels at the consumer's rate
        writes = firing(line_buffer(size, size, 2), 4).writes[0] * pace
        start = np.zeros(len(writes), np.int64)
        free = 0
        for index, written in enumerate(writes):
            start[index] = free = max(free, int(written))
            free += fold
        waiting = [int((writes <= now).sum() - (start <= now).sum()) for now in writes]
        assert max(waiting) == peak


def skip_path(module: ModuleOp) -> SSAValue:
    """
    The stream from a fork to an addition.
    """
    sums = [op for op in processes(module) if isinstance(op, stream.AddOp)]
    (skip,) = [v for op in sums for v in (op.lhs, op.rhs) if isinstance(v.owner, stream.ForkOp)]
    return skip


SHAPES = [(4, 4, 1, 1), (5, 3, 2, 2), (3, 6, 3, 1), (4, 5, 2, 3), (6, 4, 1, 2)]


@pytest.mark.parametrize(("rows", "columns", "channels", "blocks"), SHAPES)
def test_emitted_depths_run_at_the_full_rate(rows: int, columns: int, channels: int, blocks: int) -> None:
    """
    With the depths that `schedule` writes nothing deadlocks, and from the third frame on the rate is that of the
    slowest process.
    """
    module = scheduled(residual_network(rows, columns, channels, blocks))
    timing = simulate(module)
    interval = max(timing.cycles.values())
    outcome = play(module, 6, interval=interval)
    assert outcome.finished
    gaps = np.diff(outcome.leaving)
    assert timing.frame_interval == interval
    assert gaps[2:-1].tolist() == [interval] * len(gaps[2:-1])
    assert abs(outcome.leaving[0] + 1 - timing.first_frame_latency) <= interval


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (3, 6), (6, 5)])
def test_skip_path_needs_a_line_and_two_pixels(rows: int, columns: int) -> None:
    """
    Window p needs pixel p + W + 1, so W + 2 pixels wait on the skip; with one less the network stops.
    """
    module = scheduled(residual_network(rows, columns, 1))
    assert play(module, 4).finished
    assert play(module, 4, {skip_path(module): columns + 2}).finished
    assert not play(module, 4, {skip_path(module): columns + 1}).finished


def test_depths_are_what_the_storage_holds() -> None:
    for op in processes(scheduled(residual_network(4, 4, 2)))[:-1]:
        assert op.fifo_depths is not None
        for depth in op.fifo_depths.get_values():
            assert depth == 2 or depth % 16 == 0
        assert op.latency is not None
        assert op.latency.data == latency_of(op)


STORAGE = [(16, 32, "srl"), (16, 512, "bram"), (36, 64, "srl"), (144, 512, "bram")]


@pytest.mark.parametrize(("bits", "depth", "storage"), STORAGE)
def test_storage_is_the_cheaper(bits: int, depth: int, storage: str) -> None:
    assert fifo_storage(StreamType(1, 1, bits // 4, blend.FixedType(4, 4), bits // 4), depth) == storage


class TestRate:
    def test_higher_rates_need_fewer_cycles(self) -> None:
        module = residual_network(3, 3, 8)
        slow, fast = (scheduled(module, 340e6 / budget) for budget in (1000, 100))
        assert max(simulate(fast).cycles.values()) <= 100 < max(simulate(slow).cycles.values()) <= 1000

    def test_scheduling_again_at_another_rate(self) -> None:
        module = residual_network(3, 3, 8)
        again = scheduled(scheduled(module, 340e6 / 1000), 340e6 / 100)
        assert str(again) == str(scheduled(module, 340e6 / 100))

    def test_a_rate_that_cannot_be_reached(self) -> None:
        with pytest.raises(PassFailedException, match=r"frames per second leave 10 cycles .* needs \d+; the fastest"):
            scheduled(residual_network(4, 4, 4), 340e6 / 10)

    def test_the_library_schedules_once(self) -> None:
        module = residual_network(4, 4, 1)
        schedule(module)
        before = str(module)
        schedule(module)
        assert str(module) == before
        with pytest.raises(ValueError, match="already scheduled; give the rate when it is lowered"):
            schedule(module, 100.0)


def test_i64_is_no_process() -> None:
    net = Net((2,))
    net.constant([1], i64)
    with pytest.raises(ValueError, match="not a process: the module is not at"):
        processes(net.module(net.norm(net.input)))
