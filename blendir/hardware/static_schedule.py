"""
The static schedule of a design, kept with its processes: when each starts, how long it is busy, and its latency.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects import stream
from blendir.dialects.blend.base import i64_attr
from blendir.hardware.processes import process_of
from blendir.hardware.timing import Timing, simulate


def static_schedule(op: stream.ProcessOp, timing: Timing) -> dict[str, int]:
    """
    Start, interval and latency of a process.
    """
    return {"start": timing.spans[op][0], "interval": timing.cycles[op], "latency": process_of(op).latency}


def write_schedule(timing: Timing) -> None:
    """
    Writes the static schedule to the processes that were simulated.
    """
    for op in timing.cycles:
        op.attributes |= {name: i64_attr(cycles) for name, cycles in static_schedule(op, timing).items()}


def check_schedule(module: ModuleOp) -> None:
    """
    Raises PassFailedException where the static schedule of a module that was scheduled elsewhere, or changed by hand,
    is not what its processes do.
    """
    timing = simulate(module)
    for op in timing.cycles:
        expected = static_schedule(op, timing)
        given = {name: getattr(op, name) for name in expected}
        for name, cycles in expected.items():
            if given[name] is None or given[name].value.data != cycles:
                now = "is missing" if given[name] is None else f"is {given[name].value.data}"
                why = {
                    "start": f"its first input can be read in cycle {cycles}",
                    "interval": f"a frame keeps it busy for {cycles} cycles",
                    "latency": f"{cycles} is assumed of {op.name}",
                }
                raise PassFailedException(f"{op.layer_name}: {name} {now}, but {why[name]}; schedule again")
