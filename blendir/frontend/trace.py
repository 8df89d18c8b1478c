"""
Tracing a model with `torch.export`, and the parameters of the traced graph in float64.
"""

from __future__ import annotations

import copy
import inspect
import warnings
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Graph, Node


@dataclass(frozen=True)
class Traced:
    """
    A graph of ATen operations, its input, and the constants that its other placeholders stand for.
    """

    graph: Graph
    source: Node
    output_index: int
    constants: dict[Node, Tensor]
    pixels: bool

    @property
    def result(self) -> Node | None:
        """
        What the model returns, None where it is not a tensor.
        """
        returned = cast(tuple[object, ...], self.graph.output_node().args[0])[self.output_index]
        return returned if isinstance(returned, Node) else None


def trace(model: nn.Module, example: NDArray[Any] | Tensor) -> Traced:
    """
    Exports a copy of the model in evaluation mode, in its own precision, on the first frame of the example.

    The graph says what is computed, not how precisely: floats of any width become float64 afterwards,
    and every model that runs can be traced, whatever it casts.
    """
    if any(module.training for module in model.modules()):
        warnings.warn("the model is in training mode; a copy in evaluation mode is imported", stacklevel=3)
    clone = evaluation_copy(model)
    if any(type(module).__module__.startswith("brevitas.") for module in clone.modules()):
        from blendir.frontend.brevitas_layers import make_traceable

        make_traceable(clone)
    require_one_input(clone)
    frame = first_frame(example, float_type(clone))
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.export.export(clone, (frame,), strict=False).run_decompositions({})
    except Exception as error:
        kind = str(frame.dtype).removeprefix("torch.")
        raise ValueError(
            f"PyTorch cannot trace the model on an example of shape {list(frame.shape)}, {kind}: {first_line(error)}"
        ) from error
    return analyse(program, frame.dtype == torch.uint8)


def evaluation_copy(model: nn.Module) -> nn.Module:
    """
    A copy of the model on the CPU, in evaluation mode; ValueError where PyTorch cannot copy it.
    """
    try:
        return copy.deepcopy(model).cpu().eval()
    except Exception as error:
        raise ValueError(f"PyTorch cannot copy the model: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """
    What an error of PyTorch says first.
    """
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def float_type(model: nn.Module) -> torch.dtype | None:
    """
    The precision of the first parameter or buffer that is a float.
    """
    tensors = (*model.parameters(), *model.buffers())
    return next((t.dtype for t in tensors if t.is_floating_point()), None)


def first_frame(example: NDArray[Any] | Tensor, float_dtype: torch.dtype | None) -> Tensor:
    """
    `example[:1]` as pixels or in the model's precision.
    """
    if isinstance(example, np.ndarray) and example.dtype.kind not in "biufc":
        raise ValueError(f"the example has type {example.dtype}, but should be floats or uint8")
    tensor = torch.from_numpy(np.array(example)) if isinstance(example, np.ndarray) else example.detach().cpu()
    if tensor.ndim < 2 or len(tensor) == 0:
        raise ValueError(f"the example has shape {list(tensor.shape)}, but should be a batch of at least one frame")
    if tensor.dtype != torch.uint8 and not tensor.is_floating_point():
        raise ValueError(f"the example has type {tensor.dtype}, but should be floats or uint8")
    frame = tensor[:1].clone()
    return frame if tensor.dtype == torch.uint8 or float_dtype is None else frame.to(float_dtype)


def require_one_input(model: nn.Module) -> None:
    """
    `forward` can be called with one argument.
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(model.forward).parameters.values()
    needed = [p.name for p in parameters if p.default is inspect.Parameter.empty and p.kind in kinds]
    if len(needed) > 1:
        require_one("inputs", needed)


def analyse(program: ExportedProgram, pixels: bool) -> Traced:
    """
    Finds input, output and parameters of an exported program.
    """
    nodes = {node.name: node for node in program.graph.nodes}
    sources: list[Node] = []
    constants: dict[Node, Tensor] = {}
    values = {**program.constants, **program.state_dict}
    for spec in program.graph_signature.input_specs:
        node = nodes.get(getattr(spec.arg, "name", ""))
        if spec.kind is InputKind.USER_INPUT and node is not None:
            sources.append(node)
        elif node is not None and spec.target is not None:
            constants[node] = wide(spec.target, cast(Tensor, values[spec.target]))
    outputs = program.graph_signature.output_specs
    results = {i: spec.arg for i, spec in enumerate(outputs) if spec.kind is OutputKind.USER_OUTPUT}
    require_one("inputs", [node.name for node in sources])
    require_one("outputs", [str(getattr(arg, "name", arg)) for arg in results.values()])
    return Traced(program.graph, sources[0], next(iter(results)), constants, pixels)


def require_one(what: str, names: list[str]) -> None:
    """
    Refuses models with more or fewer than one input or output, by their names in the traced graph.
    """
    if len(names) != 1:
        raise ValueError(f"the model has {len(names)} {what} ({', '.join(names) or 'none'}), only one is supported")


def wide(name: str, tensor: Tensor) -> Tensor:
    """
    A parameter in float64; ValueError where it is not finite.
    """
    tensor = tensor.detach().cpu()
    if not tensor.is_floating_point():
        return tensor
    bad = int((~torch.isfinite(tensor)).sum())
    if bad:
        raise ValueError(f"parameter {name} has {bad} value{'s' if bad > 1 else ''} that are not finite")
    return tensor.double()
