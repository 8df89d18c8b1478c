"""
What all tests share.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import FACTORY, SHAPE, run

from blendir.backends.hls import csim

# workers of pytest-xdist would fight for the cores
torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def quick_compilation() -> Iterator[None]:
    """
    Designs see few frames here: to optimise the C++ takes longer than to run it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csim, "FLAGS", (*csim.FLAGS, "-O1"))
        patch.setenv("CXXFLAGS", "-O1")
        yield


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A folder with a model's source, its IR, frames, and a compiled design.
    """
    folder = tmp_path_factory.mktemp("tools")
    (folder / "tinynet.py").write_text(FACTORY)
    frames = np.random.default_rng(0).integers(0, 256, (20, 3, 6, 6), np.uint8)
    np.save(folder / "x.npy", frames)
    np.savez(folder / "labelled.npz", x=frames, y=np.arange(20) % 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run("import", "tinynet:make", *SHAPE, "-o", "net.mlir").exit_code == 0
        assert run("compile", "net.mlir", "-o", "design", "--calibrate", "x.npy").exit_code == 0
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    An empty current directory with links to the files of `made`.
    """
    for name in ("tinynet.py", "x.npy", "labelled.npz", "net.mlir", "design"):
        (tmp_path / name).symlink_to(made / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path
