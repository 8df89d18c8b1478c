"""
What ONNX files hold beside networks: names, versions of operations, whole numbers, random ones.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from onnx_files import OnnxFile

import blendir
from blendir.dialects.blend import ReluOp
from blendir.frontend import UnsupportedModelError


@pytest.mark.parametrize("name", ["steps", "graph", "frame", "example", "unsupported", "forward"])
def test_nodes_may_be_named_as_parts_of_a_module(name: str, tmp_path: Path):
    f = OnnxFile((1, 4))
    x = f.add("Relu", "input", name=f"/{name}/node/Relu")
    x = f.add("Neg", x, name=f"/{name}/node")
    f.add("Relu", f.add("Neg", x), name=name)
    module = blendir.from_onnx(f.save(tmp_path / "net.onnx"))
    assert [op.layer_name for op in module.walk() if isinstance(op, ReluOp)] == [f"{name}_.node.Relu", f"{name}__"]


FOLDED: dict[str, tuple[int, np.ndarray, dict[str, Any], np.ndarray]] = {
    "Unsqueeze": (11, np.arange(4.0)[None], {"axes": [2, 3]}, np.arange(4.0).reshape(1, 4, 1, 1)),
    "Clip": (9, np.arange(4.0).reshape(4, 1, 1), {"min": 1.0, "max": 2.0}, np.array([1, 1, 2, 2]).reshape(4, 1, 1)),
}


@pytest.mark.parametrize("op", FOLDED)
def test_constants_are_computed_in_the_version_of_the_file(op: str, tmp_path: Path):
    opset, value, attributes, folded = FOLDED[op]
    f = OnnxFile((1, 4, 2, 2), opset=opset)
    f.add("Mul", "input", f.add(op, value, **attributes))
    x = np.random.default_rng(0).normal(size=(2, 4, 2, 2))
    np.testing.assert_allclose(blendir.run(blendir.from_onnx(f.save(tmp_path / "net.onnx")), x), x * folded)


def test_whole_numbers_are_not_divided_into_fractions(tmp_path: Path):
    f = OnnxFile((1, 4))
    whole = f.add("Cast", f.add("Greater", "input", np.zeros(1)), to=TensorProto.INT64)
    f.add("Cast", f.add("Div", f.add("Mul", whole, np.array([3])), np.array([2]), name="half"), to=TensorProto.FLOAT)
    with pytest.raises(UnsupportedModelError, match=r"half\S*: aten.div.Tensor_mode"):
        blendir.from_onnx(f.save(tmp_path / "net.onnx"))


@pytest.mark.parametrize("like", [False, True])
def test_random_numbers_are_no_constants(like: bool, tmp_path: Path):
    f = OnnxFile((1, 4))
    drawn = f.add("RandomNormalLike", np.zeros(4)) if like else f.add("RandomNormal", shape=[4])
    f.add("Add", "input", drawn)
    with pytest.raises(UnsupportedModelError, match="draws random numbers"):
        blendir.from_onnx(f.save(tmp_path / "net.onnx"))


def test_pixels_are_divided_into_fractions(tmp_path: Path):
    f = OnnxFile((1, 4))
    f.add("Div", "input", np.array(255.0))
    x = np.arange(8, dtype=np.uint8).reshape(2, 4)
    module = blendir.from_onnx(f.save(tmp_path / "net.onnx"), x[:1])
    np.testing.assert_allclose(blendir.run(module, x), x / 255, 1e-12)
