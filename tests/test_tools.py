"""
The command lines: every option, and every kind of bad input in one line with the right exit code.
"""

import json
import os
import re
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import gethostname
from tempfile import gettempdir

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import save_file
from xdsl.dialects.builtin import i64

import blendir
from blendir.dense import dense_from_numpy
from blendir.dialects.blend import ConstantOp, ThresholdOp, constant_value
from blendir.models import zoo
from blendir.passes.fold_bn import FoldBNPass
from blendir.tools import demo, opt
from blendir.tools import zoo as zoo_costs
from blendir.tools.cli import cli
from blendir.tools.counts import count
from blendir.tools.inputs import load_model, read_module
from blendir.tools.terminal import MARKED_OP, warnings_in_one_line
from blendir.tools.translate import translate
from blendir.verification import Comparison, Verification

FACTORY = """
import torch
from torch import nn
from torch.nn.functional import conv2d


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.PReLU(8)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = self.stem(x.float() / 64 - 2)
        bits, weight = torch.where(x >= 0, 1.0, -1.0), torch.where(self.conv.weight >= 0, 1.0, -1.0)
        return self.fc(self.act(self.norm(conv2d(bits, weight, padding=1))).mean((2, 3)))


def make():
    return Tiny().eval()


def chatty():
    print("hello from the factory")
    return make()


def pair():
    return make(), torch.zeros(1, 3, 6, 6, dtype=torch.uint8)


def fails():
    raise RuntimeError("no luck\\ntoday")


def number():
    return 3


model = Tiny().eval()
"""
SHAPE = ["--input", "3x6x6:uint8"]


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


def run(*arguments: str, command=cli, text: str | None = None) -> Result:
    return CliRunner().invoke(command, arguments, input=text)


def refused(result: Result, *words: str, code: int = 2) -> None:
    """
    One line on stderr with these words, nothing on stdout, no traceback.
    """
    assert result.exit_code == code, (result.output, result.exception)
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert "Traceback" not in result.output
    for word in words:
        assert word in lines[0]


def shell(*command: str, code: int = 0, **extra) -> subprocess.CompletedProcess:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **extra)
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    return done


def tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def contents(folder: Path) -> dict[str, bytes]:
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return {name: data for name, data in found.items() if not name.startswith("build/")}


# import, run


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


# compile, translate


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
        for name in ("src/top.cpp", "src/weights.h", "ir/stream.mlir", "report.json"):
            assert got[name] == expected[name]
        assert run("--to-hls", f"design/ir/{stage}.mlir", "-q", "-o", "e", *calibrate, command=translate).output == ""
        assert contents(here / "e") == got


# verify


def test_verify_fine(here: Path):
    result = run("verify", "design", "--data", "x.npy", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["images"], found["mismatches"], found["first"]) == (20, 0, None)
    assert set(found["stages"]) == {"packed", "stream", "C++"}
    assert all(s["numbers"] > 20000 and s["mismatches"] == 0 for s in found["stages"].values())


def test_verify_prints_a_table(here: Path, monkeypatch: pytest.MonkeyPatch):
    outcome = Verification(20, {"C++": Comparison("C++", 6, 12_345, 0)})
    monkeypatch.setattr("blendir.tools.cli.verify", lambda *_: outcome)
    table = run("verify", "design", "--data", "x.npy")
    assert table.exit_code == 0
    assert "C++ = fixed" in table.stdout
    assert "12,345" in table.stdout
    assert run("verify", "design", "--data", "x.npy", "-q").output == ""


def copied_design(here: Path, name: str) -> Path:
    for file, data in contents(here / "design").items():
        path = here / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return here / name


