"""
Every kind of bad input in one line, with the right exit code.
"""

from pathlib import Path
from typing import cast
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from commands import SHAPE, contents, copied_design, refused, run
from safetensors.torch import save_file

from blendir.tools.translate import translate


def test_bad_data_sets(here: Path):
    def check(path: str, *words: str) -> None:
        refused(run("evaluate", "net.mlir", "--data", path), path, *words)

    check("nowhere", "no such file")
    np.savez("odd.npz", x=np.zeros((3, 3, 6, 6)), y=np.zeros(4, int))
    check("odd.npz", "should be 4 frames")
    np.savez("big.npz", x=np.load("x.npy"), y=np.full(20, 9))
    check("big.npz", "labels 9..9")
    np.savez("shape.npz", x=np.zeros((2, 3, 5, 5)), y=np.zeros(2, int))
    check("shape.npz", "[2, 3, 5, 5]")
    for kind in ("keys", "memory", "overflow", "type"):
        with ZipFile("header.npz", "w") as archive:
            archive.writestr("x.npy", b"")
            archive.writestr("y.npy", cast(bytes, BAD_ARRAYS[kind]))
        check("header.npz", "y is damaged or no array of numbers")
    for change in (0.5, 200.0, -1.0):
        np.savez("floats.npz", x=np.load("x.npy") + change, y=np.zeros(20, int))
        refused(run("evaluate", "tinynet:pair", "--data", "floats.npz"), "pair takes pixels: integers in 0..255")


def test_bad_models(here: Path):
    refused(run("import", "bogus"), "no model bogus", "blendnet20", "package.module:factory")
    refused(run("import", "tinynet:make"), "--input", "--example")
    refused(run("import", "nosuch:make"), "cannot import nosuch:make")
    refused(run("import", "tinynet:other"), "cannot import tinynet:other")
    refused(run("import", "tinynet:fails"), "RuntimeError: no luck today")
    refused(run("import", "tinynet:number"), "nn.Module", "got int")
    refused(run("import", "tinynet:model", "--input", "3x6"), "shape")
    for shape in ("3x-6", "", "0x3", "3x6x6:int4", "axb"):
        refused(run("import", "tinynet:model", "--input", shape), "--input should look like")
    refused(run("import", "tinynet:model", "--example", "x.npy", *SHAPE), "either --example or --input")
    refused(run("compile", "net.mlir", "-o", "d", *SHAPE), "belong to a MODEL")
    for source, options in (("net.mlir", SHAPE), ("design", ["--weights", "w.safetensors"])):
        refused(run("evaluate", source, "--data", "labelled.npz", *options), f"belong to a MODEL, and {source} is none")


def test_bad_weights(here: Path):
    torch.save({"a": torch.zeros(1)}, "w.pt")
    refused(run("import", "blendnet8", "--weights", "w.pt"), "w.pt: lacks")
    torch.save({"a": Path("w.pt")}, "w.pt")
    refused(run("import", "blendnet8", "--weights", "w.pt"), "w.pt: holds more than tensors")
    refused(run("import", "blendnet8", "--weights", "none.safetensors"), "none.safetensors")
    save_file({"a": torch.zeros(1)}, "w.safetensors")
    refused(run("import", "blendnet8", "--weights", "w.safetensors"), "w.safetensors", "lacks")
    Path("w.safetensors").write_bytes(Path("w.safetensors").read_bytes()[:20])
    refused(run("import", "blendnet8", "--weights", "w.safetensors"), "truncated")


def headed(header: bytes) -> bytes:
    """
    An .npy file with this header.
    """
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(16)


BAD_ARRAYS = {
    "zip": b"PK\x03\x04 and no more",
    "overflow": headed(b"{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000000000000000000, 2), }\n"),
    "bracket": headed(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2L, }\n"),
    "type": headed(b"{'descr': ('<f4',), 'fortran_order': False, 'shape': (2, 2), }\n"),
    "keys": headed(b"{b'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n"),
    "memory": headed(b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 3, 6, 6), }\n"),
    "missing": None,
    "empty": b"",
    "text": b"these are no numbers",
    "cut": "cut",
    "object": np.array([[None]]),
    "none": np.zeros((0, 3, 6, 6)),
    "scalar": np.float64(3),
    "shape": np.zeros((2, 3, 5, 5)),
    "nan": np.full((2, 3, 6, 6), np.nan),
    "range": np.full((2, 3, 6, 6), 256),
    "complex": np.zeros((2, 3, 6, 6), complex),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_bad_arrays(here: Path, name: str):
    content = BAD_ARRAYS[name]
    if name == "cut":
        content = Path("x.npy").read_bytes()[:300]
    if isinstance(content, bytes):
        Path("bad.npy").write_bytes(content)
    elif content is not None:
        np.save("bad.npy", content, allow_pickle=True)
    refused(run("run", "net.mlir", "--input", "bad.npy", "-o", "y.npy"), "bad.npy: ")
    refused(run("verify", "design", "--data", "bad.npy"), "bad.npy: ")
    refused(run("compile", "net.mlir", "-o", "new", "--calibrate", "bad.npy"), "bad.npy: ")
    assert not Path("new").exists()
    assert not Path("y.npy").exists()
    assert not [p for p in here.iterdir() if p.name.startswith(".")]


