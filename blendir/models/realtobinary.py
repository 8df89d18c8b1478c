"""
Real-to-Binary networks: residual modules whose binary convolutions are rescaled by learned factors, or by a gate that
sees the real activations.

After "Training Binary Neural Networks with Real-to-Binary Convolutions" (Martinez et al., 2020): the strong baseline
and the data-driven channel rescaling, on ResNet-18 with a stem for 32x32 images, a 3x3 convolution of stride 1.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from blendir.models.binary import BinaryConv2d, Sign
from blendir.models.bireal import real_skip
from blendir.models.blendnet import Normalize
from blendir.models.entry import ZooEntry


@dataclass(frozen=True)
class RealToBinaryConfig:
    """
    The geometry of a Real-to-Binary network.
    """

    image: tuple[int, int, int]
    """Channels, height and width of the input; the sizes halve from stage to stage."""
    mean: tuple[int, ...]
    """Per input channel: subtracted from the pixels."""
    scale: tuple[int, ...]
    """Per input channel: what the difference is divided by."""
    widths: tuple[int, ...]
    """Channels of each stage; from the second on, a stage begins with stride 2."""
    convs_per_stage: int
    squeeze: int = 0
    """
    If not 0, a gate rescales the channels; it has this many times fewer hidden features than channels. With 0, learned
    factors rescale them.
    """
    classes: int = 10

    def __post_init__(self):
        if any(size % 2 ** (len(self.widths) - 1) for size in self.image[1:]):
            raise ValueError(f"images of {self.image[1:]} cannot be halved {len(self.widths) - 1} times")


BASELINE18 = RealToBinaryConfig((3, 32, 32), (125, 123, 114), (63, 62, 67), (64, 128, 256, 512), 4)
REALTOBINARY18 = RealToBinaryConfig((3, 32, 32), (125, 123, 114), (63, 62, 67), (64, 128, 256, 512), 4, squeeze=8)


class Factors(nn.Module):
    """
    y = y * channel[c] * row[h] * column[w] for y (N, C, H, W); x is not used.
    """

    def __init__(self, channels: int, size: tuple[int, int], start: float):
        super().__init__()
        self.channel = nn.Parameter(torch.randn(channels, 1, 1) / 10 + 1)
        self.row = nn.Parameter(torch.randn(1, size[0], 1) / 10 + 1)
        self.column = nn.Parameter(torch.randn(1, 1, size[1]) / 10 + 1)
        self.start = start

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        return y * (self.start * self.channel * self.row * self.column)


class Gate(nn.Module):
    """
    y = y * sigmoid(fc(relu(fc(mean x)))) for y (N, out, H, W) and x (N, in, .., ..): one number per channel.
    """

    def __init__(self, in_channels: int, out_channels: int, squeeze: int):
        super().__init__()
        features = max(1, in_channels // squeeze)
        first, second = nn.Linear(in_channels, features), nn.Linear(features, out_channels)
        self.layers = nn.Sequential(first, nn.ReLU(), second, nn.Sigmoid())

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        return y * self.layers(x.mean(dim=(2, 3)))[:, :, None, None]


class RealToBinaryModule(nn.Module):
    """
    x' = act(rescaled(conv(sign(bn(x))), bn(x))) + skip(x), on (N, in, H, W) -> (N, out, H / stride, W / stride).
    """

    def __init__(self, in_channels: int, out_channels: int, size: tuple[int, int], squeeze: int):
        super().__init__()
        stride = 1 if in_channels == out_channels else 2
        self.bn = nn.BatchNorm2d(in_channels)
        self.sign = Sign()
        self.conv = BinaryConv2d(in_channels, out_channels, 3, stride, 1, alpha=False)
        start = (9 * in_channels) ** -0.5
        learned = Factors(out_channels, size, start) if not squeeze else None
        self.rescaled = learned or Gate(in_channels, out_channels, squeeze)
        self.act = nn.PReLU(out_channels)
        self.skip = real_skip(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        normal = self.bn(x)
        return self.act(self.rescaled(self.conv(self.sign(normal)), normal)) + self.skip(x)


class RealToBinaryNet(nn.Module):
    """
    A stem convolution with batch norm and PReLU, stages of modules, the mean over H and W, a linear classifier.

    Input (N, C, H, W): pixel values, uint8 or float. Output (N, classes): logits.
    """

    def __init__(self, config: RealToBinaryConfig):
        super().__init__()
        self.config = config
        first, last = config.widths[0], config.widths[-1]
        self.normalize = Normalize(config.mean, config.scale)
        conv = nn.Conv2d(config.image[0], first, 3, padding=1, bias=False)
        self.stem = nn.Sequential(conv, nn.BatchNorm2d(first), nn.PReLU(first))
        sizes = [(config.image[1] >> s, config.image[2] >> s) for s in range(len(config.widths))]
        stages = [(w, s) for w, s in zip(config.widths, sizes, strict=True) for _ in range(config.convs_per_stage)]
        steps = pairwise([(first, sizes[0]), *stages])
        self.blocks = nn.Sequential(*(RealToBinaryModule(i, o, size, config.squeeze) for (i, _), (o, size) in steps))
        self.fc = nn.Linear(last, config.classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.blocks(self.stem(self.normalize(x)))
        return self.fc(features.mean(dim=(2, 3)))


ENTRIES = (
    ZooEntry(
        "realtobinary-baseline",
        lambda: RealToBinaryNet(BASELINE18),
        BASELINE18.image,
        255,
        "Real-to-Binary baseline on ResNet-18: 16 binary convolutions rescaled by learned factors; 32x32 RGB images",
    ),
    ZooEntry(
        "realtobinary",
        lambda: RealToBinaryNet(REALTOBINARY18),
        REALTOBINARY18.image,
        255,
        "Real-to-Binary on ResNet-18: 16 binary convolutions rescaled by a gate per channel; 32x32 RGB images",
    ),
)
