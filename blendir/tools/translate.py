"""
`blendir-translate`: prints a module as the project of a backend.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from blendir import __version__
from blendir.backends import BACKENDS, translation
from blendir.modules import parse_module, read_module
from blendir.tools.designs import DesignWriter, design_options, summary
from blendir.tools.terminal import Tool, say


def translations(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    The option of each backend, as `--to-hls`.
    """
    for name in reversed(BACKENDS):
        described = f"Write a project of the backend {name}."
        command = click.option(translation(name), "backend", flag_value=name, help=described)(command)
    return command


@click.command("blendir-translate", cls=Tool, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.argument("source", required=False, default="-", type=click.Path(path_type=Path), metavar="[NET.MLIR]")
@translations
@design_options
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
def translate(source: Path, backend: str | None, quiet: bool, **design: Any) -> None:
    """
    Runs on a module what is missing of the default pipeline, and writes the design folder DIR.

    The module is at any stage, in a file or on stdin.
    """
    if backend is None:
        raise click.UsageError(f"say what to translate to: {' or '.join(translation(name) for name in BACKENDS)}")
    writer = DesignWriter(backend=backend, **design)
    module = parse_module(sys.stdin.read(), "stdin") if str(source) == "-" else read_module(source)
    build = writer.write(module, quiet)
    if not quiet:
        say(summary(build))


def main() -> None:
    """
    The entry point.
    """
    translate()


if __name__ == "__main__":
    main()
