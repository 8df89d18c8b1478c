"""
The modules of the SystemVerilog library, as their files declare them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "rtl"
NAME = r"\bblendir_\w+\b"
HEADER = re.compile(
    r"^module\s+(?P<name>\w+)\s*(?:#\((?P<parameters>.*?)\)\s*)?\((?P<ports>.*?)\);", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Module:
    """
    A module: its file, its parameters, the prefixes of its streams in the order of its ports, and whether it is told
    the number of frames.
    """

    name: str
    file: Path
    parameters: tuple[str, ...]
    streams: tuple[str, ...]
    counts_frames: bool


def declared(file: Path) -> list[Module]:
    """
    The modules of a file.
    """
    text = re.sub(r"//.*", "", file.read_text())
    return [
        Module(
            found["name"],
            file,
            tuple(re.findall(r"\bparameter\b[^=,]*?(\w+)\s*=", found["parameters"] or "")),
            tuple(re.findall(r"\b(\w+)_data\b", found["ports"])),
            re.search(r"\bframes\b", found["ports"]) is not None,
        )
        for found in HEADER.finditer(text)
    ]


@cache
def library() -> dict[str, Module]:
    """
    All modules by name.
    """
    return {module.name: module for file in sorted(FOLDER.glob("*.sv")) for module in declared(file)}


def files_of(names: Iterable[str]) -> list[Path]:
    """
    The files of modules and of those that they instantiate.
    """
    known, files, waiting = library(), set[Path](), list(names)
    while waiting:
        file = known[waiting.pop()].file
        if file not in files:
            files.add(file)
            waiting += [name for name in re.findall(NAME, file.read_text()) if name in known]
    return sorted(files)
