"""
Images in memory, and their augmentation in whole batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

Batch: TypeAlias = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Images(Dataset[Batch]):
    """
    Frames (N, C, H, W) and labels (N); a batch is taken by one indexing instead of one per image.
    """

    frames: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Batch:
        return self.frames[index], self.labels[index]

    def __getitems__(self, indices: list[int]) -> Batch:
        return self.frames[indices], self.labels[indices]

    def first(self, count: int | None) -> Images:
        """
        `count` images, evenly spread, so that sorted classes all have their share; all where it is None.
        """
        if count is None or count >= len(self):
            return self
        chosen = torch.arange(count) * len(self) // count
        return Images(self.frames[chosen], self.labels[chosen])

    def loader(self, batch: int, shuffle: bool) -> DataLoader[Any]:
        """
        Batches of `batch` images; a last one that is smaller is left out while shuffling, as it would disturb the
        batch norms.
        """
        whole = min(batch, len(self))
        return DataLoader(self, whole, shuffle=shuffle, drop_last=shuffle, collate_fn=whole_batch)


def whole_batch(taken: Any) -> Batch:
    """
    What a loader makes of images that are already a batch.
    """
    return taken


def crop_and_flip(frames: Tensor) -> Tensor:
    """
    Each frame moved by up to an eighth of its size in either direction, zeros coming in, and half of them mirrored.

    (N, C, H, W) to the same, in channels-last memory.
    """
    count, _, height, width = frames.shape
    down, right = height // 8, width // 8
    padded = torch.nn.functional.pad(frames, (right, right, down, down))

    def pick(limit: int) -> Tensor:
        return torch.randint(0, limit, (count, 1), device=frames.device)

    rows = torch.arange(height, device=frames.device) + pick(2 * down + 1)
    columns = torch.arange(width, device=frames.device).expand(count, -1)
    columns = torch.where(pick(2).bool(), columns.flip(1), columns) + pick(2 * right + 1)
    frame = torch.arange(count, device=frames.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[frame, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
