"""
What report.json holds; docs/report.md says what each key means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from blendir.backends.design import Design
from blendir.backends.folder import origin
from blendir.dialects import stream
from blendir.dialects.stream import StreamType, stream_type
from blendir.hardware.cost import cost_of, total_cost
from blendir.hardware.devices import KINDS
from blendir.hardware.fifos import fifo_table, reader, writer
from blendir.hardware.goals import Goals
from blendir.hardware.processes import process_of
from blendir.hardware.timing import Timing
from blendir.passes.macs import macs
from blendir.report.page import page

UNMEASURED: dict[str, Any] = {"quantization": [], "worst_layer": None, "end_to_end": None}
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


def output_stream(sink: stream.SinkOp) -> StreamType:
    """
    The stream that becomes an output.
    """
    return stream_type(sink.input)


def report(backend: str, design: Design, timing: Timing, goals: Goals) -> dict[str, Any]:
    """
    What report.json of hardware holds; every cost is an estimate, every time a simulation.
    """
    layers = layer_rows(design, timing)
    slowest = max(timing.cycles.values())
    slow = [op for op in design.processes if timing.cycles[op] == slowest]
    source = stream_type(design.source.result)
    outputs = [boundary(kind, kind.positions * kind.length.data) for kind in map(output_stream, design.sinks)]
    clock_mhz = goals.clock
    return {
        **origin(backend),
        "target": goals.device,
        "clock_mhz": clock_mhz,
        "cycles_per_frame": timing.frame_interval,
        "frame_interval_cycles": timing.frame_interval,
        "first_frame_latency_cycles": timing.first_frame_latency,
        "batch_cycles": {str(n): timing.batch_cycles(n) for n in BATCHES},
        "fps": clock_mhz * 1e6 / timing.frame_interval,
        "latency_us": timing.first_frame_latency / clock_mhz,
        "bottleneck": slow[0].layer_name,
        "bottleneck_why": f"{process_of(slow[0]).why} = {slowest:,} cycles",
        "bottlenecks": [design.names.processes[op] for op in slow],
        "bmac": sum(row["bmac"] for row in layers),
        "fpmac": sum(row["fpmac"] for row in layers),
        "resources": total_cost([row["resources"] for row in layers]),
        "device": {"part": goals.part.part} | {kind: getattr(goals.part, kind) for kind in KINDS},
        "how": {"cycles": "simulated", "resources": "estimated", "clock": "assumed"},
        "input": boundary(source, source.positions * source.beats),
        "output": outputs if len(outputs) > 1 else outputs[0],
        "layers": layers,
        "fifos": fifo_rows(design, timing),
        **UNMEASURED,
    }


def software_report(backend: str) -> dict[str, Any]:
    """
    What report.json of a program holds.
    """
    return {**origin(backend), "how": {}, **UNMEASURED}


def report_files(found: Mapping[str, Any]) -> dict[str, str | bytes]:
    """
    A report as files by name; hardware has a page, too.
    """
    written: dict[str, str | bytes] = {"report.json": json.dumps(found, indent=2) + "\n"}
    return written | ({"report.html": page(found)} if "layers" in found else {})


def add_quantization(found: dict[str, Any], measured: dict[str, Any]) -> None:
    """
    Enters what `quantization_report` measured on calibration frames.
    """
    frames = measured["end_to_end"]["frames"]
    found |= measured
    found["how"]["quantization"] = f"measured: [fixed] against [folded] on {frames} calibration frames"
