"""
`blendir-translate`: prints a module as an HLS project.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from blendir import __version__
from blendir.tools.designs import DesignWriter, design_options, summary
from blendir.tools.inputs import parse_module, read_module
from blendir.tools.terminal import Tool, say


@click.command("blendir-translate", cls=Tool, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.argument("source", required=False, default="-", type=click.Path(path_type=Path), metavar="[NET.MLIR]")
@click.option("--to-hls", is_flag=True, help="Write an HLS C++ project; the one translation there is.")
@design_options
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
def translate(source: Path, to_hls: bool, quiet: bool, **design: Any) -> None:
    """
    Runs on a module what is missing of the default pipeline, and writes the design folder DIR.

    The module is at any stage, in a file or on stdin.
    """
    if not to_hls:
        raise click.UsageError("say what to translate to: --to-hls")
    writer = DesignWriter(**design)
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
