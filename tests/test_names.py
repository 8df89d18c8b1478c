"""
Layers whose names are those of something else in the C++: of other layers' tables and structs, of macros, of locals.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from modules import Net, scheduled
from xdsl.dialects.builtin import ModuleOp, StringAttr, i1, i64

import blendir
from blendir.backends.hls.cpp_names import CppDesign
from blendir.backends.hls.print_cpp import bounded_text, source_files
from blendir.dialects import blend

INCLUDE = Path(__file__).parents[1] / "blendir" / "backends" / "hls" / "include"
NAMES = [  # thresholds and convolutions in turns: who comes first keeps its name
    *(("sign", "sign"), ("conv", "conv"), ("conv.weights", "conv_weights_2"), ("sign.cfg", "sign_cfg_2")),
    *(("sum.cfg", "sum_cfg"), ("sum", "sum_2"), ("size", "size"), ("last.invert", "last_invert")),
    *(("last", "last_2"), ("time", "time"), ("again", "again"), ("again", "again_2")),
]
ALONE = "region NULL EOF NAN INFINITY stdin stdout stderr errno assert binary_mvu_dsp input".split()


def chain(layers: list[str]) -> ModuleOp:
    """
    Thresholds and convolutions of bits in turns, of these layers.
    """
    net = Net((2, 2, 2), blend.ui8)
    x = net.input
    for index, layer in enumerate(layers):
        if index % 2:
            op = blend.BinaryConv2dOp(x, net.constant(net.random_bits(2, 2, 1, 1), i1), (1, 1), (0, 0))
        else:
            limit = net.constant(np.array([0, 1] if index else [100, 200]), i64)
            op = blend.ThresholdOp(x, limit, net.constant(net.random_bits(2), i1))
        op.layer = StringAttr(layer)
        x = net.add(op)
    return net.module(x)


@pytest.fixture(scope="module")
def design() -> CppDesign:
    layers = [layer for layer, _ in NAMES] + ALONE
    return CppDesign(scheduled(blendir.lower(chain(layers), "stream")))


def test_first_come_first_served(design: CppDesign) -> None:
    found = [design.names.processes[op] for op in design.processes[1:-1]]
    assert found[: len(NAMES)] == [name for _, name in NAMES]
    assert len(found) == len(NAMES) + len(ALONE) == len(set(found))


@pytest.mark.parametrize("flags", [[], ["-DBLENDIR_BOUNDED"]])
def test_the_cpp_compiles(design: CppDesign, tmp_path: Path, flags: list[str]) -> None:
    for name, text in source_files(design).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "bounded.cpp").write_text(bounded_text(design))
    source = tmp_path / ("bounded.cpp" if flags else "top.cpp")
    flags = ["-std=c++14", "-Wall", "-Wno-unknown-pragmas", "-Werror", "-include", "cassert", *flags, f"-I{INCLUDE}"]
    command = ["g++", "-fsyntax-only", *flags, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:2000]
