"""
IR-Net: balanced binary weights with powers of two as scales, hard tanh on the residual path.

After "Forward and Backward Information Retention for Accurate Binary Neural Networks" (Qin et al., 2020), on ResNet-20;
the first and the last layer are real.
"""

import torch
from torch import Tensor, nn

from blendir.models.binary import Sign, SignWeight
from blendir.models.blendnet import Normalize
from blendir.models.entry import ZooEntry
from blendir.models.quantizers import QuantizedConv2d
from blendir.models.resnet import RESNET20, PaddedShortcut, ResNet, ResNetConfig


class LibraWeight(nn.Module):
    """
    The signs of weights that are standardized per output, times the power of two nearest to their mean magnitude.
    """

    def forward(self, weight: Tensor) -> Tensor:
        flat = weight.flatten(1)
        standard = (flat - flat.mean(1, keepdim=True)) / flat.std(1, keepdim=True)
        scale = torch.exp2(torch.round(torch.log2(standard.abs().mean(1, keepdim=True)))).detach()
        return (SignWeight.apply(standard) * scale).view_as(weight)


class IRBlock(nn.Module):
    """
    y = hardtanh(bn(conv(sign(x))) + skip(x)), x' = hardtanh(bn(conv(sign(y))) + y), on (N, in, H, W) -> (N, out, H /
    stride, W / stride).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        self.sign, self.clip = Sign(), nn.Hardtanh()
        self.conv1 = QuantizedConv2d(in_channels, out_channels, 3, stride, 1, LibraWeight())
        self.conv2 = QuantizedConv2d(out_channels, out_channels, 3, 1, 1, LibraWeight())
        self.bn1, self.bn2 = nn.BatchNorm2d(out_channels), nn.BatchNorm2d(out_channels)
        self.skip = PaddedShortcut(in_channels, out_channels) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.clip(self.bn1(self.conv1(self.sign(x))) + self.skip(x))
        return self.clip(self.bn2(self.conv2(self.sign(y))) + y)


def irnet(config: ResNetConfig) -> ResNet:
    """
    An IR-Net.
    """
    first, last = config.widths[0], config.widths[-1]
    conv = nn.Conv2d(config.image[0], first, 3, padding=1, bias=False)
    stem = nn.Sequential(Normalize(config.mean, config.scale), conv, nn.BatchNorm2d(first), nn.Hardtanh())
    return ResNet(config, stem, IRBlock, head=nn.BatchNorm1d(last))


ENTRIES = (
    ZooEntry(
        "irnet20",
        lambda: irnet(RESNET20),
        RESNET20.image,
        255,
        "IR-Net on ResNet-20: binary weights and activations; 32x32 RGB images, 10 classes",
    ),
)
