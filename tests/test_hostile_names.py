"""
Names of layers that nobody trusts stay names.
"""

import subprocess
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import blendir
from blendir.backends.hls.names import comment
from blendir.tools.inputs import read_module

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
