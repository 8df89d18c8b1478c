"""
Networks of the kinds that users bring, from PyTorch to C++, with random weights: whether the C++ equals [fixed] in
every layer, and what fixed point costs in each.

    python benchmarks/field_networks.py [NAME ...] -o field_networks.jsonl [--frames 100]

Formats are calibrated on 16 random frames; the comparison and the errors are those of other random frames. A second run
continues a stopped one, as in networks.py. Prints the tables of docs/networks.md.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from networks import Columns, compiled, main
from torch import Tensor, nn

import blendir
from blendir.models.binary import BinaryConv2d, Sign
from blendir.models.blendnet import Normalize
from blendir.models.initialize import randomize
from blendir.passes.quantize.quantization_error import quantization_report

CALIBRATION_FRAMES = 16
Frames = Callable[[np.random.Generator, int], np.ndarray]


def normalized() -> nn.Module:
    """
    Turns pixels into numbers around 0.
    """
    return Normalize((128, 128, 128), (32, 32, 32))


def separable(channels: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """
    A convolution by channel and one of single pixels.
    """
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def keyword_spotter() -> nn.Module:
    """
    DS-CNN (Zhang et al., 2017) on 40 bands of 98 moments: 12 words.
    """
    first = nn.Sequential(nn.Conv2d(1, 64, (10, 4), 2, (5, 1), bias=False), nn.BatchNorm2d(64), nn.ReLU())
    blocks = [separable(64, 64) for _ in range(4)]
    return nn.Sequential(first, *blocks, nn.Dropout(0.2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 12))


class UNet(nn.Module):
    """
    Two halvings, two doublings, and skips that are concatenated (Ronneberger et al., 2015): 4 classes per pixel.
    """

    def __init__(self, width: int = 8):
        super().__init__()
        self.normalize = normalized()
        self.down = nn.ModuleList(
            self.double(i, o) for i, o in ((3, width), (width, 2 * width), (2 * width, 4 * width))
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * c, c, 2, 2) for c in (2 * width, width))
        self.mix = nn.ModuleList(self.double(2 * c, c) for c in (2 * width, width))
        self.last = nn.Conv2d(width, 4, 1)

    def double(self, channels: int, outputs: int) -> nn.Sequential:
        layers = [
            nn.Sequential(nn.Conv2d(c, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())
            for c in (channels, outputs)
        ]
        return nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        first = self.down[0](self.normalize(x))
        second = self.down[1](F.max_pool2d(first, 2))
        deep = self.down[2](F.max_pool2d(second, 2))
        second = self.mix[0](torch.cat([second, self.up[0](deep)], 1))
        return self.last(self.mix[1](torch.cat([first, self.up[1](second)], 1)))


class BinarySeparable(nn.Module):
    """
    A binary convolution by channel and a binary one of single pixels, each with a skip where it keeps the shape.
    """

    def __init__(self, channels: int, outputs: int, stride: int):
        super().__init__()
        self.sign = Sign()
        self.weight = nn.Parameter(torch.rand(channels, 1, 3, 3) - 0.5)
        self.stride, self.norm = stride, nn.BatchNorm2d(channels)
        self.point, self.last = BinaryConv2d(channels, outputs, 1, 1, 0), nn.BatchNorm2d(outputs)
        self.shape = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.where(self.weight >= 0, 1.0, -1.0).to(x.dtype)
        y = self.norm(F.conv2d(self.sign(x), weight, None, self.stride, 1, groups=len(weight)))
        y = y + x if self.stride == 1 else y
        z = self.last(self.point(self.sign(y)))
        return self.shape(z + y if z.shape == y.shape else z)


def binary_mobilenet() -> nn.Module:
    """
    MobileNet (Howard et al., 2017) with binary convolutions and skips, for images of 32x32.
    """
    stem = nn.Sequential(normalized(), nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.PReLU(32))
    plan = ((32, 64, 1), (64, 96, 2), (96, 96, 1), (96, 192, 2), (192, 192, 1))
    blocks = [BinarySeparable(*step) for step in plan]
    return nn.Sequential(stem, *blocks, nn.AvgPool2d(4), nn.Flatten(), nn.Linear(192, 10))


class XnorConv(nn.Module):
    """
    XNOR-Net's convolution (Rastegari et al., 2016): signs, times the magnitude of each filter, times the map K of mean
    input magnitudes.
    """

    def __init__(self, channels: int, outputs: int):
        super().__init__()
        self.norm, self.sign = nn.BatchNorm2d(channels), Sign()
        self.weight = nn.Parameter(torch.randn(outputs, channels, 3, 3) / 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        scale = F.avg_pool2d(x.abs().mean(1, keepdim=True), 3, 1, 1)
        alpha = self.weight.abs().mean((1, 2, 3), keepdim=True)
        weight = torch.where(self.weight >= 0, alpha, -alpha).to(x.dtype)
        return F.conv2d(self.sign(x), weight, padding=1) * scale


def xnor_net() -> nn.Module:
    """
    A real first convolution, three binary ones with maps of input magnitudes, a classifier.
    """
    layers: list[nn.Module] = [normalized(), nn.Conv2d(3, 32, 3, padding=1), nn.ReLU()]
    for channels, outputs in ((32, 48), (48, 64), (64, 64)):
        layers += [XnorConv(channels, outputs), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.BatchNorm2d(64), nn.Flatten(), nn.Linear(64 * 16, 10))


def sounds(random: np.random.Generator, count: int) -> np.ndarray:
    """
    Spectrograms of noise: neighbors are alike.
    """
    x = random.normal(size=(count, 1, 42, 100))
    return sum(x[:, :, i : i + 40, j : j + 98] for i in range(3) for j in range(3)).astype(np.float32) / 3


def images(size: int) -> Frames:
    """
    Pixels of noise: neighbors are alike.
    """

    def frames(random: np.random.Generator, count: int) -> np.ndarray:
        x = random.integers(0, 256, (count, 3, size + 2, size + 2))
        return (sum(x[:, :, i : i + size, j : j + size] for i in range(3) for j in range(3)) // 9).astype(np.uint8)

    return frames


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Frames]] = {
    "DS-CNN, 1x40x98": (keyword_spotter, sounds),
    "U-Net, 3x32x32": (UNet, images(32)),
    "binary MobileNet, 3x32x32": (binary_mobilenet, images(32)),
    "XNOR-Net with K, 3x32x32": (xnor_net, images(32)),
}


def measure(name: str, count: int) -> dict[str, Any]:
    """
    Compiles one network, compares the C++ with [fixed], and [fixed] with [folded] layer by layer.
    """
    make, frames = NETWORKS[name]
    calibration, x = (frames(np.random.default_rng(s), n) for s, n in enumerate((CALIBRATION_FRAMES, count)))
    torch.manual_seed(0)
    model, batch = make(), torch.from_numpy(calibration)
    randomize(model, batch.double() if batch.is_floating_point() else batch, torch.Generator().manual_seed(0))
    start = time.process_time()
    module = blendir.from_torch(model, x[:1])
    row = compiled(module, calibration, x, start)
    folded = blendir.lower(module, "folded")
    found = quantization_report(folded, blendir.lower(folded, "fixed", calibration), x)
    return {"name": name, **row, "errors": found["quantization"]}


def ratios(row: dict[str, Any]) -> dict[str, float]:
    """
    The signal-to-noise ratio of each layer that rounds anything, dB.
    """
    return {error["layer"]: error["snr_db"] for error in row["errors"] if error["snr_db"] is not None}


COLUMNS: Columns = {
    "network": lambda row: row["name"],
    "BMAC": lambda row: f"{row['bmac']:,}",
    "FPMAC": lambda row: f"{row['fpmac']:,}",
    "cycles per frame": lambda row: f"{row['cycles_per_frame']:,}",
    "compile, CPU s": lambda row: f"{row['compile_seconds']:.0f}",
    "frames": lambda row: f"{row['frames']}",
    "layers": lambda row: f"{row['layers']}",
    "numbers": lambda row: f"{row['numbers']:,}",
    "unequal": lambda row: f"{row['mismatches']:,}",
    "median layer, dB": lambda row: f"{statistics.median(ratios(row).values()):.0f}",
    "worst layer": lambda row: min(ratios(row), key=ratios(row).__getitem__),
    "dB": lambda row: f"{min(ratios(row).values()):.0f}",
}


if __name__ == "__main__":
    main(__file__, __doc__, list(NETWORKS), measure, COLUMNS)
