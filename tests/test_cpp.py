"""
One design with every kind of process: its C++ under all types and optimizations, and its folder.
"""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from layers import GlobalMean, Sign, float64
from torch import Tensor, nn

import blendir
from blendir.backends.hls import print_cpp, project
from blendir.backends.hls.csim import Csim
from blendir.backends.hls.pragmas import check_pragma
from blendir.dialects import stream
from blendir.hardware.processes import process_of
from blendir.hardware.timing import simulate
from blendir.pipeline import InternalError

NAMES = {op.name for op in stream.Stream.operations}
OPTIONS = {"xnor": "auto", "quantize_bits": 8}  # ap_int compiles tables of more bits slowly
STRICT = ("-std=c++14", "-pedantic", "-Wall", "-Wno-unknown-pragmas", "-Werror")
PRAGMA = re.compile(r"^\s*(#pragma\s+HLS\s.+)$", re.MULTILINE)


class Binary(nn.Conv2d):
    """
    A convolution of signs, with weights +-1.
    """

    def forward(self, input: Tensor) -> Tensor:
        bits = torch.where(input >= 0, 1.0, -1.0)
        return F.conv2d(bits, torch.sign(self.weight), None, self.stride, self.padding)


class BinaryWeights(nn.Conv2d):
    """
    A convolution of anything, with weights +-1.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, torch.sign(self.weight), None, self.stride, self.padding)


class Levels(nn.Module):
    """
    An activation of four levels.
    """

    def forward(self, x: Tensor) -> Tensor:
        return torch.round(x.clamp(0, 3))


class Representative(nn.Module):
    """
    A stem, a residual, a downsampling, a mixing and a concatenating block, pools of everything, a gate, three heads
    and their class.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.Hardtanh(-2, 2))
        self.main = nn.Sequential(Binary(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.PReLU(16))
        self.norm = nn.BatchNorm2d(16, affine=False)
        self.down = nn.Sequential(Binary(16, 50, 3, 2, 1), nn.BatchNorm2d(50))
        self.skip = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(16, 50, 1), nn.BatchNorm2d(50))
        self.mix = nn.Linear(16, 16)
        self.left = nn.Sequential(nn.BatchNorm2d(50), Sign(), nn.MaxPool2d(3, 2, 1))
        self.right = nn.Sequential(nn.MaxPool2d(3, 2, 1), Sign(strict=True))
        self.last = Binary(100, 20, 1)
        self.gate = nn.Sequential(GlobalMean(), nn.Linear(20, 20), nn.Sigmoid())
        self.mean = nn.Sequential(GlobalMean(), nn.Linear(20, 5))
        self.bits = nn.Sequential(nn.Flatten(), Sign(), nn.Linear(80, 5))
        self.levels = nn.Sequential(nn.BatchNorm2d(20), Levels(), BinaryWeights(20, 20, 3, padding=1))
        self.reals = nn.Sequential(nn.Flatten(), nn.LayerNorm(80), nn.Linear(80, 10))
        self.each = nn.Conv2d(20, 20, 3, padding=1, groups=20)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem((x.to(torch.get_default_dtype()) - 128) / 64)
        x = self.norm(self.main(x) + x)
        x = self.down(x) + self.skip(x)
        x = x + self.mix(x.flatten(2)).reshape(x.shape)
        x = self.last(torch.cat([self.left(x), self.right(x)], 1))
        x = (self.each(x) + x.flip(1)) * self.gate(x[:, :, 1:])[:, :, None, None]
        y = torch.cat([self.mean(x), self.bits(x)], 1) + self.reals(self.levels(x))
        return torch.cat([y, y.argmax(1, keepdim=True).to(y.dtype)], 1)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (8, 3, 8, 8), np.uint8)


