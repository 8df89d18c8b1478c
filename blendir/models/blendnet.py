"""
BlendNet: residual modules around binary convolutions, with a fixed-point first, last and skip layer.

After "BlendNet: Design and Optimization of Binary Neural Networks Blending Binary and Fixed-Point
Convolutions", sections III (the module, types A and B) and IV-A (a module begins with the sign and ends
with a batch norm that has no trainable scale or shift).
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from blendir.models.binary import BinaryConv2d, Sign
from blendir.models.checkpoint import load_weights
from blendir.models.entry import ZooEntry
from blendir.models.initialize import seeded

CHECKPOINTS = Path(__file__).parent / "checkpoints"
BLENDNET20_CHECKPOINT = CHECKPOINTS / "blendnet20-cifar10.safetensors"


@dataclass(frozen=True)
class BlendNetConfig:
    """
    The geometry of a BlendNet, and a flag for each choice that the paper leaves open.
    """

    image: tuple[int, int, int]
    """Channels, height and width of the input."""
    mean: tuple[int, ...]
    """Per input channel: subtracted from the pixels. An integer, so that zero padding after it is exact."""
    scale: tuple[int, ...]
    """Per input channel: what the difference is divided by."""
    widths: tuple[int, ...]
    """Channels of each stage; from the second on, a stage begins with a type B module."""
    modules_per_stage: int
    classes: int = 10
    pixel_max: int = 255
    """The largest pixel value; the smallest is 0."""
    alpha: bool = True
    """Whether binary weights are scaled by the mean magnitude of their output channel."""
    bn_m: bool = True
    """Whether a batch norm follows the binary convolution, before the PReLU."""
    main_tail_bn: bool = False
    """Whether a second batch norm stands between the PReLU and the add."""
    shared_slope: bool = False
    """Whether a module has one PReLU slope instead of one per channel."""
    stem_act: bool = False
    """Whether a PReLU follows the stem's batch norm."""
    norm_affine: bool = False
    """Whether the batch norm after the add has a trainable scale and shift."""
    relu: bool = False
    """Whether ReLU replaces each PReLU."""
    concat_skip: bool = False
    """Whether the skip of a type B module doubles the channels by repeating them, instead of a real 1x1 convolution."""

    def __post_init__(self):
        if not len(self.mean) == len(self.scale) == self.image[0]:
            raise ValueError(
                f"{self.image[0]} input channels need as many means and scales, "
                f"not {len(self.mean)} and {len(self.scale)}"
            )
        if self.concat_skip and any(2 * a != b for a, b in pairwise(self.widths)):
            raise ValueError("with concat_skip each stage has twice the channels of the one before")
        if not self.widths or self.modules_per_stage < 1:
            raise ValueError("a BlendNet has at least one stage of at least one module")


BLENDNET20 = BlendNetConfig((3, 32, 32), (125, 123, 114), (63, 62, 67), (16, 32, 64), 6)
NEUROBLEND18 = BlendNetConfig((3, 32, 32), (129, 124, 112), (68, 65, 70), (64, 128, 256, 512), 4, classes=100)
BLENDNET8 = BlendNetConfig((1, 8, 8), (5,), (6,), (16, 32), 2, pixel_max=16)