BAD_MODULES = {
    "missing": (None, "No such file"),
    "binary": (b"\x93NUMPY\xff\xfe", "not text"),
    "syntax": (b"func.func @main(", ":1:17: "),
    "op": (b'"blend.nope"() : () -> ()', "Operation blend.nope is not registered"),
    "empty": (b" ", "no module"),
    "verify": (
        b"func.func @main(%x: tensor<1x3xf64>) -> tensor<1x4xf64> {\n func.return %x : tensor<1x3xf64>\n}",
        "func.return: Expected arguments",
    ),
    "layer": (
        b'func.func @main(%x: tensor<1x3xf64>) -> tensor<1x4xf64> {\n %y = "blend.relu"(%x) {layer = "a.b"} : '
        b"(tensor<1x3xf64>) -> tensor<1x4xf64>\n func.return %y : tensor<1x4xf64>\n}",
        "blend.relu (a.b): ",
    ),
    "two": (
        b"func.func @main(%x: tensor<1xf64>, %y: tensor<1xf64>) -> tensor<1xf64> {\n func.return %x : tensor<1xf64>\n}",
        "one tensor input",
    ),
    "no frame": (
        b"func.func @main(%x: tensor<0x3xf64>) -> tensor<0x3xf64> {\n func.return %x : tensor<0x3xf64>\n}",
        "tensors of known sizes from 1 on, got tensor<0x3xf64>",
    ),
    "unknown size": (
        b"func.func @main(%x: tensor<1x?xf64>) -> tensor<1x?xf64> {\n func.return %x : tensor<1x?xf64>\n}",
        "tensors of known sizes from 1 on",
    ),
}


@pytest.mark.parametrize("name", BAD_MODULES)
def test_bad_modules(here: Path, name: str):
    content, message = BAD_MODULES[name]
    if content is not None:
        Path("bad.mlir").write_bytes(content)
    refused(run("run", "bad.mlir", "--input", "x.npy"), message)
    refused(run("compile", "bad.mlir", "-o", "new"), message)
    refused(run("--to-hls", "bad.mlir", "-o", "new", command=translate), message)
    assert not Path("new").exists()


def test_bad_options(here: Path):
    def check(*arguments: str, words: tuple[str, ...]) -> None:
        refused(run("compile", "net.mlir", "-o", "new", "-q", "--calibrate", "x.npy", *arguments), *words)
        assert not Path("new").exists()

    check("--target", "xc7", words=("unknown target xc7", "xcvu9p"))
    check("--xnor", "bram", words=("bram", "lut"))
    for bad in ("0", "-1", "nan", "inf", "fast"):
        check("--clock-mhz", bad, words=("--clock-mhz", bad))
        check("--fps", bad, words=("--fps", bad))
    check("--clock-mhz", "1e9", words=("a clock of 1e+09 MHz is impossible on xcvu9p-", "1 to 891 MHz, by default 340"))
    check("--clock-mhz", "1e-9", words=("1e-09", "1 to 891 MHz"))
    check("--clock-mhz", "700", "--target", "xc7z020", words=("700 MHz", "1 to 628 MHz, by default 100"))
    check("--fps", "1e15", words=("frames per second",))
    check("--option", "bits", words=("quantize.bits=12",))
    check("--option", "quantize.nope=1", words=("quantize.nope",))
    check("--option", "quantize.bits=many", words=("many",))
    check("--option", "quantize.bits=99", words=("99",))
    check("--option", "fold-bn.residual=upward", words=("upward",))
    refused(run("compile", "net.mlir"), "--output", "blendir compile --help")
    refused(run("frobnicate"), "frobnicate")
    refused(run(), "Missing command")
    refused(run("--bogus"), "--bogus")
    refused(run("net.mlir", "-o", "d", command=translate), "--to-hls")


def test_late_calibration_and_options(here: Path):
    fixed = "design/ir/fixed.mlir"
    refused(run("compile", fixed, "-o", "new", "--calibrate", "x.npy"), "calibration comes too late")
    refused(run("compile", fixed, "-o", "new", "--option", "quantize.bits=8"), "too late")
    refused(run("compile", "design/ir/stream.mlir", "-o", "new", "--fps", "9"), "already scheduled")
    assert not Path("new").exists()


def test_foreign_folders_are_untouched(here: Path):
    Path("mine").mkdir()
    Path("mine/thesis.tex").write_text("years of work")
    refused(run("compile", "net.mlir", "-o", "mine"), "mine holds something else")
    refused(run("compile", "unknown:model", "-o", "mine"), "mine holds something else")
    refused(run("verify", "mine", "--data", "x.npy"), "not a design folder")
    refused(run("evaluate", "mine", "--data", "labelled.npz"), "not a design folder")
    refused(run("verify", "nowhere", "--data", "x.npy"), "not a design folder")
    folder = copied_design(here, "copy")
    (folder / "notes.txt").write_text("mine")
    before = contents(folder)
    refused(run("compile", "net.mlir", "-o", "copy"), "notes.txt")
    refused(run("compile", "net.mlir", "-o", "x.npy"), "x.npy is not a folder")
    assert contents(folder) == before
    assert [p.name for p in Path("mine").iterdir()] == ["thesis.tex"]
    refused(run("run", "net.mlir", "--input", "x.npy", "-o", "no/such/y.npy"), "no/such/y.npy")


def test_missing_compiler(here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    refused(run("verify", "design", "--data", "x.npy"), "g++")
    refused(run("evaluate", "design", "--data", "labelled.npz"), "g++")
