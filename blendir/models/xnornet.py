"""
XNOR-Net on AlexNet: batch norm, sign, scaled binary convolution with a bias, and max pooling of its sums.

After "XNOR-Net: ImageNet Classification Using Binary Convolutional Neural Networks" (Rastegari et al., 2016), for 32x32
images: the first convolution has stride 1. The scales are those of the weights; the map of input scales is left out.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from blendir.models.binary import BinaryConv2d, BinaryLinear, Sign
from blendir.models.blendnet import Normalize
from blendir.models.entry import ZooEntry


@dataclass(frozen=True)
class XnorNetConfig:
    """
    The geometry of an XNOR-Net.
    """

    image: tuple[int, int, int]
    """Channels, height and width of the input."""
    mean: tuple[int, ...]
    """Per input channel: subtracted from the pixels."""
    scale: tuple[int, ...]
    """Per input channel: what the difference is divided by."""
    stem: int
    """Channels of the first convolution, which is real and has a 5x5 kernel."""
    convs: tuple[tuple[int, int, bool], ...]
    """Output channels and kernel of each binary convolution, and whether max pooling follows."""
    hidden: tuple[int, ...]
    """Outputs of each binary linear layer."""
    classes: int = 10


XNORNET_ALEXNET = XnorNetConfig(
    (3, 32, 32),
    (125, 123, 114),
    (63, 62, 67),
    96,
    ((256, 5, True), (384, 3, False), (384, 3, False), (256, 3, True)),
    (4096, 4096),
)


def pool() -> nn.MaxPool2d:
    """
    The overlapping max pooling of AlexNet.
    """
    return nn.MaxPool2d(3, 2)


class XnorNet(nn.Module):
    """
    A real first convolution, binary convolutions, binary linear layers, a real classifier.

    Input (N, C, H, W): pixel values, uint8 or float. Output (N, classes): logits.
    """

    def __init__(self, config: XnorNetConfig):
        super().__init__()
        self.config = config
        self.normalize = Normalize(config.mean, config.scale)
        first = nn.Conv2d(config.image[0], config.stem, 5, padding=2)
        layers: list[nn.Module] = [nn.Sequential(first, nn.BatchNorm2d(config.stem), nn.ReLU(), pool())]
        channels, size = config.stem, (config.image[1] - 1) // 2
        for out, kernel, pooled in config.convs:
            conv = BinaryConv2d(channels, out, kernel, 1, kernel // 2, bias=True)
            layers.append(nn.Sequential(nn.BatchNorm2d(channels), Sign(), conv, *([pool()] if pooled else [])))
            channels, size = out, (size - 1) // 2 if pooled else size
        self.features = nn.Sequential(*layers)
        features = channels * size * size
        binary: list[nn.Module] = []
        for out in config.hidden:
            norm = nn.BatchNorm1d(features)
            binary.append(nn.Sequential(norm, Sign(), BinaryLinear(features, out, bias=True)))
            features = out
        last = nn.Sequential(nn.BatchNorm1d(features), nn.ReLU(), nn.Linear(features, config.classes))
        self.classifier = nn.Sequential(nn.Flatten(), *binary, last)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(self.normalize(x)))


ENTRIES = (
    ZooEntry(
        "xnornet-alexnet",
        lambda: XnorNet(XNORNET_ALEXNET),
        XNORNET_ALEXNET.image,
        255,
        "XNOR-Net on AlexNet: 4 binary convolutions, max pooling of sums, 2 binary layers of 4096; 32x32 RGB images",
    ),
)