@pytest.fixture(scope="module")
def model(frames: np.ndarray) -> nn.Module:
    """
    With statistics of the frames, so that every channel decides something.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        model = Representative().train()
    with float64(model), torch.no_grad():
        for _ in range(40):
            model(torch.from_numpy(frames))
    return model.eval()


@pytest.fixture(scope="module")
def build(model: nn.Module, frames: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> blendir.Build:
    folder = tmp_path_factory.mktemp("cpp") / "design"
    return blendir.compile(model, folder, example=frames[:1], calibration=frames, **OPTIONS)


@pytest.fixture(scope="module")
def ap_types() -> Path:
    """
    The folder with ap_int.h.
    """
    spec = importlib.util.find_spec("hls4ml")
    if spec is None or spec.origin is None:
        pytest.fail("hls4ml, which carries ap_int.h, is not installed: make setup")
    return Path(spec.origin).parent / "templates" / "vivado" / "ap_types"


def compiled(folder: Path, binary: Path, flags: Sequence[str], main: Path | None = None) -> Path:
    """
    A program of a design with its test bench, or with another main.
    """
    sources = [str(main or "tb/tb.cpp"), "src/top.cpp", *(f"rtl/{p.name}" for p in folder.glob("rtl/*.cpp"))]
    command = ["g++", *STRICT, *flags, "-Isrc", "-Irtl", *sources, "-o", str(binary)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return binary


def output_hash(folder: Path, binary: Path) -> str:
    """
    What the test bench prints of its outputs; they equal the interpreter's.
    """
    done = subprocess.run([str(binary)], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.fullmatch(r"csim: 8 images, output hash ([0-9a-f]{16}), PASS\n", done.stdout)
    assert found is not None, done.stdout
    return found[1]


def test_design_is_representative(build: blendir.Build) -> None:
    """
    Every kind of process occurs, and the outputs depend on the input.
    """
    kinds = {row["process"] for row in build.report["layers"]}
    assert kinds == {name.removeprefix("stream.") for name in NAMES}
    outputs = blendir.run(build.module, np.random.default_rng(1).integers(0, 256, (32, 3, 8, 8), np.uint8))
    assert len(np.unique(outputs, axis=0)) == 32


def test_reasons_of_cycles_multiply_to_them(build: blendir.Build) -> None:
    for op, cycles in simulate(build.module).cycles.items():
        reason = re.sub(r"\(.*?\)|,", "", process_of(op).why)
        products = [np.prod([int(n) for n in re.findall(r"\d+", term)]) for term in reason.split("+")]
        assert sum(products) == cycles, reason


def test_types_and_optimizations_give_the_same_bits(build: blendir.Build, ap_types: Path, tmp_path: Path) -> None:
    # the default constructor of the bundled ap_int masks its own uninitialized value
    ap = ["-DBLENDIR_AP", "-isystem", str(ap_types), "-Wno-uninitialized", "-Wno-maybe-uninitialized"]
    variants = {
        "native-O0": ["-O0"],
        "poison-O2": ["-O2", "-DBLENDIR_POISON"],
        "ap-O0": ["-O0", *ap],
    }
    hashes = {
        name: output_hash(build.path, compiled(build.path, tmp_path / name, flags)) for name, flags in variants.items()
    }
    assert len(set(hashes.values())) == 1, hashes


def test_hash_depends_on_the_weights(build: blendir.Build, tmp_path: Path) -> None:
    """
    A wrong weight fails the test bench.
    """
    folder = tmp_path / "design"
    shutil.copytree(build.path, folder)
    weights = folder / "src" / "weights.h"
    head, mark, tail = weights.read_text().partition("// main.0.conv\n")
    word = tail.index("0x") + 2
    weights.write_text(head + mark + tail[:word] + f"{int(tail[word], 16) ^ 1:x}" + tail[word + 1 :])
    binary = compiled(folder, tmp_path / "csim", ["-O1"])
    done = subprocess.run([str(binary)], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.endswith("FAIL\n")


MAIN = """
#include "top.h"

