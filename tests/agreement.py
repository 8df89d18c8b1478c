"""
One network through every stage: PyTorch, [imported] and [folded] agree as floats, everything from [fixed] on as
integers, layer by layer.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from layers import float64
from torch import Tensor, nn
from xdsl.dialects.builtin import ModuleOp, StringAttr

import blendir
from blendir.backends.hls.csim import Csim
from blendir.dialects.blend import BlendOp
from blendir.interpreter import run_module
from blendir.verification import compare, layer_shapes, stream_trace, tensor_trace

CLOSE = 1e-9


def named(module: ModuleOp) -> ModuleOp:
    """
    The module with a layer for each operation, by which stages are compared.
    """
    for index, op in enumerate(module.walk()):
        if isinstance(op, BlendOp):
            op.layer = StringAttr(f"layer{index}")
    return module


def imported(model: nn.Module, frames: Tensor) -> ModuleOp:
    """
    The model at [imported], which computes what PyTorch computes in float64.
    """
    module = blendir.from_torch(model, frames[:1])
    with float64(model), torch.no_grad():
        want = model(frames if not frames.is_floating_point() else frames.double()).numpy()
    np.testing.assert_allclose(run_module(module, frames.numpy()), want, CLOSE, CLOSE)
    return module


def lowered(module: ModuleOp, frames: Tensor, calibrated: bool = True, **options: Any) -> dict[str, ModuleOp]:
    """
    The module at [folded], equal to the one given, and at every later stage, equal to [fixed] in every layer. Formats
    are those of the frames, or without calibration of interval bounds.
    """
    x = frames.numpy()
    stages = {"folded": blendir.lower(module, "folded")}
    np.testing.assert_allclose(run_module(stages["folded"], x), run_module(module, x), CLOSE, CLOSE)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no calibration data")
        stages["fixed"] = blendir.lower(stages["folded"], "fixed", x if calibrated else None, **options)
    stages["packed"] = blendir.lower(stages["fixed"], "packed")
    stages["stream"] = blendir.lower(stages["packed"], "stream")
    reference, output = tensor_trace(stages["fixed"], x)
    for stage, trace in (("packed", tensor_trace), ("stream", stream_trace)):
        found, y = trace(stages[stage], x)
        assert_equal(reference, found, stages["fixed"], stage)
        np.testing.assert_array_equal(y, output)
    return stages


def assert_equal(reference: dict[str, Any], other: dict[str, Any], fixed: ModuleOp, stage: str) -> None:
    """
    Every layer of a stage is the same as at [fixed].
    """
    found, first = compare(reference, other, layer_shapes(fixed), stage, 0)
    assert first is None, str(first)
    assert found.mismatches == 0
    assert found.layers == len(reference) > 0


def check_cpp(stages: dict[str, ModuleOp], frames: Tensor, folder: Path, fps: float | None = None) -> blendir.Build:
    """
    The design of a module, with FIFOs of exactly the emitted depths, computes what [fixed] computes.
    """
    build = blendir.compile(stages["stream"], folder / "design", fps=fps)
    (folder / "trace").mkdir()
    x = frames.numpy()
    reference, output = tensor_trace(stages["fixed"], x)
    trace, y = Csim(build.module, build.path, folder / "trace", bounded=True).trace(x)
    assert_equal(reference, trace, stages["fixed"], "C++")
    np.testing.assert_array_equal(y, output)
    return build
