"""
What `blendir evaluate` runs.
"""

from __future__ import annotations

from pathlib import Path

from blendir.backends.engines import Engine
from blendir.evaluation import Runner, runner, torch_runner
from blendir.modules import read_module
from blendir.tools.inputs import Array, load_model, require_model


def given_runner(source: str, weights: Path | None, example: Array | None, engine: Engine | None = None) -> Runner:
    """
    What to evaluate: a design folder, a module's file, or a model.
    """
    path = Path(source)
    if path.is_dir() or path.suffix == ".mlir":
        require_model(source, weights, example)
        return runner(path if path.is_dir() else read_module(path), engine)
    if engine is not None:
        raise ValueError(f"--engine is for modules and designs; PyTorch runs {source}")
    model = load_model(source, weights, example)
    return torch_runner(model.network, source, None if model.example is None else model.example.dtype)
