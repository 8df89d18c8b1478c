"""
Names of layers that nobody trusts stay names.
"""

import json
import re
import subprocess
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import refused, run
from hypothesis import given
from hypothesis import strategies as st
from modules import Net
from onnx_files import OnnxFile
from torch import nn
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import ParseError

import blendir
from blendir.backends.cpp import comment
from blendir.backends.names import identifier
from blendir.dialects import blend
from blendir.errors import printable
from blendir.frontend import UnsupportedModelError, from_onnx, from_torch
from blendir.modules import parse_module, read_module

TEXTS = st.text(st.characters() | st.sampled_from('\n\r\\?/*"<>\0\u2028'), max_size=20)
NETWORK = """builtin.module {{
  func.func @main(%x: tensor<1x4xf64>) -> tensor<1x4xf64> {{
    %y = "blend.relu"(%x) {{layer = "{name}"}} : (tensor<1x4xf64>) -> tensor<1x4xf64>
    func.return %y : tensor<1x4xf64>
  }}
}}
"""


@given(TEXTS)
def test_a_comment_is_one_line_of_ascii(text):
    line = comment(text)
    assert line.isascii()
    assert line.isprintable() or not line
    assert "\\" not in line
    assert "??" not in line


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="?\\")))
def test_plain_names_stay_as_they_are(text):
    assert comment(text) == text


def test_a_design_with_a_hostile_name_builds(tmp_path: Path):
    hostile = r"x\0A#error escaped\0A// */ \22 ??/"
    (tmp_path / "in.mlir").write_text(NETWORK.format(name=hostile))
    frames = np.random.default_rng(0).normal(size=(4, 4))
    build = blendir.compile(read_module(tmp_path / "in.mlir"), tmp_path / "out", calibration=frames)
    assert (build.csim(frames) == blendir.run(build.module, frames)).all()
    for header in ("params.h", "weights.h"):
        assert "\n#error" not in (tmp_path / "out" / "src" / header).read_text()
    flags = ["-std=c++17", "-trigraphs", "-Wall", "-Werror", "-fsyntax-only", "-I."]
    subprocess.run(["g++", *flags, "params.h"], cwd=tmp_path / "out" / "src", check=True)


@given(st.text(max_size=30))
def test_what_people_see_is_one_line(text: str):
    line = printable(text)
    assert line.isprintable() or not line
    assert len(line.splitlines()) <= 1
    assert all(letter in line for letter in text if letter.isprintable())


@given(TEXTS.filter(lambda text: not any(0xD800 <= ord(c) <= 0xDFFF for c in text)))
def test_a_name_survives_the_text_of_a_module(name: str):
    module = named(name)
    again = parse_module(str(module), "net.mlir")
    assert layer_of(again) == name
    assert str(again) == str(module)


@given(st.text(max_size=200))
def test_identifiers_are_short_and_plain(name: str):
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,101}", identifier(name))


def named(name: str) -> ModuleOp:
    net = Net((4,))
    return net.module(net.add(blend.ReluOp(net.input, layer=name)))


def layer_of(module: ModuleOp) -> str:
    (layer,) = [op.layer_name for op in module.walk() if isinstance(op, blend.ReluOp)]
    return layer


@pytest.mark.parametrize(
    ("escaped", "expected"),
    [(r"\C3\A9", "\u00e9"), ("\u00e9", "\u00e9"), (r"a\E2\80\AEx", "a\u202ex"), (r"\F0\9F\98\80", "\U0001f600")],
)
def test_escapes_of_mlir_are_utf8(escaped: str, expected: str):
    assert layer_of(parse_module(NETWORK.format(name=escaped), "net.mlir")) == expected


@pytest.mark.parametrize("rest", ["", "\\q" + "b" * 5_000 + '"', '\n"'])
def test_a_string_without_an_end_is_read_once(rest: str):
    """
    Reading it again from each of its characters would take longer than anybody waits.
    """
    start, _, _ = NETWORK.format(name="NAME").partition("NAME")
    with pytest.raises(ParseError, match="string literal"):
        parse_module(start + "a" * 5_000 + rest, "net.mlir")