int main(int argc, char**) {
  blendir::stream<input_word> in("in");
  blendir::stream<output_word> out("out");
  for (int i = 0; i < INPUT_WORDS; ++i) in.write(input_word());
  top(in, out, argc > 1 ? 2 : 1);
  return 0;
}
"""


def test_reading_an_empty_stream_fails(build: blendir.Build, tmp_path: Path) -> None:
    """
    One frame is written; asking for two starves the design.
    """
    main = tmp_path / "main.cpp"
    main.write_text(MAIN)
    binary = str(compiled(build.path, tmp_path / "starve", ["-O1"], main))
    assert subprocess.run([binary], check=False).returncode == 0
    starved = subprocess.run([binary, "more"], capture_output=True, text=True, check=False)
    assert starved.returncode == 3
    assert "empty" in starved.stderr


def test_make_csim_passes(build: blendir.Build, tmp_path: Path) -> None:
    folder = tmp_path / "design"
    shutil.copytree(build.path, folder, ignore=shutil.ignore_patterns("build"))
    done = subprocess.run(["make", "-C", str(folder), "csim"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"csim: 8 images, output hash [0-9a-f]{16}, PASS\n", done.stdout)


def test_every_pragma_passes_the_grammar(build: blendir.Build) -> None:
    sources = [p for p in build.path.rglob("*") if p.suffix in (".cpp", ".h", ".hpp")]
    found = [text for p in sources for text in PRAGMA.findall(p.read_text())]
    assert len(found) > 100
    for text in found:
        check_pragma(text)


def test_bad_pragma_is_never_written(
    model: nn.Module, frames: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bad(name: str, depth: int, storage: str) -> list[str]:
        return [f"#pragma HLS stream variable={name} depht={depth}"]

    monkeypatch.setattr(print_cpp, "stream_pragmas", bad)
    with pytest.raises(InternalError, match=r"top\.cpp.*depht"):
        blendir.compile(model, tmp_path / "design", example=frames[:1], calibration=frames)
    assert not any(tmp_path.iterdir())


def test_bad_pragma_in_the_library_is_never_written(
    model: nn.Module, frames: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = project.library_files()
    library["blendir/pool.hpp"] = library["blendir/pool.hpp"].replace("#pragma HLS pipeline", "#pragma HLS pipline", 1)
    monkeypatch.setattr(project, "library_files", lambda: library)
    with pytest.raises(InternalError, match=r"pool\.hpp.*pipline"):
        blendir.compile(model, tmp_path / "design", example=frames[:1], calibration=frames)
    assert not any(tmp_path.iterdir())


def test_two_compiles_write_the_same_bytes(
    build: blendir.Build, model: nn.Module, frames: np.ndarray, tmp_path: Path
) -> None:
    other = blendir.compile(model, tmp_path / "other", example=frames[:1], calibration=frames, **OPTIONS)

    def contents(folder: Path) -> dict[str, bytes]:
        paths = [p for p in folder.rglob("*") if p.is_file() and p.relative_to(folder).parts[0] != "build"]
        return {str(p.relative_to(folder)): p.read_bytes() for p in paths}

    first, second = contents(build.path), contents(other.path)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert not any(str(tmp_path).encode() in content for content in second.values())


def test_trace_files_hold_every_beat(build: blendir.Build, frames: np.ndarray, tmp_path: Path) -> None:
    csim = Csim(build.module, build.path, tmp_path)
    y = csim(frames)
    np.testing.assert_array_equal(y, blendir.run(build.module, frames))
    for value, name in csim.design.streams.items():
        kind = stream.stream_type(value)
        beats = len(frames) * kind.positions * kind.beats
        assert (tmp_path / f"{name}.bin").stat().st_size == beats * -(-kind.payload // 8), name


def test_csim_is_what_run_computes(build: blendir.Build, frames: np.ndarray) -> None:
    np.testing.assert_array_equal(build.csim(frames), blendir.run(build.module, frames))
    assert build.csim(frames[:0]).shape == (0, 11)
