"""
How the C++ of these tests is compiled and run: with machine words and with ap_int, with and without optimisation, with
poisoned memories, and as the synthesis tool would see the sources.
"""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

INCLUDE = Path(__file__).parents[2] / "blendir" / "backends" / "hls" / "include"
FLAGS = ["-std=c++14", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"]
# The default constructor of the bundled ap_int masks its own uninitialised value.
AP_FLAGS = ["-Wno-uninitialized", "-Wno-maybe-uninitialized"]
BUILDS: dict[str, list[str]] = {
    "native-O0": ["-O0"],
    "native-O2-poison": ["-O2", "-mpopcnt", "-DBLENDIR_POISON"],
    "ap-O0-poison": ["-O0", "-DBLENDIR_AP", "-DBLENDIR_POISON"],
    "ap-O2": ["-O2", "-DBLENDIR_AP"],
    "tool-O0": ["-O0", "-DSYNTHESIS_VIEW"],
}


def ap_types() -> Path | None:
    spec = importlib.util.find_spec("hls4ml")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "templates" / "vivado" / "ap_types"


def flags_of(build: str) -> list[str]:
    flags = [*FLAGS, *BUILDS[build], f"-I{INCLUDE}"]
    if not build.startswith("native"):
        directory = ap_types()
        if directory is None:
            pytest.fail("needs the ap_types that hls4ml bundles: make setup")
        flags += [*AP_FLAGS, "-isystem", str(directory)]
    return flags


def compiled(directory: Path, name: str, text: str, flags: Sequence[str]) -> Path:
    source, program = directory / f"{name}.cpp", directory / name
    source.write_text(text)
    command = ["g++", *flags, str(source), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, "\n".join(done.stderr.splitlines()[:40])
    return program


def executed(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, timeout=60)
