"""
Networks as shared libraries: built once, kept in a cache that processes share.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from blendir.errors import UserError

COMPILER = "g++"
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-strict-aliasing", "-fwrapv", "-Wno-psabi", "-Iinclude")
WIDE = {"x86_64": ("-mprefer-vector-width=512",)}
"""Flags of a machine."""


def flags(trace: bool) -> tuple[str, ...]:
    """
    How networks are compiled.
    """
    return (*FLAGS, *WIDE.get(platform.machine(), ()), *(("-DBLENDIR_TRACE",) if trace else ()))


def cache_folder() -> Path:
    """
    Where libraries are kept: `$BLENDIR_CACHE`, else blendir in the user's cache folder.
    """
    given = os.environ.get("BLENDIR_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "blendir"


def require_compiler() -> str:
    """
    The path of the compiler; UserError where there is none.
    """
    found = shutil.which(COMPILER)
    if found is None:
        raise UserError(f"the native engine needs {COMPILER}, which is not installed; or use --engine interpreter")
    return found


def machine() -> str:
    """
    What `-march=native` stands for here, and the version of the compiler.
    """
    return machine_of(require_compiler())


@lru_cache
def machine_of(compiler: str) -> str:
    """
    The same of a compiler.
    """
    asked = ["--version"], ["-march=native", "-Q", "--help=target"]
    return "".join(run([compiler, *options], Path.cwd(), f"asking {COMPILER} for its version") for options in asked)


def run(command: list[str], folder: Path, what: str) -> str:
    """
    Runs a command and returns what it prints; UserError with the first lines that it complains with.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, errors="replace")
    except OSError as error:
        raise UserError(f"{what}: {command[0]}: {error.strerror}") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        lines = [line for line in lines if "error" in line] or lines or [f"status {done.returncode}"]
        raise UserError(f"{what} failed: {' | '.join(lines[:3])}")
    return done.stdout + done.stderr


def key_of(files: Mapping[str, str | bytes], trace: bool) -> str:
    """
    A name for what a compilation makes: the hash of everything that it depends on.
    """
    digest = hashlib.sha256()
    texts = [part for item in files.items() for part in item]
    for part in (*texts, *flags(trace), machine()):
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()[:32]


def compiled(files: Mapping[str, str | bytes], library: Path, trace: bool) -> None:
    """
    Compiles sources beside a library, and puts it in its place when it is whole.
    """
    with tempfile.TemporaryDirectory(prefix=f".{library.stem}-", dir=library.parent) as name:
        folder = Path(name)
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)
        command = [require_compiler(), *flags(trace), "-shared", "-fPIC", "network.cpp", "-o", "network.so"]
        run(command, folder, "compiling the network")
        os.replace(folder / "network.so", library)


def library(files: Mapping[str, str | bytes], trace: bool = False) -> Path:
    """
    The library of sources, from the cache or new. Two processes may make the same one; either is whole at any moment.

    UserError where it is not there and cannot be made.
    """
    folder = cache_folder()
    found = folder / f"{key_of(files, trace)}.so"
    if found.exists():
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        compiled(files, found, trace)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{folder}: {reason}; name another folder for compiled networks in BLENDIR_CACHE") from None
    return found
