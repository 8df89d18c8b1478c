"""
What C++ adds to the names of a design: its reserved words, and layers in its comments.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import NamedTuple

from blendir.backends.design import Design
from blendir.dialects import stream

RESERVED = frozenset(
    "alignas alignof and asm auto bool bitand bitor break case catch char class compl concat const constexpr continue "
    "decltype default delete do double else enum explicit export extern false float for friend goto if in inline int "
    "long main mutable namespace new noexcept not nullptr operator or out private protected public register return "
    "short signed sizeof static struct switch template this throw top true try typedef typeid typename union unsigned "
    "using virtual void volatile wchar_t while xor frames bits sint stream blendir hls std input output region "
    "linux unix i386 binary_mvu_dsp assert errno stderr stdin stdout EOF INFINITY NAN NULL".split()
)
"""
Keywords, macros, and what the generated functions name themselves.
"""


def comment(text: str) -> str:
    """
    A layer within a `//` comment: printable ASCII of one line. Other characters, backslashes and the question marks of
    trigraphs, which could end the comment or go on with it in the next line, are spelled as `<U+000A>`.
    """
    return re.sub(r"[^ -\[\]-~]|\?(?=\?)", lambda found: f"<U+{ord(found[0]):04X}>", text)


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
