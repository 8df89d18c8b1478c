"""
The HLS backend as an xDSL target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from blendir.backends.hls.print_cpp import Design, top_text


@dataclass(frozen=True)
class HLSTarget(Target):
    """
    Prints `top.cpp` of a scheduled module; `blendir-translate --to-hls` writes the whole folder.
    """

    name = "blendir-hls"

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        output.write(top_text(Design(module)))
