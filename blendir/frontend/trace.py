"""
Tracing a model with `torch.export`.
"""

from __future__ import annotations

import copy
import inspect
import io
import logging
import sysconfig
import traceback
import warnings
from collections import OrderedDict
from collections.abc import Generator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch._decomp import get_decompositions
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, InputSpec, OutputKind
from torch.fx import Graph, Node
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode
from torch.utils._pytree import TreeSpec

from blendir.dialects.blend.base import REPAIR
from blendir.frontend.errors import first_line
from blendir.frontend.traced_models import module_of, opened, program_of

FOREIGN = tuple(
    {*(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")), str(Path(__file__).parents[1])}
)
"""
Folders of code that is not the user's.
"""

DECOMPOSED = get_decompositions(
    [
        torch.ops.aten.addcmul.default,
        torch.ops.aten.glu.default,
        torch.ops.aten.lerp.Scalar,
        torch.ops.aten.masked_fill.Scalar,
        torch.ops.aten.masked_fill.Tensor,
        torch.ops.aten.select_scatter.default,
        torch.ops.aten.slice_scatter.default,
        torch.ops.aten.stack.default,
        torch.ops.aten.threshold.default,
    ]
)
"""
Operations in place of which PyTorch traces simpler ones.
"""

PIXELS = (torch.uint8, torch.int8)
"""The integers that frames may hold."""

BOTH_WAYS = "it decides by values that depend on the input; compute both ways and choose with torch.where"


@dataclass(frozen=True)
class Traced:
    """
    A graph of ATen operations, its input, and the constants of its other placeholders. Also the copy of the model that
    was traced, or None if tracing had to change it. `kind` is the type of the frames. `outputs` are the places of what
    the model returns among the results of the graph, by the names that the model gives them: the keys of a dictionary,
    else numbers.
    """

    model: nn.Module | None
    graph: Graph
    source: Node
    outputs: dict[str, int]
    constants: dict[Node, Tensor]
    kind: torch.dtype

    @property
    def results(self) -> dict[str, Node | None]:
        """
        What the model returns by name, None where it is not a tensor.
        """
        returned = cast(tuple[object, ...], self.graph.output_node().args[0])
        found = {name: returned[index] for name, index in self.outputs.items()}
        return {name: node if isinstance(node, Node) else None for name, node in found.items()}


def trace(model: object, example: NDArray[Any] | Tensor) -> Traced:
    """
    Exports a copy of the model in evaluation mode, in its own precision, on the first frame of the example. The graph
    states the operations, not their precision: floats of any width become float64 afterwards. So every model that runs
    can be traced, whatever types it casts to.
    """
    clone, changed = network(model, example), False
    if any(type(module).__module__.startswith("brevitas.") for module in clone.modules()):
        from blendir.frontend.brevitas_layers import make_traceable

        make_traceable(clone)
        changed = True
    require_one_input(clone)
    frame = first_frame(example, float_type(clone))
    try:
        with warnings.catch_warnings(), silent(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.export.export(clone, (frame,), strict=False)
            names = plain_names(program)
            untie(program)
            program = program.run_decompositions(DECOMPOSED)
    except Exception as error:
        kind = str(frame.dtype).removeprefix("torch.")
        what = f"PyTorch cannot trace the model on an example of shape {list(frame.shape)}, {kind}"
        raise ValueError(f"{what}: {reason(error)}{user_line(error)}") from error
    return analyse(program, names, None if changed else clone, frame.dtype)


def plain_names(program: ExportedProgram) -> dict[str, str]:
    """
    Gives the tensors of a program names that Python can write, whatever the modules are called; what they were called,
    by name.
    """
    specs = (*program.graph_signature.input_specs, *program.graph_signature.output_specs)
    targets = dict.fromkeys(spec.target for spec in specs if spec.target is not None)
    plain = {target: f"tensor{index}" for index, target in enumerate(targets)}
    for spec in specs:
        spec.target = plain.get(spec.target) if spec.target is not None else None
    for tensors in (program.state_dict, program.constants):
        for target in [t for t in tensors if t in plain]:
            tensors[plain[target]] = tensors.pop(target)
    return {name: target for target, name in plain.items()}


def untie(program: ExportedProgram) -> None:
    """
    Gives each name a tensor of its own: PyTorch cannot trace a program again that writes to a tensor of two names, like
    a quantizer that two layers share.
    """
    seen: set[int] = set()
    for name, tensor in program.state_dict.items():
        program.state_dict[name] = copy.deepcopy(tensor) if id(tensor) in seen else tensor  # stays a parameter
        seen.add(id(tensor))


def require_network(model: object) -> None:
    """
    Refuses what is not a network of modules whose code can be traced, nor one that has been traced.
    """
    if isinstance(model, (ExportedProgram, torch.jit.ScriptModule, str, Path)):
        return
    if isinstance(model, type):
        raise ValueError(f"the model is the class {model.__name__}: give a network, as {model.__name__}()")
    if not isinstance(model, nn.Module):
        raise ValueError(f"the model should be an nn.Module, got {type(model).__name__}")
    try:
        modules = list(model.named_modules())
    except RecursionError:
        raise ValueError("the model is nested too deeply for Python: put its layers side by side") from None
    for path, module in modules:
        if isinstance(module, torch.jit.ScriptModule):
            where = path or "the model"
            raise ValueError(
                f"{where} is TorchScript, which hides its layers: give the nn.Module that it was made from"
            )


def network(model: object, example: NDArray[Any] | Tensor) -> nn.Module:
    """
    A copy of a model, on the CPU and in evaluation mode, that PyTorch can trace.
    """
    model = opened(model)
    require_network(model)
    if isinstance(model, ExportedProgram):
        return module_of(model)
    assert isinstance(model, nn.Module)
    if isinstance(model, torch.jit.ScriptModule):
        with warnings.catch_warnings(), silent():
            warnings.simplefilter("ignore")
            return module_of(program_of(model, first_frame(example, float_type(model))))
    if any(module.training for module in model.modules()):
        warnings.warn("the model is in training mode; a copy in evaluation mode is imported", stacklevel=4)
    return evaluation_copy(model)


@contextmanager
def silent() -> Generator[None]:
    """
    Keeps PyTorch from logging and printing what it also raises.
    """
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def evaluation_copy(model: nn.Module) -> nn.Module:
    """
    A copy of the model on the CPU, in evaluation mode; ValueError where PyTorch cannot copy it. Modules may hold
    results of computations, as those of torch.nn.utils.prune do, which PyTorch does not copy by itself.
    """
    held = (value for module in model.modules() for value in vars(module).values())
    results = {id(v): v.detach().clone() for v in held if isinstance(v, Tensor) and not v.is_leaf}
    try:
        return copy.deepcopy(model, results).cpu().eval()
    except Exception as error:
        raise ValueError(f"PyTorch cannot copy the model: {first_line(error)}") from error


def reason(error: Exception) -> str:
    """
    The error in the user's terms, if PyTorch's message is about its internals.
    """
    if isinstance(error, GuardOnDataDependentSymNode):
        return BOTH_WAYS
    return first_line(error)


def user_line(error: BaseException | None) -> str:
    """
    The line of the user's own code that caused an error, formatted to follow its text; empty if there is none.
    """
    while error is not None:
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if frame.line and not frame.filename.startswith(("<", *FOREIGN)):
                return f" ({Path(frame.filename).name}:{frame.lineno}: {frame.line.strip()})"
        error = error.__cause__ or error.__context__
    return ""


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
    if not isinstance(example, np.ndarray | Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
        kind = type(example).__name__
        raise ValueError(f"the example should be an array or a tensor [N, ..], got {kind}: give numpy.array(..)")
    if isinstance(example, np.ndarray) and example.dtype.kind not in "biufc":
        raise ValueError(f"the example has type {example.dtype}, but should be floats, uint8 or int8")
    tensor = torch.from_numpy(np.array(example)) if isinstance(example, np.ndarray) else example.detach().cpu()
    if tensor.ndim < 2 or len(tensor) == 0:
        raise ValueError(f"the example has shape {list(tensor.shape)}, but should be a batch of at least one frame")
    if tensor.dtype not in PIXELS and not tensor.is_floating_point():
        raise ValueError(f"the example has type {tensor.dtype}, but should be floats, uint8 or int8")
    frame = tensor[:1].clone()
    return frame if tensor.dtype in PIXELS or float_dtype is None else frame.to(float_dtype)


def require_one_input(model: nn.Module) -> None:
    """
    `forward` can be called with one argument.
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(model.forward).parameters.values()
    needed = [p.name for p in parameters if p.default is inspect.Parameter.empty and p.kind in kinds]
    if len(needed) > 1:
        require_one("inputs", needed)


def analyse(program: ExportedProgram, names: Mapping[str, str], model: nn.Module | None, kind: torch.dtype) -> Traced:
    """
    Finds input, output and parameters of an exported program whose tensors have other names.
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
            constants[node] = cast(Tensor, values[spec.target]).detach().cpu()
            if node.users:
                require_finite(parameter_name(node, spec, names), constants[node])
    outputs = program.graph_signature.output_specs
    results = [i for i, spec in enumerate(outputs) if spec.kind is OutputKind.USER_OUTPUT]
    if any(node.op == "get_attr" for node in program.graph.nodes):
        raise ValueError(f"the model has branches: {BOTH_WAYS}")
    require_one("inputs", [node.name for node in sources])
    named = dict(zip(names_of_outputs(program), results, strict=True))
    return Traced(model, program.graph, sources[0], named, constants, kind)


def names_of_outputs(program: ExportedProgram) -> list[str]:
    """
    The keys of the dictionary that a model returns, or the numbers of its outputs; ValueError where one is no tensor
    but a collection of them.
    """
    returned = cast(TreeSpec, program.call_spec.out_spec)
    if returned.is_leaf():
        return ["0"]
    names = [str(key) for key in returned.context] if returned.type in (dict, OrderedDict) else None
    names = names or [str(index) for index in range(returned.num_children)]
    for name, child in zip(names, returned.children(), strict=True):
        if not child.is_leaf():
            raise ValueError(f"output {name} of the model is a {child.type.__name__}: return tensors side by side")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"the model returns {names or 'nothing'}: give each output a name of its own")
    return names


def parameter_name(node: Node, spec: InputSpec, names: Mapping[str, str]) -> str:
    """
    The path of a parameter or buffer. For a tensor that PyTorch found in the code, the path of the module that reads
    it.
    """
    if spec.kind is not InputKind.CONSTANT_TENSOR:
        return f"parameter {names[cast(str, spec.target)]}"
    stacks = (cast(dict[str, tuple[str, str]], user.meta.get("nn_module_stack") or {}) for user in node.users)
    paths = [path for stack in stacks for path, _ in list(stack.values())[-1:]]
    return f"a constant of {next(filter(None, paths), 'the model')}"


def require_one(what: str, names: list[str]) -> None:
    """
    Refuses models with more or fewer than one input or output, by their names in the traced graph.
    """
    if len(names) != 1:
        raise ValueError(f"the model has {len(names)} {what} ({', '.join(names) or 'none'}), only one is supported")


def require_finite(name: str, tensor: Tensor) -> None:
    """
    ValueError, which names a parameter, where it has NaN or infinity.
    """
    bad = int((~torch.isfinite(tensor)).sum())
    if bad:
        values = "1 value that is" if bad == 1 else f"{bad} values that are"
        raise ValueError(f"{name} has {values} not finite (NaN or infinity); {REPAIR}")
