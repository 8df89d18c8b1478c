"""
C++ for CPUs as a target.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from blendir.backends.cpu.build import require_compiler
from blendir.backends.cpu.native import Native
from blendir.backends.cpu.plan import plan_of
from blendir.backends.cpu.print_cpp import network_text, project_files, source_files
from blendir.backends.target import Program, Project, Target
from blendir.errors import UserError


@dataclass(frozen=True)
class CPUTarget(Target):
    """
    A C header, a translation unit and weights; g++ builds a program and a library.
    """

    name = "blendir-cpu"
    stage = "packed"
    language = "C++ for CPUs"
    entries = frozenset(("Makefile", "include", "main.cpp", "network.cpp", "network.h", "weights.bin"))

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        output.write(network_text(plan_of(module)))

    def files(self, project: Project) -> dict[str, str | bytes]:
        return project_files(plan_of(project.stages["packed"]))

    def program(self, module: ModuleOp, folder: Path, record: Path | None = None) -> Program:
        fresh = source_files(plan_of(module))
        try:
            kept = {name: (folder / name).read_bytes() for name in fresh}
        except OSError as error:
            raise UserError(f"{error.filename}: {error.strerror}; compile the design again") from None
        if kept["network.h"] != str(fresh["network.h"]).encode():
            raise UserError(
                f"{folder}: network.h is not that of this blendir and this module; compile the design again"
            )
        program = Native(module, kept)
        if not program.check():
            raise UserError(f"{folder}: weights.bin is not that of network.cpp; compile the design again")
        return program

    def require_tools(self) -> None:
        require_compiler()
