"""
`blendir-opt`: runs passes on a module, with mlir-opt's short flags.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import IO, NoReturn, cast

from xdsl.dialects.builtin import ModuleOp
from xdsl.xdsl_opt_main import xDSLOptMain

from blendir.dialects.parsing import parse_text
from blendir.files import output_file
from blendir.passes import get_all_passes
from blendir.pipeline import run_pass
from blendir.tools.terminal import run_tool


def lower_pass_flags(arguments: Sequence[str], names: Collection[str]) -> list[str]:
    """
    Turns pass flags into one `-p`, in their order: `--fold-bn --quantize=bits=8 -p dce` into
    `-p fold-bn,quantize{bits=8},dce`.
    """
    pipeline: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        flag, equals, value = argument.partition("=")
        if argument == "--":
            rest += [argument, *remaining]
        elif argument in ("-p", "--passes"):
            pipeline.append(next(remaining, ""))
        elif flag == "--passes" and equals:
            pipeline.append(value)
        elif flag.startswith("--") and flag[2:] in names:
            pipeline.append(f"{flag[2:]}{{{value}}}" if value else flag[2:])
        else:
            rest.append(argument)
    return ["-p", ",".join(filter(None, pipeline)), *rest] if pipeline else rest


def refuse(message: str) -> NoReturn:
    """
    What argparse calls for arguments that it does not understand.
    """
    raise ValueError(f"{message}; see --help")


class HeldOutput(StringIO):
    """
    Output that is kept until everything went well.
    """

    def close(self) -> None:
        """
        Keeps the text, which xDSL closes in any case.
        """


class BlendirOptMain(xDSLOptMain):
    """
    xDSL's driver with pass flags; an internal failure of a pass says how to reproduce it.
    """

    version_format = "blendir-opt built from xdsl version {xdsl_version}"

    def __init__(self, args: Sequence[str] | None = None):
        self.held = HeldOutput()
        given = sys.argv[1:] if args is None else args
        super().__init__("Runs passes on blendir's IR", lower_pass_flags(given, get_all_passes()))

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        super().register_all_arguments(arg_parser)
        arg_parser.prog = "blendir-opt"
        arg_parser.usage = "blendir-opt [passes] [options] [input_file]"
        arg_parser.allow_abbrev = False
        arg_parser.error = refuse
        flags = " ".join(f"--{name}" for name in get_all_passes())
        arg_parser.epilog = (
            f"passes, in the order in which they run: {flags}; with options as "
            """--quantize='calibration="x.npy" bits=12'; -p takes xDSL's passes too."""
        )

    def register_all_frontends(self) -> None:
        def parse(stream: IO[bytes]) -> ModuleOp:
            text = cast(str | bytes, stream.read())
            text = text if isinstance(text, str) else text.decode()
            return parse_text(self.ctx, text, self.get_input_name(), not self.args.no_implicit_module)

        self.available_frontends["mlir"] = parse

    def prepare_output(self) -> IO[str]:
        return sys.stdout if self.args.output_file is None else self.held

    def apply_passes(self, prog: ModuleOp) -> None:
        if self.args.verify_diagnostics or self.args.disable_verify:
            super().apply_passes(prog)
            return
        between = self.pipeline.callback
        for before, after in pairwise((None, *self.pipeline.passes, None)):
            if between is not None:
                between(before, prog, after)
            if after is not None:
                run_pass(self.ctx, prog, after)
        if not self.pipeline.passes:
            prog.verify()

    def write(self) -> None:
        """
        Writes the output file, now that all went well.
        """
        if self.args.output_file is not None:
            with output_file(Path(self.args.output_file)) as place:
                place.write_text(self.held.getvalue())


def work(args: Sequence[str] | None) -> None:
    """
    Reads, transforms, writes.
    """
    tool = BlendirOptMain(args)
    tool.run()
    tool.write()


def main(args: Sequence[str] | None = None) -> int:
    """
    The entry point.
    """
    return run_tool("blendir-opt", lambda: work(args))


if __name__ == "__main__":
    sys.exit(main())
