"""
How compile time and memory grow with the frame, the width and the depth of a network.

    python benchmarks/scaling.py [frame] [width] [depth] [--json] [--plot scaling.png]

The network is a chain of binary 3 x 3 convolutions with skips, one of which varies: frames of 32 x 32, 48 channels, 8
convolutions. Formats are calibrated on 8 random frames. Each point is one fresh process; its CPU seconds are those of
`blendir.compile` on the imported module, the import apart, and its memory is the peak of the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BASE = {"frame": 32, "width": 48, "depth": 8}
POINTS = {"frame": (32, 64, 128, 256), "width": (48, 192, 384, 768), "depth": (8, 16, 32, 64)}
CALIBRATION_FRAMES = 8


def chain(width: int, depth: int) -> Any:
    """
    A real stem, binary convolutions with a batch normalization and a skip each, and a linear head on the mean.
    """
    import torch
    from torch import nn

    from blendir.models.binary import BinaryConv2d, Sign

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.sign, self.conv = Sign(), BinaryConv2d(width, width, 3, 1, 1)
            self.bn = nn.BatchNorm2d(width)
            self.bn.register_buffer("running_var", torch.full((width,), 9.0 * width))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.bn(self.conv(self.sign(x))) + x

    torch.default_generator.manual_seed(0)
    stem = [nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)]
    return nn.Sequential(*stem, *(Block() for _ in range(depth)), *head).eval()


def measure(frame: int, width: int, depth: int) -> dict[str, Any]:
    """
    Compiles a chain in this process.
    """
    import torch

    import blendir

    torch.set_num_threads(1)
    frames = torch.randn(CALIBRATION_FRAMES, 3, frame, frame, generator=torch.Generator().manual_seed(0))
    module = blendir.from_torch(chain(width, depth), frames[:1])
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        build = blendir.compile(module, Path(folder) / "design", calibration=frames.numpy())
        seconds = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "gib": memory, "cycles_per_frame": build.report["cycles_per_frame"]}


def point(**sizes: int) -> dict[str, Any]:
    """
    Measures a chain in a fresh process.
    """
    command = [sys.executable, __file__, "--point", json.dumps(sizes)]
    return {**sizes, **json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)}


def plot(tables: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """
    CPU seconds and memory along each axis.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, len(tables), squeeze=False, sharey="row", figsize=(3.2 * len(tables), 5))
    for column, (name, rows) in enumerate(tables.items()):
        for axis, key, label in zip(axes[:, column], ("seconds", "gib"), ("CPU s", "GiB"), strict=True):
            axis.plot([row[name] for row in rows], [row[key] for row in rows], marker="o")
            axis.set(xscale="log", ylim=(0, None), xlabel=name, ylabel=label if column == 0 else "")
            axis.set_xticks([row[name] for row in rows], [str(row[name]) for row in rows], minor=False)
            axis.minorticks_off()
    figure.tight_layout()
    figure.savefig(str(path))


def main() -> None:
    """
    Measures the asked tables and prints them.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(BASE)}; default: all")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plot", type=Path, metavar="FILE")
    parser.add_argument("--point", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.point is not None:
        print(json.dumps(measure(**options.point)))
        return
    names = options.tables or list(BASE)
    tables = {name: [point(**BASE | {name: size}) for size in POINTS[name]] for name in names}
    if options.plot is not None:
        plot(tables, options.plot)
    if options.json:
        print(json.dumps(tables, indent=2))
        return
    for name, rows in tables.items():
        print(f"| {name} | CPU s | GiB | cycles per frame |\n|---|--:|--:|--:|")
        for row in rows:
            print(f"| {row[name]} | {row['seconds']:.1f} | {row['gib']:.2f} | {row['cycles_per_frame']:,} |")


if __name__ == "__main__":
    main()
