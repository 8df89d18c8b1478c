"""
Reading ONNX files: nodes, constants in float64, one input, outputs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from blendir.dialects.blend.base import REPAIR

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

Array: TypeAlias = NDArray[Any]

STANDARD = ("", "ai.onnx")
CHANNELS_LAST = "qonnx.custom_op.channels_last"
DOMAINS = (*STANDARD, CHANNELS_LAST, "qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas")


@dataclass(frozen=True)
class OnnxNode:
    """
    A node: its name as a module path, and its content in the file. `proto` is the node itself, `opset` the version of
    the standard operations.
    """

    name: str
    proto: NodeProto
    attributes: dict[str, Any]
    opset: int

    @property
    def op(self) -> str:
        """
        The type of the operation.
        """
        return self.proto.op_type

    @property
    def inputs(self) -> Sequence[str]:
        """
        The names of the operands, empty where one is left out.
        """
        return self.proto.input

    @property
    def output(self) -> str:
        """
        The name of the first result.
        """
        return self.proto.output[0]


@dataclass(frozen=True)
class OnnxGraph:
    """
    The content of a file: the nodes on which its outputs depend, in order. `sizes` is the shape of the input, with None
    for a size that is not fixed. `pixels` is the type of an input of
    pixels, uint8 or int8, else None.
    """

    nodes: Sequence[OnnxNode]
    constants: dict[str, Array]
    input: str
    sizes: tuple[int | None, ...]
    pixels: np.dtype[Any] | None
    outputs: tuple[str, ...]


def read_graph(path: Path) -> OnnxGraph:
    """
    The graph of a file; ValueError where it is not an ONNX file with one input.
    """
    model = read_model(path)
    graph = model.graph
    opset = max((o.version for o in model.opset_import if o.domain in STANDARD), default=1)
    constants = {i.name: constant_array(i, path) for i in graph.initializer}
    if graph.sparse_initializer:
        raise ValueError(f"{path}: has sparse initializers, which are not supported: store them as dense tensors")
    source = only_input(path, [v for v in graph.input if v.name not in constants])
    outputs = tuple(value.name for value in graph.output)
    nodes = live_nodes(without_softmax(named_nodes(graph, opset), outputs), outputs)
    require_order(path, nodes, {source.name, *constants})
    require_outputs(path, outputs, {source.name, *constants, *(name for n in nodes for name in n.proto.output)})
    tensor = source.type.tensor_type
    sizes = tuple(d.dim_value if d.dim_value > 0 else None for d in tensor.shape.dim)
    return OnnxGraph(nodes, constants, source.name, sizes, pixel_type(graph, source), outputs)


def read_model(path: Path) -> ModelProto:
    """
    The parsed file with its external data, and with the functions of its own inlined.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
        from onnx.inliner import inline_local_functions
    except ModuleNotFoundError as error:
        raise ValueError("ONNX files need the onnx package: pip install 'blendir[qonnx]'") from error
    try:
        model = onnx.load(str(path))
    except OSError as error:
        raise ValueError(f"{error.filename or path}: {error.strerror or error}") from None
    except (DecodeError, onnx.checker.ValidationError, ValueError) as error:
        raise ValueError(f"{path}: truncated, or not an ONNX file: {first_line(error)}") from None
    if not model.graph.node:
        raise ValueError(f"{path}: truncated, or not an ONNX file: it has no nodes")
    return inline_local_functions(model) if model.functions else model


def first_line(error: Exception) -> str:
    """
    What an error of a library says first.
    """
    return str(error).strip().partition("\n")[0] or type(error).__name__


def constant_array(tensor: Any, where: object) -> Array:
    """
    An initializer; floats of any width become float64 and must be finite.
    """
    from onnx.numpy_helper import to_array

    try:
        array = widened(to_array(tensor))
    except Exception as error:
        raise ValueError(f"{where}: cannot read tensor {tensor.name}: {first_line(error)}") from None
    if array.dtype == np.float64 and np.isnan(array).any():
        raise ValueError(f"{where}: tensor {tensor.name} has values that are not finite (NaN); {REPAIR}")
    return array


def widened(array: Any) -> Array:
    """
    Any floats as float64, narrow integers as int64; the array may be written to.
    """
    array = np.array(array)
    if array.dtype.kind in "iub":
        return array if array.dtype == np.bool_ else array.astype(np.int64)
    return array.astype(np.float64)


def only_input(path: Path, values: Sequence[ValueInfoProto]) -> ValueInfoProto:
    """
    The one input.
    """
    if len(values) != 1:
        names = ", ".join(v.name for v in values) or "none"
        raise ValueError(f"{path}: the graph has {len(values)} inputs ({names}), only one is supported")
    return values[0]


