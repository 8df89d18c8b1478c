"""
How deep each FIFO is, and where it is kept.

Two depths are found for each FIFO. `deadlock_free` depends on the order of reads and writes (and on the latency of
pipelines of style stp, which keep results) alone: with fewer beats some sum waits for one operand while the other
blocks what that operand is made of. `full_rate` depends on all latencies: it is the most beats that a FIFO holds at the
full rate, so that it never holds up the process before it.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, ModuleOp, StringAttr, i64
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects import stream
from blendir.dialects.stream import StreamType, stream_type
from blendir.errors import UserError
from blendir.hardware.cost import price
from blendir.hardware.kept import kept
from blendir.hardware.primitives import fifo
from blendir.hardware.processes import process_of
from blendir.hardware.rows import Marks, Rows, latest
from blendir.hardware.timing import Timing, processes, simulate

MINIMUM_DEPTH = 2
Depths = dict[SSAValue, int]


@dataclass(frozen=True)
class Fifo:
    """
    A FIFO between two layers: bits of a beat, the least depths without deadlock and at the full rate, its own depth.
    """

    producer: str
    consumer: str
    width: int
    deadlock_free: int
    full_rate: int
    depth: int
    storage: str


def writer(value: SSAValue) -> stream.ProcessOp:
    """
    The process that writes a stream.
    """
    assert isinstance(value.owner, stream.ProcessOp)
    return value.owner


def reader(value: SSAValue) -> stream.ProcessOp:
    """
    The process that reads a stream.
    """
    (use,) = value.uses
    assert isinstance(use.operation, stream.ProcessOp)
    return use.operation


def writers(found: list[stream.ProcessOp]) -> list[stream.ProcessOp]:
    """
    The processes that write streams: all but those where results leave.
    """
    return [op for op in found if op.outputs]


def full_rate_depths(timing: Timing) -> Depths:
    """
    The most beats in each FIFO while frames keep coming at the rate of the slowest process.
    """
    return {value: max(MINIMUM_DEPTH, beats) for value, beats in timing.chained.occupancy.items()}


@kept()
def deadlock_free_depths(found: list[stream.ProcessOp]) -> Depths:
    """
    The least depths, with those before them, at which no order of firings ends in a deadlock.

    A process with one input never blocks what it waits for, so two beats do. Where streams meet again, one FIFO must
    hold what its producers have to write before the other stream's next beat can be made.
    """
    depths = {value: MINIMUM_DEPTH for op in found for value in op.outputs}
    for op in found:
        for waiting in op.inputs:
            for late in op.inputs:
                if late is not waiting:
                    depths[waiting] = max(depths[waiting], Reconvergence(found, waiting, late, depths).depth())
    return depths


class Reconvergence:
    """
    Two streams that a process reads: how many beats of `waiting` are written before the next one of `late` can be.

    Time is the number of the reader's firing that waits for `late`. A firing is needed when a needed one reads what it
    writes, or when the FIFO that it reads from has no room for a beat of a needed one. With a firing, all earlier ones
    of its process are needed.

    An example: a fork feeds a sum directly (`waiting`), and through a line buffer of 3 x 3 taps with padding 1 and a
    unit that takes a window per cycle (`late`). At time 0 the sum needs beat 0 of `late`, hence firing 0 of the unit,
    hence the first window. A line buffer of W columns writes it with pixel W + 1. So firings 0 .. W + 1 of the line
    buffer are needed at time 0, and the same ones of the fork, which write W + 2 beats of `waiting` before the sum
    reads one. From then on each firing of the sum needs one more and reads one: the depth is W + 2.

    It is computed backwards, on `mirrored` firings and times: what is needed follows from what comes after it.
    """

    def __init__(self, found: list[stream.ProcessOp], waiting: SSAValue, late: SSAValue, depths: Depths):
        self.waiting, self.late, self.depths = waiting, late, depths
        self.region = region(found, {waiting, late})
        frames = 3 + sum(process_of(op).frames_awaited() for op in self.region)
        self.patterns = {op: process_of(op).firing(frames) for op in (*self.region, reader(late))}
        self.never = -self.patterns[reader(late)].count
        self.pushes = {v: self.pushed(v).mirrored() for op in self.region for v in op.outputs}
        self.pulls = {v: self.pulled(v).mirrored() for op in self.region for v in op.inputs if writer(v) in self.region}
        self.writes = {v: rows.filled(self.never) for v, rows in self.pushes.items()}
        self.reads = {v: rows.filled(self.never) for v, rows in self.pulls.items()}
        self.reads[late] = self.pulled(late).mirrored()
        self.used: dict[stream.ProcessOp, list[Rows]] = {}

    def depth(self) -> int:
        """
        The most beats that wait.
        """
        while any([self.settle(op) for op in (*reversed(self.region), *self.region)]):
            pass
        waits = self.pulled(self.late)
        written = self.writes[self.waiting].mirrored().ranks(waits, "right")
        return written.plus(self.pulled(self.waiting).ranks(waits, "left"), -1).top

    def pulled(self, value: SSAValue) -> Rows:
        """
        The firing that reads each beat.
        """
        op = reader(value)
        return self.patterns[op].reads[op.inputs.index(value)]

    def pushed(self, value: SSAValue) -> Rows:
        """
        The firing that writes each beat; under stp, the one that pushes it through the pipeline.
        """
        op = writer(value)
        pattern, process = self.patterns[op], process_of(op)
        writes = pattern.writes[op.results.index(value)]
        return writes.moved(process.latency).at_most(pattern.count - 1) if process.uses_dsp_xnor else writes

    def settle(self, op: stream.ProcessOp) -> bool:
        """
        When a process must write and read: its firings are needed for what is read of them, and to make room for what
        is written to it; with one, all before it. Returns whether that is news.
        """
        demand = {v: self.reads[v] for v in op.outputs if v in self.reads}
        overflow = {v: self.writes[v] for v in op.inputs if v in self.writes}
        used = [*demand.values(), *overflow.values()]
        if used == self.used.get(op):
            return False
        self.used[op] = used
        marks = [Marks(self.pushes[v], due) for v, due in demand.items()]
        marks += [Marks(self.pulls[v], due.delayed(self.depths[v], self.never)) for v, due in overflow.items()]
        if not marks:
            return False
        for times, firings, values in ((self.writes, self.pushes, op.outputs), (self.reads, self.pulls, overflow)):
            for value in values:
                due = latest(firings[value], marks, self.never)
                if not due.same(times[value]):
                    times[value] = due
        return True


def region(found: list[stream.ProcessOp], values: set[SSAValue]) -> list[stream.ProcessOp]:
    """
    The processes that streams depend on, back to the one through which all of them do.
    """
    made: list[stream.ProcessOp] = []
    missing = set(values)
    for op in reversed(found):
        if missing & set(op.outputs):
            made.insert(0, op)
            missing -= set(op.outputs)
            if not missing:
                break
            missing |= set(op.inputs)
    return made


def fifo_storage(kind: StreamType, depth: int) -> str:
    """
    Shift registers or block RAM, whichever is cheaper.
    """
    return min(("srl", "bram"), key=lambda storage: price(fifo(kind.payload, depth, storage)))


def rounded_depth(depth: int, storage: str) -> int:
    """
    What the storage holds anyway: 2 beats in registers, 16 or 32 in a LUT, 512 in a block RAM.
    """
    step = 512 if storage == "bram" else 16 if depth <= 16 else 32
    return depth if depth <= MINIMUM_DEPTH else -(-depth // step) * step


def fifo_table(module: ModuleOp, timing: Timing) -> list[Fifo]:
    """
    Every FIFO of a scheduled module, in the order of the processes that write them; `timing` is its simulation.
    """
    found = processes(module)
    least, fast = deadlock_free_depths(found), full_rate_depths(timing)
    table: list[Fifo] = []
    for op in writers(found):
        if op.fifo_depths is None or op.fifo_storage is None:
            raise UserError(f"{op.layer_name} has no FIFO depths: schedule the module first")
        for value, depth, storage in zip(op.outputs, op.fifo_depths.get_values(), op.fifo_storage.data, strict=True):
            layers = op.layer_name, reader(value).layer_name
            needs = least[value], max(least[value], fast[value])
            table.append(Fifo(*layers, stream_type(value).payload, *needs, int(depth), storage.data))
    return table


def size_fifos(module: ModuleOp, block_ram: bool = True) -> Timing:
    """
    Writes depths and storage to the processes: the full-rate depth, rounded up to what the storage holds. Returns the
    simulation of the result.

    block_ram: whether FIFOs may be kept in block RAM where that is cheaper.
    """
    found = processes(module)
    least = deadlock_free_depths(found)
    storage = dict.fromkeys(least, "srl")
    while True:  # block RAM is slower than shift registers, which may deepen FIFOs
        for op in writers(found):
            op.fifo_storage = ArrayAttr([StringAttr(storage[v]) for v in op.outputs])
        timing = simulate(module)
        needs = {value: max(least[value], depth) for value, depth in full_rate_depths(timing).items()}
        moved = [v for v, need in needs.items() if storage[v] == "srl" and fifo_storage(stream_type(v), need) == "bram"]
        if not block_ram or not moved:
            break
        storage |= dict.fromkeys(moved, "bram")
    for op in writers(found):
        op.fifo_depths = DenseArrayBase.from_list(i64, [rounded_depth(needs[v], storage[v]) for v in op.outputs])
    return timing


def check_fifos(module: ModuleOp) -> None:
    """
    Raises PassFailedException where the FIFOs of a module that was scheduled elsewhere, or by hand, do not fit it.
    """
    found = processes(module)
    for op in writers(found):
        depths = op.fifo_depths.get_values() if op.fifo_depths is not None else ()
        storage = [s.data for s in op.fifo_storage.data] if op.fifo_storage is not None else []
        count = len(op.outputs)
        if len(depths) != count or len(storage) != count:
            raise PassFailedException(
                f"{op.layer_name}: FIFOs of depths {list(depths)} in {storage} do not fit its {count} streams; "
                "schedule again"
            )
    for value, least in deadlock_free_depths(found).items():
        op = writer(value)
        assert op.fifo_depths is not None
        depth = op.fifo_depths.get_values()[op.results.index(value)]
        if depth < least:
            raise PassFailedException(
                f"{op.layer_name}: the FIFO to {reader(value).layer_name} is {depth} beats deep, which can end in a "
                f"deadlock; it needs {least}"
            )
