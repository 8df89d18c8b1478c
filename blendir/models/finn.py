"""
The networks of FINN: CNV, a small VGG, and the multilayer perceptrons TFC, SFC and LFC.

After "FINN: A Framework for Fast, Scalable Binarized Neural Network Inference" (Umuroglu et al., 2017). Weights and
activations have one bit and there are no skips, so every layer is exact.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from blendir.models.binary import BinaryConv2d, BinaryLinear, Sign
from blendir.models.blendnet import Normalize
from blendir.models.entry import ZooEntry


@dataclass(frozen=True)
class CnvConfig:
    """
    The geometry of a CNV.
    """

    image: tuple[int, int, int]
    """Channels, height and width of the input."""
    widths: tuple[int, ...]
    """Channels of each pair of convolutions; max pooling lies between the pairs."""
    hidden: tuple[int, ...]
    """Outputs of each hidden linear layer."""
    classes: int = 10


@dataclass(frozen=True)
class FcConfig:
    """
    The geometry of a multilayer perceptron.
    """

    image: tuple[int, int, int]
    """Channels, height and width of the input."""
    hidden: tuple[int, ...]
    """Outputs of each hidden layer."""
    classes: int = 10


CNV = CnvConfig((3, 32, 32), (64, 128, 256), (512, 512))
MNIST = (1, 28, 28)
TFC, SFC, LFC = (FcConfig(MNIST, (width,) * 3) for width in (64, 256, 1024))


class ScalarNorm(nn.Module):
    """
    Batch normalization of (N, features) with one mean, variance, scale and shift for all features.
    """

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm1d(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(x.unsqueeze(1)).squeeze(1)


def linear_layers(sizes: tuple[int, ...], classes: int) -> nn.Sequential:
    """
    Binary linear layers with batch norm and sign between them, on signs (N, sizes[0]); logits (N, classes).
    """
    layers: list[nn.Module] = []
    for features, out in pairwise(sizes):
        layers.append(nn.Sequential(BinaryLinear(features, out, alpha=False), nn.BatchNorm1d(out), Sign()))
    return nn.Sequential(*layers, BinaryLinear(sizes[-1], classes, alpha=False), ScalarNorm())


class Cnv(nn.Module):
    """
    Pairs of binary 3x3 convolutions without padding, with max pooling of bits between the pairs, then binary linear
    layers.

    Input (N, C, H, W): pixel values, uint8 or float, which are mapped to [-1, 1) with seven fractional bits. Output (N,
    classes): logits.
    """

    def __init__(self, config: CnvConfig):
        super().__init__()
        self.config = config
        channels, rows, columns = config.image
        self.normalize = Normalize((128,) * channels, (128,) * channels)
        layers: list[nn.Module] = []
        for index, width in enumerate(config.widths):
            if index:
                layers.append(nn.MaxPool2d(2))
                rows, columns = rows // 2, columns // 2
            for _ in range(2):
                conv = BinaryConv2d(channels, width, 3, 1, 0, alpha=False)
                layers.append(nn.Sequential(conv, nn.BatchNorm2d(width), Sign()))
                channels, rows, columns = width, rows - 2, columns - 2
        self.features = nn.Sequential(*layers)
        self.classifier = linear_layers((channels * rows * columns, *config.hidden), config.classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(self.normalize(x)).flatten(1))


class Fc(nn.Module):
    """
    Binary linear layers on binary images.

    Input (N, C, H, W): pixel values, uint8 or float. A pixel of at least 128 is +1, any other is -1. Output (N,
    classes): logits.
    """

    def __init__(self, config: FcConfig):
        super().__init__()
        self.config = config
        self.normalize = Normalize((128,) * config.image[0], (128,) * config.image[0])
        self.sign = Sign()
        self.layers = linear_layers((torch.Size(config.image).numel(), *config.hidden), config.classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(self.sign(self.normalize(x)).flatten(1))


def fc_entry(name: str, config: FcConfig) -> ZooEntry:
    """
    The entry of a multilayer perceptron.
    """
    text = (
        f"multilayer perceptron with {len(config.hidden)} hidden layers of {config.hidden[0]} for binary 28x28 images"
    )
    return ZooEntry(name, lambda: Fc(config), config.image, 255, text)


ENTRIES = (
    ZooEntry(
        "cnv",
        lambda: Cnv(CNV),
        CNV.image,
        255,
        "FINN's CNV: 6 binary convolutions of 64 to 256 channels without padding, 3 linear layers; 32x32 RGB images",
    ),
    fc_entry("tfc", TFC),
    fc_entry("sfc", SFC),
    fc_entry("lfc", LFC),
)
