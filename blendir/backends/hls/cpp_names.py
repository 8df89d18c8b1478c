"""
What C++ adds to the names of a design.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from blendir.backends.cpp import KEYWORDS
from blendir.backends.design import Design
from blendir.dialects import stream

RESERVED = KEYWORDS | frozenset("frames bits sint stream hls input output region binary_mvu_dsp".split())
"""
Also what the generated functions name themselves.
"""


class Output(NamedTuple):
    """
    An output of the design: its process, the stream of `top`, the type of a word and the constant with the number of
    words per frame, by their names; the bits of a word, and how many a frame has.
    """

    sink: stream.SinkOp
    name: str
    word: str
    size: str
    bits: int
    words: int


class CppDesign(Design):
    """
    A design whose processes have names of C++; each brings the struct of its configuration along.
    """

    reserved = RESERVED
    suffixes = ("cfg",)

    @cached_property
    def outputs(self) -> list[Output]:
        """
        The outputs in the order of the model; the stream of one of several is named as its process.
        """
        sinks = self.sinks
        found: list[Output] = []
        for index, sink in enumerate(sinks):
            number, config = "" if len(sinks) == 1 else str(index), self.units[sink].config
            names = self.names.processes[sink] if number else "out", f"output{number}_word", f"OUTPUT{number}_WORDS"
            found.append(Output(sink, *names, config["NO"], config["P"] * config["V"]))
        return found
