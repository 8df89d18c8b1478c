"""
What `import blendir` offers.
"""

import json
import subprocess
import sys
import tomllib
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from commands import run

import blendir
from blendir.modules import read_module

NAMES = {
    *("Build", "ImportMismatchError", "__version__", "compile", "evaluate", "explore", "from_onnx", "from_torch"),
    *("lower", "native", "run", "verify"),
}
PROJECT = Path(__file__).parents[1] / "pyproject.toml"
WITHOUT_TORCH = """
import sys
import blendir
for name in dir(blendir):
    if name not in ("from_onnx", "from_torch", "ImportMismatchError"):
        getattr(blendir, name)
assert "torch" not in sys.modules, "torch is loaded"
"""


def test_every_name_is_listed_and_there() -> None:
    assert set(dir(blendir)) == set(blendir.__all__) == NAMES
    for name in NAMES - {"__version__"}:
        assert (getattr(blendir, name).__doc__ or "").strip(), name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = blendir.nothing


def test_the_version_is_the_packages() -> None:
    assert blendir.__version__ == version("blendir")
    assert blendir.__version__ == tomllib.loads(PROJECT.read_text())["project"]["version"]


def test_no_name_but_the_importers_needs_torch() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH], check=True)


def test_commands_print_what_functions_return(here: Path) -> None:
    x, labels = np.load("x.npy"), np.load("labelled.npz")["y"]
    verified = json.loads(run("verify", "design", "--data", "x.npy", "--json").stdout)
    found = blendir.verify("design", x)
    assert (verified["images"], verified["mismatches"]) == (found.images, found.mismatches) == (20, 0)
    assert set(verified["stages"]) == set(found.comparisons)
    evaluated = json.loads(run("evaluate", "design/ir/fixed.mlir", "--data", "labelled.npz", "--json").stdout)
    assert evaluated == asdict(blendir.evaluate(read_module(Path("design/ir/fixed.mlir")), x, labels))
    rates = ["--points", "1", "--fps-from", "1e3", "--fps-to", "1e3", "--jobs", "1"]
    explored = json.loads(run("explore", "design/ir/stream.mlir", "-o", "a", *rates, "--json").stdout)
    module = read_module(Path("design/ir/stream.mlir"))
    again = blendir.explore(module, "b", points=1, fps_from=1e3, fps_to=1e3, jobs=1)
    assert explored["points"] == [asdict(p) | {"frontier": True} for p in again.points]
    assert again.frontier == again.points != []


def test_a_model_is_evaluated_as_it_is() -> None:
    import torch
    from torch import nn

    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    network = nn.Linear(4, 3).eval()
    with torch.no_grad():
        labels = network(torch.as_tensor(x)).numpy().argmax(axis=1)
    found = blendir.evaluate(network, x, labels)
    assert (found.accuracy, found.images, found.stage) == (1.0, 5, "PyTorch")
    with pytest.raises(ValueError, match=r"^mine: has labels 3..3, but the model 3 classes$"):
        blendir.evaluate(network, x, np.full(5, 3), name="mine")
