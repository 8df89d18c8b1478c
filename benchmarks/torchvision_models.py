"""
Imports and folds the classifiers of torchvision with random weights, and compiles those that are asked for.

    python -m venv VENV
    VENV/bin/pip install torch==2.14.1 torchvision==0.29.1 .
    VENV/bin/python benchmarks/torchvision_models.py [NAME ...] -o torchvision_models.jsonl [--frames 2]

Frames are 3x64x64, and larger where a network needs it. Statistics of batch normalizations come from random frames. A
second run continues a stopped one, as in networks.py. Prints the table of docs/networks.md.
"""

from __future__ import annotations

import copy
import time
from typing import Any

import numpy as np
import torch
from networks import CALIBRATION_FRAMES, Columns, compiled, main
from torch import Tensor, nn
from torchvision import models

import blendir
from blendir.frontend import UnsupportedModelError
from blendir.interpreter import run_module

NAMES = (
    *(
        "resnet18",
        "resnet50",
        "resnext50_32x4d",
        "wide_resnet50_2",
        "squeezenet1_1",
        "densenet121",
        "vgg11_bn",
        "alexnet",
    ),
    *("googlenet", "inception_v3", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x0_5", "mnasnet0_5"),
    *(
        "efficientnet_b0",
        "efficientnet_v2_s",
        "regnet_x_400mf",
        "regnet_y_400mf",
        "convnext_tiny",
        "vit_b_16",
        "swin_t",
    ),
)
COMPILED = ("mobilenet_v2", "shufflenet_v2_x0_5")
SIZES = {"inception_v3": 96}
TRAINING_FRAMES, BATCHES = 8, 2


def network(name: str) -> tuple[nn.Module, tuple[int, int, int]]:
    """
    A network with random weights, and the shape of its frames.
    """
    torch.manual_seed(0)
    size = SIZES.get(name, 64)
    options: dict[str, Any] = {"image_size": size} if name.startswith("vit") else {}
    if name in ("googlenet", "inception_v3"):
        options = {"aux_logits": False, "init_weights": True}
    model = models.get_model(name, weights=None, **options)
    shape = (3, size, size)
    with torch.no_grad():
        for seed in range(BATCHES):
            model.train()(frames(shape, TRAINING_FRAMES, seed))
    return model.eval(), shape


def frames(shape: tuple[int, int, int], count: int, seed: int) -> Tensor:
    """
    Random numbers, normally distributed.
    """
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))


def measure(name: str, count: int) -> dict[str, Any]:
    """
    Imports and folds a network, compares both with PyTorch in float64, and compiles it where that is asked for.
    """
    model, shape = network(name)
    x = frames(shape, count, BATCHES)
    with torch.no_grad():
        want = copy.deepcopy(model).double()(x.double()).numpy()
    row: dict[str, Any] = {"name": name, "frames": count, "shape": shape}
    row["parameters"] = sum(p.numel() for p in model.parameters())
    start = time.process_time()
    try:
        module = blendir.from_torch(model, x[:1], check=False)
    except UnsupportedModelError as error:
        return {**row, "refused": dict(error.operations)}
    row["import_seconds"] = time.process_time() - start
    folded = blendir.lower(module, "folded")
    row["fold_seconds"] = time.process_time() - start - row["import_seconds"]
    for stage, value in (("imported", module), ("folded", folded)):
        row[stage] = float(np.abs(run_module(value, x.numpy()) - want).max() / np.abs(want).max())
    if name in COMPILED:
        calibration = frames(shape, CALIBRATION_FRAMES, BATCHES + 1).numpy()
        row["cpp"] = compiled(module, calibration, x.numpy(), start)
    return row


def error(row: dict[str, Any], stage: str) -> str:
    """
    The distance from PyTorch, or why there is none.
    """
    return f"{row[stage]:.0e}" if "refused" not in row else "refused"


def of_cpp(row: dict[str, Any], name: str) -> str:
    """
    A figure of the compiled network.
    """
    return f"{row['cpp'][name]:,}" if "cpp" in row else ""


COLUMNS: Columns = {
    "network": lambda row: f"`{row['name']}`",
    "weights": lambda row: f"{row['parameters']:,}",
    "imported": lambda row: error(row, "imported"),
    "folded": lambda row: error(row, "folded"),
    "import and fold, CPU s": lambda row: (
        "" if "refused" in row else f"{row['import_seconds'] + row['fold_seconds']:.0f}"
    ),
    "layers in C++": lambda row: of_cpp(row, "layers"),
    "numbers": lambda row: of_cpp(row, "numbers"),
    "unequal": lambda row: of_cpp(row, "mismatches"),
    "cycles per frame": lambda row: of_cpp(row, "cycles_per_frame"),
}


if __name__ == "__main__":
    main(__file__, __doc__, NAMES, measure, COLUMNS)
