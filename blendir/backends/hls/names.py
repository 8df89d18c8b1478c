"""
C++ identifiers from layers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from blendir.dialects.stream import ProcessOp

RESERVED = frozenset(
    "alignas alignof and asm auto bool bitand bitor break case catch char class compl concat const constexpr continue "
    "decltype default delete do double else enum explicit export extern false float for friend goto if in inline int "
    "long main mutable namespace new noexcept not nullptr operator or out private protected public register return "
    "short signed sizeof static struct switch template this throw top true try typedef typeid typename union unsigned "
    "using virtual void volatile wchar_t while xor frames bits sint stream blendir hls std input output".split()
)


def identifier(layer: str) -> str:
    """
    A layer as a C++ identifier: `blocks.0.conv` becomes `blocks_0_conv`.
    """
    name = re.sub(r"_+", "_", re.sub(r"\W", "_", layer, flags=re.ASCII)).strip("_") or "layer"
    return f"n{name}" if name[0].isdigit() or name in RESERVED else name


class Names:
    """
    Unique identifiers of one design: of each process, and of the stream behind each of its results.
    """

    def __init__(self, processes: Sequence[ProcessOp]):
        self.taken: set[str] = set()
        self.processes: dict[ProcessOp, str] = {}
        self.streams: dict[ProcessOp, list[str]] = {}
        for op in processes:
            layers = op.layers or [op.layer_name]
            streams = [self.unique(layer) for layer in layers]
            self.processes[op] = streams[0]
            self.streams[op] = streams

    def unique(self, layer: str) -> str:
        """
        An identifier that is not taken.
        """
        base = name = identifier(layer)
        count = 1
        while name in self.taken:
            count += 1
            name = f"{base}_{count}"
        self.taken.add(name)
        return name
