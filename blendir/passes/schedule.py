"""
`schedule`: how parallel each process is, how its XNORs are made, and how deep and where each FIFO is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, IntAttr, ModuleOp, StringAttr, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects import stream
from blendir.dialects.stream import PAYLOAD_BITS, StreamType, stream_type
from blendir.packing import WORD_BITS
from blendir.passes.timing import cycles_per_frame, latency_of, processes, simulate

DEFAULT_MULTIPLIERS = 8
FIFO_MARGIN = 2
LUTS_PER_BRAM = 192


def divisors(number: int) -> list[int]:
    """
    All divisors, smallest first.
    """
    return [d for d in range(1, number + 1) if number % d == 0]


def simd_choices(op: stream.MvuOp) -> list[int]:
    """
    How many elements of the vector a unit may take per cycle.
    """
    source = stream_type(op.operands[0])
    limit = PAYLOAD_BITS // source.format.width
    length = source.length.data
    if source.positions != stream_type(op.results[0]).positions:
        return [d for d in divisors(length) if d <= limit]
    if isinstance(op, stream.BinaryMvuOp):
        words = [n for n in range(WORD_BITS, length, WORD_BITS) if n <= limit]
        return [*words, length] if length <= limit else words
    return sorted({-(-length // beats) for beats in range(1, length + 1)} & set(range(1, limit + 1)))


def cheapest_fold(op: stream.MvuOp, budget: int) -> tuple[int, int]:
    """
    The (PE, SIMD) with the fewest lanes that needs at most `budget` cycles per frame, or else the fastest.
    """
    result = stream_type(op.results[0])
    outputs = result.length.data
    limit = PAYLOAD_BITS // result.format.width
    best: tuple[tuple[int, int, int], int, int] | None = None
    for simd in simd_choices(op):
        for pe in (d for d in divisors(outputs) if d <= limit):
            cycles = result.positions * (outputs // pe) * -(-op.vector // simd)
            cycles = max(cycles, line_buffer_cycles(op, simd))
            rank = (max(0, cycles - budget), pe * simd, pe)
            if best is None or rank < best[0]:
                best = (rank, pe, simd)
    assert best is not None
    return best[1], best[2]


def line_buffer_cycles(op: stream.ProcessOp, group: int) -> int:
    """
    Cycles per frame of the line buffer before a process, were its result in beats of `group`; 0 where there is none.
    """
    window = op.operands[0].owner
    if not isinstance(window, stream.WindowOp):
        return 0
    source, result = stream_type(window.input), stream_type(window.result)
    return source.positions * source.beats + result.positions * (-(-result.length.data // group) - 1)


def default_budget(found: Iterable[stream.ProcessOp]) -> int:
    """
    The cycles per frame at which the busiest binary unit takes one 48-bit word per cycle.
    """
    units = [op for op in found if isinstance(op, stream.MvuOp)]
    words = [work(op, WORD_BITS) for op in units if isinstance(op, stream.BinaryMvuOp)]
    products = [work(op, DEFAULT_MULTIPLIERS) for op in units]
    return max(words, default=max(products, default=0))


def work(op: stream.MvuOp, lanes: int) -> int:
    """
    Cycles per frame of a unit with one row and `lanes` elements per cycle.
    """
    result = stream_type(op.results[0])
    return result.positions * result.length.data * -(-op.vector // lanes)


def unschedule(module: ModuleOp) -> None:
    """
    Back to one element per beat, without width converters, as `lower-to-stream` leaves a module.
    """
    for op in processes(module):
        if isinstance(op, stream.WindowOp) and op.geometry == ((1, 1), (1, 1), (0, 0)):
            op.result.replace_all_uses_with(op.input)
            op.detach()
            op.erase()
            continue
        for value in op.results:
            if isinstance(value.type, StreamType):
                value._type = value.type.grouped(1)  # pyright: ignore[reportPrivateUsage]


class Scheduler:
    """
    Gives every stream its group, in order, and changes groups where neighbours differ.
    """

    def __init__(self, module: ModuleOp, budget: int):
        self.module = module
        self.budget = budget

    def run(self) -> None:
        """
        Schedules all processes.
        """
        for op in processes(self.module):
            self.place(op)

    def regroup(self, value: SSAValue, group: int) -> None:
        """
        Changes a stream's group where it is made.
        """
        value._type = stream_type(value).grouped(group)  # pyright: ignore[reportPrivateUsage]

    def demand(self, op: stream.ProcessOp, index: int, group: int) -> None:
        """
        Makes an operand arrive in another group: from its line buffer, or through a width converter.
        """
        value = op.operands[index]
        if stream_type(value).group.data == group:
            return
        if isinstance(value.owner, stream.WindowOp):
            self.regroup(value, group)
            return
        producer = value.owner
        assert isinstance(producer, stream.ProcessOp)
        converter = stream.WindowOp(
            value, (1, 1), (1, 1), (0, 0), group=group, layer=f"{op.layer_name}.regroup{index or ''}"
        )
        block = op.parent
        assert block is not None
        block.insert_ops_before([converter], op)
        op.operands[index] = converter.result

    def place(self, op: stream.ProcessOp) -> None:
        """
        Chooses the groups of one process.
        """
        match op:
            case stream.SourceOp():
                self.regroup(op.result, self.source_group(op))
            case stream.MvuOp():
                pe, simd = cheapest_fold(op, self.budget)
                self.demand(op, 0, simd)
                self.regroup(op.results[0], pe)
            case stream.PoolOp():
                self.pool(op)
            case stream.ForkOp():
                for copy in op.copies:
                    self.regroup(copy, stream_type(op.input).group.data)
            case stream.ElementwiseOp() | stream.ConcatOp():
                self.match(op)
            case _:
                pass

    def source_group(self, op: stream.SourceOp) -> int:
        """
        Whole pixels where they fit a beat of 64 bits or the rate asks for them.
        """
        kind = stream_type(op.result)
        width = kind.format.width
        fitting = [d for d in divisors(kind.length.data) if d * width <= PAYLOAD_BITS]
        fast = [d for d in fitting if kind.positions * (kind.length.data // d) <= self.budget]
        small = [d for d in fitting if d * width <= 64]
        return max(small[-1], fast[0] if fast else fitting[-1])

    def pool(self, op: stream.PoolOp) -> None:
        """
        The smallest group that keeps the rate.
        """
        kind = stream_type(op.result)
        beats = kind.positions * op.taps.value.data * kind.length.data
        limit = PAYLOAD_BITS // max(kind.format.width, stream_type(op.input).format.width)
        groups = [d for d in divisors(kind.length.data) if d <= limit]
        fast = [d for d in groups if max(beats // d, line_buffer_cycles(op, d)) <= self.budget]
        source = stream_type(op.input)
        keeps = not isinstance(op.input.owner, stream.WindowOp) and source.group.data in fast
        group = source.group.data if keeps else (fast or groups[-1:])[0]
        self.demand(op, 0, group)
        self.regroup(op.result, group)

    def match(self, op: stream.ProcessOp) -> None:
        """
        Streams that are processed beat for beat take a common group that divides them all.
        """
        inputs = [i for i, v in enumerate(op.operands) if isinstance(v.type, StreamType)]
        kinds = [stream_type(op.operands[i]) for i in inputs]
        widest = max(k.format.width for k in (*kinds, *map(stream_type, op.results)))
        common = math.gcd(*(k.length.data for k in kinds))
        least = min(k.group.data for k in kinds)
        fitting = [d for d in divisors(common) if d * widest <= PAYLOAD_BITS]
        group = max(d for d in fitting if d <= least)
        for index in inputs:
            self.demand(op, index, group)
        for value in op.results:
            self.regroup(value, group)


def fifo_storage(kind: StreamType, depth: int) -> str:
    """
    Shift registers cost a LUT per bit and 32 beats, block RAMs hold 18 Kbit; the cheaper one.
    """
    luts = kind.payload * -(-depth // 32)
    blocks = -(-kind.payload // 36) * -(-depth // 512)
    return "bram" if luts > LUTS_PER_BRAM * blocks else "srl"


def size_fifos(module: ModuleOp) -> None:
    """
    Gives each FIFO the greatest occupancy of the simulation, a margin, and rounds up to what its storage holds anyway.
    """
    timing = simulate(module)
    for op in processes(module):
        values = [v for v in op.results if isinstance(v.type, StreamType)]
        depths: list[int] = []
        for value in values:
            need = timing.occupancy[value] + FIFO_MARGIN
            depths.append(need if need <= 2 else -(-need // 16) * 16)
        op.latency = IntAttr(latency_of(op))
        if values:
            op.fifo_depths = DenseArrayBase.from_list(i64, depths)
            op.fifo_storage = ArrayAttr(
                [StringAttr(fifo_storage(stream_type(v), d)) for v, d in zip(values, depths, strict=True)]
            )


@dataclass(frozen=True)
class SchedulePass(ModulePass):
    """
    Sets parallelism for a frame rate (default: one 48-bit word per cycle per binary unit), XNOR kind and FIFOs.
    """

    name = "schedule"
    fps: float | None = None
    clock_mhz: float = 340.0
    xnor: Literal["lut", "dsp", "auto"] = "lut"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        unschedule(op)
        budget = default_budget(processes(op))
        if self.fps is not None:
            if self.fps <= 0 or self.clock_mhz <= 0:
                raise PassFailedException(f"fps {self.fps} and clock {self.clock_mhz} MHz should be positive")
            budget = int(self.clock_mhz * 1e6 / self.fps)
        Scheduler(op, budget).run()
        if self.fps is not None:
            self.check_rate(op, budget)
        for unit in processes(op):
            if isinstance(unit, stream.BinaryMvuOp):
                unit.xnor = StringAttr(self.xnor_of(unit))
        size_fifos(op)

    def check_rate(self, module: ModuleOp, budget: int) -> None:
        """
        Names the process that is too slow for the rate.
        """
        slowest = max(processes(module), key=cycles_per_frame)
        cycles = cycles_per_frame(slowest)
        if cycles > budget:
            reached = self.clock_mhz * 1e6 / cycles
            raise PassFailedException(
                f"{self.fps:g} frames per second leave {budget} cycles at {self.clock_mhz:g} MHz, but "
                f"{slowest.layer_name} needs {cycles}; the fastest rate is {reached:.0f}"
            )

    def xnor_of(self, op: stream.BinaryMvuOp) -> str:
        """
        `auto` uses DSPs where whole words are XNORed with weights from a memory.
        """
        whole = op.simd % WORD_BITS == 0
        if self.xnor == "dsp" and not whole and op.vector > WORD_BITS:
            return "lut"
        if self.xnor != "auto":
            return self.xnor
        rows, beats = op.fold
        return "dsp" if whole and rows * beats >= 4 else "lut"
