"""
Imports the networks of brevitas_examples directly and through QONNX, and compiles them.

    python benchmarks/brevitas_networks.py [NAME ...] -o brevitas_networks.jsonl [--frames 8]

Weights are random. Scales and statistics come from random frames. A second run continues a stopped one, as in
networks.py. Prints the table of docs/import.md.
"""

from __future__ import annotations

import copy
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from networks import CALIBRATION_FRAMES, Columns, compiled, main
from torch import Tensor, nn
from xdsl.dialects.builtin import ModuleOp

import blendir
from blendir.frontend import UnsupportedModelError
from blendir.interpreter import run_module

with warnings.catch_warnings():
    # of libraries that Brevitas looks for
    warnings.simplefilter("ignore")
    from brevitas.export import export_qonnx
    from brevitas_examples.bnn_pynq.models import model_with_cfg
    from brevitas_examples.imagenet_classification.models.mobilenetv1 import MobileNet

BITS = ("1w1a", "1w2a", "2w2a")
NAMES = [f"{net}_{bits}" for net in ("tfc", "sfc", "lfc", "cnv") for bits in BITS if (net, bits) != ("lfc", "2w2a")]
MOBILENET = "mobilenet_v1_4b, 1/4 wide"
TRAINING_FRAMES, BATCHES = 32, 4


def network(name: str) -> tuple[nn.Module, tuple[int, int, int]]:
    """
    A network with random weights, and the shape of its frames.
    """
    torch.manual_seed(0)
    if name == MOBILENET:
        stages = [[8], [16], [32, 32], [64, 64], [128] * 6, [256, 256]]
        model, shape = MobileNet(stages, False, 4, 4, first_layer_stride=1, avg_pool_kernel_size=2), (3, 34, 34)
    else:
        model, config = model_with_cfg(name, False)
        shape = (1, 28, 28) if config.get("MODEL", "DATASET") == "MNIST" else (3, 32, 32)
    with torch.no_grad():
        for seed in range(BATCHES):
            model.train()(frames(shape, TRAINING_FRAMES, seed))
    return model.eval(), shape


def frames(shape: tuple[int, int, int], count: int, seed: int) -> Tensor:
    """
    Random numbers in 0 .. 1.
    """
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed))


def measure(name: str, count: int) -> dict[str, Any]:
    """
    Imports a network twice, compares with Brevitas in float64, and compiles it.
    """
    model, shape = network(name)
    x = frames(shape, count, BATCHES)
    with torch.no_grad():
        want = copy.deepcopy(model).double()(x.double()).numpy()
    calibration = frames(shape, CALIBRATION_FRAMES, BATCHES + 1).numpy()
    row: dict[str, Any] = {"name": name, "frames": count}
    for way in ("direct", "qonnx"):
        start = time.process_time()
        try:
            module = imported(model, x, way)
        except UnsupportedModelError as error:
            row[way] = {"refused": dict(error.operations)}
            continue
        y = run_module(module, x.numpy())
        row[way] = {
            "error": float(np.abs(y - want).max() / np.abs(want).max()),
            "same": int((y.argmax(1) == want.argmax(1)).sum()),
            **compiled(module, calibration, x.numpy(), start),
        }
    return row


def imported(model: nn.Module, x: Tensor, way: str) -> ModuleOp:
    """
    The network at [imported].
    """
    if way == "direct":
        return blendir.from_torch(model, x)
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr), torch.no_grad():
        path = Path(folder) / "net.onnx"
        export_qonnx(model, args=x[:1], export_path=str(path), dynamo=False)
        return blendir.from_onnx(path)


def distance(row: dict[str, Any], way: str) -> str:
    """
    The distance from Brevitas, or why there is none.
    """
    if "refused" in row[way]:
        return "refused: " + next(iter(row[way]["refused"].values()))
    return f"{row[way]['error']:.0e}, {row[way]['same']} of {row['frames']}"


def both(row: dict[str, Any], text: Callable[[dict[str, Any]], str]) -> str:
    """
    A figure of either import, or none.
    """
    return " / ".join("not compiled" if "refused" in row[way] else text(row[way]) for way in ("direct", "qonnx"))


COLUMNS: Columns = {
    "network": lambda row: f"`{row['name']}`",
    "direct import": lambda row: distance(row, "direct"),
    "QONNX import": lambda row: distance(row, "qonnx"),
    "numbers": lambda row: both(row, lambda r: f"{r['numbers']:,}"),
    "unequal": lambda row: both(row, lambda r: f"{r['mismatches']:,}"),
    "compile, CPU s": lambda row: both(row, lambda r: f"{r['compile_seconds']:.1f}"),
}


if __name__ == "__main__":
    main(__file__, __doc__, [*NAMES, "resnet18_4w4a", MOBILENET], measure, COLUMNS)
