"""
A network that blendir knows by name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from blendir.models.checkpoint import load_weights
from blendir.models.initialize import seeded


@dataclass(frozen=True)
class ZooEntry:
    """
    One network: its constructor, its input, and its checkpoint if there is one.
    """

    name: str
    make: Callable[[], nn.Module]
    """Makes the network, with the initial parameters that PyTorch's layers draw."""
    input_shape: tuple[int, int, int]
    """Channels, height and width of one frame."""
    pixel_max: int
    """The largest pixel value; the smallest is 0."""
    description: str
    classes: int = 10
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
        The network with its checkpoint if there is one, else with random weights that depend on `seed`.
        """
        if self.checkpoint is None:
            return self.random(seed)
        model = self.make().eval()
        load_weights(model, self.checkpoint)
        return model

    def random(self, seed: int = 0) -> nn.Module:
        """
        The network in eval mode with random weights and plausible batch-norm statistics that depend on `seed` alone.
        """
        return seeded(self.make, self.input_shape, self.pixel_max, seed)

    def example(self, frames: int = 1, seed: int = 0) -> Tensor:
        """
        Random pixels, (frames, C, H, W) in the network's input type.
        """
        generator = torch.Generator().manual_seed(seed)
        dtype: torch.dtype = getattr(torch, self.input_dtype)
        shape = (frames, *self.input_shape)
        return torch.randint(0, self.pixel_max + 1, shape, generator=generator, dtype=dtype)
