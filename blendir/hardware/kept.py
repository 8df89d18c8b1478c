"""
Analyses of the processes of a design: the last result of each is kept, and holds as long as all that it depends on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeAlias, TypeVar

from blendir.dialects.stream import ProcessOp
from blendir.hardware.processes import process_of

Result = TypeVar("Result")
Analysis: TypeAlias = Callable[[list[ProcessOp]], Result]
SCHEDULE = ("start", "interval", "latency", "fifo_depths", "fifo_storage")
"""The attributes of a process that scheduling writes, whatever its operation."""


def kept(*written: str) -> Callable[[Analysis[Result]], Analysis[Result]]:
    """
    Keeps the last result of an analysis of processes, which depends on these alone: on what scheduling writes to them
    only where that is one of the attributes `written`.
    """

    def of(analysis: Analysis[Result]) -> Analysis[Result]:
        last: list[tuple[list[object], Result]] = []

        @wraps(analysis)
        def result(found: list[ProcessOp]) -> Result:
            given = [facts(op, written) for op in found]
            if not last or last[0][0] != given:
                last[:] = [(given, analysis(found))]
            return last[0][1]

        return result

    return of


def facts(op: ProcessOp, written: tuple[str, ...]) -> object:
    """
    What an analysis may know of a process: itself, its latency, the streams at its ends, properties and attributes.
    """
    attributes = {name: a for name, a in op.attributes.items() if name not in SCHEDULE or name in written}
    values = (*op.operands, *op.results)
    return op, process_of(op).latency, values, [value.type for value in values], dict(op.properties), attributes
