"""
Accuracy of a PyTorch model, of a module, or of a compiled design.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from blendir.backends.cpu.native import native
from blendir.backends.engines import Engine, require_engine
from blendir.backends.folder import integer_stages, target_of
from blendir.compiler import Build, open_design
from blendir.errors import UserError
from blendir.interpreter import run_outputs
from blendir.interpreter.run import Outputs, listed
from blendir.passes.classes import classes_of, several_classes
from blendir.passes.stage import stage_of

if TYPE_CHECKING:
    from torch import nn

Array = NDArray[Any]
BATCH = 256


@dataclass(frozen=True)
class Runner:
    """
    Something that turns frames into class scores, or classes as whole numbers: what it is called, and its module where
    it has one.
    """

    stage: str
    run: Callable[[Array], Array]
    module: ModuleOp | None = None


def first_of(outputs: Outputs, name: str) -> Array:
    """
    The first output; a warning says so where there are several.
    """
    found = listed(outputs)
    if len(found) > 1:
        warnings.warn(f"{name} has {len(found)} outputs; the first is evaluated", stacklevel=3)
    return found[0]


def module_runner(stage: str, run: Callable[[Array], Outputs], module: ModuleOp) -> Runner:
    """
    A module, or a program that computes the same.
    """
    classes, several = classes_of(module) is not None, several_classes(module)

    def first(x: Array) -> Array:
        found = first_of(run(x), "the network")
        if several:
            found = found[:, 0]
        return found.astype(np.int64) if classes else found

    return Runner(stage, first, module)


@dataclass(frozen=True)
class Accuracy:
    """
    The share of images, 0..1, whose largest score is that of their label.
    """

    accuracy: float
    images: int
    stage: str


def torch_runner(network: nn.Module, name: str, kind: np.dtype[Any] | None = None) -> Runner:
    """
    PyTorch, in the model's own precision, on frames of a type (None: as they are).
    """
    import torch
    from torch.utils._pytree import tree_leaves

    def run(x: Array) -> Array:
        with np.errstate(invalid="ignore"):
            frames = np.ascontiguousarray(x, kind)
        if frames.dtype.kind in "iu" and not np.array_equal(frames, x):
            ends = np.iinfo(frames.dtype)
            raise ValueError(f"{name} takes pixels: integers in {ends.min}..{ends.max}")
        try:
            with torch.no_grad():
                outputs = tree_leaves(network(torch.as_tensor(frames)))
        except Exception as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            shape = "x".join(map(str, x.shape[1:]))
            raise ValueError(
                f"{name} does not run on frames {shape} of {kind or x.dtype}: {reason}; "
                f"--input {shape} or --input {shape}:uint8 says which type it takes"
            ) from error
        return first_of([value.numpy() for value in outputs], name)

    return Runner("PyTorch", run)


def runner(source: ModuleOp | Build | nn.Module | str | Path, engine: Engine | None = None) -> Runner:
    """
    What runs a module, a design or its folder, or a PyTorch model.

    engine: by default a module at [fixed] or [packed] and a design run as compiled code, other modules in the
    interpreter; with "csim" a design runs as the program in its folder.
    """
    if engine is not None:
        require_engine(engine)
    if isinstance(source, str | Path):
        folder = Path(source)
        if engine == "csim":
            source = open_design(folder)
        else:
            source = integer_stages(folder)["fixed"]
    if isinstance(source, Build):
        if engine in (None, "csim"):
            return module_runner(target_of(source.report).language, source.csim, source.module)
        source = source.module
    if isinstance(source, ModuleOp):
        return of_module(source, engine)
    if engine is not None:
        raise UserError(f"PyTorch runs models; --engine {engine} is for modules and designs")
    return torch_runner(source, type(source).__name__)


def of_module(module: ModuleOp, engine: Engine | None) -> Runner:
    """
    What runs a module.
    """
    stage = stage_of(module)
    if engine == "csim":
        raise UserError(f"the module at [{stage}] has no program; compile it, or take another engine")
    if engine == "native" or (engine is None and stage in ("fixed", "packed")):
        return module_runner(f"{stage}, native", native(module), module)
    return module_runner(stage, lambda x: run_outputs(module, x), module)


def evaluate(
    source: Runner | ModuleOp | Build | nn.Module | str | Path,
    x: Array,
    labels: NDArray[np.int64],
    *,
    name: str = "data",
    engine: Engine | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Accuracy:
    """
    The share of frames x [N, ..] whose largest output is that of their label [N], or whose class is it where the
    network returns the class. Of several outputs the first counts.

    source: a module at any stage, a design or its folder, or a PyTorch model in eval mode; engine: what runs it, see
    `runner`. name: what errors call the frames. `progress` is told the number of frames done. Raises ValueError where
    frames or labels do not fit.
    """
    what = source if isinstance(source, Runner) else runner(source, engine)
    right = 0
    for start in range(0, len(x), BATCH):
        scores = what.run(x[start : start + BATCH])
        part = labels[start : start + BATCH]
        right += int((predicted(scores.reshape(len(scores), -1), part, name) == part).sum())
        progress(start + len(part))
    return Accuracy(right / len(x), len(x), what.stage)


def predicted(scores: Array, labels: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    """
    The class of each row of scores, or of whole numbers, which are classes; ValueError where labels do not fit.
    """
    classes = scores.dtype.kind in "iu"
    if classes and scores.shape[1] != 1:
        raise ValueError(f"the network gives {scores.shape[1]} classes for a frame, but {name} has one label each")
    if labels.min() < 0 or (not classes and labels.max() >= scores.shape[1]):
        count = "" if classes else f", but the model {scores.shape[1]} classes"
        raise ValueError(f"{name}: has labels {labels.min()}..{labels.max()}{count}")
    return scores[:, 0].astype(np.int64) if classes else scores.argmax(axis=1)
