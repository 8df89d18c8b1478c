"""
One point of the space of designs: what a rate costs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from xdsl.dialects.builtin import ModuleOp

from blendir.dialects.stream import stream_type
from blendir.hardware.apply import used_by
from blendir.hardware.goals import Goals
from blendir.hardware.timing import processes, simulate
from blendir.pipeline import schedule


@dataclass(frozen=True)
class Point:
    """
    A design for at most `cycles_asked` cycles per frame whose XNORs are of a kind: the cycles, rate (frames/s) and
    latency that the simulation finds, the estimated resources, bits of all FIFOs, and the layer that sets the rate.
    """

    xnor: str
    cycles_asked: int
    cycles: int
    fps: float
    latency_cycles: int
    latency_us: float
    dsp: int
    lut: int
    ff: int
    bram18: int
    uram: int
    fifo_bits: int
    bottleneck: str


def design_point(module: ModuleOp, cycles: int, goals: Goals) -> Point:
    """
    The point of a [stream] module that is not scheduled, at a number of cycles per frame; it is left alone.

    Raises PassFailedException or UserError where there is no such design, with one line that says why.
    """
    made = module.clone()
    schedule(made, replace(goals, cycles=cycles))
    timing = simulate(made)
    slowest = max(timing.cycles, key=lambda op: timing.cycles[op])
    interval, latency = timing.frame_interval, timing.first_frame_latency
    return Point(
        xnor=goals.xnor,
        cycles_asked=cycles,
        cycles=interval,
        fps=goals.clock * 1e6 / interval,
        latency_cycles=latency,
        latency_us=latency / goals.clock,
        **used_by(made),
        fifo_bits=fifo_bits(made),
        bottleneck=slowest.layer_name,
    )


def fifo_bits(module: ModuleOp) -> int:
    """
    What all FIFOs of a scheduled module hold.
    """
    bits = 0
    for op in processes(module):
        depths = op.fifo_depths.get_values() if op.fifo_depths is not None else ()
        bits += sum(stream_type(v).payload * int(depth) for v, depth in zip(op.outputs, depths, strict=True))
    return bits
