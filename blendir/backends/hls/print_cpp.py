"""
Printing a scheduled [stream] module as C++: the flat `top.cpp`, its header, `params.h` and `weights.h`.

Decisions are attributes of the module; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from blendir.backends.hls.names import Names, comment
from blendir.backends.hls.units import Table, Unit, unit_of
from blendir.dialects import stream
from blendir.dialects.stream import ProcessOp, StreamType, stream_type
from blendir.passes.resources import uses_dsp_xnor
from blendir.passes.timing import processes

LINE, INDENT = 110, 4
HEADER = "// Made by blendir from a trained network; do not edit.\n"


class Design:
    """
    A scheduled module with the names and units of its processes.
    """

    def __init__(self, module: ModuleOp):
        self.module = module
        self.processes = processes(module)
        self.units: dict[ProcessOp, Unit] = {op: unit_of(op) for op in self.processes}
        self.names = Names({op: ["cfg", *(t.suffix for t in unit.tables)] for op, unit in self.units.items()})
        self.streams: dict[SSAValue, str] = {
            value: name
            for op in self.processes
            for value, name in zip(op.results, self.names.streams[op], strict=True)
            if isinstance(value.type, StreamType)
        }

    @property
    def source(self) -> stream.SourceOp:
        """
        Where frames enter.
        """
        return next(op for op in self.processes if isinstance(op, stream.SourceOp))

    @property
    def sink(self) -> stream.SinkOp:
        """
        Where results leave.
        """
        return next(op for op in self.processes if isinstance(op, stream.SinkOp))


def literal(value: int, width: int) -> str:
    """
    An integer literal of C++14.
    """
    if value == -(1 << 63):
        return "(-9223372036854775807LL - 1)"
    return f"{value}{'LL' if width > 32 else ''}" if value < 1 << 63 else f"{value}ULL"


def wide_literal(lanes: NDArray[np.bool_]) -> str:
    """
    A literal of `bits<N>`; N above 64 takes words, least significant first.
    """
    packed = np.packbits(lanes, bitorder="little")
    words = [f"0x{int.from_bytes(packed[i : i + 8].tobytes(), 'little'):x}ULL" for i in range(0, len(packed), 8)]
    return words[0] if len(lanes) <= 64 else f"blendir::from_words<{len(lanes)}>({', '.join(words)})"


def braces(texts: Sequence[str], shape: tuple[int, ...]) -> str:
    """
    Nested initializers.
    """
    for extent in reversed(shape):
        texts = ["{" + ", ".join(texts[i : i + extent]) + "}" for i in range(0, len(texts), extent)]
    (text,) = texts
    return text


def wrapped(text: str) -> str:
    """
    A statement in lines that break at spaces. (Tables have millions of numbers, too many for the standard library.)
    """
    lines: list[str] = []
    start, end = 0, LINE
    while len(text) > end and (space := text.rfind(" ", start, end + 1)) >= 0:
        lines.append(text[start:space])
        start, end = space + 1, space + 1 + LINE - INDENT
    return ("\n" + " " * INDENT).join([*lines, text[start:]])


def table_text(name: str, table: Table) -> str:
    """
    The definition of a table.
    """
    values = table.values
    lanes = values.dtype == np.bool_
    shape = values.shape[:-1] if lanes else values.shape
    dims = "".join(f"[{extent}]" for extent in shape)
    if table.width == 0:
        kind = "unsigned char"
    else:
        kind = f"blendir::{'lanes' if lanes else 'sint' if table.signed else 'bits'}<{table.width}>"
    if lanes:
        texts = [wide_literal(v) for v in values.reshape(-1, values.shape[-1])]
    else:
        texts = [literal(v, table.width) for v in values.reshape(-1).tolist()]
    return wrapped(f"static const {kind} {name}_{table.suffix}{dims} = {braces(texts, shape)};")


def params_text(design: Design) -> str:
    """
    `params.h`: a struct of integral constants for each process.
    """
    parts = [HEADER, "#ifndef PARAMS_H\n#define PARAMS_H\n"]
    for op in design.processes:
        fields = " ".join(f"static const int {k} = {v};" for k, v in design.units[op].config.items())
        text = f"struct {design.names.processes[op]}_cfg {{ {fields} }};"
        parts += [f"/// {comment(op.layer_name)} ({op.name})", wrapped(text), ""]
    return "\n".join([*parts, "#endif  // PARAMS_H\n"])


def weights_text(design: Design) -> str:
    """
    `weights.h`: the constants of each process.
    """
    parts = [HEADER, '#ifndef WEIGHTS_H\n#define WEIGHTS_H\n\n#include "blendir/types.hpp"\n']
    for op in design.processes:
        tables = design.units[op].tables
        if tables:
            parts.append(f"// {comment(op.layer_name)}")
            parts += [table_text(design.names.processes[op], table) for table in tables]
            parts.append("")
    return "\n".join([*parts, "#endif  // WEIGHTS_H\n"])


def top_header_text(design: Design) -> str:
    """
    `top.h`: the interface of the design.
    """
    source, sink = design.units[design.source].config, design.units[design.sink].config
    frame_in, frame_out = source["P"], sink["P"] * sink["V"]
    return f"""{HEADER}
#ifndef TOP_H
#define TOP_H

#include "blendir/axi.hpp"

