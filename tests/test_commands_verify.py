"""
`verify`, `models`, `evaluate` and the demo.
"""

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from commands import copied_design, refused, run
from xdsl.dialects.builtin import i64

import blendir
from blendir.dense import dense_from_numpy
from blendir.dialects.blend import ConstantOp, ThresholdOp, constant_value
from blendir.models import zoo
from blendir.modules import read_module
from blendir.tools import demo
from blendir.tools import zoo as zoo_costs
from blendir.tools.counts import count
from blendir.tools.inputs import load_model
from blendir.verification import Comparison, Divergence, Verification, ahead, compare


def test_verify_fine(here: Path):
    result = run("verify", "design", "--data", "x.npy", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["images"], found["mismatches"], found["first"]) == (20, 0, None)
    assert set(found["stages"]) == {"packed", "stream", "native", "C++"}
    assert all(s["numbers"] > 20000 and s["mismatches"] == 0 for s in found["stages"].values())


def test_verify_prints_a_table(here: Path, monkeypatch: pytest.MonkeyPatch):
    outcome = Verification(20, {"C++": Comparison("C++", 6, 12_345, 0)})
    monkeypatch.setattr("blendir.tools.cli.verify", lambda *_, **__: outcome)
    table = run("verify", "design", "--data", "x.npy")
    assert table.exit_code == 0
    assert "C++ = fixed" in table.stdout
    assert "12,345" in table.stdout
    assert run("verify", "design", "--data", "x.npy", "-q").output == ""


def test_verify_names_the_first_divergence(here: Path):
    """
    One threshold of the packed stage is moved.
    """
    file = copied_design(here, "bad") / "ir/packed.mlir"
    module = read_module(file)
    op = next(op for op in module.walk() if isinstance(op, ThresholdOp))
    moved = constant_value(op.threshold).copy()
    moved[2] += 1 << 24
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


def test_parts_are_computed_ahead_and_come_in_their_order():
    assert list(ahead(lambda part: 2 * int(part), np.arange(3))) == [0, 2, 4]
    assert list(ahead(int, [])) == []
    second = threading.Event()
    found = ahead(lambda part: second.set() if part else None, np.arange(2))
    next(found)
    assert second.wait(60)


def test_places_in_words_are_channels_and_further_layers_do_not_count():
    shapes = {"planes": ("blend.threshold", (2, 3, 3)), "vector": ("blend.threshold", (2,))}
    reference = {"planes": np.zeros((2, 64 * 9), bool), "vector": np.zeros((2, 64), bool)}
    for layer, element, place in (("planes", 63 * 9 + 2 * 3 + 1, (63, 2, 1)), ("vector", 50, (50,))):
        other = {name: value.copy() for name, value in reference.items()} | {"further": np.ones((2, 3))}
        other[layer][1, element] = True
        found, first = compare(reference, other, shapes, "stream", 4)
        assert (found.layers, found.mismatches) == (2, 1)
        assert first == Divergence(("fixed", "stream"), "blend.threshold", layer, 5, place, (0, 1))


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


def test_ops():
    found = json.loads(run("ops", "--json").stdout)
    assert list(found) == ["modules", "operations of PyTorch", "ONNX operations"]
    assert {"BatchNorm2d", "PReLU"} <= set(found["modules"])
    assert {"aten.conv2d", "aten.where"} <= set(found["operations of PyTorch"])
    assert {"Conv", "BipolarQuant", "MultiThreshold"} <= set(found["ONNX operations"])
    lines = run("ops").stdout.splitlines()
    assert [line for line in lines if line.endswith(":")] == [f"{heading}:" for heading in found]
    assert [line.strip() for line in lines if line.startswith("  ")] == [n for names in found.values() for n in names]


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
    assert [f["stage"] for f in found.values()] == ["PyTorch", "imported", "fixed, native", "fixed, native"]
    csim = json.loads(run("evaluate", "design", "--data", "labelled.npz", "--engine", "csim", "--json").stdout)
    assert csim == found["design"] | {"stage": "C++"}
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


def test_demo(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(demo, "MODEL", "tinynet:make")
    assert demo.main() == 0
    out = capsys.readouterr().out
    assert out.endswith("bit-exact: 9 images, mismatches: 0\n")
    assert "build/blendnet20-demo" in out
    assert (here / "build/blendnet20-demo/report.json").exists()
