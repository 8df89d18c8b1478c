"""
What hardware knows of a process: the class that each kind of process fills in.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NamedTuple, TypeAlias, TypeVar

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import SSAValue
from xdsl.rewriter import Rewriter

from blendir.dialects.stream import PAYLOAD_BITS, ProcessOp, StreamType, stream_type
from blendir.hardware.primitives import Cost
from blendir.hardware.processes.unit import Unit
from blendir.hardware.rows import Rows
from blendir.packing import WORD_BITS

PAPER_ARRAY = 32
"""Rows and columns of the fixed-point array of the BlendNet paper."""
PAPER_GROUP = math.gcd(PAPER_ARRAY, WORD_BITS)
"""What the paper's fixed-point arrays and binary units can both take."""

OpT = TypeVar("OpT", bound=ProcessOp)
Work: TypeAlias = tuple[tuple[tuple[int, str], ...], ...]
"""Cycles per frame as a sum of products: each factor with what it counts."""


@dataclass(frozen=True)
class Folding:
    """
    How parallel a process is: the groups that it reads and writes, what makes its XNORs (lut or dsp) and what its
    tables are kept in (lutram or bram).
    """

    reads: int
    writes: int
    xnor: str = "lut"
    storage: str = "lutram"


@dataclass(frozen=True)
class Firing:
    """
    At which of its cycles a process reads each input beat and writes each result beat of a batch. A frame takes
    `period` of them in the steady state.
    """

    frames: int
    period: int
    reads: list[Rows]
    writes: list[Rows]

    @property
    def count(self) -> int:
        """
        All cycles: those of the frames, and further ones until the last write.
        """
        return max(self.frames * self.period, *(int(rows.last[-1]) + 1 for rows in self.writes))


class Function(NamedTuple):
    """
    The name of a unit and the number of streams that it reads and writes. Its arguments are the former, the latter,
    and then tables.
    """

    name: str
    reads: int
    writes: int


@dataclass(frozen=True)
class Process(ABC, Generic[OpT]):
    """
    All that hardware knows of an operation of the `stream` dialect. Nothing has a default here: the class of an
    operation, or a base that it chooses, defines every member.
    """

    op: OpT

    latency: ClassVar[int]
    """The assumed upper bound on cycles from a read to the write that depends on it."""
    functions: ClassVar[tuple[Function, ...]]
    """The units of which `unit` names one."""
    converted: ClassVar[bool]
    """Whether a width converter may stand before it; otherwise it reads what its producer writes."""
    choices: ClassVar[tuple[tuple[str, str], ...]]
    """The attributes that keep what a folding chooses beside groups: their names and the members of `Folding`."""
    paper_groups: ClassVar[tuple[int, int] | None]
    """The groups that it reads and writes in the configuration of the BlendNet paper; None where any will do."""

    @abstractmethod
    def foldings(self, xnor: str) -> list[Folding]:
        """
        Every folding that it may have. `xnor` says what may make its XNORs: lut, dsp where that is possible, or auto.
        """

    @abstractmethod
    def work(self, folding: Folding) -> Work:
        """
        What the cycles per frame in the steady state are made of.
        """

    @abstractmethod
    def firing(self, frames: int) -> Firing:
        """
        When it reads and writes over a batch. A further frame takes the cycles of `work`.
        """

    @abstractmethod
    def frames_awaited(self) -> int:
        """
        How many further frames its results wait for, at most.
        """

    @abstractmethod
    def cost(self, folding: Folding) -> Cost:
        """
        The unit, without the control that every process has and without FIFOs.
        """

    @abstractmethod
    def unit(self) -> Unit:
        """
        The unit that computes it, with configuration and tables.
        """

    @property
    def folding(self) -> Folding:
        """
        The folding that the operation has.
        """
        streams = [stream_type(v) for v in (*self.op.inputs, *self.op.outputs)]
        given = {member: getattr(self.op, name) for name, member in self.choices}
        chosen = {member: kept.data for member, kept in given.items() if kept is not None}
        return Folding(streams[0].group.data, streams[-1].group.data, **chosen)

    def fold(self, folding: Folding) -> None:
        """
        Writes a folding to the operation.
        """
        for value in self.op.outputs:
            regroup(value, folding.writes)
        for name, member in self.choices:
            self.op.attributes[name] = StringAttr(getattr(folding, member))

    def cycles(self, folding: Folding) -> int:
        """
        Cycles per frame in the steady state.
        """
        return sum(math.prod(count for count, _ in product) for product in self.work(folding))

    @property
    def why(self) -> str:
        """
        The cycles per frame in words.
        """
        products = self.work(self.folding)
        return " + ".join(" x ".join(f"{count:,} {what}" for count, what in product) for product in products)

    @property
    def uses_dsp_xnor(self) -> bool:
        """
        Whether DSPs make its XNORs. Such a pipeline is of style stp: it keeps its results while input is missing.
        """
        return self.folding.xnor == "dsp"

    @property
    def source(self) -> StreamType:
        """
        The first stream that it reads.
        """
        return stream_type(self.op.operands[0])

    @property
    def result(self) -> StreamType:
        """
        The first stream that it writes.
        """
        return stream_type(self.op.results[0])

    @property
    def combines(self) -> bool:
        """
        Whether a position of a result is made of several positions, or of one that is kept.
        """
        return any(stream_type(v).positions != self.result.positions for v in self.op.inputs)


def regroup(value: SSAValue, group: int) -> None:
    """
    Changes a stream's group where it is made.
    """
    kind = stream_type(value)
    if kind.group.data != group:
        Rewriter.replace_value_with_new_type(value, kind.grouped(group))


def divisors(number: int) -> list[int]:
    """
    All divisors, smallest first.
    """
    return [d for d in range(1, number + 1) if number % d == 0]


def groups(*kinds: StreamType) -> list[int]:
    """
    The groups in which streams can be processed beat for beat.
    """
    widest = max(kind.format.width for kind in kinds)
    common = math.gcd(*(kind.length.data for kind in kinds))
    return [d for d in divisors(common) if d * widest <= PAYLOAD_BITS]


def unfinished(process: type[Process[Any]]) -> list[str]:
    """
    The members that a class leaves undefined.
    """
    declared = inspect.get_annotations(Process).keys() - {"op"}
    return sorted({*process.__abstractmethods__, *(name for name in declared if not hasattr(process, name))})
