"""
ONNX files made node by node, and what qonnx computes from a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

Array = NDArray[Any]
QONNX = "qonnx.custom_op.general"
WEIGHT = np.random.default_rng(2).standard_normal((2, 4, 3, 3))


class OnnxFile:
    """
    A graph under construction; every method adds a node and returns the name of its result.
    """

    def __init__(self, shape: Sequence[int | str], kind: int = TensorProto.FLOAT, opset: int = 17, seed: int = 0):
        self.inputs = [helper.make_tensor_value_info("input", kind, shape)]
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.opset = opset
        self.rng = np.random.default_rng(seed)

    def constant(self, value: Any) -> str:
        """
        An initializer; floats become float32.
        """
        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        self.initializers.append(numpy_helper.from_array(array, f"constant{len(self.initializers)}"))
        return self.initializers[-1].name

    def add(
        self, op: str, *operands: Any, domain: str = "", name: str | None = None, more: int = 0, **attributes: Any
    ) -> str:
        """
        A node; operands that are not names become initializers. Its further results have an underscore each.
        """
        names = [x if isinstance(x, str) else self.constant(x) for x in operands]
        label = f"{op}_{len(self.nodes)}" if name is None else name
        output = f"value{len(self.nodes)}"
        outputs = [output + "_" * i for i in range(1 + more)]
        self.nodes.append(helper.make_node(op, names, outputs, label, domain=domain, **attributes))
        return output

    def bipolar(self, x: Any, scale: Any = 1.0) -> str:
        """
        QONNX's sign.
        """
        return self.add("BipolarQuant", x, np.array(scale), domain=QONNX)

    def quant(self, x: Any, scale: Any, bits: int, zero: float = 0.0, domain: str = QONNX, **modes: Any) -> str:
        """
        QONNX's uniform quantizer.
        """
        modes = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"} | modes
        return self.add("Quant", x, np.array(scale), np.array(zero), np.array(float(bits)), domain=domain, **modes)

    def trunc(
        self,
        x: str,
        scale: float,
        bits: int,
        output_scale: float,
        output_bits: int,
        name: str | None = None,
        **modes: Any,
    ) -> str:
        """
        QONNX's truncation in its second version.
        """
        operands = (np.array(float(v)) for v in (scale, 0.0, bits, output_scale, output_bits))
        modes = {"signed": 1, "narrow": 0, "rounding_mode": "FLOOR"} | modes
        return self.add("Trunc", x, *operands, domain=QONNX, name=name, **modes)

    def norm(self, x: str, channels: int) -> str:
        """
        A batch normalization with gamma of either sign.
        """
        gamma, beta, mean = self.rng.standard_normal((3, channels))
        variance = self.rng.uniform(0.5, 2, channels)
        return self.add("BatchNormalization", x, gamma, beta, mean, variance, epsilon=1e-4)

    def conv(self, x: str, channels: int, outputs: int, binary: bool = True, **geometry: Any) -> str:
        """
        A 3 x 3 convolution, of weights +-1 or real ones.
        """
        weight = self.rng.standard_normal((outputs, channels, 3, 3))
        geometry = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]} | geometry
        return self.add("Conv", x, self.bipolar(weight) if binary else weight / 3, **geometry)

    def model(self, *outputs: str) -> onnx.ModelProto:
        """
        The model that returns values.
        """
        results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "net", self.inputs, results, self.initializers)
        opsets = [helper.make_opsetid("", self.opset)]
        opsets += [
            helper.make_opsetid(d, 2 if d == QONNX else 1) for d in sorted({n.domain for n in self.nodes} - {""})
        ]
        return helper.make_model(graph, opset_imports=opsets)

    def save(self, path: Path, *outputs: str) -> Path:
        """
        The file that returns values, the last one without any.
        """
        onnx.save(self.model(*(outputs or (self.nodes[-1].output[0],))), str(path))
        return path


def executed(path: Path, frames: Array) -> dict[str, Array]:
    """
    Every value of a file as qonnx computes it, frame by frame in float32, by the name of its node; the result is
    `output`.
    """
    wrapper = ModelWrapper(str(path))
    source, result = wrapper.graph.input[0].name, wrapper.graph.output[0].name
    wrapper.set_tensor_shape(source, [1, *frames.shape[1:]])
    wrapper = wrapper.transform(InferShapes())
    runs = [execute_onnx(wrapper, {source: frame[None]}, return_full_exec_context=True) for frame in frames]
    names = {node.name: node.output[0] for node in wrapper.graph.node} | {"output": result}
    return {name: np.concatenate([run[value] for run in runs]) for name, value in names.items()}


def frames(shape: tuple[int, ...] = (3, 8, 8), count: int = 6) -> Array:
    return np.random.default_rng(1).standard_normal((count, *shape)).astype(np.float32)


def count(f: OnnxFile, table: Array, source: str = "input", **attributes: Any) -> str:
    """
    A count of thresholds.
    """
    return f.add("MultiThreshold", source, table, domain=QONNX, **{"out_dtype": "INT8"} | attributes)
