"""
ReActNet on ResNet-18 and on MobileNetV1: signs with learned thresholds, PReLUs with learned shifts.

After "ReActNet: Towards Precise Binary Neural Network with Generalized Activation Functions" (Liu et al., 2020), for
32x32 images: stems of stride 1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from blendir.models.binary import BinaryConv2d, rprelu, rsign
from blendir.models.bireal import BIREAL18, bireal, real_skip
from blendir.models.blendnet import Normalize
from blendir.models.entry import ZooEntry
from blendir.models.resnet import ResNet, ResNetConfig


class ReActModule(nn.Module):
    """
    x' = rprelu(bn(conv(rsign(x))) + skip(x)), on (N, in, H, W) -> (N, out, H / stride, W / stride).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        self.sign = rsign(in_channels)
        self.conv = BinaryConv2d(in_channels, out_channels, 3, stride, 1)
        self.bn = nn.BatchNorm2d(out_channels)
        self.skip = real_skip(in_channels, out_channels, stride)
        self.act = rprelu(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(self.sign(x))) + self.skip(x))


@dataclass(frozen=True)
class ReActMobileConfig:
    """
    The geometry of a ReActNet on MobileNetV1.
    """

    image: tuple[int, int, int]
    """Channels, height and width of the input."""
    mean: tuple[int, ...]
    """Per input channel: subtracted from the pixels."""
    scale: tuple[int, ...]
    """Per input channel: what the difference is divided by."""
    stem: int
    """Channels of the stem."""
    blocks: tuple[tuple[int, int], ...]
    """The output channels (as many as the input's, or twice as many) and the stride of each block."""
    classes: int = 10

    def __post_init__(self):
        channels = self.stem
        for out, _ in self.blocks:
            if out not in (channels, 2 * channels):
                raise ValueError(f"a block keeps its channels or doubles them: {channels} cannot become {out}")
            channels = out


REACTNET_MOBILE = ReActMobileConfig(
    (3, 32, 32),
    (125, 123, 114),
    (63, 62, 67),
    32,
    ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *(((512, 1),) * 5), (1024, 2), (1024, 1)),
)


class Pointwise(nn.Module):
    """
    bn(conv1x1(x)), on signs (N, C, H, W) -> (N, C, H, W).
    """

    def __init__(self, channels: int):
        super().__init__()
        self.conv = BinaryConv2d(channels, channels, 1, 1, 0)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class ReActMobileBlock(nn.Module):
    """
    A 3x3 and a 1x1 binary convolution, each with a skip, on (N, in, H, W) -> (N, out, H / stride, W / stride).

    m = rprelu(bn(conv3x3(rsign(x))) + pool(x)), where `pool` is 2x2 average pooling at stride 2. Then
    y = rprelu(pointwise(rsign(m)) + m); where the channels double, two pointwise convolutions of the same signs each
    get the skip and are concatenated.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        self.spatial_sign = rsign(in_channels)
        self.spatial = BinaryConv2d(in_channels, in_channels, 3, stride, 1)
        self.spatial_bn = nn.BatchNorm2d(in_channels)
        self.pool = nn.Identity() if stride == 1 else nn.AvgPool2d(2)
        self.spatial_act = rprelu(in_channels)
        self.pointwise_sign = rsign(in_channels)
        self.pointwise = nn.ModuleList(Pointwise(in_channels) for _ in range(out_channels // in_channels))
        self.pointwise_act = rprelu(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        m = self.spatial_act(self.spatial_bn(self.spatial(self.spatial_sign(x))) + self.pool(x))
        bits = self.pointwise_sign(m)
        return self.pointwise_act(torch.cat([pointwise(bits) + m for pointwise in self.pointwise], 1))


class ReActMobileNet(nn.Module):
    """
    A real stem, blocks, the mean over H and W, a linear classifier.

    Input (N, C, H, W): pixel values, uint8 or float. Output (N, classes): logits.
    """

    def __init__(self, config: ReActMobileConfig):
        super().__init__()
        self.config = config
        stem = nn.Conv2d(config.image[0], config.stem, 3, padding=1, bias=False)
        self.normalize = Normalize(config.mean, config.scale)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(config.stem))
        inputs = [config.stem, *(out for out, _ in config.blocks)]
        self.blocks = nn.Sequential(
            *(ReActMobileBlock(i, o, stride) for i, (o, stride) in zip(inputs, config.blocks, strict=False))
        )
        self.fc = nn.Linear(inputs[-1], config.classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.blocks(self.stem(self.normalize(x)))
        return self.fc(features.mean(dim=(2, 3)))


def reactnet_resnet(config: ResNetConfig) -> ResNet:
    """
    ReActNet on a ResNet: a Bi-Real Net of other modules.
    """
    return bireal(config, ReActModule)


ENTRIES = (
    ZooEntry(
        "reactnet-resnet18",
        lambda: reactnet_resnet(BIREAL18),
        BIREAL18.image,
        255,
        "ReActNet on ResNet-18: RSign and RPReLU around 16 binary convolutions of 64 to 512 channels; 32x32 RGB images",
    ),
    ZooEntry(
        "reactnet-mobilenet",
        lambda: ReActMobileNet(REACTNET_MOBILE),
        REACTNET_MOBILE.image,
        255,
        "ReActNet on MobileNetV1: 13 blocks of 3x3 and 1x1 binary convolutions, 32 to 1024 channels; 32x32 RGB images",
    ),
)
