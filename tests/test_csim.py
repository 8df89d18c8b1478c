"""
How a small design is built and run: with the flags of its scripts, by make, as a kernel, and by Csim.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hls_library.building import INCLUDE, ap_types
from modules import Net
from numpy.typing import NDArray
from xdsl.dialects.builtin import i1, i64

import blendir
from blendir.backends.hls.csim import Csim, CsimError, run_command
from blendir.dialects import blend


@pytest.fixture(scope="module")
def frames() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (8, 4, 4, 4), np.uint8)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> blendir.Build:
    """
    One binary convolution with a border, its XNORs in DSPs.
    """
    net = Net((4, 4, 4), blend.ui8)
    limit, invert = net.constant(np.full(4, 128), i64), net.constant(net.random_bits(4), i1)
    bits = net.add(blend.ThresholdOp(net.input, limit, invert))
    module = net.module(net.binary_conv(bits, net.random_bits(4, 4, 3, 3), pad=1))
    folder = tmp_path_factory.mktemp("csim") / "a design"
    return blendir.compile(module, folder, xnor="dsp")


@pytest.fixture(scope="module")
def tool() -> Path:
    """
    The folder with the types that are the tool's.
    """
    folder = ap_types()
    assert folder is not None, "needs the ap_types that hls4ml bundles: make setup"
    return folder


def done(command: Sequence[str | Path], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | environment
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environ, timeout=60)


def scripted(folder: Path) -> list[tuple[Path, str, list[str]]]:
    """
    Where each C++ source of run_hls.tcl is compiled, its path there, and the flags; blackboxes have their own.
    """
    script = (folder / "run_hls.tcl").read_text()
    (flags,) = re.findall(r'^set cflags "(.*)"$', script, re.MULTILINE)
    found = [(folder, source, flags.split()) for source in re.findall(r"(\S+\.cpp) -cflags \$cflags$", script, re.M)]
    for name in re.findall(r"-blackbox (\S+)", script):
        descriptor = json.loads((folder / name).read_text())
        found += [(folder / "rtl", item["c_file"], item["cflag"].split()) for item in descriptor["c_files"]]
    return found


def test_the_flags_of_the_scripts_build_a_test_bench_that_passes(
    build: blendir.Build, tool: Path, tmp_path: Path
) -> None:
    sources = scripted(build.path)
    assert [source for _, source, _ in sources] == ["src/top.cpp", "tb/tb.cpp", "xnor48x1.cpp"]
    objects: list[Path] = []
    for folder, source, flags in sources:
        objects.append(tmp_path / f"{Path(source).stem}.o")
        made = done(["g++", *flags, "-isystem", tool, "-c", source, "-o", objects[-1]], folder)
        assert made.returncode == 0, made.stderr[:2000]
    assert done(["g++", *objects, "-o", tmp_path / "csim"], tmp_path).returncode == 0
    assert done([tmp_path / "csim", build.path / "tb"], tmp_path).stdout.endswith("PASS\n")
    for name in ("input.bin", "golden.bin"):  # as tools copy them
        shutil.copy(build.path / "tb" / name, tmp_path)
    assert done([tmp_path / "csim"], tmp_path).stdout.endswith("PASS\n")


def test_both_scripts_have_the_same_flags(build: blendir.Build) -> None:
    written = re.findall(r"^(?:syn|tb)\.cflags=(.*)$", (build.path / "hls_config.cfg").read_text(), re.MULTILINE)
    assert [flags.split() for flags in written] == [flags for *_, flags in scripted(build.path)[:2]]


def test_make_csim_ap(build: blendir.Build, tool: Path, tmp_path: Path) -> None:
    """
    The bundled ap_int warns, and a folder may have a space in its name.
    """
    (tmp_path / "ap types").symlink_to(tool)
    folder = tmp_path / "a design"
    shutil.copytree(build.path, folder)
    made = done(
        ["make", "--no-print-directory", "csim-ap", f"AP_INCLUDE={tmp_path / 'ap types'}"], folder, CXXFLAGS="-O0"
    )
    assert made.stdout.endswith("PASS\n"), made.stderr[:2000]


def test_a_kernel_has_no_port_inside(build: blendir.Build, tool: Path, tmp_path: Path) -> None:
    """
    What calls the design has neither its interface pragmas nor the words of the tool's ports; the design has both.
    """
    (tmp_path / "ap_axi_sdata.h").write_text("#pragma once\ntemplate <int N, int, int, int> struct ap_axiu;\n")
    flags = ["-std=c++14", "-DBLENDIR_COSIM", "-Isrc", "-Irtl", "-isystem", tool, "-isystem", tmp_path]
    found: dict[str, tuple[bool, set[str]]] = {}
    for name in ("top", "top_memory"):
        text = done(["g++", *flags, "-E", f"src/{name}.cpp"], build.path).stdout
        kinds = re.findall(r"#pragma HLS interface (\w+) port=(\w+)", text)
        found[name] = "struct ap_axiu" in text, {f"{kind} {port}" for kind, port in kinds}
    control = {"s_axilite frames", "s_axilite return"}
    assert found["top"] == (True, control | {"axis in", "axis out"})
    assert found["top_memory"] == (False, control | {"m_axi frames_in", "m_axi results"})
    made = done(["g++", *flags, "-fsyntax-only", "src/top_memory.cpp"], build.path)
    assert made.returncode == 0, made.stderr[:2000]


def test_state_that_is_left_between_frames_is_seen(
    build: blendir.Build, frames: NDArray[np.uint8], tmp_path: Path
) -> None:
    """
    By default four frames are chained, so that all but the first of them are wrong; one by one, none is.
    """
    folder = tmp_path / "design"
    shutil.copytree(build.path, folder)
    window = folder / "src" / "blendir" / "window.hpp"
    text = window.read_text()
    assert text.count("top = -plan::PH;\n        }") == 1
    window.write_text(text.replace("top = -plan::PH;\n        }", "}"))
    csim = Csim(build.module, folder)
    want = blendir.run(build.module, frames)
    right = (csim(frames) == want).reshape(len(frames), -1).all(axis=1)
    assert right.tolist() == [True, False, False, False] * 2
    np.testing.assert_array_equal(np.concatenate([csim(frame[None]) for frame in frames]), want)
    refused = done([csim.binary, "tb/input.bin", tmp_path / "out.bin", "0"], folder)
    assert (refused.returncode, refused.stderr) == (2, "csim: batches should be of a frame or more\n")


def test_what_is_wrong_comes_before_where(tmp_path: Path) -> None:
    script = "printf 'In file included\\nfrom b\\nfrom c\\nx.h:1: error: no y\\n' >&2; exit 1"
    with pytest.raises(CsimError, match=r"^a test failed with status 1: x\.h:1: error: no y$"):
        run_command(["sh", "-c", script], tmp_path, "a test")


BIG = """
#include "blendir/stream.hpp"

int main() {
  blendir::dataflow region;
  region.add("big", [] {
    volatile char cells[48 << 20];
    for (int i = 0; i < (48 << 20); i += 4096) cells[i] = 1;
  });
  region.run();
}
"""


def test_processes_have_room_for_a_frame(tmp_path: Path) -> None:
    (tmp_path / "big.cpp").write_text(BIG)
    made = done(["g++", "-std=c++14", "-DBLENDIR_BOUNDED", f"-I{INCLUDE}", "big.cpp", "-o", "big"], tmp_path)
    assert made.returncode == 0, made.stderr[:2000]
    assert done([tmp_path / "big"], tmp_path).returncode == 0
