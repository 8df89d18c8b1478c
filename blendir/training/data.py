"""
Images in memory, in the memory of the device that trains on them, and their augmentation in whole batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

Batch: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Frames, labels and a teacher's scores."""


@dataclass(frozen=True)
class Images:
    """
    Frames (N, C, H, W), labels (N), and the scores (N, classes) that a teacher gave them, None without a teacher.
    """

    frames: Tensor
    labels: Tensor
    scores: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Tensor | slice) -> Images:
        scores = None if self.scores is None else self.scores[index]
        return Images(self.frames[index], self.labels[index], scores)

    def first(self, count: int | None) -> Images:
        """
        `count` images, evenly spread, so that each class of a sorted data set has its share; all images if None.
        """
        if count is None or count >= len(self):
            return self
        return self[torch.arange(count) * len(self) // count]

    def to(self, device: torch.device) -> Images:
        """
        The same in the memory of a device.
        """
        scores = None if self.scores is None else self.scores.to(device)
        return Images(self.frames.to(device), self.labels.to(device), scores)

    def split(self, size: int) -> Iterator[Images]:
        """
        All images in their order, `size` at a time.
        """
        return (self[start : start + size] for start in range(0, len(self), size))


@dataclass(frozen=True)
class Batches:
    """
    The batches of an epoch, each a single indexing operation on the device that holds the images.

    Of several processes each takes every `ranks`-th image. They draw the same order, because their random generators
    have the same state. When shuffling, a smaller last batch is left out, because it would disturb the batch norms.
    """

    images: Images
    size: int
    shuffle: bool
    rank: int = 0
    ranks: int = 1

    def __len__(self) -> int:
        own = len(range(self.rank, len(self.images), self.ranks))
        size = min(self.size, own)
        return own // size if self.shuffle else -(-own // size)

    def __iter__(self) -> Iterator[Batch]:
        count = len(self.images)
        order = torch.randperm(count) if self.shuffle else torch.arange(count)
        own = order[self.rank :: self.ranks].to(self.images.labels.device)
        for index in own.split(min(self.size, len(own)))[: len(self)]:
            batch = self.images[index]
            none = batch.frames.new_empty((len(index), 0))
            yield batch.frames, batch.labels, none if batch.scores is None else batch.scores


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
