"""
Accuracy of a PyTorch model, of a module, or of a compiled design.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from blendir.interpreter import run_module
from blendir.passes.stage import stage_of
from blendir.tools.designs import open_design
from blendir.tools.inputs import Model, load_model, read_module, require_frames, require_model
from blendir.tools.terminal import progress

Array = NDArray[Any]
BATCH = 256


@dataclass(frozen=True)
class Runner:
    """
    Something that turns frames into class scores, and the stage that it is.
    """

    stage: str
    run: Callable[[Array], Array]
    module: ModuleOp | None = None


def torch_runner(model: Model, name: str, kind: np.dtype[Any] | None) -> Runner:
    """
    PyTorch, in the model's own precision.
    """
    import torch

    def run(x: Array) -> Array:
        with np.errstate(invalid="ignore"):
            frames = np.ascontiguousarray(x, kind)
        if frames.dtype == np.uint8 and not np.array_equal(frames, x):
            raise ValueError(f"{name} takes pixels: integers in 0..255")
        try:
            with torch.no_grad():
                return model.network(torch.as_tensor(frames)).numpy()
        except Exception as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            shape = "x".join(map(str, x.shape[1:]))
            raise ValueError(
                f"{name} does not run on frames {shape} of {kind or x.dtype}: {reason}; "
                f"--input {shape} or --input {shape}:uint8 says which type it takes"
            ) from error

    return Runner("PyTorch", run)


def runner(source: str, weights: Path | None, example: Array | None) -> Runner:
    """
    What to evaluate: a design folder, a module's file, or a model.
    """
    path = Path(source)
    if path.is_dir() or path.suffix == ".mlir":
        require_model(source, weights, example)
    if path.is_dir():
        build = open_design(path)
        return Runner("C++", build.csim, build.module)
    if path.suffix == ".mlir":
        module = read_module(path)
        return Runner(stage_of(module), lambda x: run_module(module, x), module)
    model = load_model(source, weights, example)
    return torch_runner(model, source, None if model.example is None else model.example.dtype)


def accuracy(what: Runner, x: Array, labels: NDArray[np.int64], path: Path, quiet: bool) -> float:
    """
    The share of frames whose largest score is that of their label.
    """
    if what.module is not None:
        require_frames(x, what.module, path)
    right = 0
    with progress(f"evaluating {what.stage}", quiet, len(x)) as advance:
        for start in range(0, len(x), BATCH):
            scores = what.run(x[start : start + BATCH])
            scores = scores.reshape(len(scores), -1)
            part = labels[start : start + BATCH]
            if part.min() < 0 or part.max() >= scores.shape[1]:
                raise ValueError(
                    f"{path}: has labels {part.min()}..{part.max()}, but the model {scores.shape[1]} classes"
                )
            right += int((scores.argmax(axis=1) == part).sum())
            advance(start + len(part))
    return right / len(x)
