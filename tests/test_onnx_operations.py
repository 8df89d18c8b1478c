"""
Operations of ONNX files, one at a time: the imported module computes what qonnx's own executor computes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from agreement import lowered
from onnx import TensorProto
from onnx_files import QONNX, WEIGHT, Array, OnnxFile, executed, frames

import blendir
from blendir.dialects.blend import Conv2dOp
from blendir.frontend.onnx_files import load_onnx
from blendir.interpreter import run_module

FLOAT32 = 1e-4


def planes(f: OnnxFile, op: str, *operands: Any, **attributes: Any) -> None:
    """
    One operation on the input.
    """
    f.add(op, "input", *operands, **attributes)


def number(f: OnnxFile, x: str) -> str:
    """
    Places or bits as floats.
    """
    return f.add("Cast", x, to=TensorProto.FLOAT)


def apart(f: OnnxFile) -> str:
    """
    The input without equal elements.
    """
    return f.add("Add", "input", np.arange(144.0).reshape(4, 6, 6) / 1000)


def own_shape(f: OnnxFile) -> None:
    """
    A reshape whose target is computed from the input's shape.
    """
    batch = f.add("Gather", f.add("Shape", "input"), np.array([0]))
    f.add("Reshape", "input", f.add("Concat", batch, np.array([-1]), axis=0))


TRANSPOSED = WEIGHT.swapaxes(0, 1)
OLD: dict[str, tuple[int, Callable[[OnnxFile], Any]]] = {
    "clip 6": (10, lambda f: planes(f, "Clip", min=-0.5, max=0.25)),
    "mean 13": (13, lambda f: planes(f, "ReduceMean", axes=[2, 3], keepdims=0)),
    "sum 11": (11, lambda f: planes(f, "ReduceSum", axes=[-1])),
    "pad 2": (10, lambda f: planes(f, "Pad", pads=[0, 0, 1, 0, 0, 0, 2, 1], value=2.0)),
    "unsqueeze 11": (11, lambda f: f.add("Squeeze", f.add("Unsqueeze", "input", axes=[2, 4]), axes=[2, 4])),
}
NEW: dict[str, Callable[[OnnxFile], Any]] = {
    "arithmetic": lambda f: f.add("Div", f.add("Sub", np.ones((4, 1, 1)), f.add("Neg", "input")), np.array(3.0)),
    "sum": lambda f: planes(f, "Sum", "input", np.array(2.0)),
    "bounds": lambda f: f.add("Max", f.add("Min", "input", np.array(0.5)), np.array(-0.5)),
    "clip": lambda f: planes(f, "Clip", np.array(-0.5), np.array(0.25)),
    "clip below": lambda f: planes(f, "Clip", "", np.array(0.25)),
    "leaky": lambda f: planes(f, "LeakyRelu", alpha=0.2),
    "relu": lambda f: planes(f, "Relu"),
    "round": lambda f: planes(f, "Round"),
    "comparisons": lambda f: f.add("Cast", f.add("Not", f.add("Less", "input", np.array(0.25))), to=TensorProto.FLOAT),
    "where": lambda f: f.add("Where", f.add("LessOrEqual", "input", np.array(0.1)), np.array(2.0), np.array(-3.0)),
    "conv same upper": lambda f: planes(f, "Conv", WEIGHT, auto_pad="SAME_UPPER", strides=[2, 1]),
    "conv same lower": lambda f: planes(f, "Conv", WEIGHT, auto_pad="SAME_LOWER", strides=[3, 2]),
    "conv valid": lambda f: planes(f, "Conv", WEIGHT, np.arange(2.0), auto_pad="VALID"),
    "conv uneven": lambda f: planes(f, "Conv", WEIGHT, pads=[0, 1, 1, 2]),
    "conv groups": lambda f: planes(f, "Conv", WEIGHT[:, :2], group=2, dilations=[2, 1]),
    "max pool": lambda f: planes(f, "MaxPool", kernel_shape=[3, 2], pads=[1, 0, 1, 0], strides=[2, 2], ceil_mode=1),
    "average pool": lambda f: planes(f, "AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
    "counted": lambda f: planes(f, "AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
    "uncounted": lambda f: planes(f, "AveragePool", kernel_shape=[3, 2], pads=[2, 0, 1, 1], strides=[2, 2]),
    "ceil counted": lambda f: planes(
        f, "AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 0, 0, 2], ceil_mode=1, count_include_pad=1
    ),
    "same average": lambda f: planes(f, "AveragePool", kernel_shape=[2, 3], strides=[4, 2], auto_pad="SAME_UPPER"),
    "uneven maximum": lambda f: planes(f, "MaxPool", kernel_shape=[3, 3], pads=[2, 0, 1, 2], strides=[2, 1]),
    "far maximum": lambda f: planes(f, "MaxPool", kernel_shape=[2, 2], pads=[0, 1, 0, 1], dilations=[3, 2]),
    "ceil maximum": lambda f: planes(f, "MaxPool", kernel_shape=[2, 3], strides=[3, 2], pads=[1, 1, 0, 2], ceil_mode=1),
    "same maximum": lambda f: planes(f, "MaxPool", kernel_shape=[2, 2], auto_pad="SAME_LOWER"),
    "border": lambda f: f.add("Relu", f.add("Pad", "input", np.array([0, 0, 1, 0, 0, 0, 0, 2]), np.array(0.5))),
    "line": lambda f: f.add(
        "AveragePool",
        f.add("Conv", f.add("Reshape", "input", np.array([0, 4, 36])), WEIGHT[..., 0], pads=[2, 1], dilations=[2]),
        kernel_shape=[3],
        strides=[2],
        pads=[1, 1],
    ),
    "line maximum": lambda f: f.add(
        "GlobalMaxPool",
        f.add("MaxPool", f.add("Reshape", "input", np.array([0, 12, 12])), kernel_shape=[3], auto_pad="SAME_UPPER"),
    ),
    "global average": lambda f: planes(f, "GlobalAveragePool"),
    "global max": lambda f: planes(f, "GlobalMaxPool"),
    "mean": lambda f: planes(f, "ReduceMean", np.array([-1, 1]), keepdims=1),
    "pad": lambda f: planes(f, "Pad", np.array([0, 0, 1, 2, 0, 0, 0, 1]), np.array(-1.0)),
    "pad axes": lambda f: planes(f, "Pad", np.array([1, 0, 2, 0]), "", np.array([-1, 2])),
    "reshape": lambda f: planes(f, "Reshape", np.array([0, 2, -1])),
    "own shape": own_shape,
    "flatten": lambda f: planes(f, "Flatten", axis=-3),
    "squeeze": lambda f: f.add("Squeeze", f.add("Unsqueeze", "input", np.array([-1, 1])), np.array([1, 5])),
    "transpose": lambda f: planes(f, "Transpose", perm=[0, 2, 3, 1]),
    "reversed": lambda f: planes(f, "Transpose"),
    "concat": lambda f: planes(f, "Concat", "input", axis=-1),
    "dropout": lambda f: f.add("Identity", f.add("Dropout", "input")),
    "layer norm": lambda f: planes(f, "LayerNormalization", np.arange(6.0), np.ones(6), axis=-1),
    "matmul": lambda f: planes(f, "MatMul", WEIGHT[0, 0, :1] * np.ones((6, 1))),
    "elu": lambda f: planes(f, "Elu", alpha=0.5),
    "selu": lambda f: planes(f, "Selu"),
    "celu": lambda f: planes(f, "Celu", alpha=0.7),
    "sigmoid": lambda f: planes(f, "Sigmoid"),
    "tanh": lambda f: planes(f, "Tanh"),
    "softplus": lambda f: planes(f, "Softplus"),
    "mish": lambda f: planes(f, "Mish"),
    "hard sigmoid": lambda f: planes(f, "HardSigmoid", alpha=0.3, beta=0.4),
    "hard swish": lambda f: planes(f, "HardSwish"),
    "thresholded": lambda f: planes(f, "ThresholdedRelu", alpha=0.25),
    "power": lambda f: planes(f, "Pow", np.array(2.0)),
    "slopes of channels": lambda f: planes(f, "PRelu", np.arange(4.0).reshape(4, 1, 1) / 4),
    "slopes of columns": lambda f: planes(f, "PRelu", np.arange(6.0) / 6),
    "slopes of elements": lambda f: planes(f, "PRelu", np.arange(144.0).reshape(4, 6, 6) / 144),
    "one slope": lambda f: planes(f, "PRelu", np.array([0.25])),
    "extremes": lambda f: f.add(
        "Max", f.add("ReduceMax", "input", np.array([1])), f.add("ReduceMin", "input", np.array([2, 3]))
    ),
    **{
        f"topk {modes}": lambda f, modes=modes: number(f, f.add("TopK", apart(f), np.array([3]), more=1, **modes) + "_")
        for modes in ({"axis": 1}, {"axis": -1, "largest": 0})
    },
    "topk of one": lambda f: f.add("TopK", "input", np.array([1]), more=1, axis=1, largest=0),
    "split": lambda f: f.add("Sub", x := f.add("Split", "input", more=1, axis=1, num_outputs=2), x + "_"),
    "uneven split": lambda f: f.add(
        "Mul",
        x := f.add("Split", "input", np.array([1, 3]), more=1, axis=1),
        f.add("ReduceMax", x + "_", np.array([1])),
    ),
    "argmin": lambda f: number(f, f.add("ArgMin", "input", axis=1, keepdims=0)),
    "last argmax": lambda f: number(f, f.add("ArgMax", f.add("Round", "input"), axis=-1, select_last_index=1)),
    "mean of values": lambda f: planes(f, "Mean", f.add("Relu", "input"), np.ones(6)),
    "magnitudes": lambda f: planes(f, "ReduceL1", np.array([2, 3])),
    "squares": lambda f: planes(f, "ReduceSumSquare", np.array([1]), keepdims=0),
    "mean of frames": lambda f: planes(f, "ReduceMean", np.array([1, 2, 3]), keepdims=0),
    "equal": lambda f: number(f, f.add("Equal", f.add("Relu", "input"), np.array(0.0))),
    "einsum": lambda f: planes(f, "Einsum", WEIGHT[0, :, :2, 0], equation="nchw,cd->nhwd"),
    "instances": lambda f: planes(f, "InstanceNormalization", np.arange(4.0), np.ones(4)),
    "erf": lambda f: planes(f, "Erf"),
    **{
        f"pad {mode}": lambda f, mode=mode: planes(f, "Pad", np.array([0, 0, 1, 2, 0, 0, 2, 1]), mode=mode)
        for mode in ("reflect", "edge")
    },
    "symmetric": lambda f: planes(
        f, "Resize", "", np.array([1, 1, 1.5, 3]), coordinate_transformation_mode="half_pixel_symmetric"
    ),
    "not larger": lambda f: planes(
        f, "Resize", "", "", np.array([9, 12]), axes=[2, 3], keep_aspect_ratio_policy="not_larger"
    ),
    "transposed same": lambda f: planes(
        f, "ConvTranspose", WEIGHT.swapaxes(0, 1), strides=[2, 2], auto_pad="SAME_UPPER"
    ),
    "transposed lower": lambda f: planes(
        f, "ConvTranspose", WEIGHT.swapaxes(0, 1), strides=[2, 1], auto_pad="SAME_LOWER"
    ),
    "transposed shape": lambda f: planes(
        f, "ConvTranspose", WEIGHT.swapaxes(0, 1), strides=[2, 2], output_shape=[12, 11]
    ),
    "several": lambda f: f.add("Max", "input", f.add("Neg", "input"), np.array(0.75), f.add("Abs", "input")),
    "choice of values": lambda f: f.add("Where", f.add("Greater", "input", f.add("Neg", "input")), "input", np.ones(1)),
    "bipolar": lambda f: f.bipolar("input", np.array([0.5, 1, 2, 3]).reshape(1, 4, 1, 1)),
    **{
        f"quant {bits} {modes}": lambda f, bits=bits, modes=modes: f.quant("input", 0.3, bits, **modes)
        for bits, modes in (
            (1, {"narrow": 1}),
            (1, {"zero": 0.5}),
            (1, {"signed": 0}),
            (2, {"narrow": 1}),
            (3, {"signed": 0, "zero": 2.0}),
            (3, {"signed": 0, "narrow": 1}),
            (4, {"rounding_mode": "HALF_EVEN"}),
        )
    },
    **{
        f"constant {mode}": lambda f, mode=mode: f.add(
            "Mul", "input", f.quant(WEIGHT[:1, :, :1, :1] * 3, 0.5, 4, rounding_mode=mode)
        )
        for mode in ("ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")
    },
}
RECENT: dict[str, Callable[[OnnxFile], Any]] = {
    f"dilated average {geometry}": lambda f, geometry=geometry: planes(
        f, "AveragePool", kernel_shape=[2, 3], **geometry
    )
    for geometry in (
        {"dilations": [2, 1], "pads": [1, 0, 1, 2], "strides": [1, 2]},
        {"dilations": [3, 2], "ceil_mode": 1, "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1},
        {"dilations": [2, 2], "pads": [0, 2, 1, 2], "strides": [2, 1]},
        {"dilations": [1, 2], "auto_pad": "VALID"},
    )
}
CASES = {
    **OLD,
    **{name: (18, make) for name, make in NEW.items()},
    **{name: (19, make) for name, make in RECENT.items()},
}


# of shapes that qonnx cannot infer
@pytest.mark.filterwarnings("ignore:Output shapes disagree:UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_operations_equal_the_executor(name: str, tmp_path: Path):
    opset, make = CASES[name]
    f, x = OnnxFile((1, 4, 6, 6), opset=opset), frames((4, 6, 6), 2)
    x[0, :, 0] = 0
    make(f)
    path = f.save(tmp_path / "net.onnx")
    y = load_onnx(path)(torch.from_numpy(x)).numpy()
    want = executed(path, x)["output"]
    assert y.shape == want.shape
    np.testing.assert_allclose(y, want, 1e-5, 1e-5)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_is_the_reference(approximate: str, tmp_path: Path):
    """
    The executor does not know the operation.
    """
    f = OnnxFile((1, 4, 6, 6), opset=20)
    planes(f, "Gelu", approximate=approximate)
    blendir.from_onnx(f.save(tmp_path / "net.onnx"))


STREAMED = (
    "elu",
    "hard sigmoid",
    "slopes of columns",
    "several",
    "choice of values",
    "thresholded",
    "power",
    "uncounted",
    "ceil maximum",
    "uneven maximum",
    "border",
    "line",
    "topk {'axis': 1}",
    "argmin",
    "equal",
    "einsum",
    "instances",
    "erf",
    "mean of frames",
    list(RECENT)[1],
)


@pytest.mark.parametrize("name", STREAMED)
def test_functions_at_every_stage(name: str, tmp_path: Path):
    opset, make = CASES[name]
    f = OnnxFile((1, 4, 6, 6), opset=opset)
    make(f)
    lowered(blendir.from_onnx(f.save(tmp_path / "net.onnx")), torch.from_numpy(frames((4, 6, 6))))


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_automatic_padding(mode: str, tmp_path: Path):
    f = OnnxFile((1, 4, 6, 6))
    planes(f, "Conv", WEIGHT, auto_pad=mode, kernel_shape=[3, 3])
    module = blendir.from_onnx(f.save(tmp_path / "net.onnx"))
    assert "blend.conv2d" in str(module)
    f = OnnxFile((1, 4, 6, 6))
    planes(f, "Conv", WEIGHT, auto_pad=mode, kernel_shape=[3, 3], strides=[2, 2])
    (conv,) = [op for op in blendir.from_onnx(f.save(tmp_path / "net.onnx")).walk() if isinstance(op, Conv2dOp)]
    assert conv.pads == {"SAME_UPPER": (0, 0, 1, 1), "SAME_LOWER": (1, 1, 0, 0), "VALID": (0, 0, 0, 0)}[mode]


def test_automatic_padding_of_dilated_averages(tmp_path: Path):
    """
    As ONNX infers the shape; onnxruntime leaves the dilation out.
    """
    results: list[Array] = []
    for border in ({"auto_pad": "SAME_UPPER"}, {"pads": [0, 2, 1, 2]}):
        f = OnnxFile((1, 4, 6, 6), opset=19)
        planes(f, "AveragePool", kernel_shape=[2, 3], dilations=[2, 2], strides=[2, 1], **border)
        module = blendir.from_onnx(f.save(tmp_path / "net.onnx"))
        results.append(run_module(module, frames((4, 6, 6))))
    np.testing.assert_array_equal(*results)


def test_pixels_first_around_the_network(tmp_path: Path):
    """
    As Keras writes networks: [N, H, W, C] outside, transposed inside.
    """
    f = OnnxFile((1, 6, 6, 4))
    x = f.conv(f.add("Transpose", "input", perm=[0, 3, 1, 2]), 4, 5, binary=False)
    f.add("Transpose", f.add("Relu", x), perm=[0, 2, 3, 1])
    lowered(blendir.from_onnx(f.save(tmp_path / "net.onnx")), torch.from_numpy(frames((6, 6, 4))))


def test_channels_last(tmp_path: Path):
    domain = "qonnx.custom_op.channels_last"
    f, x = OnnxFile((1, 6, 6, 4)), frames((6, 6, 4), 2)
    geometry = {"strides": [1, 1], "dilations": [1, 1], "pads": [1, 1, 1, 1], "kernel_shape": [3, 3], "group": 1}
    weight = np.moveaxis(WEIGHT, 1, -1).copy()
    y = f.add("Conv", f.add("BipolarQuant", "input", np.array(1.0), domain=QONNX), weight, domain=domain, **geometry)
    y = f.add("BatchNormalization", y, *(np.array([1.0, v]) for v in (2, 3, -1, 0.5)), domain=domain, epsilon=1e-5)
    f.add("MaxPool", y, domain=domain, kernel_shape=[2, 2], strides=[2, 2], pads=[0] * 4, ceil_mode=0)
    module = blendir.from_onnx(f.save(tmp_path / "net.onnx"))
    bits = torch.from_numpy(np.where(x >= 0, 1.0, -1.0)).permute(0, 3, 1, 2)
    y = torch.nn.functional.conv2d(bits, torch.from_numpy(WEIGHT.astype(np.float32)).double(), padding=1)
    norm = (torch.tensor(v).double() for v in ([1.0, -1.0], [1.0, 0.5], [1.0, 2.0], [1.0, 3.0]))
    want = torch.nn.functional.max_pool2d(torch.nn.functional.batch_norm(y, *norm), 2).permute(0, 2, 3, 1)
    np.testing.assert_allclose(blendir.run(module, x), want, 1e-6, 1e-6)
