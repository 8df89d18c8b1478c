"""
Files that are whole at any moment, whatever happens while they are written.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning_fabric.plugins import TorchCheckpointIO


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


class WholeFiles(TorchCheckpointIO):
    """
    Lightning moves a checkpoint in from the temporary folder, which copies where that is another file system.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        with whole_file(Path(path)) as beside:
            super().save_checkpoint(checkpoint, str(beside), storage_options)
