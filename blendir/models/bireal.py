"""
Bi-Real Net: a residual network with a real skip around every binary convolution.

After "Bi-Real Net: Enhancing the Performance of 1-bit CNNs with Improved Representational Capability and Advanced
Training Algorithm" (Liu et al., 2018), with the stem of ResNets for 32x32 images: a 3x3 convolution of stride 1.
"""

from collections.abc import Callable

from torch import Tensor, nn

from blendir.models.binary import BinaryConv2d, Sign
from blendir.models.blendnet import Normalize
from blendir.models.entry import ZooEntry
from blendir.models.resnet import ResNet, ResNetConfig

BIREAL18 = ResNetConfig(widths=(64, 128, 256, 512), blocks_per_stage=4)
"""Its blocks have one convolution each."""


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


def bireal(config: ResNetConfig, block: Callable[[int, int, int], nn.Module] = BiRealModule) -> ResNet:
    """
    A stem convolution with its batch norm, stages of modules, the mean over H and W, a linear classifier.
    """
    first = nn.Conv2d(config.image[0], config.widths[0], 3, padding=1, bias=False)
    stem = nn.Sequential(Normalize(config.mean, config.scale), first, nn.BatchNorm2d(config.widths[0]))
    return ResNet(config, stem, block)


ENTRIES = (
    ZooEntry(
        "bireal18",
        lambda: bireal(BIREAL18),
        BIREAL18.image,
        255,
        "Bi-Real Net on ResNet-18: 16 binary convolutions of 64 to 512 channels, each with a skip; 32x32 RGB images",
    ),
)
