"""
FracBNN: binary pixels, and binary convolutions that a second activation bit refines where a gate is open.

After "FracBNN: Accurate and FPGA-Efficient Binary Neural Networks with Fractional Activations" (Zhang et al., 2021),
the network for CIFAR-10. Only the classifier is real.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from blendir.models.binary import BinaryConv2d, Sign, SignWeight, rprelu
from blendir.models.blendnet import RepeatChannels
from blendir.models.entry import ZooEntry
from blendir.models.quantizers import Round, UniformQuantizer
from blendir.models.resnet import ResNet, ResNetConfig


@dataclass(frozen=True)
class FracBNNConfig(ResNetConfig):
    """
    The geometry of a FracBNN; mean and scale are not used.
    """

    resolution: int = 8
    """Pixel values between two levels of the thermometer code."""
    gated: bool = True
    """Whether activations have a second bit. It counts where the sum of the first bits exceeds a threshold."""


FRACBNN20 = FracBNNConfig()


class Thermometer(nn.Module):
    """
    Pixels 0..255 (N, C, H, W) to thermometer code of +-1 (N, C * L, H, W), with L = 256 / resolution.

    Value l of a channel is +1 if the pixel, divided by the resolution and rounded, is more than l.
    """

    levels: Tensor

    def __init__(self, channels: int, resolution: int):
        super().__init__()
        self.resolution, self.count = resolution, 256 // resolution
        levels = torch.arange(self.count).repeat(channels).float().view(1, -1, 1, 1)
        self.register_buffer("levels", levels, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        steps = Round.apply(x.to(self.levels.dtype) / self.resolution)
        return torch.where(steps.repeat_interleave(self.count, 1) > self.levels, 1.0, -1.0).to(self.levels.dtype)


class GatedConv2d(nn.Conv2d):
    """
    A 3x3 convolution of activations -1, -1/3, 1/3, 1 with weights sign(W).

    It uses the first bits alone, which stand for +-2/3. Where this result exceeds a learned threshold of the output
    channel, it uses both bits.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__(in_channels, out_channels, 3, stride, 1, bias=False)
        self.sign = Sign()
        self.threshold = nn.Parameter(torch.full((1, out_channels, 1, 1), -1.0))

    def forward(self, input: Tensor) -> Tensor:
        weight: Tensor = SignWeight.apply(self.weight)
        first = self._conv_forward(self.sign(input), weight, None) * (2 / 3)
        both = self._conv_forward(input, weight, None)
        return first + (first > self.threshold).to(first.dtype) * (both - first)


class FracModule(nn.Module):
    """
    x' = norm(act(bn(conv(q(x)))) + skip(x)), on (N, in, H, W) -> (N, out, H / stride, W / stride).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, gated: bool):
        super().__init__()
        self.quantizer = UniformQuantizer(2, -1.0, 1.0) if gated else Sign()
        convolution = GatedConv2d(in_channels, out_channels, stride)
        self.conv = convolution if gated else BinaryConv2d(in_channels, out_channels, 3, stride, 1, alpha=False)
        self.bn, self.act = nn.BatchNorm2d(out_channels), rprelu(out_channels)
        self.skip = nn.Sequential(nn.AvgPool2d(2), RepeatChannels()) if stride > 1 else nn.Identity()
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.act(self.bn(self.conv(self.quantizer(x)))) + self.skip(x))


def fracbnn(config: FracBNNConfig) -> ResNet:
    """
    A FracBNN.
    """
    channels, first = config.image[0], config.widths[0]
    code = Thermometer(channels, config.resolution)
    conv = BinaryConv2d(channels * code.count, first, 3, 1, 1, alpha=False)
    stem = nn.Sequential(code, conv, nn.BatchNorm2d(first))

    def block(i: int, o: int, stride: int) -> nn.Module:
        return nn.Sequential(FracModule(i, o, stride, config.gated), FracModule(o, o, 1, config.gated))

    return ResNet(config, stem, block)


ENTRIES = (
    ZooEntry(
        "fracbnn20",
        lambda: fracbnn(FRACBNN20),
        FRACBNN20.image,
        255,
        "FracBNN on ResNet-20: binary input, gated activations of 2 bits; 32x32 RGB images, 10 classes",
    ),
    ZooEntry(
        "fracbnn20-1bit",
        lambda: fracbnn(replace(FRACBNN20, gated=False)),
        FRACBNN20.image,
        255,
        "FracBNN on ResNet-20 without the second activation bit: binary input; 32x32 RGB images, 10 classes",
    ),
)
