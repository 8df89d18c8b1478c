"""
HLS C++ as a target.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from blendir.backends.hls.cpp_names import CppDesign
from blendir.backends.hls.csim import Csim
from blendir.backends.hls.print_cpp import top_text
from blendir.backends.hls.project import project_files
from blendir.backends.target import Project, Target


@dataclass(frozen=True)
class HLSTarget(Target):
    """
    A project of HLS C++; g++ alone builds its C-simulation.
    """

    name = "blendir-hls"
    stage = "stream"
    language = "C++"
    design = CppDesign
    entries = frozenset(
        ("Makefile", "hls", "hls_config.cfg", "host", "link.cfg", "rtl", "run_hls.tcl", "src", "tb"),
    )

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        output.write(top_text(CppDesign(module)))

    def files(self, project: Project) -> dict[str, str | bytes]:
        return project_files(CppDesign(project.stages["stream"]), project)

    def program(self, module: ModuleOp, folder: Path, record: Path | None = None) -> Csim:
        return Csim(module, folder, record)

    def require_tools(self) -> None:
        if which("g++") is None:
            raise ValueError("the C-simulation needs g++, which is not installed")
