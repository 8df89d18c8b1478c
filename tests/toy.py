"""
A backend as docs/architecture.md describes it: a class, entered in the registry.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from blendir.backends import BACKENDS
from blendir.backends.target import Program, Project, Target
from blendir.interpreter import run_module
from blendir.modules import read_module
from blendir.verification import tensor_trace


class ToyProgram:
    """
    What the folder holds, in the interpreter.
    """

    def __init__(self, folder: Path):
        self.module = read_module(folder / "toy" / "main.mlir")

    def __call__(self, x: Any) -> Any:
        return run_module(self.module, x)

    def trace(self, x: Any) -> Any:
        return tensor_trace(self.module, x)


@dataclass(frozen=True)
class ToyTarget(Target):
    """
    Prints a [packed] module as it is.
    """

    name = "blendir-toy"
    stage = "packed"
    language = "toy"
    entries = frozenset(("toy",))

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        output.write(f"// toy\n{module!s}\n")

    def files(self, project: Project) -> dict[str, str | bytes]:
        return {"toy/main.mlir": f"{project.stages['packed']!s}\n", "toy/frames.bin": project.vectors.tobytes()}

    def program(self, module: ModuleOp, folder: Path, record: Path | None = None) -> Program:
        return ToyProgram(folder)

    def require_tools(self) -> None:
        pass


def register() -> None:
    """
    Makes it known.
    """
    BACKENDS["toy"] = lambda: ToyTarget