def test_verify_names_the_first_divergence(here: Path):
    """
    One threshold of the packed stage is moved.
    """
    file = copied_design(here, "bad") / "ir/packed.mlir"
    module = read_module(file)
    op = next(op for op in module.walk() if isinstance(op, ThresholdOp))
    moved = constant_value(op.threshold).copy()
    moved[2] += 500
    constant = ConstantOp(dense_from_numpy(moved, i64))
    op.parent.insert_op_before(constant, op)
    op.operands[1] = constant.result
    file.write_text(str(module))
    result = run("verify", "bad", "--data", "x.npy", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["mismatches"] > 0
    assert found["stages"]["C++"]["mismatches"] == 0
    assert found["first"]["index"][0] == 2
    assert found["first"]["stages"] == ["fixed", "packed"]
    place = r"image \d+, channel 2, row \d+, column \d+: \d instead of \d"
    line = rf"blendir: \[packed\] differs from \[fixed\] at \S+ \(blend.threshold\), {place}"
    assert re.fullmatch(line, result.stderr.strip())


def test_verify_without_fixed(here: Path):
    folder = copied_design(here, "late")
    (folder / "ir/fixed.mlir").unlink()
    result = run("verify", "late", "--data", "x.npy", "--json")
    assert result.exit_code == 0
    assert "takes the place of [fixed]" in result.stderr
    (folder / "ir/packed.mlir").unlink()
    refused(run("verify", "late", "--data", "x.npy"), "lacks")


def test_verify_where_the_cpp_does_not_compile(here: Path):
    folder = copied_design(here, "broken")
    (folder / "src/top.cpp").write_text("#error nothing here\n")
    refused(run("verify", "broken", "--data", "x.npy"), "compiling the design failed", code=1)


# models, evaluate


def test_counts_of_blendnet20():
    module = blendir.lower(
        load_model("blendnet20", None, None).import_module(), "packed", zoo.entry("blendnet20").example(2).numpy()
    )
    found = count(module)
    assert (found.bmac, found.fpmac, found.binary_weight_bits) == (40_108_032, 705_152, 267_264)
    assert found.fixed_words >= 3_632 + 10
    assert found.bytes == 267_264 // 8 + 2 * found.fixed_words


def test_models():
    (row,) = json.loads(run("models", "blendnet8", "--json").stdout)
    assert list(row) == ["name", "bmac", "fpmac", "binary_weight_bits", "fixed_words", "bytes", "accuracy"]
    assert (row["name"], row["accuracy"]) == ("blendnet8", None)
    assert "blendnet8" in run("models", "-q", "blendnet8").stdout
    refused(run("models", "blendnet8", "x"), "no network named 'x' in the zoo", "tfc")


def test_models_are_counted_once_and_in_order(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(zoo_costs, "ProcessPoolExecutor", lambda mp_context: ThreadPoolExecutor(1))
    rows = json.loads(run("models", "tfc", "blendnet8", "tfc", "--json").stdout)
    assert [row["name"] for row in rows] == ["tfc", "blendnet8"]
    assert rows[0]["bmac"] == rows[0]["binary_weight_bits"] == 784 * 64 + 2 * 64 * 64 + 64 * 10


def test_evaluate_is_the_same_everywhere(here: Path):
    found = {}
    for source in ("tinynet:pair", "net.mlir", "design/ir/fixed.mlir", "design"):
        result = run("evaluate", source, "--data", "labelled.npz", "--json")
        assert result.exit_code == 0, result.stderr
        found[source] = json.loads(result.stdout)
        assert found[source]["images"] == 20
    assert [f["stage"] for f in found.values()] == ["PyTorch", "imported", "fixed", "C++"]
    assert found["design"]["accuracy"] == found["design/ir/fixed.mlir"]["accuracy"]
    assert found["net.mlir"]["accuracy"] == found["tinynet:pair"]["accuracy"]
    assert "PyTorch:" in run("evaluate", "tinynet:make", "--data", "labelled.npz").stdout


def test_evaluate_records_in_the_report(here: Path):
    run("compile", "net.mlir", "-o", "recorded")
    before = json.loads(Path("recorded/report.json").read_text())
    found = json.loads(run("evaluate", "recorded", "--data", "labelled.npz", "--record", "--json").stdout)
    after = json.loads(Path("recorded/report.json").read_text())
    how = {"accuracy": "measured: the compiled C++ on 20 images"}
    assert after == before | {"accuracy": found["accuracy"], "how": before["how"] | how}
    assert f"{100 * found['accuracy']:.2f} %" in Path("recorded/report.html").read_text()
    refused(run("evaluate", "net.mlir", "--data", "labelled.npz", "--record"), "net.mlir", "not a design folder")


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


# bad use


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


def test_bad_weights(here: Path):
    torch.save({"a": torch.zeros(1)}, "w.pt")
    refused(run("import", "blendnet8", "--weights", "w.pt"), "w.pt: a pickled checkpoint is refused")
    refused(run("import", "blendnet8", "--weights", "none.safetensors"), "none.safetensors")
    save_file({"a": torch.zeros(1)}, "w.safetensors")
    refused(run("import", "blendnet8", "--weights", "w.safetensors"), "w.safetensors", "lacks")
    Path("w.safetensors").write_bytes(Path("w.safetensors").read_bytes()[:20])
    refused(run("import", "blendnet8", "--weights", "w.safetensors"), "truncated")


BAD_ARRAYS = {
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


# blendir-opt


def test_pass_flags_keep_their_order():
    names = ["fold-bn", "quantize", "pack48"]

    def lowered(*arguments: str) -> list[str]:
        return opt.lower_pass_flags(arguments, names)

    assert lowered("--fold-bn", "--pack48", "n.mlir") == ["-p", "fold-bn,pack48", "n.mlir"]
    assert lowered("--pack48", "-p", "dce,cse", "--fold-bn") == ["-p", "pack48,dce,cse,fold-bn"]
    assert lowered("n.mlir", '--quantize=bits=8 calibration="a b.npy"', "-o", "y") == [
        *["-p", 'quantize{bits=8 calibration="a b.npy"}', "n.mlir", "-o", "y"]
    ]
    assert lowered("--passes=fold-bn") == ["-p", "fold-bn"]
    assert lowered("--", "--fold-bn") == ["--", "--fold-bn"]
    assert lowered("--nope") == ["--nope"]


def call_opt(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = opt.main(arguments)
    return code, *capsys.readouterr()


def test_opt_equals_lower(here: Path, capsys: pytest.CaptureFixture[str]):
    flags = ["--fold-bn", '--quantize=calibration="x.npy"', "--pack48", "net.mlir"]
    code, out, err = call_opt(capsys, *flags)
    assert (code, err) == (0, "")
    assert out.strip() == Path("design/ir/packed.mlir").read_text().strip()
    assert call_opt(capsys, *flags, "-o", "out.mlir") == (0, "", "")
    assert Path("out.mlir").read_text() == out
    help_text = shell(tool("blendir-opt"), "--help").stdout
    assert "--fold-bn" in help_text
    assert "--lower-to-stream" in help_text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.mlir"], "none.mlir: No such file"),
        (["-p", "nope", "net.mlir"], "nope"),
        (["--nope", "net.mlir"], "--nope"),
        (["-p", "fold-bn{", "net.mlir"], "fold-bn{"),
        (["--fold-bn=deep=1", "net.mlir"], "deep"),
        (["--fold-bn", '--verify-stage=stage="fixed"', "net.mlir"], "not at [fixed]"),
        (["--fold-bn", '--quantize=calibration="none.npy"', "net.mlir"], "none.npy"),
        (["-t", "verilog", "net.mlir"], "verilog"),
        (["--fold-bn", "net.mlir", "-o", "no/such/out.mlir"], "no/such/out.mlir"),
    ],
)
def test_opt_bad_use(here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str):
    Path("kept.mlir").write_text("kept")
    output = [] if "-o" in arguments else ["-o", "kept.mlir"]
    code, out, err = call_opt(capsys, *arguments, *output)
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert message in err
    assert Path("kept.mlir").read_text() == "kept"


def test_internal_failure_saves_the_ir(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise KeyError("oops")

    with monkeypatch.context() as patch:
        patch.setattr(FoldBNPass, "apply", fail)
        code, out, err = call_opt(capsys, "--raise-binary", "--fold-bn", "net.mlir")
    assert (code, out, len(err.splitlines())) == (3, "", 1)
    command = err.strip().partition("reproduce with: ")[2]
    saved = Path(command.split()[-1])
    assert command.startswith("blendir-opt -p 'fold-bn'")
    code, _, err = call_opt(capsys, "-p", "fold-bn", str(saved))
    assert (code, err) == (0, "")
    saved.unlink()


def test_marked_operation():
    note = '  "func.func"() ({\n  ^bb0(%x: i1):\n    %y = "a.b"(%x) {layer = "s.0"} : (i1) -> i1\n    ^^^^^^^^^-----\n'
    found = MARKED_OP.search(note)
    assert found is not None
    assert found.groups() == ("a.b", "s.0")


# as processes


def test_pipe_of_tools(here: Path):
    pipe = f"{tool('blendir-opt')} --fold-bn --pack48 net.mlir | {tool('blendir-translate')} --to-hls"
    done = shell("bash", "-o", "pipefail", "-c", f"{pipe} -o piped --calibrate x.npy")
    assert done.stdout == ""
    shell("make", "-C", "piped", "csim")
    assert contents(here / "piped")["src/weights.h"] == contents(here / "design")["src/weights.h"]


def test_plain_xdsl_opt_sees_the_passes(here: Path):
    folded = shell(tool("xdsl-opt"), "-p", "fold-bn", "net.mlir").stdout
    assert folded.strip() == Path("design/ir/folded.mlir").read_text().strip()


def test_broken_pipe_is_quiet(here: Path):
    Path("big.mlir").write_text("\n// -----\n".join([Path("net.mlir").read_text()] * 40))
    np.save("many.npy", np.tile(np.load("x.npy"), (300, 1, 1, 1)))
    for command in (
        f"{tool('blendir-opt')} --split-input-file big.mlir",
        f"{tool('blendir')} run net.mlir --input many.npy",
    ):
        done = shell("bash", "-o", "pipefail", "-c", f"{command} | head -c 10", code=141)
        assert done.stderr == ""


def test_interrupt_is_one_line(here: Path):
    os.mkfifo("pipe.npy")
    command = [tool("blendir"), "run", "net.mlir", "--input", "pipe.npy"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with Path("pipe.npy").open("wb"):  # which the tool has opened as well and waits for
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "blendir: interrupted\n")


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    assert demo.main() == 0
    out = capsys.readouterr().out
    assert out.endswith("bit-exact: 9 images, mismatches: 0\n")
    assert "build/blendnet20-demo" in out
    assert (tmp_path / "build/blendnet20-demo/report.json").exists()
