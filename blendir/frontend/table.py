"""
The table of translations from ATen operations to `blend`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import UnionType
from typing import Any, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from torch import Tensor
from xdsl.ir import SSAValue

from blendir.frontend.emitter import Padded
from blendir.frontend.errors import UntranslatableError

Result: TypeAlias = SSAValue | Padded | tuple[SSAValue | Tensor | None, ...]
Translation: TypeAlias = Callable[..., Result]


@dataclass(frozen=True)
class Entry:
    """
    How one ATen operation is translated, and the word for it in layers.

    `moves` says that elements are moved or picked, not computed with, so that integers cannot overflow;
    `borders` that it takes padded values; `pointwise` that each element of the result depends on one of each operand.
    """

    translate: Translation
    word: str
    moves: bool = False
    borders: bool = False
    pointwise: bool = False

    @cached_property
    def hints(self) -> dict[str, set[Any]]:
        """
        The types that each parameter may have, including the types inside sequences.
        """
        return {name: leaves(hint) for name, hint in get_type_hints(self.translate).items()}

    def require(self, target: str, emitter: object, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """
        Refuses an input-dependent operand if the translation takes constants, and a constant if it takes values.
        """
        signature = inspect.signature(self.translate)
        for name, argument in signature.bind(emitter, *args, **kwargs).arguments.items():
            hints = self.hints[name]
            if object in hints or argument is emitter:
                continue
            takes_values = not hints.isdisjoint((SSAValue, Padded))
            if depends_on_input(argument) and not takes_values:
                raise UntranslatableError(f"{target} with {name} that depends on the input (make it a constant)")
            if argument is not None and not depends_on_input(argument) and hints <= {SSAValue, Padded, type(None)}:
                raise UntranslatableError(f"{target} with {name} that is constant (a value of the input is expected)")


def leaves(hint: Any) -> set[Any]:
    """
    The classes that a type hint is made of.
    """
    if get_origin(hint) in (Union, UnionType, Sequence):
        return set[Any]().union(*map(leaves, get_args(hint)))
    return {get_origin(hint) or hint}


def depends_on_input(argument: Any) -> bool:
    """
    Whether an operand, or a part of it, is not known at import.
    """
    if isinstance(argument, Mapping):
        return any(depends_on_input(a) for a in cast(Mapping[str, Any], argument).values())
    if isinstance(argument, (list, tuple)):
        return any(depends_on_input(a) for a in cast(Sequence[Any], argument))
    return isinstance(argument, (SSAValue, Padded))


TABLE: dict[str, Entry] = {}


def translates(
    word: str, *targets: str, moves: bool = False, borders: bool = False, pointwise: bool = False
) -> Callable[[Translation], Translation]:
    """
    Registers a function for ATen operations. The function takes an Emitter, then the arguments of the ATen operation.
    """

    def enter(function: Translation) -> Translation:
        for target in targets:
            TABLE[f"aten.{target}"] = Entry(function, word, moves, borders, pointwise)
        return function

    return enter
