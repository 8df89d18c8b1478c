"""
`blendir train`: from labelled images to a checkpoint.
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning.utilities import rank_zero_only

from blendir.models.zoo import ZOO, entry
from blendir.tools.data import load_splits
from blendir.tools.inputs import Model, load_model
from blendir.tools.terminal import one_line, progress
from blendir.training.data import Images
from blendir.training.recipe import PRESETS
from blendir.training.run import Training, run


def images(loaded: Any) -> Images:
    """
    Frames and labels of one split as tensors.
    """
    frames, labels, _ = loaded
    return Images(torch.as_tensor(np.ascontiguousarray(frames)), torch.as_tensor(labels))


def scored(train: Images, path: Path | None, classes: int) -> Images:
    """
    The training images with the scores [N, classes] that a .npy file holds.
    """
    if path is None:
        return train
    try:
        scores = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path}: not an .npy file of numbers: {one_line(str(error))}") from None
    if scores.shape != (len(train), classes) or scores.dtype.kind != "f":
        wanted = f"one float per image and class, {[len(train), classes]}"
        raise ValueError(f"{path}: holds {scores.dtype} of shape {list(scores.shape)}, not {wanted}")
    return replace(train, scores=torch.as_tensor(scores).float())


def require_fit(loaded: Model, model: str, data: Path, train: Images, classes: int) -> None:
    """
    Runs one frame, so that what does not fit is said before hours are spent.
    """
    shape = "x".join(map(str, train.frames.shape[1:]))
    if loaded.example is not None and loaded.example.shape[1:] != train.frames.shape[1:]:
        wanted = "x".join(map(str, loaded.example.shape[1:]))
        raise ValueError(f"{data}: holds {shape} images, but {model} takes {wanted}")
    try:
        with torch.no_grad():
            scores = loaded.network.eval()(train.frames[:1])
    except (RuntimeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{data}: {model} does not run on its {shape} images: {reason}") from None
    if scores.ndim != 2 or scores.shape[1] < classes:
        raise ValueError(f"{data}: has {classes} classes, but {model} gives scores of shape {list(scores.shape)}")


def train(
    model: str,
    data: Path,
    *,
    preset: str,
    out: Path,
    weights: Path | None,
    scores: Path | None,
    resume: bool,
    seed: int,
    augment: bool,
    compiled: bool,
    quiet: bool,
    **trainer: Any,
) -> dict[str, Any] | None:
    """
    Trains MODEL and returns the result, with the folder and the preset; None in all processes but the first.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # huge pages, where Linux gives them to whom asks
    with progress(f"reading {data}", quiet):
        first, second = load_splits(data)
        recipe = PRESETS[preset]
        whole = scored(images(first), scores, len(first[2]))
        training_images, test_images = whole.first(recipe.images), images(second)
    loaded = load_model(model, None, None)
    require_fit(loaded, model, data, training_images, len(first[2]))
    training = Training(
        entry(model).make if model in ZOO else lambda: load_model(model, None, None).network,
        training_images,
        test_images,
        recipe,
        out,
        seed,
        augment,
        trainer,
        compiled,
        quiet,
    )
    with redirect_stdout(sys.stderr):
        result = run(training, weights=weights, resume=resume)
    if rank_zero_only.rank:  # pyright: ignore[reportFunctionMemberAccess]
        return None
    return {"model": model, "preset": preset, "images": len(test_images), "folder": str(out)} | result
