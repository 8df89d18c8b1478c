"""
Bi-Real Net: a residual network with a real skip around every binary convolution.

After "Bi-Real Net: Enhancing the Performance of 1-bit CNNs with Improved Representational Capability and Advanced
Training Algorithm" (Liu et al., 2018), with the stem of ResNets for 32x32 images: a 3x3 convolution of stride 1.
"""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from blendir.models.binary import BinaryConv2d, Sign
from blendir.models.blendnet import Normalize
from blendir.models.entry import ZooEntry


@dataclass(frozen=True)
class BiRealConfig:
    """
    The geometry of a Bi-Real Net.
    """

    image: tuple[int, int, int]
    """Channels, height and width of the input."""
    mean: tuple[int, ...]
    """Per input channel: subtracted from the pixels."""
    scale: tuple[int, ...]
    """Per input channel: what the difference is divided by."""
    widths: tuple[int, ...]
    """Channels of each stage; from the second on, a stage begins with stride 2."""
    convs_per_stage: int
    classes: int = 10


BIREAL18 = BiRealConfig((3, 32, 32), (125, 123, 114), (63, 62, 67), (64, 128, 256, 512), 4)


def real_skip(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """
    The skip path: the identity, or 2x2 average pooling, a real 1x1 convolution and a batch norm.
    """
    if stride == 1:
        return nn.Identity()
    widen = nn.Conv2d(in_channels, out_channels, 1, bias=False)
    return nn.Sequential(nn.AvgPool2d(2), widen, nn.BatchNorm2d(out_channels))


class BiRealModule(nn.Module):
    """
    x' = bn(conv(sign(x))) + skip(x), on (N, in, H, W) -> (N, out, H / stride, W / stride).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        self.sign = Sign()
        self.conv = BinaryConv2d(in_channels, out_channels, 3, stride, 1)
        self.bn = nn.BatchNorm2d(out_channels)
        self.skip = real_skip(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(self.sign(x))) + self.skip(x)


class BiRealNet(nn.Module):
    """
    A stem convolution with its batch norm, stages of modules, the mean over H and W, a linear classifier.

    Input (N, C, H, W): pixel values, uint8 or float. Output (N, classes): logits.
    """

    def __init__(self, config: BiRealConfig, block: type[nn.Module] = BiRealModule):
        super().__init__()
        self.config = config
        first, last = config.widths[0], config.widths[-1]
        self.normalize = Normalize(config.mean, config.scale)
        self.stem = nn.Sequential(nn.Conv2d(config.image[0], first, 3, padding=1, bias=False), nn.BatchNorm2d(first))
        widths = [first, *(width for width in config.widths for _ in range(config.convs_per_stage))]
        self.blocks = nn.Sequential(*(block(i, o, 1 if i == o else 2) for i, o in pairwise(widths)))
        self.fc = nn.Linear(last, config.classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.blocks(self.stem(self.normalize(x)))
        return self.fc(features.mean(dim=(2, 3)))


ENTRIES = (
    ZooEntry(
        "bireal18",
        lambda: BiRealNet(BIREAL18),
        BIREAL18.image,
        255,
        "Bi-Real Net on ResNet-18: 16 binary convolutions of 64 to 512 channels, each with a real skip; 32x32 RGB images",
    ),
)
