"""
The table of translations from ATen operations to `blend`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from xdsl.ir import SSAValue

from blendir.frontend.emitter import Padded

Result: TypeAlias = SSAValue | Padded | tuple[SSAValue | None, ...]
Translation: TypeAlias = Callable[..., Result]


@dataclass(frozen=True)
class Entry:
    """
    How one ATen operation is translated, and the word for it in layers.

    `moves` says that elements are moved or picked, not computed with, so that integers cannot overflow;
    `borders` that it takes padded values.
    """

    translate: Translation
    word: str
    moves: bool = False
    borders: bool = False


TABLE: dict[str, Entry] = {}


def translates(
    word: str, *targets: str, moves: bool = False, borders: bool = False
) -> Callable[[Translation], Translation]:
    """
    Enters a function for ATen operations; it takes an Emitter and then the arguments that ATen takes.
    """

    def enter(function: Translation) -> Translation:
        for target in targets:
            TABLE[f"aten.{target}"] = Entry(function, word, moves, borders)
        return function

    return enter
