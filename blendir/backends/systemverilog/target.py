"""
SystemVerilog as a target.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from blendir.backends.systemverilog.print_sv import source_files, top_text
from blendir.backends.systemverilog.simulation import Rtl, require_verilator
from blendir.backends.systemverilog.sv_names import SvDesign
from blendir.backends.target import Project, Target
from blendir.hardware.processes.source import axi_bits

MAIN = Path(__file__).parent / "templates" / "main.cpp"


def simulation_files(design: SvDesign) -> dict[str, str]:
    """
    The harness of a design.
    """
    source = design.units[design.source].config
    outputs = " ".join(f"OUTPUT({name}, {bits}, {words})" for _, name, bits, words in design.outputs)
    header = f"""// The ports of the design.
#define INPUT_BYTES {axi_bits(source["N"]) // 8}
#define INPUT_WORDS {source["P"]}
#define OUTPUTS {outputs}
"""
    return {"sim/main.cpp": MAIN.read_text(), "sim/outputs.h": header}


def project_files(design: SvDesign) -> dict[str, str]:
    """
    All files of a design that need no frames.
    """
    return source_files(design) | simulation_files(design)


def simulation_of(module: ModuleOp, folder: Path, record: Path | None = None) -> Rtl:
    """
    The simulation of a design folder: of its own files, or where another backend wrote it, of what is printed from its
    [stream] module.
    """
    require_verilator()
    if not (folder / "top.sv").exists():
        folder = folder / "build" / "systemverilog"
        for name, text in project_files(SvDesign(module)).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    return Rtl(module, folder, record)


@dataclass(frozen=True)
class SystemVerilogTarget(Target):
    """
    `top.sv` with the modules that it needs; Verilator builds its simulation.
    """

    name = "blendir-systemverilog"
    stage = "stream"
    language = "SystemVerilog"
    design = SvDesign
    entries = frozenset(("rtl", "sim", "tables", "top.sv"))

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        output.write(top_text(SvDesign(module)))

    def files(self, project: Project) -> dict[str, str | bytes]:
        return {**project_files(SvDesign(project.stages["stream"]))}

    def program(self, module: ModuleOp, folder: Path, record: Path | None = None) -> Rtl:
        return Rtl(module, folder, record)

    def require_tools(self) -> None:
        require_verilator()