/// One word per beat of a frame: {source["N"]} bits of pixels in raster order (H, W, C).
typedef blendir::axi_word<{source["NI"]}> input_word;
/// One word per output element, two's complement; TLAST ends a frame.
typedef blendir::axi_word<{sink["NO"]}> output_word;

static const int INPUT_WORDS = {frame_in};
static const int OUTPUT_WORDS = {frame_out};

/// Runs `frames` frames, one after another without a gap.
void top(blendir::stream<input_word>& in, blendir::stream<output_word>& out, unsigned frames);

#endif  // TOP_H
"""


def fifos(design: Design) -> Iterator[tuple[str, int, int, str]]:
    """
    Name, bits of a beat, depth and storage of every FIFO.
    """
    for op in design.processes[:-1]:
        assert op.fifo_depths is not None
        assert op.fifo_storage is not None
        for value, depth, storage in zip(op.results, op.fifo_depths.get_values(), op.fifo_storage.data, strict=True):
            yield design.streams[value], stream_type(value).payload, int(depth), storage.data


def fifo_lines(design: Design) -> list[str]:
    """
    The declaration of every stream with its depth and storage.
    """
    lines: list[str] = []
    for name, payload, depth, storage in fifos(design):
        lines.append(f'  blendir::stream<blendir::bits<{payload}> > {name}("{name}");')
        lines += stream_pragmas(name, depth, storage)
    return lines


def stream_pragmas(name: str, depth: int, storage: str) -> list[str]:
    """
    Depth and storage of a FIFO.
    """
    return [
        f"#pragma HLS stream variable={name} depth={depth}",
        f"#pragma HLS bind_storage variable={name} type=fifo impl={storage}",
    ]


def call_text(design: Design, op: ProcessOp) -> str:
    """
    The call of a process.
    """
    unit, name = design.units[op], design.names.processes[op]
    reads = [design.streams[v] for v in op.operands if v in design.streams]
    writes = [design.streams[v] for v in op.results if v in design.streams]
    if isinstance(op, stream.SourceOp):
        reads = ["in"]
    if isinstance(op, stream.SinkOp):
        writes = ["out"]
    tables = [f"{name}_{table.suffix}" for table in unit.tables]
    function = "binary_mvu_dsp" if uses_dsp_xnor(op) else f"blendir::{unit.function}"
    return f"{function}<{name}_cfg>({', '.join([*reads, *writes, *tables])}, frames);"


def storage_lines(design: Design) -> list[str]:
    """
    What the weights that change from cycle to cycle, and tables of functions, are kept in.
    """
    lines: list[str] = []
    for op in design.processes:
        if isinstance(op, stream.MvuOp) and op.weight_storage is not None and op.fold != (1, 1):
            name, storage = design.names.processes[op], op.weight_storage.data
            lines.append(f"#pragma HLS bind_storage variable={name}_weights type=rom_1p impl={storage}")
        if isinstance(op, stream.LookupOp) and op.storage is not None:
            name, storage = design.names.processes[op], op.storage.data
            lines.append(f"#pragma HLS bind_storage variable={name}_table type=rom_2p impl={storage}")
    return lines


def top_includes(design: Design) -> list[str]:
    """
    What the region of processes needs.
    """
    names = ["blendir/blendir.hpp", "params.h", "weights.h"]
    if any(map(uses_dsp_xnor, design.processes)):
        names.append("xnor_dsp.h")
    return ['#include "top.h"', "", *(f'#include "{name}"' for name in names)]


def top_text(design: Design) -> str:
    """
    `top.cpp`: the dataflow region, one call per process.
    """
    lines = [
        HEADER,
        *top_includes(design),
        "",
        "void top(blendir::stream<input_word>& in, blendir::stream<output_word>& out, unsigned frames) {",
        "#ifndef BLENDIR_INSIDE  // not in top_memory.cpp",
        "#pragma HLS interface axis port=in",
        "#pragma HLS interface axis port=out",
        "#pragma HLS interface s_axilite port=frames",
        "#pragma HLS interface s_axilite port=return",
        "#endif",
        "#pragma HLS stable variable=frames",
        "#pragma HLS dataflow",
        *storage_lines(design),
        *fifo_lines(design),
        *(f"  {call_text(design, op)}" for op in design.processes),
        "}",
    ]
    return "\n".join(lines) + "\n"


def bounded_text(design: Design) -> str:
    """
    `bounded.cpp`: the region of `top.cpp` for C-simulation, with bounded FIFOs and a coroutine per process.
    """
    lines = [
        HEADER,
        *top_includes(design),
        "",
        "void top(blendir::stream<input_word>& in, blendir::stream<output_word>& out, unsigned frames) {",
        *(f'  blendir::stream<blendir::bits<{n}> > {name}("{name}", {d});' for name, n, d, _ in fifos(design)),
        "  blendir::dataflow region;",
    ]
    for op in design.processes:
        lines.append(f'  region.add("{design.names.processes[op]}", [&] {{ {call_text(design, op)} }});')
    return "\n".join([*lines, "  region.run();", "}"]) + "\n"


def source_files(design: Design) -> dict[str, str]:
    """
    The sources of a design that depend on the network.
    """
    return {
        "top.cpp": top_text(design),
        "top.h": top_header_text(design),
        "params.h": params_text(design),
        "weights.h": weights_text(design),
    }
