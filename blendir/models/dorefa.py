"""
DoReFa-Net: binary weights with one scale per layer, activations of a few bits between 0 and 1.

After "DoReFa-Net: Training Low Bitwidth Convolutional Neural Networks with Low Bitwidth Gradients" (Zhou et al., 2016),
on a residual network with normalization and activation before each convolution; the first and the last layer are real.
"""

from dataclasses import dataclass, replace

from torch import Tensor, nn

from blendir.models.binary import SignWeight
from blendir.models.blendnet import Normalize
from blendir.models.entry import ZooEntry
from blendir.models.quantizers import QuantizedConv2d, UniformQuantizer
from blendir.models.resnet import ResNet, ResNetConfig


@dataclass(frozen=True)
class DoReFaConfig(ResNetConfig):
    """
    The geometry of a DoReFa-Net and the bits of its activations.
    """

    activation_bits: int = 2


DOREFA20 = DoReFaConfig()


class LayerSign(nn.Module):
    """
    sign(W) times the mean magnitude of all weights of the layer. The mean takes no gradient.
    """

    def forward(self, weight: Tensor) -> Tensor:
        return SignWeight.apply(weight) * weight.detach().abs().mean()


def binary_conv(in_channels: int, out_channels: int, kernel: int, stride: int) -> QuantizedConv2d:
    """
    A convolution with binary weights; at stride 1 it keeps H and W.
    """
    return QuantizedConv2d(in_channels, out_channels, kernel, stride, kernel // 2, LayerSign())


class DoReFaBlock(nn.Module):
    """
    x' = conv(q(bn(conv(a)))) + skip on (N, in, H, W) -> (N, out, H / stride, W / stride) with a = q(bn(x)); the skip is
    x, or a binary 1x1 convolution of a where the shape changes.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, bits: int):
        super().__init__()
        self.bn1, self.act1 = nn.BatchNorm2d(in_channels), UniformQuantizer(bits, 0.0, 1.0)
        self.conv1 = binary_conv(in_channels, out_channels, 3, stride)
        self.bn2, self.act2 = nn.BatchNorm2d(out_channels), UniformQuantizer(bits, 0.0, 1.0)
        self.conv2 = binary_conv(out_channels, out_channels, 3, 1)
        self.skip = binary_conv(in_channels, out_channels, 1, stride) if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        a = self.act1(self.bn1(x))
        main = self.conv2(self.act2(self.bn2(self.conv1(a))))
        return main + (x if self.skip is None else self.skip(a))


def dorefa(config: DoReFaConfig) -> ResNet:
    """
    A DoReFa-Net.
    """
    first, last = config.widths[0], config.widths[-1]
    normalize = Normalize(config.mean, config.scale)
    stem = nn.Sequential(normalize, nn.Conv2d(config.image[0], first, 3, padding=1, bias=False))
    neck = nn.Sequential(nn.BatchNorm2d(last), nn.ReLU())
    return ResNet(config, stem, lambda i, o, stride: DoReFaBlock(i, o, stride, config.activation_bits), neck)


ENTRIES = (
    ZooEntry(
        "dorefa-resnet20",
        lambda: dorefa(DOREFA20),
        DOREFA20.image,
        255,
        "DoReFa-Net on ResNet-20: binary weights, activations of 2 bits; 32x32 RGB images, 10 classes",
    ),
    ZooEntry(
        "dorefa-resnet20-1bit",
        lambda: dorefa(replace(DOREFA20, activation_bits=1)),
        DOREFA20.image,
        255,
        "DoReFa-Net on ResNet-20: binary weights, activations of 0 and 1; 32x32 RGB images, 10 classes",
    ),
)