HOSTILE = "</script><img src=x>\u202e\x1b[2J{{7*7}}$(id)`id`%n[/b]\n#error\\"


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A design of a network whose one layer has a name that means something in HTML, terminals, shells and C++.
    """
    folder = tmp_path_factory.mktemp("hostile")
    frames = np.random.default_rng(0).normal(size=(4, 4))
    np.save(folder / "x.npy", frames)
    blendir.compile(named(HOSTILE), folder / "out", calibration=frames)
    return folder


def test_only_data_files_hold_the_name(design: Path):
    """
    Sources, scripts and the page hold it spelled out; JSON and MLIR escape it.
    """
    for path in (design / "out").rglob("*"):
        if path.is_file() and path.suffix not in (".bin", ".mlir", ".json"):
            text = path.read_text()
            assert "\x1b" not in text, path
            assert "\u202e" not in text, path
            assert "\n#error\\" not in text, path
            assert path.suffix != ".html" or "<img" not in text, path
            if path.suffix not in (".h", ".cpp", ".html"):
                assert "img src" not in text, path
    layers = json.loads((design / "out" / "report.json").read_text())["layers"]
    assert HOSTILE in [row["layer"] for row in layers]
    for path in (design / "out" / "ir").iterdir():
        read_module(path)


def test_tools_show_it_spelled_out(design: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(design)
    found = run("verify", "out", "--data", "x.npy")
    assert found.exit_code == 0, found.output
    found = run("explore", "out/ir/folded.mlir", "-o", "points", "--calibrate", "x.npy", "--points", "1", "--jobs", "1")
    assert found.exit_code == 0, found.output
    assert "\x1b" not in found.output
    Path("bad.mlir").write_text(str(named(HOSTILE)).replace("-> tensor<1x4xf64> {", "-> tensor<1x5xf64> {"))
    refused(run("run", "bad.mlir", "--input", "x.npy"))


@pytest.mark.parametrize(
    "name",
    ["\u00e9", "\u6f22\u5b57", "a b", '"', "x??/", "[/b]", "z" * 3000, "class", "None", "a\nb", "back\\", "\0"],
)
def test_names_of_any_language_go_through(name: str):
    x = np.random.default_rng(0).normal(size=(4, 4))
    module = from_torch(Named(name).eval(), torch.zeros(1, 4))
    again = parse_module(str(module), "net.mlir")
    assert [op.layer_name for op in again.walk() if isinstance(op, blend.LinearOp)] == [f"d.{name}"]
    assert np.array_equal(blendir.run(again, x), blendir.run(module, x))


class Named(nn.Module):
    """
    One layer with a name.
    """

    def __init__(self, name: str):
        super().__init__()
        self.name = name
        self.d = nn.ModuleDict({name: nn.Linear(4, 4)})

    def forward(self, x):
        return self.d[self.name](x)


@pytest.mark.parametrize(
    "name", ["/class/for", "/\u00e9/\u6f22", "a\nb\\", "", "</script>", "forward", "../../x", "[/b]"]
)
def test_nodes_of_onnx_have_plain_names(name: str, tmp_path: Path):
    file = OnnxFile((1, 4))
    path = file.save(tmp_path / "n.onnx", file.add("Relu", "input", name=name))
    assert re.fullmatch(r"[\w.]+", layer_of(from_onnx(path)), re.ASCII)


def test_unsupported_layers_are_one_line_each():
    error = UnsupportedModelError([("a\n\x1bb", "aten.nope")], {})
    assert str(error).splitlines()[1] == "  a<U+000A><U+001B>b: aten.nope"


@pytest.mark.parametrize("name", ["é", "名前", "_1", "_"])
def test_modules_of_any_name_import(name: str):
    model = nn.Sequential(OrderedDict({name: nn.Conv2d(2, 2, 1)})).eval()
    module = parse_module(str(from_torch(model, torch.zeros(1, 2, 3, 3))), "net.mlir")
    assert [o.layer_name for o in module.walk() if isinstance(o, blend.Conv2dOp)] == [name]
