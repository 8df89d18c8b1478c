"""
From an nn.Module that nobody prepared for blendir to verified C++: python examples/own_network.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import blendir


def binarize(x: Tensor) -> Tensor:
    """
    +1 or -1 forward, the gradient of a clipped identity backward.
    """
    soft = x.clamp(-1, 1)
    return (torch.where(x >= 0, 1.0, -1.0) - soft).detach() + soft


class BinaryBlock(nn.Module):
    """
    x + act(norm(conv(sign(x)))), with weights of one bit.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, channels, 3, 3) * 0.1)
        self.norm, self.act = nn.BatchNorm2d(channels), nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight.abs().mean((1, 2, 3), keepdim=True)
        return x + self.act(self.norm(F.conv2d(binarize(x), binarize(self.weight) * scale, padding=1)))


class Stripes(nn.Module):
    """
    Tells which way the stripes of an image run.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16))
        self.blocks = nn.Sequential(BinaryBlock(16), nn.MaxPool2d(2), BinaryBlock(16))
        self.head = nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = (x.float() - 128) / 64
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


def stripes(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """
    Noisy images (count, 1, 12, 12) of pixels, and whether their stripes are vertical.
    """
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, (count, 1, 1)) + np.arange(12) * rng.uniform(1.2, 1.8, (count, 1, 1))
    image = np.broadcast_to(128 + 60 * np.sin(phase), (count, 12, 12)) + rng.normal(0, 50, (count, 12, 12))
    vertical = rng.integers(0, 2, count)
    image = np.where(vertical[:, None, None] == 1, image, image.transpose(0, 2, 1))
    return torch.from_numpy(image.clip(0, 255).astype(np.uint8))[:, None], torch.from_numpy(vertical)


def train(model: nn.Module, x: Tensor, y: Tensor) -> None:
    """
    A few passes of Adam.
    """
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for start in list(range(0, len(x), 64)) * 4:
        optimizer.zero_grad()
        F.cross_entropy(model(x[start : start + 64]), y[start : start + 64]).backward()
        optimizer.step()


def main(folder: Path) -> None:
    """
    Trains, compiles, and compares the C++ with the module.
    """
    torch.manual_seed(0)
    x, y = stripes(1024, seed=0)
    model = Stripes()
    train(model, x, y)
    model.eval()

    # the three calls: import, compile (formats from training images), run the compiled C++
    imported = blendir.from_torch(model, x[:1])
    build = blendir.compile(imported, folder, calibration=x.numpy())
    x_test, y_test = stripes(256, seed=1)
    logits = build.csim(x_test.numpy())

    mismatches = int((logits != blendir.run(build.module, x_test.numpy())).sum())
    report = build.report
    print(f"accuracy of PyTorch   {(model(x_test).argmax(1) == y_test).float().mean():.1%}")
    print(f"accuracy of the C++   {(logits.argmax(1) == y_test.numpy()).mean():.1%}")
    print(f"C++ against [stream]  {len(logits)} images, mismatches: {mismatches}")
    print(f"rate at {report['clock_mhz']:g} MHz       {report['fps']:,.0f} frames/s")
    print(f"latency               {report['latency_us']:.1f} us")
    print("estimated resources  ", ", ".join(f"{name} {count:,}" for name, count in report["resources"].items()))
    for row in report["layers"]:
        print(f"  {row['layer']:24} {row['process']:18} {row['cycles']:>6,} cycles")
    assert mismatches == 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary) / "stripes")
