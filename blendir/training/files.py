"""
Checkpoints that are whole at any moment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning_fabric.plugins import TorchCheckpointIO

from blendir.files import whole_file


class WholeFiles(TorchCheckpointIO):
    """
    Lightning moves a checkpoint from the temporary folder to its place. If that is on another file system, the move is
    a copy.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        with whole_file(Path(path)) as beside:
            super().save_checkpoint(checkpoint, str(beside), storage_options)