def pixel_type(graph: GraphProto, source: ValueInfoProto) -> np.dtype[Any] | None:
    """
    The type of an input of uint8 or int8, or of the QONNX data type UINT8 or INT8; None of any other.
    """
    from onnx import TensorProto

    notes = (n for n in graph.quantization_annotation if n.tensor_name == source.name)
    kinds = {p.value for n in notes for p in n.quant_parameter_tensor_names if p.key == "finn_datatype"}
    declared = TensorProto.DataType.Name(source.type.tensor_type.elem_type)
    return next((np.dtype(name.lower()) for name in ("UINT8", "INT8") if name == declared or name in kinds), None)


def named_nodes(graph: GraphProto, opset: int) -> list[OnnxNode]:
    """
    The nodes with module paths from their names, each path once.
    """
    used: set[str] = set()
    nodes: list[OnnxNode] = []
    for index, proto in enumerate(graph.node):
        name = candidate = module_path(proto.name) or f"{proto.op_type}_{index}"
        count = 0
        while candidate in used:
            count += 1
            candidate = f"{name}_{count}"
        used.add(candidate)
        nodes.append(OnnxNode(candidate, proto, attributes_of(proto, candidate), opset))
    return nodes


def module_path(name: str) -> str:
    """
    `/features/0/Conv` as `features.0.Conv`; every part is a name in Python.
    """
    parts = [re.sub(r"\W", "_", part, flags=re.ASCII) for part in re.split(r"[/.:]+", name) if part]
    return ".".join(f"{part}_" if iskeyword(part) else part for part in parts)


def attributes_of(proto: NodeProto, name: str) -> dict[str, Any]:
    """
    The attributes of a node, tensors as arrays, texts as str.
    """
    from onnx import TensorProto
    from onnx.helper import get_attribute_value

    found: dict[str, Any] = {}
    for attribute in proto.attribute:
        value: Any = get_attribute_value(attribute)
        if isinstance(value, TensorProto):
            value = constant_array(value, name)
        found[attribute.name] = value.decode() if isinstance(value, bytes) else value
    return found


def without_softmax(nodes: list[OnnxNode], outputs: Iterable[str]) -> list[OnnxNode]:
    """
    `ArgMax(Softmax(x)) == ArgMax(x)` along the same axis, also of LogSoftmax, and of a TopK whose values nothing reads;
    before version 13 also along a later axis than the one from which on they run.
    """
    producers = {node.output: node for node in nodes}
    read = {name for node in nodes for name in node.inputs} | set(outputs)
    for node in nodes:
        places = node.op == "ArgMax" or (node.op == "TopK" and not read & set(node.proto.output[:1]))
        source = producers.get(node.inputs[0]) if places else None
        while source is not None and source.op in ("Softmax", "LogSoftmax"):
            axis, flattens = node.attributes.get("axis", 0 if node.op == "ArgMax" else -1), source.opset < 13
            first = source.attributes.get("axis", 1 if flattens else -1)
            if axis != first and not (flattens and 0 <= first < axis):
                break
            node.proto.input[0] = source.inputs[0]
            source = producers.get(node.inputs[0])
    return nodes


def live_nodes(nodes: Iterable[OnnxNode], outputs: Iterable[str]) -> list[OnnxNode]:
    """
    The nodes that outputs depend on.
    """
    producers = {name: node for node in nodes for name in node.proto.output if name}
    needed: set[str] = set()
    pending = list(outputs)
    while pending:
        node = producers.get(pending.pop())
        if node is not None and node.name not in needed:
            needed.add(node.name)
            pending.extend(node.inputs)
    return [node for node in nodes if node.name in needed]


def require_outputs(path: Path, outputs: Sequence[str], made: Collection[str]) -> None:
    """
    There are outputs, and all of them are computed.
    """
    if not outputs:
        raise ValueError(f"{path}: the graph has no outputs: export the model again")
    for name in outputs:
        if name not in made:
            raise ValueError(f"{path}: the graph has the output {name}, which no node makes: export the model again")


def require_order(path: Path, nodes: Iterable[OnnxNode], known: set[str]) -> None:
    """
    Every operand exists before the node that takes it, as ONNX asks for.
    """
    made = {"", *known}
    for node in nodes:
        missing = [name for name in node.inputs if name not in made]
        if missing:
            raise ValueError(
                f"{path}: node {node.name} ({node.op}) reads {missing[0]}, which no node before it makes: "
                "the graph lacks this tensor, has a cycle or is not sorted"
            )
        made.update(node.proto.output)
