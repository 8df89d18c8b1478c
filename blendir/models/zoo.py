"""
The networks that blendir knows by name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from blendir.models.blendnet import BLENDNET8, BLENDNET20, BLENDNET20_CHECKPOINT, blendnet8, blendnet20


@dataclass(frozen=True)
class ZooEntry:
    """
    One network: how to make it, what it takes, and what is known of its checkpoint.
    """

    name: str
    factory: Callable[[bool, int], nn.Module]
    """Called with (pretrained, seed)."""
    input_shape: tuple[int, int, int]
    """Channels, height and width of one frame."""
    pixel_max: int
    """The largest pixel value; the smallest is 0."""
    description: str
    input_dtype: str = "uint8"
    checkpoint: Path | None = None
    """The weights in the package, where there are any."""
    accuracy: float | None = None
    """Of the checkpoint in float arithmetic, between 0 and 1."""
    accuracy_on: str | None = None
    """What the accuracy was measured on."""

    @property
    def card(self) -> Path | None:
        """
        The model card beside the checkpoint.
        """
        return self.checkpoint and self.checkpoint.with_suffix(".md")

    @property
    def pretrained(self) -> bool:
        return self.checkpoint is not None

    def load(self, seed: int = 0) -> nn.Module:
        """
        The network with its checkpoint where there is one, else with random weights that depend on `seed`.
        """
        return self.factory(self.pretrained, seed)

    def example(self, frames: int = 1, seed: int = 0) -> Tensor:
        """
        Random pixels, (frames, C, H, W) in the network's input type.
        """
        generator = torch.Generator().manual_seed(seed)
        dtype: torch.dtype = getattr(torch, self.input_dtype)
        shape = (frames, *self.input_shape)
        return torch.randint(0, self.pixel_max + 1, shape, generator=generator, dtype=dtype)


ZOO = {
    entry.name: entry
    for entry in (
        ZooEntry(
            "blendnet20",
            blendnet20,
            BLENDNET20.image,
            BLENDNET20.pixel_max,
            "18 binary modules of 16, 32 and 64 channels for 32x32 RGB images, 10 classes",
            checkpoint=BLENDNET20_CHECKPOINT,
            accuracy=0.8173,
            accuracy_on="the 10,000 test images of CIFAR-10, JPEG copy",
        ),
        ZooEntry(
            "blendnet8",
            blendnet8,
            BLENDNET8.image,
            BLENDNET8.pixel_max,
            "4 binary modules of 16 and 32 channels for 8x8 images of one channel, 10 classes",
        ),
    )
}


def entry(name: str) -> ZooEntry:
    """
    The zoo's entry of that name.
    """
    if name not in ZOO:
        raise ValueError(f"no network named {name!r} in the zoo; there are: {', '.join(sorted(ZOO))}")
    return ZOO[name]


def load(name: str, seed: int = 0) -> nn.Module:
    """
    The zoo's network of that name: its checkpoint where it has one, else random weights of that seed.
    """
    return entry(name).load(seed)
