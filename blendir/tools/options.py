"""
What commands share: their options, how they print results, and the module that they are given.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text
from xdsl.dialects.builtin import ModuleOp

from blendir.backends.engines import ENGINES
from blendir.errors import printable
from blendir.modules import read_module
from blendir.tools.designs import FILE
from blendir.tools.inputs import given_example, load_model, require_model
from blendir.tools.terminal import progress, say

WIDTH = 120
"""Of tables that do not go to a terminal."""

MODEL_OPTIONS = (
    click.option("--weights", type=FILE, metavar="F.safetensors", help="Weights to load into MODEL."),
    click.option("--example", type=FILE, metavar="X.npy", help="Frames of MODEL's input: their shape and type."),
    click.option("--input", "shape", metavar="CxHxW[:TYPE]", help="MODEL's input instead, as 3x32x32:uint8."),
)
NO_CHECK = click.option("--no-check", is_flag=True, help="Do not compare what is imported with the model itself.")
OUTPUT_OPTIONS = (
    click.option("-q", "--quiet", is_flag=True, help="Show no progress and no remarks."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
)
ENGINE = click.Choice(ENGINES)


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    The options of commands that take a MODEL.
    """
    for option in reversed(MODEL_OPTIONS):
        command = option(command)
    return command


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    The options of every command.
    """
    for option in reversed(OUTPUT_OPTIONS):
        command = option(command)
    return command


def print_json(value: object) -> None:
    """
    A result for a machine.
    """
    print(json.dumps(value, indent=2))


def print_table(title: str, columns: list[str], rows: list[list[object]]) -> None:
    """
    A result for a person.
    """
    table = Table(title=Text(printable(title)), title_justify="left", box=SIMPLE)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else printable(str(cell))) for cell in row))
    Console(width=None if Console().is_terminal else WIDTH).print(table)


def imported(
    model: str, weights: Path | None, example: Any, quiet: bool, check: bool, otherwise: Any = None
) -> tuple[ModuleOp, str]:
    """
    A MODEL at [imported], and where its weights are from.
    """
    with progress(f"importing {model}", quiet):
        loaded = load_model(model, weights, example, otherwise)
        module = loaded.import_module(check)
    if not quiet:
        say(f"{model}: weights: {loaded.weights}")
    return module, loaded.weights


def given_module(
    source: str, weights: Path | None, example: Path | None, shape: str | None, quiet: bool, check: bool, otherwise: Any
) -> ModuleOp:
    """
    The module of `MODEL|NET.MLIR`.
    """
    if not source.endswith(".mlir"):
        return imported(source, weights, given_example(example, shape), quiet, check, otherwise)[0]
    require_model(source, weights, example, shape)
    return read_module(Path(source))
