"""
DSQ: weights and activations of a few bits between learned bounds.

After "Differentiable Soft Quantization: Bridging Full-Precision and Low-Bit Neural Networks" (Gong et al., 2019), on
ResNet-20; the first and the last layer are real. The soft function of the paper affects only gradients. Here it is a
rounding with straight-through gradients.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from blendir.models.blendnet import Normalize
from blendir.models.entry import ZooEntry
from blendir.models.quantizers import QuantizedConv2d, UniformQuantizer
from blendir.models.resnet import PaddedShortcut, ResNet, ResNetConfig


@dataclass(frozen=True)
class DsqConfig(ResNetConfig):
    """
    The geometry of a DSQ network, its bits, and the bounds with which training begins.
    """

    weight_bits: int = 2
    activation_bits: int = 2
    weight_bounds: tuple[float, float] = (-0.1, 0.1)
    activation_bounds: tuple[float, float] = (0.0, 2.0)


DSQ20 = DsqConfig()


def quantized_conv(in_channels: int, out_channels: int, stride: int, config: DsqConfig) -> nn.Sequential:
    """
    A 3x3 convolution of quantized weights and activations.
    """
    weights = UniformQuantizer(config.weight_bits, *config.weight_bounds, learned=True)
    activations = UniformQuantizer(config.activation_bits, *config.activation_bounds, learned=True)
    return nn.Sequential(activations, QuantizedConv2d(in_channels, out_channels, 3, stride, 1, weights))


class DsqBlock(nn.Module):
    """
    x' = relu(bn(conv(relu(bn(conv(x))))) + skip(x)) on (N, in, H, W) -> (N, out, H / stride, W / stride).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, config: DsqConfig):
        super().__init__()
        self.conv1, self.bn1 = quantized_conv(in_channels, out_channels, stride, config), nn.BatchNorm2d(out_channels)
        self.conv2, self.bn2 = quantized_conv(out_channels, out_channels, 1, config), nn.BatchNorm2d(out_channels)
        self.skip = PaddedShortcut(in_channels, out_channels) if stride > 1 else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        main = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(main + self.skip(x))


def dsq(config: DsqConfig) -> ResNet:
    """
    A DSQ network.
    """
    first = config.widths[0]
    conv = nn.Conv2d(config.image[0], first, 3, padding=1, bias=False)
    stem = nn.Sequential(Normalize(config.mean, config.scale), conv, nn.BatchNorm2d(first), nn.ReLU())
    return ResNet(config, stem, lambda i, o, stride: DsqBlock(i, o, stride, config))


ENTRIES = (
    ZooEntry(
        "dsq-resnet20",
        lambda: dsq(DSQ20),
        DSQ20.image,
        255,
        "DSQ on ResNet-20: weights and activations of 2 bits between learned bounds; 32x32 RGB images, 10 classes",
    ),
)
