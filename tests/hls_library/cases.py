"""
One call of a unit: its C++, the elements that it reads, and those that it should write.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
NUMBERS = itertools.count()


@dataclass
class Case:
    """One unit call: C++ text, input elements in reading order, expected output streams."""

    name: str
    run: str
    text: str
    inputs: list[int]
    expected: list[list[int]]


def raw(values: Any, width: int) -> list[int]:
    """Two's complement of `width` bits, flattened."""
    mask = (1 << width) - 1
    flat: list[int] = np.asarray(values, dtype=object).ravel().tolist()
    return [int(v) & mask for v in flat]


def literal(values: Any, width: int = 64) -> str:
    """A C++ initialiser of nested lists; payloads of more than 64 bits are cut into words."""
    if isinstance(values, list | tuple | np.ndarray):
        items: list[Any] = np.asarray(values, dtype=object).tolist()
        return "{" + ", ".join(literal(v, width) for v in items) + "}"
    value = int(values)
    if width > 64:
        words = ", ".join(f"{value >> s & (1 << 64) - 1}ULL" for s in range(0, width, 64))
        return f"from_words<{width}>({words})"
    return f"{value}LL" if value < 1 << 63 else f"{value}ULL"


def rounded(value: int, shift: int, mode: int) -> int:
    exact = Fraction(value) / Fraction(2) ** shift
    return math.floor(exact + Fraction(1, 2)) if mode == 0 else round(exact)


def saturated(value: int, width: int) -> int:
    return max(-(1 << (width - 1)), min((1 << (width - 1)) - 1, value))


def narrowed(value: int, cfg: dict[str, int]) -> int:
    return saturated(rounded(value, cfg["SHIFT"], cfg["ROUND"]), cfg["EO"])


def values(rng: random.Random, shape: Sequence[int], width: int, signed: bool = True) -> Ints:
    """Random values of a format with its extremes over-represented."""
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
    count = math.prod(shape)
    picks = [rng.choice([low, high, 0]) if rng.random() < 0.1 else rng.randint(low, high) for _ in range(count)]
    return np.array(picks, dtype=np.int64).reshape(tuple(shape))


def grouped(elements: Ints, group: int) -> list[list[int]]:
    """Beats of a vector, the last one zero-filled."""
    flat = [int(v) for v in elements]
    flat += [0] * (-len(flat) % group)
    return [flat[i : i + group] for i in range(0, len(flat), group)]


def by_group(per_channel: Ints, group: int) -> list[list[int]]:
    """[C] to [G][C/G] with channel cg*G + g."""
    return [[int(v) for v in per_channel[g::group]] for g in range(group)]


def config(names: str, *numbers: int) -> dict[str, int]:
    """The configuration of a unit."""
    return dict(zip(names.split(), numbers, strict=True))


def elements_of(rng: random.Random, cfg: dict[str, int], frames: int, width: str = "E") -> Ints:
    signed = bool(cfg.get("IS_SIGNED", 1))
    return values(rng, (frames * cfg["P"], cfg["C"]), cfg[width], signed)


class Builder:
    """Collects the C++ text of one case."""

    def __init__(self, name: str, cfg: dict[str, int], frames: int) -> None:
        self.tag = f"c{next(NUMBERS)}"
        self.name, self.cfg, self.frames = name, cfg, frames
        fields = ", ".join(f"{k} = {v}" for k, v in cfg.items())
        self.tables = [f"struct {self.tag} {{ static const int {fields}; }};"]
        self.body: list[str] = []
        self.after: list[str] = []
        self.arguments: list[str] = []
        self.inputs: list[int] = []
        self.expected: list[list[int]] = []

    def input(self, elements: Any, width: int, group: int) -> None:
        name = f"i{len(self.arguments)}"
        flat = raw(elements, width)
        assert len(flat) % group == 0
        beats = len(flat) // group
        self.body += [
            f'stream<bits<{width * group}>> {name}("{self.tag}_{name}");',
            f"feed<{width}, {group}>({name}, {beats});",
        ]
        self.after.append(f"drained({name});")
        self.arguments.append(name)
        self.inputs += flat

    def output(self, elements: Any, width: int, group: int) -> None:
        name = f"o{len(self.arguments)}"
        self.body.append(f'stream<bits<{width * group}>> {name}("{self.tag}_{name}");')
        self.after.append(f"dump<{width}, {group}>({name});")
        self.arguments.append(name)
        self.expected.append(raw(elements, width))

    def table(self, kind: str, dims: str, entries: Any, width: int = 64) -> None:
        name = f"{self.tag}_t{len(self.arguments)}"
        self.tables.append(f"static const {kind} {name}{dims} = {literal(entries, width)};")
        self.arguments.append(name)

    def case(self, unit: str) -> Case:
        arguments = ", ".join([*self.arguments, f"{self.frames}u"])
        lines = [*self.body, f"{unit}<{self.tag}>({arguments});", *self.after]
        text = "\n".join([*self.tables, f"static void run_{self.tag}() {{", *lines, "}"])
        return Case(f"{self.name}-{self.tag}", f"run_{self.tag}", text, self.inputs, self.expected)
