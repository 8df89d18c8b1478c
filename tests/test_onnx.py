"""
Importing ONNX and QONNX files: the imported module computes what qonnx's own executor computes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from agreement import check_cpp, lowered
from click.testing import CliRunner
from onnx import TensorProto, helper
from onnx_files import WEIGHT, Array, OnnxFile, count, executed, frames
from xdsl.dialects.builtin import ModuleOp

import blendir
from blendir.dialects.blend import AffineOp, BinaryConv2dOp, BinaryLinearOp, BlendOp, PReluOp, ReluOp, SignOp
from blendir.frontend import UnsupportedModelError
from blendir.frontend.onnx_files import load_onnx
from blendir.interpreter import input_type, run_module
from blendir.tools.cli import cli

FLOAT32 = 1e-4


def ops(module: ModuleOp, *kinds: type[BlendOp]) -> list[str]:
    return [op.layer_name for op in module.walk() if isinstance(op, kinds)]


def finn() -> OnnxFile:
    """
    A network as FINN's examples have it: quantized input, bipolar weights and activations, borders in the
    convolutions, scales as Mul.
    """
    f = OnnxFile((1, 3, 8, 8))
    x = f.quant("input", 1 / 32, 8)
    x = f.bipolar(f.norm(f.conv(x, 3, 6, binary=False), 6), 0.5)
    x = f.add("Mul", f.conv(x, 6, 8), np.array(0.25))
    x = f.add("MaxPool", f.norm(x, 8), kernel_shape=[2, 2], strides=[2, 2])
    x = f.add("Flatten", f.bipolar(x))
    x = f.add("MatMul", x, f.bipolar(f.rng.standard_normal((128, 5))))
    f.add("Add", f.add("Mul", x, np.full((1, 5), 0.125)), np.arange(5.0))
    return f


def residual() -> OnnxFile:
    """
    Two residual blocks with PReLU, the second with a stride and a concatenation, and a mean of planes.
    """
    f = OnnxFile(("N", 3, 8, 8), opset=18)
    stem = f.conv("input", 3, 6, binary=False)
    x = f.add("PRelu", f.norm(f.conv(f.bipolar(stem), 6, 6), 6), f.rng.uniform(0.1, 0.4, (6, 1, 1)))
    x = f.add("Add", x, stem)
    y = f.norm(f.conv(f.bipolar(x), 6, 12, strides=[2, 2]), 12)
    z = f.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = f.add("Add", y, f.add("Concat", z, z, axis=1))
    x = f.add("ReduceMean", x, np.array([2, 3]), keepdims=0)
    f.add("Gemm", x, f.rng.standard_normal((5, 12)), np.arange(5.0), transB=1, alpha=0.5, beta=2.0)
    return f


def dense() -> OnnxFile:
    """
    A multilayer network in plain ONNX: signs as comparisons and as Sign, weights that are computed.
    """
    f = OnnxFile(("N", 1, 6, 6))
    x = f.add("Reshape", "input", np.array([-1, 36]))
    x = f.add("Where", f.add("GreaterOrEqual", x, np.array(0.0)), np.array(1.0), np.array(-1.0))
    weight = f.add("Sign", f.add("Add", f.rng.standard_normal((36, 16)), np.array(0.01)))
    x = f.add("Sign", f.norm(f.add("MatMul", x, weight), 16))
    bits = f.add("Cast", f.add("Greater", f.rng.standard_normal((16, 5)), np.array(0.0)), to=TensorProto.FLOAT)
    f.add("Gemm", x, f.add("Sub", f.add("Mul", bits, np.array(2.0)), np.array(1.0)))
    return f


def thresholds() -> OnnxFile:
    """
    A network after FINN's conversion: counts of thresholds at unequal distances, one row for each channel or for all.
    """
    f = OnnxFile((1, 3, 8, 8))
    rows = np.sort(f.rng.integers(-20, 20, (8, 3)), axis=1) + 0.5
    rows[0, 0], rows[1, 2] = -1000, 1000  # always and never reached
    x = count(f, np.array([[-1.0, -0.5, 0.25, 0.75, 1.5]]), out_bias=-2.0)
    x = f.add("Mul", f.conv(x, 3, 8), np.array(0.5))
    x = count(f, rows / 2, x, out_scale=2.0, out_bias=-3.0)
    x = f.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = f.conv(x, 8, 4)
    f.add("MatMul", f.add("Flatten", x), f.bipolar(f.rng.standard_normal((64, 5))))
    return f


NETWORKS: dict[str, tuple[Callable[[], OnnxFile], tuple[int, ...], int]] = {
    "finn": (finn, (3, 8, 8), 2),
    "residual": (residual, (3, 8, 8), 2),
    "dense": (dense, (1, 6, 6), 2),
    "thresholds": (thresholds, (3, 8, 8), 0),
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, ModuleOp]:
    """
    A network: its name, its file, its module.
    """
    path = NETWORKS[request.param][0]().save(tmp_path_factory.mktemp("onnx") / "net.onnx")
    return request.param, path, blendir.from_onnx(path)


def test_networks_equal_the_executor(network: tuple[str, Path, ModuleOp]):
    name, path, module = network
    _, shape, binary = NETWORKS[name]
    x = frames(shape)
    want = executed(path, x)
    signs: dict[str, Array] = {}
    y = run_module(module, x, lambda op, _, v: signs.update({op.layer_name: v}) if isinstance(op, SignOp) else None)
    np.testing.assert_allclose(y, want["output"], FLOAT32, FLOAT32)
    np.testing.assert_array_equal(y.argmax(1), want["output"].argmax(1))
    for layer, bits in signs.items():
        np.testing.assert_array_equal(bits, want[layer] > 0, err_msg=layer)
    assert len(signs) == binary
    assert len(ops(module, BinaryConv2dOp, BinaryLinearOp)) == binary


def test_stages_agree(network: tuple[str, Path, ModuleOp], tmp_path: Path):
    name, _, module = network
    x = torch.from_numpy(frames(NETWORKS[name][1]))
    stages = lowered(module, x)
    if name in ("finn", "thresholds"):
        check_cpp(stages, x, tmp_path)


TABLE = np.sort(np.random.default_rng(4).integers(-40, 40, (4, 5)), axis=1) / 8
ROUNDINGS = ("ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")


LEVELS: dict[str, Callable[[OnnxFile], Any]] = {
    **{f"signed {m}": lambda f, m=m: f.quant("input", 0.25, 3, rounding_mode=m) for m in ROUNDINGS},
    "narrow": lambda f: f.quant("input", 0.25, 2, narrow=1, rounding_mode="FLOOR"),
    "zero point": lambda f: f.quant("input", 0.25, 3, 2.0, signed=0, rounding_mode="HALF_UP"),
    "8 bits": lambda f: f.quant("input", 1 / 64, 8, rounding_mode="FLOOR"),
    "2 levels": lambda f: f.quant("input", 0.5, 1, signed=0, rounding_mode="CEIL"),
    "table": lambda f: count(f, TABLE, out_scale=0.5, out_bias=-1.0),
    "unsorted": lambda f: count(f, TABLE[:, ::-1]),
    "row": lambda f: count(f, TABLE[:1], data_layout="NCHW"),
    "last": lambda f: count(f, np.vstack([TABLE, TABLE[:2]]), data_layout="NHWC"),
    "three dimensions": lambda f: count(f, TABLE, f.add("Reshape", "input", np.array([1, 36, 4]))),
    "out of reach": lambda f: count(
        f,
        np.array([[-99.0, 0.5, 1.0, 99.0]]),
        f.add("Mul", f.add("MatMul", f.bipolar(f.add("Flatten", "input")), np.ones((144, 3))), np.array(0.5)),
    ),
    "bits": lambda f: count(f, TABLE[:, :1], out_scale=2.0, out_bias=-1.0, out_dtype="BIPOLAR"),
    "floor": lambda f: f.add("Floor", f.add("Clip", "input", np.array(-1.25), np.array(2.5))),
    "ceil": lambda f: f.add("Clip", f.add("Ceil", "input"), np.array(-2.0), np.array(1.0)),
    **{
        f"trunc {m}": lambda f, m=m: f.trunc("input", 0.125, 6, 0.5, 4, rounding_mode=m)
        for m in ("FLOOR", "CEIL", "ROUND")
    },
    "trunc unsigned": lambda f: f.trunc(f.add("Relu", "input"), 0.125, 5, 1.0, 2, signed=0),
}


@pytest.mark.parametrize("name", LEVELS)
def test_levels_are_exact(name: str, tmp_path: Path):
    """
    At each tie, and on either side of it.
    """
    f, x = OnnxFile((1, 4, 6, 6)), (np.arange(288, dtype=np.float32).reshape(2, 4, 6, 6) % 97 - 48) / 16
    LEVELS[name](f)
    path = f.save(tmp_path / "net.onnx")
    module = blendir.from_onnx(path)
    np.testing.assert_array_equal(run_module(module, x), executed(path, x)["output"])
    if name in ("signed DOWN", "8 bits", "table", "last", "out of reach", "ceil", "trunc FLOOR"):
        lowered(module, torch.from_numpy(x))


def test_counts_behind_norms_are_exact(tmp_path: Path):
    """
    Sums of 15 signs, which norms divide by three: thresholds that they hit exactly, and a rounded third misses.
    """
    gamma, beta, mean = np.array([1.0, -1.0, 0.5, 0.0]), np.array([-0.5, 0.25, 0.0, 1.5]), np.array([0.0, 3, -3, 1])
    table = np.array([[-1.75, -0.25, 0.25], [-1.875, 0.125, 1.125], [-1.0, 0.0, 1.25], [0.5, 0.75, 1.0]])
    f = OnnxFile((1, 15))
    x = f.add("MatMul", f.add("Sign", "input"), np.ones((15, 4)))
    x = f.add("BatchNormalization", x, gamma, beta, mean, np.full(4, 9.0), epsilon=0.0)
    count(f, table, f.add("Mul", x, np.array(0.5)), out_bias=-1.0)
    module = blendir.lower(blendir.from_onnx(f.save(tmp_path / "net.onnx")), "folded")
    for positive in range(16):
        frame = np.where(np.arange(15) < positive, 1.0, -1.0)[None]
        norms = [
            Fraction(g) * (2 * positive - 15 - Fraction(m)) / 3 + Fraction(b)
            for g, b, m in zip(gamma, beta, mean, strict=True)
        ]
        want = [sum(y / 2 >= Fraction(t) for t in row) - 1 for y, row in zip(norms, table, strict=True)]
        assert blendir.run(module, frame)[0].tolist() == want


def small(shape: tuple[int | str, ...] = (1, 3, 4, 4), kind: int = TensorProto.FLOAT) -> OnnxFile:
    """
    A convolution of signs.
    """
    f = OnnxFile(shape, kind)
    f.nodes.append(helper.make_node("Identity", ["input"], ["same"]))
    f.conv(f.bipolar("same"), 3, 2)
    return f


def test_layers_are_node_names(tmp_path: Path):
    f = OnnxFile((1, 2, 4, 4))
    x = f.add("Relu", "input", name="/block/0/Relu")
    x = f.add("Neg", x, name="block.0.Relu")
    x = f.add("LeakyRelu", x, name="forward")
    f.add("Relu", x, name="")
    module = blendir.from_onnx(f.save(tmp_path / "net.onnx"))
    assert ops(module, ReluOp, AffineOp, PReluOp) == ["block.0.Relu", "block.0.Relu_1", "forward_", "Relu_3"]


def test_floats_of_any_width(tmp_path: Path):
    f = small()
    f.initializers = [
        onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(t).astype(kind), t.name)
        for t, kind in zip(f.initializers, (np.float16, np.float64, np.float16), strict=True)
    ]
    x = torch.from_numpy(frames((3, 4, 4)))
    networks = [load_onnx(g.save(tmp_path / "net.onnx")) for g in (small(), f)]
    assert {a.dtype for n in networks for a in n.graph.constants.values()} == {np.dtype(np.float64)}
    assert torch.equal(*(n(x) for n in networks))


def test_external_data(tmp_path: Path):
    path = tmp_path / "net.onnx"
    where = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    onnx.save(small().model("value3"), str(path), **where)
    assert load_onnx(path).graph.constants["constant1"].shape == (2, 3, 3, 3)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ValueError, match=r"weights\.bin"):
        load_onnx(path)


def test_functions_of_the_file_are_inlined(tmp_path: Path):
    f = OnnxFile((1, 2, 4, 4))
    f.add("Twice", "input", domain="own")
    model = f.model("value0")
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    model.functions.append(helper.make_function("own", "Twice", ["a"], ["b"], body, model.opset_import))
    onnx.save(model, str(tmp_path / "net.onnx"))
    x = torch.ones(1, 2, 4, 4)
    assert torch.equal(load_onnx(tmp_path / "net.onnx")(x), 2 * x.double())


def test_pixels(tmp_path: Path):
    typed, noted = small(kind=TensorProto.UINT8), small()
    typed.nodes[0] = helper.make_node("Cast", ["input"], ["same"], to=TensorProto.FLOAT)
    model = noted.model("value3")
    note = model.graph.quantization_annotation.add(tensor_name="input")
    note.quant_parameter_tensor_names.add(key="finn_datatype", value="UINT8")
    onnx.save(model, str(tmp_path / "noted.onnx"))
    typed.save(tmp_path / "typed.onnx")
    module = blendir.from_onnx(tmp_path / "typed.onnx")
    assert str(input_type(module).element_type) == "ui8"
    assert load_onnx(tmp_path / "noted.onnx").example.dtype == np.uint8
    x = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 4)).astype(np.uint8)
    want = load_onnx(tmp_path / "noted.onnx")(torch.from_numpy(x))
    np.testing.assert_array_equal(blendir.run(module, x), want)


def test_a_zero_weight_is_reported(tmp_path: Path):
    f = OnnxFile((1, 4))
    f.add("MatMul", f.add("Sign", "input"), f.add("Sign", np.array([[0.0], [1.0], [-1.0], [1.0]]), name="weights"))
    with pytest.warns(UserWarning, match="weights: 1 weight is exactly 0 and taken as"):
        module = blendir.from_onnx(f.save(tmp_path / "net.onnx"))
    assert blendir.run(module, np.ones((1, 4))).item() == 2


def test_unsupported_nodes_are_listed_at_once(tmp_path: Path):
    f = OnnxFile((1, 3, 8, 8))
    x = f.add("FusedConv", "input", WEIGHT, name="first", domain="com.microsoft")
    y = f.add("Exp", "input", name="second")
    z = f.add("AveragePool", f.add("Exp", f.add("Relu", x), name="third"), kernel_shape=[2, 2], name="unknown shape")
    z = f.add("Pad", f.add("Add", y, z), np.zeros(8, np.int64), mode="reflect", name="unknown, too")
    w = f.trunc("input", 0.5, 8, 1.0, 4, name="fourth", rounding_mode="UP")
    w = f.quant(f.add("Concat", w, f.add("LpPool", "input", kernel_shape=[2, 2], name="five")), 1, 2)
    f.quant("input", 1, 9, rounding_mode="FLOOR")
    f.add("Resize", "input", "", np.ones(4), name="dead")
    u = f.add("Softmax", f.add("Sum", z, w, f.nodes[-2].output[0]), name="last")
    with pytest.raises(UnsupportedModelError) as caught:
        blendir.from_onnx(f.save(tmp_path / "net.onnx", u))
    found = dict(caught.value.operations)
    assert list(found) == ["first", "second", "third", "fourth", "five", "Quant_11", "last"]
    assert found["first"] == "FusedConv: of domain com.microsoft, which is unknown"
    assert found["fourth"] == "Trunc: rounding_mode UP of values, only FLOOR, CEIL and ROUND are supported"
    assert found["five"] == "LpPool: not supported where it depends on the input"
    assert found["Quant_11"] == "Quant: floor to 512 levels, more than 256"
    assert "the largest score stays the largest" in found["last"]
    assert {"BipolarQuant", "Cast"} <= set(caught.value.supported["ONNX operations"])


def test_what_the_compiler_refuses_is_named_by_its_node(tmp_path: Path):
    f = OnnxFile((1, 4, 6, 6))
    f.add("Div", "input", "input", name="divided")
    with pytest.raises(UnsupportedModelError, match=r"(?s)divided: aten.div.*ONNX operations"):
        blendir.from_onnx(f.save(tmp_path / "net.onnx"))


def broken(path: Path, kind: str) -> None:
    """
    Writes a file that cannot be imported.
    """
    f, outputs = small(("N", 3, "H", "W") if kind == "shapeless" else (1, 3, 4, 4)), ["value3"]
    if kind == "inputs":
        f.inputs.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, (1,)))
    elif kind == "outputs":
        outputs.append("value2")
    elif kind == "cycle":
        f.nodes[0] = helper.make_node("Add", ["input", "value3"], ["same"])
    elif kind == "nan":
        f.initializers[0] = onnx.numpy_helper.from_array(np.array(np.nan, np.float32), "constant0")
    elif kind == "constant":
        outputs = ["value2"]
    elif kind == "missing":
        outputs = ["nowhere"]
    elif kind == "second output":
        f.nodes[0] = helper.make_node("Dropout", ["input"], ["same", "mask"], "drop")
        outputs = ["mask"]
    elif kind == "second":
        f.nodes[0] = helper.make_node("Dropout", ["input"], ["unmasked", "same"], "drop")
    f.save(path, *outputs)
    if kind == "no output":
        model = onnx.load(path)
        del model.graph.output[:]
        onnx.save(model, path)
    elif kind == "truncated":
        path.write_bytes(path.read_bytes()[:-40])
    elif kind == "text":
        path.write_text("weights")
    elif kind == "empty":
        path.write_bytes(b"")


BROKEN = {
    "inputs": r"the graph has 2 inputs \(input, other\), only one is supported",
    "outputs": "the output value2 does not depend on the input input",
    "cycle": r"node Add_0 \(Add\) reads value3, which no node before it makes",
    "nan": "tensor constant0 has values that are not finite",
    "constant": "the output value2 does not depend on the input input",
    "second": "reads same, a second result",
    "second output": "mask: a second result of a node, which is not supported",
    "missing": "the graph has the output nowhere, which no node makes",
    "no output": "the graph has no outputs",
    "truncated": "truncated, or not an ONNX file",
    "text": "truncated, or not an ONNX file",
    "empty": "truncated, or not an ONNX file",
    "shapeless": "does not fix the shape of input input: give --input CxHxW or --example",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files(kind: str, tmp_path: Path):
    broken(tmp_path / "net.onnx", kind)
    with pytest.raises(ValueError, match=BROKEN[kind]):
        load_onnx(tmp_path / "net.onnx")


def test_examples(tmp_path: Path):
    path = small(("N", 3, "H", "W")).save(tmp_path / "net.onnx")
    assert load_onnx(path, np.zeros((5, 3, 6, 4), np.uint8)).example.shape == (1, 3, 6, 4)
    with pytest.raises(ValueError, match=r"input is 3x\?x\?, but the example \[1, 4, 6, 6\]"):
        load_onnx(path, np.zeros((1, 4, 6, 6)))


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    path = small().save(tmp_path / "net.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ValueError, match=r"pip install 'blendir\[qonnx\]'"):
        load_onnx(path)


def test_command_line(tmp_path: Path):
    path, out = small().save(tmp_path / "net.onnx"), tmp_path / "net.mlir"
    result = CliRunner().invoke(cli, ["import", str(path), "--json", "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["weights"] == f"those in {path}"
    assert "blend.binary_conv2d" in out.read_text()
    refused = CliRunner().invoke(cli, ["import", str(path), "--weights", "w.safetensors"])
    assert refused.exit_code == 2
    assert "holds its weights itself" in refused.output
