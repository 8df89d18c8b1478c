"""
Folders that backends write: whole or not at all, and only over what blendir made.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from xdsl.dialects.builtin import ModuleOp

from blendir.backends import DEFAULT, backend
from blendir.backends.target import Target
from blendir.files import named
from blendir.modules import read_module
from blendir.passes.stage import STAGES

GENERATOR = "blendir"
ENTRIES = frozenset(("build", "ir", "report.html", "report.json"))
"""What may be at the top level of a folder, whatever its backend."""


def origin(name: str) -> dict[str, str]:
    """
    How a report says what made its folder: `generator`, and `backend` where it is not the default one.
    """
    return {"generator": GENERATOR} | ({} if name == DEFAULT else {"backend": name})


def read_report(folder: Path) -> dict[str, Any]:
    """
    The report of a folder; ValueError where blendir did not make the folder.
    """
    try:
        report: Any = json.loads((folder / "report.json").read_text())
    except (OSError, ValueError):
        report = None
    if not isinstance(report, dict) or cast(dict[str, Any], report).get("generator") != GENERATOR:
        raise ValueError(f"{folder}: not a design folder of blendir (no report.json of blendir in it)")
    return cast(dict[str, Any], report)


def target_of(report: Mapping[str, Any]) -> Target:
    """
    The backend that made the folder of a report.
    """
    return backend(report.get("backend", DEFAULT))


def read_stage(folder: Path, stage: str) -> ModuleOp:
    """
    The module of one stage in a folder.
    """
    return read_module(folder / "ir" / f"{stage}.mlir")


def integer_stages(folder: Path) -> dict[str, ModuleOp]:
    """
    The integer stages of a folder; where it was compiled from [packed], that is the reference.
    """
    last = STAGES.index(target_of(read_report(folder)).stage)
    names = [name for name in STAGES[2 : last + 1] if (folder / "ir" / f"{name}.mlir").exists()]
    needed = STAGES[3 : last + 1]
    if tuple(names[-len(needed) :]) != needed:
        raise ValueError(f"{folder}: ir/ lacks the stages {' and '.join(needed)}, which are compared")
    stages: dict[str, ModuleOp] = {name: read_stage(folder, name) for name in names}
    if "fixed" not in stages:
        text = f"{folder} was compiled from [packed], which takes the place of [fixed] here"
        warnings.warn(text, stacklevel=2)
        stages["fixed"] = stages["packed"]
    return stages


def check_destination(out: Path) -> None:
    """
    Refuses a destination that holds something other than a design of ours, or the current directory.
    """
    if Path.cwd().is_relative_to(out.resolve()):
        raise ValueError(f"{out} is the current directory or holds it, and would be replaced; give another folder")
    if not out.exists():
        return
    if not out.is_dir():
        raise ValueError(f"{out} is not a folder")
    names = {entry.name for entry in out.iterdir()}
    if not names:
        return
    try:
        report = read_report(out)
    except ValueError:
        raise ValueError(
            f"{out} holds something else (no report.json of blendir); give an empty or new folder"
        ) from None
    if unknown := sorted(names - ENTRIES - target_of(report).entries):
        raise ValueError(f"{out} also holds {', '.join(unknown)}, which blendir did not make; give a new folder")


def write_folder(out: Path, contents: Mapping[str, str | bytes]) -> None:
    """
    Writes a folder beside its destination and renames it into place; what was there stays if that fails.
    """
    check_destination(out)
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with named(out), tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as folder:
        fresh = Path(folder) / "new"
        for name, content in contents.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        old = Path(folder) / "old"
        if out.exists():
            out.rename(old)
        try:
            fresh.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise
