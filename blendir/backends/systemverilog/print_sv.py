"""
Printing a scheduled [stream] module as SystemVerilog: `top.sv`, an instance for each process and each FIFO, and the
files of its tables.

Decisions are attributes of the module; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from blendir.backends.cpp import comment
from blendir.backends.systemverilog.library import FOLDER, Module, files_of, library
from blendir.backends.systemverilog.sv_names import SvDesign
from blendir.backends.systemverilog.tables import hex_text
from blendir.dialects import stream
from blendir.dialects.stream import ProcessOp
from blendir.errors import UserError
from blendir.hardware.processes import process_of
from blendir.hardware.processes.unit import Table

HEADER = "// Made by blendir from a trained network; do not edit.\n"
FIFO = "blendir_fifo"
INT = range(-(1 << 31), 1 << 31)


def module_of(design: SvDesign, op: ProcessOp) -> Module:
    """
    The module of a process; UserError where the library has none.
    """
    unit = design.units[op]
    name = f"blendir_{unit.function}"
    if name not in library():
        raise UserError(
            f"{op.layer_name} ({op.name}): the SystemVerilog library has no module {name} yet; compile it for hls"
        )
    return library()[name]


def table_file(name: str, table: Table) -> str:
    """
    The path of a table in the folder.
    """
    return f"tables/{name}_{table.suffix}.hex"


def number(value: int) -> str:
    """
    A literal; one beyond 32 bits has its size.
    """
    if value in INT:
        return str(value)
    return f"{'-' if value < 0 else ''}64'sd{abs(value)}"


def parameters(design: SvDesign, op: ProcessOp) -> dict[str, str]:
    """
    The parameters that the module of a process has: fields of its configuration, and of each table the file and what
    keeps it.
    """
    unit, name = design.units[op], design.names.processes[op]
    known = {field: number(value) for field, value in unit.config.items()}
    known["XNOR_DSP"] = str(int(process_of(op).uses_dsp_xnor))
    for table in unit.tables:
        kept = "block" if table.storage is not None and table.storage.kind == "bram" else "distributed"
        known[f"{table.suffix.upper()}_FILE"] = f'"{table_file(name, table)}"'
        known[f"{table.suffix.upper()}_STYLE"] = f'"{kept}"'
    module = module_of(design, op)
    if missing := [field for field in module.parameters if field not in known]:
        raise UserError(f"{op.layer_name}: the unit {unit.function} does not say {', '.join(missing)} of {module.name}")
    return {field: known[field] for field in module.parameters}


def instance(module: str, name: str, given: dict[str, str], ports: Sequence[str]) -> str:
    """
    An instance of a module.
    """
    fields = ", ".join(f".{field}({value})" for field, value in given.items())
    head = f"  {module} {name} (" if not given else f"  {module} #(\n    {fields}\n  ) {name} ("
    return head + "\n    " + ",\n    ".join(ports) + "\n  );"


def connected(port: str, wires: str) -> str:
    """
    The three connections of a stream.
    """
    return ", ".join(f".{port}_{part}({wires}{part})" for part in ("data", "valid", "ready"))


def process_text(design: SvDesign, op: ProcessOp) -> str:
    """
    The instance of a process.
    """
    module, name = module_of(design, op), design.names.processes[op]
    reads = [f"{design.streams[v]}__" for v in op.inputs]
    writes = [f"{design.streams[v]}__in_" for v in op.outputs]
    ports = [".clk, .rst"]
    if isinstance(op, stream.SourceOp):
        reads = ["in_t"]
    if isinstance(op, stream.SinkOp):
        output = next(output for output in design.outputs if output.sink is op)
        writes = [f"{output.name}_t"]
        ports.append(f".out_last({output.name}_tlast)")
    if module.counts_frames:
        ports.append(".frames")
    ports += [connected(port, wires) for port, wires in zip(module.streams, [*reads, *writes], strict=True)]
    return instance(module.name, name, parameters(design, op), ports)


def fifo_text(name: str, width: int, depth: int, storage: str) -> list[str]:
    """
    The signals and the FIFO of a stream.
    """
    given = {"WIDTH": str(width), "DEPTH": str(depth), "BLOCK": str(int(storage == "bram"))}
    ports = [".clk, .rst", connected("in", f"{name}__in_"), connected("out", f"{name}__")]
    return [
        f"  logic [{width - 1}:0] {name}__in_data, {name}__data;",
        f"  logic {name}__in_valid, {name}__in_ready, {name}__valid, {name}__ready;",
        instance(FIFO, f"{name}__fifo", given, ports),
    ]


def ports_text(design: SvDesign) -> Iterator[str]:
    """
    The ports of `top`.
    """
    yield "input logic clk"
    yield "input logic rst"
    yield "input logic [31:0] frames"
    yield f"input logic [{design.units[design.source].config['NI'] - 1}:0] in_tdata"
    yield "input logic in_tvalid"
    yield "output logic in_tready"
    for output in design.outputs:
        yield f"output logic [{output.bits - 1}:0] {output.name}_tdata"
        yield f"output logic {output.name}_tvalid"
        yield f"output logic {output.name}_tlast"
        yield f"input logic {output.name}_tready"


def top_text(design: SvDesign) -> str:
    """
    `top.sv`.
    """
    lines = [HEADER, "module top (", ",\n".join(f"  {port}" for port in ports_text(design)), ");"]
    for fifo in design.fifos():
        lines += fifo_text(*fifo)
    for op in design.processes:
        lines += ["", f"  // {comment(op.layer_name)} ({op.name})", process_text(design, op)]
    if not any(module_of(design, op).counts_frames for op in design.processes):
        lines += ["", "  wire unused_frames = &{1'b0, frames};"]
    return "\n".join([*lines, "endmodule"]) + "\n"


def source_files(design: SvDesign) -> dict[str, str]:
    """
    The printed module, its tables and the modules of the library that it needs.
    """
    files = {"top.sv": top_text(design), "rtl/lint.vlt": (FOLDER / "lint.vlt").read_text()}
    for op in design.processes:
        name = design.names.processes[op]
        files |= {table_file(name, table): hex_text(table) for table in design.units[op].tables}
    needed = {FIFO, *(module_of(design, op).name for op in design.processes)}
    return files | {f"rtl/{file.name}": file.read_text() for file in files_of(needed)}
