"""
An ONNX graph as a PyTorch module: one submodule per node that depends on the input.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from blendir.frontend.errors import OUR_FAULT, ImportMismatchError, UnsupportedModelError, UntranslatableError
from blendir.frontend.onnx_files.graph import (
    DOMAINS,
    STANDARD,
    Array,
    OnnxGraph,
    OnnxNode,
    first_line,
    read_graph,
    widened,
)
from blendir.frontend.onnx_files.operations import OPERATIONS, RANDOM, Operand, Operation, operation_of, refusal
from blendir.frontend.onnx_files.windows import pads_of

if TYPE_CHECKING:
    from onnx import NodeProto

SINGLE = 1e-6
NODE_ELEMENTS = 1 << 15
"""The largest size of a frame on which nodes are compared: the reference is slow."""


class OnnxStep(nn.Module):
    """
    One node; `constants` are its operands, None where they depend on the input.
    """

    def __init__(self, node: OnnxNode, operation: Operation, constants: Sequence[Array | None]):
        super().__init__()
        self.node, self.operation, self.constants = node, operation, tuple(constants)

    def forward(self, *values: Tensor | None) -> Tensor | tuple[Tensor, ...]:
        operands = [c if v is None else v for v, c in zip(values, self.constants, strict=True)]
        return cast("Tensor | tuple[Tensor, ...]", self.operation(self.node, *operands))

    def results(self, *values: Tensor | None) -> dict[str, Tensor]:
        """
        The results by name.
        """
        return dict(zip(self.node.proto.output, several(self(*values)), strict=False))


class OnnxNetwork(nn.Module):
    """
    The nodes of a graph in order. Frames run one after another, because files often fix the leading dimension.

    `example` is one frame of zeros. Raises UnsupportedModelError, which lists all nodes that cannot be run.
    """

    def __init__(self, graph: OnnxGraph, example: NDArray[Any]):
        super().__init__()
        self.graph, self.example = graph, example
        run = Folding(graph, example)
        if run.problems:
            raise self.unsupported(run.problems)
        self.steps = run.steps
        for step in self.steps:
            add_at(self, step.node.name, step)
        self.eval()

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        frames = [self.frame(x)] if len(x) == 1 else [self.frame(f[None]) for f in x]
        outputs = {name: torch.cat([f[name] for f in frames]) if len(x) > 1 else frames[0][name] for name in frames[0]}
        return outputs if len(outputs) > 1 else next(iter(outputs.values()))

    def frame(self, x: Tensor) -> dict[str, Tensor]:
        """
        The outputs for one frame by name.
        """
        values = {self.graph.input: x.double()}
        for step in self.steps:
            values.update(step.results(*(values.get(name) for name in step.node.inputs)))
        return {name: values[name] for name in self.graph.outputs}

    def unsupported(self, operations: Sequence[tuple[str, str]]) -> UnsupportedModelError:
        """
        The error for nodes or layers and what is wrong with them.
        """
        return UnsupportedModelError(operations, supported_in_onnx())


def supported_in_onnx() -> dict[str, Sequence[str]]:
    """
    What can be imported from ONNX files.
    """
    return {"ONNX operations": sorted(OPERATIONS)}


def add_at(root: nn.Module, path: str, module: nn.Module) -> None:
    """
    Adds a submodule at a path. A part of the path that the module already uses for something else gets an underscore at
    its end.
    """
    *outer, last = path.split(".")
    for part in outer:
        children = dict(root.named_children())
        name = part + "_" if part in dir(root) and part not in children else part
        if name not in children:
            root.add_module(name, nn.Module())
        root = root.get_submodule(name)
    while last in dir(root):
        last += "_"
    root.add_module(last, module)


@dataclass(frozen=True)
class Unknown:
    """
    The result of a node that cannot be run.
    """


Value = Tensor | Array | Unknown | None


class Folding:
    """
    Runs a graph once on one frame. Values that depend only on constants and shapes become constants, the other nodes
    become steps, and every unsupported node becomes a problem.
    """

    def __init__(self, graph: OnnxGraph, example: NDArray[Any]):
        self.problems: list[tuple[str, str]] = []
        self.steps: list[OnnxStep] = []
        self.values: dict[str, Value] = {"": None, **graph.constants}
        self.values[graph.input] = torch.from_numpy(example).double()
        for node in graph.nodes:
            self.values[node.output] = Unknown()
            try:
                found = self.result(node, [self.operand(name) for name in node.inputs])
                self.values.update(zip(node.proto.output, several(found), strict=False))
            except UntranslatableError as error:
                self.problems.append((node.name, f"{node.op}: {error}"))
            except Exception as error:
                where = f"fails on a frame of shape {list(example.shape)}"
                self.problems.append((node.name, f"{node.op}: {where}: {first_line(error)}"))
        for output in graph.outputs:
            if output not in self.values:
                self.problems.append(("output", f"{output}: a second result of a node, which is not supported"))
            if not self.problems and not isinstance(self.operand(output), Tensor):
                raise ValueError(f"the output {output} does not depend on the input {graph.input}")

    def operand(self, name: str) -> Value:
        """
        A value by its name.
        """
        if name not in self.values:
            raise UntranslatableError(f"reads {name}, a second result, which is not supported")
        return self.values[name]

    def result(self, node: OnnxNode, operands: Sequence[Value]) -> Value | tuple[Tensor, ...]:
        """
        What a node results in, of constants the first result.
        """
        domain = node.proto.domain
        if domain not in DOMAINS:
            raise UntranslatableError(f"of domain {domain}, which is unknown")
        constant = all(v is None or isinstance(v, np.ndarray) for v in operands)
        if constant and domain in STANDARD and node.op not in ("Sign", *RANDOM):
            return evaluated(node, operands)
        operation = operation_of(node)
        if operation is None:
            raise UntranslatableError(refusal(node.op))
        if any(isinstance(v, Unknown) for v in operands):
            return Unknown()
        with torch.no_grad():
            value = operation(node, *cast(Sequence[Operand], operands))
        if not isinstance(value, np.ndarray) and not constant:
            constants = [v if isinstance(v, np.ndarray) else None for v in operands]
            self.steps.append(OnnxStep(node, operation, constants))
            return value
        return widened(value.numpy() if isinstance(value, Tensor) else cast(Array, value))


def several(results: Any) -> tuple[Any, ...]:
    """
    Results side by side.
    """
    return results if isinstance(results, tuple) else (results,)


def evaluated(node: OnnxNode, operands: Sequence[Value]) -> Array:
    """
    A node on constants, as the reference of the ONNX package computes it in the version of the file.
    """
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    feeds = {name: value for name, value in zip(node.inputs, operands, strict=True) if name}
    untyped = helper.make_tensor_type_proto(TensorProto.UNDEFINED, None)
    inputs, outputs = ([helper.make_value_info(n, untyped) for n in names] for names in (feeds, [node.output]))
    graph = helper.make_graph([stated(node, operands)], node.name, inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(node.proto.domain, node.opset)])
    (value,) = cast(Any, ReferenceEvaluator(model).run(None, feeds))
    return widened(value)


def stated(node: OnnxNode, operands: Sequence[Value]) -> NodeProto:
    """
    A node with numbers in place of `auto_pad`, which the reference takes from other sizes.
    """
    from onnx import helper

    copied = copy.deepcopy(node.proto)
    for attribute in node.proto.attribute:
        if attribute.name == "auto_pad" and isinstance(operands[0], np.ndarray):
            given = node.attributes.get("kernel_shape")
            kernel = list(given or cast(Array, operands[1]).shape[2:])
            copied.attribute.remove(attribute)
            copied.attribute.append(helper.make_attribute("pads", pads_of(node, list(operands[0].shape[2:]), kernel)))
    return copied


def check_nodes(network: OnnxNetwork) -> None:
    """
    Compares every node of ONNX's own operations with the reference of the ONNX package, on a random frame, to the
    precision of its attributes. The sign of zero, and operations that the reference cannot compute, are left out.
    Raises ImportMismatchError at the first node that differs.
    """
    rng = np.random.default_rng(0)
    pixels, shape = network.graph.pixels, network.example.shape
    ends = None if pixels is None else np.iinfo(pixels)
    frame = rng.normal(size=shape) if ends is None else rng.integers(ends.min, ends.max + 1, shape)
    values: dict[str, Tensor] = {network.graph.input: torch.from_numpy(frame).double()}
    for step in network.steps:
        node, given = step.node, [values.get(name) for name in step.node.inputs]
        with torch.no_grad():
            values.update(step.results(*given))
        if node.proto.domain not in STANDARD or node.op == "Sign" or frame.size > NODE_ELEMENTS:
            continue
        try:
            want = evaluated(node, [c if v is None else v.numpy() for v, c in zip(given, step.constants, strict=True)])
        except Exception:
            continue
        got = values[node.output].numpy()
        if not np.isfinite(want).all():
            continue
        if got.shape != want.shape or not np.allclose(got, want, SINGLE, SINGLE * np.abs(want).max(initial=0.0)):
            raise ImportMismatchError(node.name, None, f"{node.op} is not ONNX's, {OUR_FAULT}")


def load_onnx(path: str | Path, example: NDArray[Any] | Tensor | None = None) -> OnnxNetwork:
    """
    The network of a file. `example` overrides shape and type of the input that the file declares.
    """
    graph = read_graph(Path(path))
    given = None if example is None else np.asarray(example)
    return OnnxNetwork(graph, zeros_for(graph, given, Path(path)))


def zeros_for(graph: OnnxGraph, given: NDArray[Any] | None, path: Path) -> NDArray[Any]:
    """
    One frame of zeros.
    """
    sizes = graph.sizes[1:]
    if given is not None:
        fits = given.ndim == 1 + len(sizes) and all(s in (None, n) for s, n in zip(sizes, given.shape[1:], strict=True))
        if not fits:
            declared = "x".join("?" if s is None else str(s) for s in sizes)
            raise ValueError(f"{path}: input {graph.input} is {declared}, but the example {list(given.shape)}")
        return np.zeros((1, *given.shape[1:]), given.dtype)
    if not sizes or None in sizes:
        raise ValueError(
            f"{path}: the file does not fix the shape of input {graph.input}: give --input CxHxW or --example X.npy"
        )
    return np.zeros((1, *cast(tuple[int, ...], sizes)), graph.pixels or np.float32)
