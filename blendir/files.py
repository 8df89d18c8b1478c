"""
Files that are whole at any moment, whatever happens while they are written.
"""

from __future__ import annotations

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
