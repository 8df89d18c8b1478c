"""
C++ identifiers and comments from layers, which may hold any character.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from blendir.dialects.stream import ProcessOp

RESERVED = frozenset(
    "alignas alignof and asm auto bool bitand bitor break case catch char class compl concat const constexpr continue "
    "decltype default delete do double else enum explicit export extern false float for friend goto if in inline int "
    "long main mutable namespace new noexcept not nullptr operator or out private protected public register return "
    "short signed sizeof static struct switch template this throw top true try typedef typeid typename union unsigned "
    "using virtual void volatile wchar_t while xor frames bits sint stream blendir hls std input output region "
    "binary_mvu_dsp assert errno stderr stdin stdout EOF INFINITY NAN NULL".split()
)
"""
Keywords, macros, and what the generated functions name themselves.
"""


def identifier(layer: str) -> str:
    """
    A layer as a C++ identifier: `blocks.0.conv` becomes `blocks_0_conv`.
    """
    name = re.sub(r"_+", "_", re.sub(r"\W", "_", layer, flags=re.ASCII)).strip("_") or "layer"
    return f"n{name}" if name[0].isdigit() or name in RESERVED else name


def comment(text: str) -> str:
    """
    A layer within a `//` comment: printable ASCII of one line. Other characters, backslashes and the question marks of
    trigraphs, which could end the comment or go on with it in the next line, are spelled as `<U+000A>`.
    """
    return re.sub(r"[^ -\[\]-~]|\?(?=\?)", lambda found: f"<U+{ord(found[0]):04X}>", text)


class Names:
    """
    Unique identifiers of one design: of each process, and of the stream behind each of its results.

    `suffixes` are those of the globals that a process brings along: with `conv` come `conv_cfg` and `conv_weights`.
    """

    def __init__(self, suffixes: Mapping[ProcessOp, Sequence[str]]):
        self.taken: set[str] = set()
        self.processes: dict[ProcessOp, str] = {}
        self.streams: dict[ProcessOp, list[str]] = {}
        for op, brought in suffixes.items():
            first, *others = op.layers or [op.layer_name]
            self.processes[op] = self.unique(first, brought)
            self.streams[op] = [self.processes[op], *(self.unique(layer) for layer in others)]

    def unique(self, layer: str, suffixes: Sequence[str] = ()) -> str:
        """
        An identifier that is not taken, nor is any of its globals.
        """
        base = name = identifier(layer)
        count = 1
        while not self.taken.isdisjoint(brought := {name, *(f"{name}_{suffix}" for suffix in suffixes)}):
            count += 1
            name = f"{base}_{count}"
        self.taken |= brought
        return name
