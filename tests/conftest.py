"""
What all tests share.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commands import FACTORY, SHAPE, run
from hypothesis import HealthCheck, settings

from blendir.backends.cpu import build
from blendir.backends.hls import csim

SLOW = frozenset(
    """
    test_backends test_brevitas test_commands_compile test_commands_files test_commands_opt test_commands_verify
    test_compared test_cpp test_csim test_digits test_ends test_explore test_faults test_frontend_given
    test_frontend_layers test_frontend_models test_frontend_operands test_frontend_quantizers test_hostile_names
    test_levels test_memory_top test_mixer test_mutations test_native test_onnx test_passes test_planes test_public
    test_quantization_error test_random_networks test_realtobinary test_resources test_rtl test_streams test_training
    test_units
    test_wide_networks test_xnor_dsp test_zoo_networks
    """.split()
)
"""Files that compile C++, draw many networks or run tools: `make fast` leaves them out."""

# a busy machine is no fault, and a test draws the same examples each time
settings.register_profile("blendir", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("blendir")

# workers of pytest-xdist would fight for the cores; PyTorch reads this when it is imported
os.environ["OMP_NUM_THREADS"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Marks the tests of slow files.
    """
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker("slow")


@pytest.fixture(scope="session", autouse=True)
def quick_compilation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """
    Designs see few frames here: to optimise the C++ takes longer than to run it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csim, "FLAGS", (*csim.FLAGS, "-O1"))
        patch.setattr(
            build, "FLAGS", (*build.FLAGS, "-O1", "-Wall", "-Werror", "-Wno-uninitialized", "-Wno-maybe-uninitialized")
        )
        patch.setenv("BLENDIR_CACHE", str(tmp_path_factory.mktemp("compiled")))
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
