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
    Frames (N, C, H, W) and labels (N). A batch is a single indexing operation, not one per image.
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
        `count` images, evenly spread, so that each class of a sorted data set has its share; all images if None.
        """
        if count is None or count >= len(self):
            return self
        chosen = torch.arange(count) * len(self) // count
        return Images(self.frames[chosen], self.labels[chosen])

    def loader(self, batch: int, shuffle: bool) -> DataLoader[Any]:
        """
        Batches of `batch` images. When shuffling, a smaller last batch is left out, because it would disturb the batch
        norms.
        """
        whole = min(batch, len(self))
        return DataLoader(self, whole, shuffle=shuffle, drop_last=shuffle, collate_fn=whole_batch)


def whole_batch(taken: Any) -> Batch:
    """
    The images unchanged: they are already a batch.
    """
    return taken


def mirrored(index: Tensor, size: int) -> Tensor:
    """
    Maps positions outside 0 .. size - 1 to their reflection at the border pixels.
    """
    return (size - 1) - (size - 1 - index.abs()).abs()


def crop_and_flip(frames: Tensor) -> Tensor:
    """
    Moves each frame by up to an eighth of its size in either direction, and mirrors half of the frames. (N, C, H, W) to
    the same shape, in channels-last memory.

    The new border is a reflection. Black or grey would shift the statistics of every batch norm, which are the
    thresholds of a binary network.
    """
    count, _, height, width = frames.shape

    def offset(size: int) -> Tensor:
        limit = size // 8
        return torch.randint(-limit, limit + 1, (count, 1), device=frames.device)

    rows = torch.arange(height, device=frames.device) + offset(height)
    columns = torch.arange(width, device=frames.device).expand(count, -1)
    flip = torch.randint(0, 2, (count, 1), device=frames.device).bool()
    columns = torch.where(flip, columns.flip(1), columns) + offset(width)
    frame = torch.arange(count, device=frames.device)[:, None, None]
    chosen = frames.permute(0, 2, 3, 1)[frame, mirrored(rows, height)[:, :, None], mirrored(columns, width)[:, None]]
    return chosen.permute(0, 3, 1, 2)
