"""
What the residual networks for 32x32 images share: stages of blocks, the mean over H and W, a linear classifier.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class ResNetConfig:
    """
    The geometry of a residual network; ResNet-20 by default.
    """

    image: tuple[int, int, int] = (3, 32, 32)
    """Channels, height and width of the input."""
    mean: tuple[int, ...] = (125, 123, 114)
    """Per input channel: subtracted from the pixels."""
    scale: tuple[int, ...] = (63, 62, 67)
    """Per input channel: what the difference is divided by."""
    widths: tuple[int, ...] = (16, 32, 64)
    """Channels of each stage; from the second on, a stage begins with stride 2."""
    blocks_per_stage: int = 3
    """Blocks of two convolutions."""
    classes: int = 10


RESNET20 = ResNetConfig()


class PaddedShortcut(nn.Module):
    """
    (N, in, H, W) -> (N, out, H / 2, W / 2): every second pixel, and channels of zeros before and after (option A of He
    et al., 2016).
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.before = (out_channels - in_channels) // 2
        self.after = out_channels - in_channels - self.before

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.after))


class ResNet(nn.Module):
    """
    A stem, blocks made by `block(in, out, stride)`, `neck`, the mean over H and W, `head`, a linear classifier.

    Input (N, C, H, W): pixel values, uint8 or float. Output (N, classes): logits.
    """

    def __init__(
        self,
        config: ResNetConfig,
        stem: nn.Module,
        block: Callable[[int, int, int], nn.Module],
        neck: nn.Module | None = None,
        head: nn.Module | None = None,
    ):
        super().__init__()
        self.config = config
        self.stem = stem
        widths = [config.widths[0], *(width for width in config.widths for _ in range(config.blocks_per_stage))]
        self.blocks = nn.Sequential(*(block(i, o, 1 if i == o else 2) for i, o in pairwise(widths)))
        self.neck = neck or nn.Identity()
        self.head = head or nn.Identity()
        self.fc = nn.Linear(config.widths[-1], config.classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.neck(self.blocks(self.stem(x)))
        return self.fc(self.head(features.mean(dim=(2, 3))))
