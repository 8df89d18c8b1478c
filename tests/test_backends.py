"""
A backend is a folder and an entry in the registry: every command and function reaches it.
"""

import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import SHAPE, contents, refused, run, shell
from toy import ToyTarget
from xdsl.dialects.builtin import ModuleOp

import blendir
from blendir.backends import BACKENDS, backend, get_all_targets
from blendir.backends.folder import check_destination
from blendir.modules import read_module
from blendir.passes.stage import STAGES, stage_of
from blendir.tools.translate import translate

TESTS = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
PACKAGE = Path(blendir.__file__).parent
TOOL = "import toy; toy.register(); from blendir.tools.{} import main; main()"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The registry with one more backend.
    """
    monkeypatch.setitem(BACKENDS, "toy", lambda: ToyTarget)


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (8, 3, 6, 6), np.uint8)


@pytest.fixture
def net(made: Path) -> ModuleOp:
    return read_module(made / "net.mlir")


def test_a_program_of_another_backend(toy: None, net: ModuleOp, x: np.ndarray, tmp_path: Path) -> None:
    build = blendir.compile(net, tmp_path / "d", calibration=x, backend="toy")
    assert stage_of(build.module) == "packed"
    assert {p.name for p in (tmp_path / "d").iterdir()} == {"ir", "report.json", "toy"}
    assert {p.stem for p in (tmp_path / "d" / "ir").iterdir()} == set(STAGES[:-1])
    report = json.loads((tmp_path / "d" / "report.json").read_text())
    assert report == build.report
    assert (report["generator"], report["backend"]) == ("blendir", "toy")
    assert report["quantization"]
    assert (build.csim(x) == blendir.run(build.module, x)).all()
    assert (tmp_path / "d" / "toy" / "frames.bin").read_bytes() == x.tobytes()


def test_it_is_verified_and_evaluated(toy: None, net: ModuleOp, x: np.ndarray, tmp_path: Path) -> None:
    blendir.compile(net, tmp_path / "d", calibration=x, backend="toy")
    found = blendir.verify(tmp_path / "d", x)
    assert list(found.comparisons) == ["packed", "native", "toy"]
    assert (found.images, found.mismatches) == (8, 0)
    assert all(c.numbers > 1000 for c in found.comparisons.values())
    scores = blendir.run(read_module(tmp_path / "d" / "ir" / "fixed.mlir"), x)
    accuracy = blendir.evaluate(tmp_path / "d", x, scores.argmax(axis=1), engine="csim")
    assert (accuracy.accuracy, accuracy.images, accuracy.stage) == (1.0, 8, "toy")
    text = (tmp_path / "d" / "toy" / "main.mlir").read_text()
    limits = re.search(r'blend.constant dense<"0x(\w)', text)
    assert limits is not None
    flipped = text[: limits.start(1)] + f"{int(limits[1], 16) ^ 1:x}" + text[limits.end(1) :]
    (tmp_path / "d" / "toy" / "main.mlir").write_text(flipped)
    assert blendir.verify(tmp_path / "d", x).mismatches > 0


def test_folders_of_backends_take_each_others_place(toy: None, net: ModuleOp, x: np.ndarray, tmp_path: Path) -> None:
    for name in ("toy", "hls", "toy"):
        blendir.compile(net, tmp_path / "d", calibration=x, backend=name)
        assert (tmp_path / "d" / "src").exists() == (name == "hls")
    (tmp_path / "d" / "src").mkdir()
    with pytest.raises(ValueError, match="also holds src, which blendir did not make"):
        check_destination(tmp_path / "d")


def test_a_program_takes_no_rate(toy: None, net: ModuleOp, x: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^the backend toy makes no hardware: it takes no rate, no bounds and no pre"):
        blendir.compile(net, tmp_path / "d", calibration=x, backend="toy", fps=9)
    late = blendir.lower(net, "stream", x)
    with pytest.raises(ValueError, match=r"^the module is at \[stream\], which is past \[packed\]$"):
        blendir.compile(late, tmp_path / "d", backend="toy")


def test_commands_reach_it(here: Path) -> None:
    def command(name: str, *arguments: str) -> str:
        return shell(sys.executable, "-c", TOOL.format(name), *arguments, env=os.environ | {"PYTHONPATH": TESTS}).stdout

    command("cli", "compile", "net.mlir", "-o", "a", "--backend", "toy", "--calibrate", "x.npy", "-q")
    command("translate", "net.mlir", "-o", "b", "--to-toy", "--calibrate", "x.npy", "-q")
    assert contents(here / "a") == contents(here / "b")
    assert "toy/main.mlir" in contents(here / "a")
    assert json.loads(command("cli", "verify", "a", "--data", "x.npy", "--json"))["mismatches"] == 0
    found = json.loads(command("cli", "evaluate", "a", "--data", "labelled.npz", "--record", "--json"))
    assert found["stage"] == "toy"
    assert json.loads((here / "a" / "report.json").read_text())["how"]["accuracy"].startswith("measured: the compiled")
    assert "--to-toy" in command("translate", "--help")


def test_an_unknown_backend_is_a_line(here: Path, net: ModuleOp, tmp_path: Path) -> None:
    message = r"^unknown backend verilog; the backends are hls, cpu, systemverilog$"
    with pytest.raises(ValueError, match=message):
        blendir.compile(net, tmp_path / "d", backend="verilog")
    with pytest.raises(ValueError, match=message):
        backend("verilog")
    refused(run("compile", "tinynet:make", *SHAPE, "-o", "d", "--backend", "verilog"), "verilog", "hls")
    refused(run("net.mlir", "-o", "d", command=translate), "say what to translate to: --to-hls")


def test_xdsl_sees_the_same_targets(toy: None) -> None:
    assert {name: made().name for name, made in get_all_targets().items()} == {
        f"blendir-{name}": f"blendir-{name}" for name in BACKENDS
    }


def test_only_the_registry_names_a_backend() -> None:
    named = {
        (str(path.relative_to(PACKAGE)), match)
        for path in PACKAGE.rglob("*.py")
        if PACKAGE / "backends" / "hls" not in path.parents
        for match in re.findall(r"blendir\.backends\.(hls\.?\w*)", path.read_text())
    }
    assert named == {("backends/__init__.py", "hls.target")}
