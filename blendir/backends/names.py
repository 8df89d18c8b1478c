"""
Identifiers from layers, which may hold any character.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from blendir.dialects.stream import ProcessOp

LONGEST = 100
"""
Letters of an identifier; files are named after it, too.
"""


def identifier(layer: str, reserved: frozenset[str] = frozenset()) -> str:
    """
    A layer as an identifier that is none of the reserved words: `blocks.0.conv` becomes `blocks_0_conv`; the end of a
    long one is cut off.
    """
    name = re.sub(r"_+", "_", re.sub(r"\W", "_", layer, flags=re.ASCII)).strip("_")[:LONGEST].rstrip("_") or "layer"
    return f"n{name}" if name[0].isdigit() or name in reserved else name


class Names:
    """
    Unique identifiers of one design: of each process, and of the stream behind each of its results.

    `suffixes` are those of the globals that a process brings along: with `conv` come `conv_cfg` and `conv_weights`.
    """

    def __init__(self, suffixes: Mapping[ProcessOp, Sequence[str]], reserved: frozenset[str]):
        self.reserved = reserved
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
        base = name = identifier(layer, self.reserved)
        count = 1
        while not self.taken.isdisjoint(brought := {name, *(f"{name}_{suffix}" for suffix in suffixes)}):
            count += 1
            name = f"{base}_{count}"
        self.taken |= brought
        return name
