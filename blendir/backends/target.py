"""
What a backend is: it prints the module of one stage as a folder, and runs what it printed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils import target

from blendir.backends.design import Design
from blendir.hardware.goals import Goals
from blendir.interpreter import run_encoded
from blendir.interpreter.run import Outputs
from blendir.passes.stage import Stage, is_stream, reached

Trace = dict[str, NDArray[Any]]
"""The result of every layer as [N, elements], in the order of its tensor."""


class ProgramError(RuntimeError):
    """
    What a backend wrote does not build, or stops while it runs.
    """


class Program(Protocol):
    """
    What a backend wrote, built.
    """

    def __call__(self, x: NDArray[Any]) -> Outputs:
        """
        What comes out for frames x [N, ..]: what `blendir.run` returns.
        """
        ...

    def trace(self, x: NDArray[Any]) -> tuple[Trace, Outputs]:
        """
        The integers of every layer, and the outputs; for a program that was built to record.
        """
        ...


@dataclass(frozen=True)
class Project:
    """
    What a folder is written from: the module at every stage from the given one to the target's, frames for a test
    bench, and the goals.
    """

    stages: Mapping[Stage, ModuleOp]
    vectors: NDArray[Any]
    goals: Goals

    @cached_property
    def results(self) -> list[NDArray[Any]]:
        """
        The integers of every output for the frames, from the first stage that has integers.
        """
        integers = next(m for m in self.stages.values() if is_stream(m) or reached(m, "fixed"))
        return run_encoded(integers, self.vectors)


@dataclass(frozen=True)
class Target(target.Target):
    """
    A backend. `emit` prints the main source of a module, for `-t blendir-NAME` of xDSL's tools.

    stage: what it prints; a [stream] module is scheduled. language: what its program is called where results are
    compared. design: names of processes in its language, for [stream]. entries: the top level of its folders, besides
    `ir`, `build` and the report.
    """

    stage: ClassVar[Stage]
    language: ClassVar[str]
    entries: ClassVar[frozenset[str]]
    design: ClassVar[type[Design]] = Design

    @abstractmethod
    def files(self, project: Project) -> dict[str, str | bytes]:
        """
        The files of a folder by their path, without `ir` and the report.
        """

    @abstractmethod
    def program(self, module: ModuleOp, folder: Path, record: Path | None = None) -> Program:
        """
        Builds what was written to a folder from a module; with `record`, a folder for its files, it can be traced.
        """

    @abstractmethod
    def require_tools(self) -> None:
        """
        Raises ValueError where a tool that `program` needs is not installed.
        """
