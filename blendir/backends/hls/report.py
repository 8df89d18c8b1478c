"""
What report.json holds; docs/report.md says what each key means.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from blendir.backends.hls.print_cpp import Design
from blendir.dialects import stream
from blendir.dialects.stream import StreamType, stream_type
from blendir.passes.devices import KINDS, device
from blendir.passes.fifos import fifo_table, reader, writer
from blendir.passes.macs import macs
from blendir.passes.resources import cost_of, total_cost
from blendir.passes.timing import Timing

GENERATOR = "blendir"
INITIATION_INTERVAL = 1  # every loop of the library; the simulation counts on it
BATCHES = (1, 4, 16, 64)


def stream_shape(kind: StreamType) -> dict[str, int]:
    """
    A frame of a stream: rows x columns positions of `length` elements of `bits` bits, `group` of them per beat.
    """
    return {
        "rows": kind.rows.data,
        "columns": kind.columns.data,
        "length": kind.length.data,
        "bits": kind.format.width,
        "group": kind.group.data,
    }


def layer_rows(design: Design, timing: Timing) -> list[dict[str, Any]]:
    """
    A row of the layer table for each process.
    """
    rows: list[dict[str, Any]] = []
    for op in design.processes:
        assert op.start is not None
        assert op.interval is not None
        cycles = op.interval.value.data
        row: dict[str, Any] = {
            "layer": op.layer_name,
            "process": op.name.removeprefix("stream."),
            "name": design.names.processes[op],
            "inputs": [stream_shape(v.type) for v in op.operands if isinstance(v.type, StreamType)],
            "outputs": [stream_shape(v.type) for v in op.results if isinstance(v.type, StreamType)],
            **macs(op)._asdict(),
            "ii": INITIATION_INTERVAL,
            "cycles": cycles,
            "utilisation": cycles / timing.frame_interval,
            "start_cycle": op.start.value.data,
            "end_cycle": timing.spans[op][1],
        }
        if isinstance(op, stream.MvuOp):
            row |= {"pe": op.pe, "simd": op.simd, "fold": list(op.fold)}
        if op.fifo_depths is not None:
            row["fifo_depths"] = [int(d) for d in op.fifo_depths.get_values()]
        rows.append(row | {"resources": cost_of(op)})
    return rows


def why_cycles(op: stream.ProcessOp) -> str:
    """
    What the cycles per frame of a process are the product of.
    """
    if isinstance(op, stream.SinkOp):
        kind = stream_type(op.input)
        return f"{kind.positions:,} positions x {kind.length.data:,} elements"
    result = stream_type(op.results[0])
    positions, beats = f"{result.positions:,} positions", f"{result.beats:,} beats"
    match op:
        case stream.MvuOp():
            rows, beats = op.fold
            return (
                f"{positions} x {rows:,} groups of rows ({result.length.data:,} outputs, PE {op.pe:,}) x "
                f"{beats:,} beats ({op.vector:,} inputs, SIMD {op.simd:,})"
            )
        case stream.WindowOp():
            source = stream_type(op.input)
            return (
                f"{source.positions:,} positions x {source.beats:,} beats read + {result.positions:,} windows x "
                f"{result.beats - 1:,} more beats written"
            )
        case stream.TakeOp():
            read = stream_type(op.input).beats
            return f"{positions} x {read:,} beats read + {positions} x {result.beats - 1:,} more beats written"
        case stream.PoolOp():
            return f"{positions} x {op.taps.value.data:,} taps x {beats}"
        case _:
            return f"{positions} x {beats}"


def fifo_rows(design: Design, timing: Timing) -> list[dict[str, Any]]:
    """
    A row for each FIFO: its C++ name, the processes at its ends and the frame that passes through it.
    """
    rows: list[dict[str, Any]] = []
    values = [v for op in design.processes for v in op.results if isinstance(v.type, StreamType)]
    for value, fifo in zip(values, fifo_table(design.module, timing), strict=True):
        ends = {"from": design.names.processes[writer(value)], "to": design.names.processes[reader(value)]}
        frame = {"frame": stream_shape(stream_type(value))}
        rows.append({"name": design.streams[value], **ends, **asdict(fifo), **frame})
    return rows


def boundary(kind: StreamType, words: int) -> dict[str, Any]:
    """
    What a user of the design must know of the numbers that enter or leave it.
    """
    return {
        "element_bits": kind.format.width,
        "scale": kind.format.lsb,
        "words_per_frame": words,
        "frame": stream_shape(kind),
    }


def report(design: Design, timing: Timing, target: str, clock_mhz: float) -> dict[str, Any]:
    """
    What report.json holds; every cost is an estimate, every time a simulation.
    """
    layers = layer_rows(design, timing)
    slowest = max(timing.cycles.values())
    slow = [op for op in design.processes if timing.cycles[op] == slowest]
    source, sink = stream_type(design.source.result), stream_type(design.sink.input)
    chosen = device(target)
    return {
        "generator": GENERATOR,
        "target": target,
        "clock_mhz": clock_mhz,
        "cycles_per_frame": timing.frame_interval,
        "frame_interval_cycles": timing.frame_interval,
        "first_frame_latency_cycles": timing.first_frame_latency,
        "batch_cycles": {str(n): timing.batch_cycles(n) for n in BATCHES},
        "fps": clock_mhz * 1e6 / timing.frame_interval,
        "latency_us": timing.first_frame_latency / clock_mhz,
        "bottleneck": slow[0].layer_name,
        "bottleneck_why": f"{why_cycles(slow[0])} = {slowest:,} cycles",
        "bottlenecks": [design.names.processes[op] for op in slow],
        "bmac": sum(row["bmac"] for row in layers),
        "fpmac": sum(row["fpmac"] for row in layers),
        "resources": total_cost([row["resources"] for row in layers]),
        "device": {"part": chosen.part} | {kind: getattr(chosen, kind) for kind in KINDS},
        "how": {"cycles": "simulated", "resources": "estimated", "clock": "assumed"},
        "input": boundary(source, source.positions * source.beats),
        "output": boundary(sink, sink.positions * sink.length.data),
        "layers": layers,
        "fifos": fifo_rows(design, timing),
    }
