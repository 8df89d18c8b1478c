"""
Printing a scheduled [stream] module as C++: the flat `top.cpp`, its header, `params.h` and `weights.h`.

Decisions are attributes of the module; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from blendir import widths
from blendir.backends.cpp import comment
from blendir.backends.hls.cpp_names import CppDesign
from blendir.dialects import stream
from blendir.dialects.stream import ProcessOp
from blendir.hardware.processes import process_of
from blendir.hardware.processes.unit import Table
from blendir.numerics import signed_bits

LINE, INDENT, INT_BITS = 110, 4, 32
HEADER = "// Made by blendir from a trained network; do not edit.\n"


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
        kind = "unsigned char" if values.max() < 1 << 8 else "unsigned short"
    else:
        kind = f"blendir::{'lanes' if lanes else 'sint' if table.signed else 'bits'}<{table.width}>"
    if lanes:
        texts = [wide_literal(v) for v in values.reshape(-1, values.shape[-1])]
    else:
        texts = [literal(v, table.width) for v in values.reshape(-1).tolist()]
    return wrapped(f"static const {kind} {name}_{table.suffix}{dims} = {braces(texts, shape)};")


def field(name: str, value: int) -> str:
    """
    A constant of a configuration, as wide as its value needs.
    """
    kind = "int" if signed_bits(value, value) <= INT_BITS else "long long"
    return f"static const {kind} {name} = {literal(value, INT_BITS if kind == 'int' else widths.WORD)};"


def params_text(design: CppDesign) -> str:
    """
    `params.h`: a struct of integral constants for each process.
    """
    parts = [HEADER, "#ifndef PARAMS_H\n#define PARAMS_H\n"]
    for op in design.processes:
        fields = " ".join(field(name, value) for name, value in design.units[op].config.items())
        text = f"struct {design.names.processes[op]}_cfg {{ {fields} }};"
        parts += [f"/// {comment(op.layer_name)} ({op.name})", wrapped(text), ""]
    return "\n".join([*parts, "#endif  // PARAMS_H\n"])


def weights_text(design: CppDesign) -> str:
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


def top_header_text(design: CppDesign) -> str:
    """
    `top.h`: the interface of the design.
    """
    source = design.units[design.source].config
    outputs = design.outputs
    words = "\n".join(f"typedef blendir::axi_word<{output.bits}> {output.word};" for output in outputs)
    sizes = "\n".join(f"static const int {output.size} = {output.words};" for output in outputs)
    return f"""{HEADER}
#ifndef TOP_H
#define TOP_H

#include "blendir/axi.hpp"

/// One word per beat of a frame: {source["N"]} bits of pixels in raster order (H, W, C).
typedef blendir::axi_word<{source["NI"]}> input_word;
/// One word per output element, two's complement; TLAST ends a frame.
{words}

static const int INPUT_WORDS = {source["P"]};
{sizes}

/// Runs `frames` frames, one after another without a gap.
{signature(design)};

#endif  // TOP_H
"""


def signature(design: CppDesign) -> str:
    """
    The head of the function `top`: one stream in, one out per output.
    """
    ports = [f"blendir::stream<{output.word}>& {output.name}" for output in design.outputs]
    between = ", " if len(ports) == 1 else ",\n         "
    return f"void top({between.join(['blendir::stream<input_word>& in', *ports, 'unsigned frames'])})"


def fifo_lines(design: CppDesign) -> list[str]:
    """
    The declaration of every stream with its depth and storage.
    """
    lines: list[str] = []
    for name, payload, depth, storage in design.fifos():
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


def call_text(design: CppDesign, op: ProcessOp) -> str:
    """
    The call of a process.
    """
    unit, name = design.units[op], design.names.processes[op]
    reads = [design.streams[v] for v in op.operands if v in design.streams]
    writes = [design.streams[v] for v in op.results if v in design.streams]
    if isinstance(op, stream.SourceOp):
        reads = ["in"]
    if isinstance(op, stream.SinkOp):
        writes = [next(output.name for output in design.outputs if output.sink is op)]
    tables = [f"{name}_{table.suffix}" for table in unit.tables]
    function = "binary_mvu_dsp" if process_of(op).uses_dsp_xnor else f"blendir::{unit.function}"
    return f"{function}<{name}_cfg>({', '.join([*reads, *writes, *tables])}, frames);"


def storage_lines(design: CppDesign) -> list[str]:
    """
    What the weights that change from cycle to cycle, and tables of functions, are kept in.
    """
    return [
        f"#pragma HLS bind_storage variable={design.names.processes[op]}_{table.suffix} "
        f"type=rom_{table.storage.ports}p impl={table.storage.kind}"
        for op in design.processes
        for table in design.units[op].tables
        if table.storage is not None and table.values.shape[1] > 1
    ]


def top_includes(design: CppDesign) -> list[str]:
    """
    What the region of processes needs.
    """
    names = ["blendir/blendir.hpp", "params.h", "weights.h"]
    if any(process_of(op).uses_dsp_xnor for op in design.processes):
        names.append("xnor_dsp.h")
    return ['#include "top.h"', "", *(f'#include "{name}"' for name in names)]


def top_text(design: CppDesign) -> str:
    """
    `top.cpp`: the dataflow region, one call per process.
    """
    lines = [
        HEADER,
        *top_includes(design),
        "",
        f"{signature(design)} {{",
        "#ifndef BLENDIR_INSIDE  // not in top_memory.cpp",
        "#pragma HLS interface axis port=in",
        *(f"#pragma HLS interface axis port={output.name}" for output in design.outputs),
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


def bounded_text(design: CppDesign) -> str:
    """
    `bounded.cpp`: the region of `top.cpp` for C-simulation, with bounded FIFOs and a coroutine per process.
    """
    lines = [
        HEADER,
        *top_includes(design),
        "",
        f"{signature(design)} {{",
        *(f'  blendir::stream<blendir::bits<{n}> > {name}("{name}", {d});' for name, n, d, _ in design.fifos()),
        "  blendir::dataflow region;",
    ]
    for op in design.processes:
        lines.append(f'  region.add("{design.names.processes[op]}", [&] {{ {call_text(design, op)} }});')
    return "\n".join([*lines, "  region.run();", "}"]) + "\n"


def source_files(design: CppDesign) -> dict[str, str]:
    """
    The sources of a design that depend on the network.
    """
    return {
        "top.cpp": top_text(design),
        "top.h": top_header_text(design),
        "params.h": params_text(design),
        "weights.h": weights_text(design),
    }
