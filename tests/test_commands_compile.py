"""
`import`, `run`, `compile` and translation: every option.
"""

import json
import warnings
from pathlib import Path
from socket import gethostname
from tempfile import gettempdir

import numpy as np
import pytest
from commands import SHAPE, contents, run, shell, tool
from safetensors.torch import save_file

import blendir
from blendir.models import zoo
from blendir.modules import read_module
from blendir.tools.inputs import load_model
from blendir.tools.terminal import warnings_in_one_line
from blendir.tools.translate import translate


def test_import_prints_ir_and_only_ir(here: Path):
    result = run("import", "tinynet:chatty", *SHAPE)
    assert result.exit_code == 0
    assert result.stdout == (here / "net.mlir").read_text()
    assert "those that tinynet:chatty makes" in result.stderr
    assert "hello from the factory" in result.stderr


def test_ways_to_give_an_example(here: Path):
    expected = (here / "net.mlir").read_text()
    for arguments in (["tinynet:pair"], ["tinynet:make", "--example", "x.npy"], ["tinynet:model", *SHAPE]):
        result = run("import", "-q", *arguments)
        assert result.stdout == expected, result.stderr
    floats = run("import", "-q", "tinynet:make", "--input", "3x6x6").stdout
    assert "%x: tensor<1x3x6x6xf64>" in floats


def test_import_json(here: Path):
    found = json.loads(run("import", "tinynet:pair", "--json").stdout)
    assert found["stage"] == "imported"
    assert found["module"] == (here / "net.mlir").read_text()
    assert found["input"] == "tensor<1x3x6x6xui8>"
    found = json.loads(run("import", "tinynet:pair", "--json", "-o", "other.mlir").stdout)
    assert found["file"] == "other.mlir"
    assert "module" not in found


def test_zoo_says_where_weights_come_from(here: Path):
    result = run("import", "blendnet8", "-o", "a.mlir")
    assert "random, seed 0" in result.stderr
    save_file(zoo.load("blendnet8", 5).state_dict(), "w.safetensors")
    result = run("import", "blendnet8", "--weights", "w.safetensors", "-o", "b.mlir")
    assert "weights: w.safetensors" in result.stderr
    assert Path("a.mlir").read_bytes() != Path("b.mlir").read_bytes()
    assert load_model("blendnet20", None, None).weights == "the checkpoint that ships with blendir"


def test_run_on_every_stage(here: Path):
    x = np.load("x.npy")
    for stage in ("imported", "folded", "fixed", "packed", "stream"):
        result = run("run", f"design/ir/{stage}.mlir", "--input", "x.npy", "-o", f"{stage}.npy")
        assert result.exit_code == 0
        assert result.stdout == ""
        expected = blendir.run(read_module(here / f"design/ir/{stage}.mlir"), x)
        assert np.array_equal(np.load(f"{stage}.npy"), expected)
    found = json.loads(run("run", "net.mlir", "--input", "x.npy", "--json").stdout)
    assert found["shape"] == [20, 4]
    assert np.array_equal(found["output"], np.load("imported.npy"))
    assert run("run", "net.mlir", "--input", "x.npy").stdout.count("[") == 21


def test_compile_of_a_model_is_import_and_compile(here: Path):
    result = run("compile", "tinynet:make", "-o", "other", "--calibrate", "x.npy")
    assert result.exit_code == 0
    assert "frames/s at 340 MHz on xcvu9p" in result.stdout
    assert contents(here / "other") == contents(here / "design")


def test_same_input_same_bytes_and_no_trace_of_the_machine(here: Path):
    before = contents(here / "design")
    assert run("compile", "net.mlir", "-o", "sub/again", "--calibrate", "x.npy").exit_code == 0
    assert run("compile", "net.mlir", "-o", "sub/again", "--calibrate", "x.npy").exit_code == 0
    assert contents(here / "sub/again") == before
    words = (str(here), f"{Path.home()}/", str(Path(blendir.__file__).parent), gettempdir(), gethostname())
    for name, data in before.items():
        assert not [word for word in words if word.encode() in data], name


def test_options_reach_the_design(here: Path):
    arguments = [
        "--target",
        "xczu7ev",
        "--clock-mhz",
        "200",
        "--xnor",
        "auto",
        "--fps",
        "1000",
        "--option",
        "quantize.bits=8",
    ]
    result = run("compile", "net.mlir", "-o", "d", "--json", "--calibrate", "x.npy", *arguments)
    report = json.loads(result.stdout)
    assert report == json.loads(Path("d/report.json").read_text())
    assert report["clock_mhz"] == 200
    assert report["target"] == "xczu7ev"
    assert "blend.fixed<8," in Path("d/ir/fixed.mlir").read_text()
    assert report["cycles_per_frame"] > json.loads(Path("design/report.json").read_text())["cycles_per_frame"]


def test_missing_calibration_is_one_warning(here: Path):
    result = run("compile", "net.mlir", "-o", "d", "-q")
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("warning: no calibration data")
    done = shell(tool("blendir-opt"), "--fold-bn", "--quantize", "net.mlir")
    assert done.stdout.startswith("builtin.module")
    assert done.stderr.splitlines() == result.stderr.splitlines()


def test_warnings_are_told_once(capsys: pytest.CaptureFixture[str]):
    with warnings_in_one_line():
        for text in ("mind\nthe gap", "mind the gap", "other"):
            warnings.warn(text, stacklevel=1)
        warnings.warn("of no concern", FutureWarning, stacklevel=1)
    assert capsys.readouterr() == ("", "warning: mind the gap\nwarning: other\n")


def test_translate_runs_what_is_missing(here: Path):
    expected = contents(here / "design")
    for stage in ("imported", "folded", "fixed", "packed", "stream"):
        calibrate = [] if stage in ("fixed", "packed", "stream") else ["--calibrate", "x.npy"]
        text = Path(f"design/ir/{stage}.mlir").read_text()
        result = run("--to-hls", "-o", "d", *calibrate, command=translate, text=text)
        assert (result.exit_code, result.stdout) == (0, ""), result.stderr
        got = contents(here / "d")
        for name in ("src/top.cpp", "src/weights.h", "ir/stream.mlir"):
            assert got[name] == expected[name]
        report, known = json.loads(got["report.json"]), json.loads(expected["report.json"])
        assert bool(report["quantization"]) == bool(calibrate)
        if not calibrate:
            known |= {"quantization": [], "worst_layer": None, "end_to_end": None}
            del known["how"]["quantization"]
        assert report == known
        assert run("--to-hls", f"design/ir/{stage}.mlir", "-q", "-o", "e", *calibrate, command=translate).output == ""
        assert contents(here / "e") == got
