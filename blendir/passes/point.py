"""
One point of the space of designs: what a rate costs.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp

from blendir.dialects.stream import StreamType, stream_type
from blendir.passes.layout import used_by
from blendir.passes.pipeline import schedule
from blendir.passes.timing import processes, simulate


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


def design_point(module: ModuleOp, cycles: int, clock_mhz: float, xnor: str, target: str) -> Point:
    """
    The point of a [stream] module that is not scheduled; it is left alone.

    Raises PassFailedException or ValueError where there is no such design, with one line that says why.
    """
    made = module.clone()
    schedule(made, None, clock_mhz, xnor, target=target, cycles=cycles)
    timing = simulate(made)
    slowest = max(timing.cycles, key=lambda op: timing.cycles[op])
    interval, latency = timing.frame_interval, timing.first_frame_latency
    return Point(
        xnor=xnor,
        cycles_asked=cycles,
        cycles=interval,
        fps=clock_mhz * 1e6 / interval,
        latency_cycles=latency,
        latency_us=latency / clock_mhz,
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
        streams = [stream_type(v) for v in op.results if isinstance(v.type, StreamType)]
        bits += sum(kind.payload * int(depth) for kind, depth in zip(streams, depths, strict=True))
    return bits
