"""
Files that are whole at any moment, whatever happens while they are written.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """
    Yields where to write; only when that has succeeded it takes the place of `path`. An OSError names the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    try:
        yield beside
        os.replace(beside, path)
    except OSError as error:
        reason = f"{error.strerror or error} while saving; what was there before is intact"
        raise OSError(error.errno, reason, str(path)) from None
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def output_file(path: Path) -> Generator[Path]:
    """
    Yields where to write a result that the user names: as `whole_file`, but no folder is made for it, and a pipe or a
    device is written to at once. An OSError names the file.
    """
    target = path.resolve()
    if target.is_file() or not target.exists():
        if not target.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        with whole_file(target) as beside:
            yield beside
        return
    with named(path):
        yield path


@contextmanager
def named(path: Path) -> Generator[None]:
    """
    Makes an OSError name the file or folder that is written.
    """
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(error.filename or path)) from None