class Normalize(nn.Module):
    """
    y[c] = (x[c] - mean[c]) / scale[c], for pixels (N, C, H, W) of any type.

    Raises ValueError for another number of channels.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: tuple[int, ...], scale: tuple[int, ...]):
        super().__init__()
        for name, values in (("mean", mean), ("scale", scale)):
            self.register_buffer(name, torch.tensor(values).float().view(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] != self.mean.shape[1]:
            raise ValueError(f"the network takes images of {self.mean.shape[1]} channels, got {x.shape[1]}")
        return (x.to(self.mean.dtype) - self.mean) / self.scale


class RepeatChannels(nn.Module):
    """
    (N, C, H, W) -> (N, 2C, H, W): the same channels twice, as in FracBNN (Zhang et al., 2021).
    """

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, x), 1)


class BlendModule(nn.Module):
    """
    x' = norm(act(bn(conv(sign(x)))) + skip(x)), on (N, in, H, W) -> (N, out, H / stride, W / stride).

    Type A (stride 1) skips by identity; type B (stride 2) by 2x2 average pooling, a real 1x1 convolution
    and a batch norm. Section III.
    """

    def __init__(self, in_channels: int, out_channels: int, config: BlendNetConfig):
        super().__init__()
        stride = 1 if in_channels == out_channels else 2
        self.sign = Sign()
        self.conv = BinaryConv2d(in_channels, out_channels, 3, stride, 1, config.alpha)
        self.bn = nn.BatchNorm2d(out_channels) if config.bn_m else nn.Identity()
        self.act = nn.ReLU() if config.relu else nn.PReLU(1 if config.shared_slope else out_channels)
        self.tail = nn.BatchNorm2d(out_channels) if config.main_tail_bn else nn.Identity()
        self.skip: nn.Module = nn.Identity()
        if stride == 2:
            widen = [nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)]
            self.skip = nn.Sequential(nn.AvgPool2d(2), *([RepeatChannels()] if config.concat_skip else widen))
        self.norm = nn.BatchNorm2d(out_channels, affine=config.norm_affine)

    def forward(self, x: Tensor) -> Tensor:
        main = self.tail(self.act(self.bn(self.conv(self.sign(x)))))
        return self.norm(main + self.skip(x))


class BlendNet(nn.Module):
    """
    A stem convolution with its batch norm, stages of modules, the mean over H and W, a linear classifier.

    Input (N, C, H, W): pixel values, uint8 or float. Output (N, classes): logits.
    """

    def __init__(self, config: BlendNetConfig):
        super().__init__()
        self.config = config
        first, last = config.widths[0], config.widths[-1]
        self.normalize = Normalize(config.mean, config.scale)
        self.stem = nn.Sequential(nn.Conv2d(config.image[0], first, 3, padding=1, bias=False), nn.BatchNorm2d(first))
        if config.stem_act:
            self.stem.append(nn.PReLU(1 if config.shared_slope else first))
        widths = [width for width in config.widths for _ in range(config.modules_per_stage)]
        self.blocks = nn.Sequential(
            *(BlendModule(i, o, config) for i, o in zip([first, *widths], widths, strict=False))
        )
        self.fc = nn.Linear(last, config.classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.blocks(self.stem(self.normalize(x)))
        return self.fc(features.mean(dim=(2, 3)))


def blendnet(config: BlendNetConfig, seed: int = 0) -> nn.Module:
    """
    A BlendNet in eval mode with random weights and plausible batch-norm statistics, one per seed.
    """
    return seeded(lambda: BlendNet(config), config.image, config.pixel_max, seed)


def blendnet20(pretrained: bool = False, seed: int = 0, **flags: bool) -> nn.Module:
    """
    BlendNet-20 for 32x32 RGB pixels (0..255) and 10 classes, in eval mode.

    With `pretrained` it has the CIFAR-10 checkpoint of the package. Otherwise it has random weights that depend only on
    `seed`. `flags` are those of `BlendNetConfig`.
    """
    config = replace(BLENDNET20, **flags)
    if not pretrained:
        return blendnet(config, seed)
    if config != BLENDNET20:
        raise ValueError("the checkpoint of blendnet20 was trained without flags: leave out pretrained")
    model = BlendNet(config).eval()
    load_weights(model, BLENDNET20_CHECKPOINT)
    return model


def blendnet8(pretrained: bool = False, seed: int = 0, **flags: bool) -> nn.Module:
    """
    A small BlendNet for 8x8 images of one channel (0..16) and 10 classes, in eval mode.

    Its random weights depend only on `seed`. `flags` are those of `BlendNetConfig`.
    """
    if pretrained:
        raise ValueError("blendnet8 has no checkpoint: leave out pretrained, or train it")
    return blendnet(replace(BLENDNET8, **flags), seed)


ENTRIES = (
    ZooEntry(
        "blendnet20",
        lambda: BlendNet(BLENDNET20),
        BLENDNET20.image,
        BLENDNET20.pixel_max,
        "18 binary modules of 16, 32 and 64 channels for 32x32 RGB images, 10 classes",
        checkpoint=BLENDNET20_CHECKPOINT,
        accuracy=0.8401,
        accuracy_on="the 10,000 test images of CIFAR-10, JPEG copy",
    ),
    ZooEntry(
        "blendnet8",
        lambda: BlendNet(BLENDNET8),
        BLENDNET8.image,
        BLENDNET8.pixel_max,
        "4 binary modules of 16 and 32 channels for 8x8 images of one channel, 10 classes",
    ),
    ZooEntry(
        "neuroblend18",
        lambda: BlendNet(NEUROBLEND18),
        NEUROBLEND18.image,
        NEUROBLEND18.pixel_max,
        "16 binary modules of 64 to 512 channels, as deep and wide as ResNet-18; 32x32 RGB images, 100 classes",
        classes=100,
    ),
)
