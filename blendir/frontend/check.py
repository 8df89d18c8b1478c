"""
Comparison of the user's model in float64 with the imported module: the result of every module and the output, on the
example and on random frames.
"""

from __future__ import annotations

import operator
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.fx import Node
from torch.fx.node import map_arg
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from xdsl.ir import SSAValue

from blendir.dialects.blend import BlendOp
from blendir.frontend import fake_quantize
from blendir.frontend.constants import SIGNS, widen
from blendir.frontend.errors import OUR_FAULT, ImportMismatchError, first_line
from blendir.frontend.importer import Importer
from blendir.frontend.trace import evaluation_copy, first_frame
from blendir.interpreter import output_names
from blendir.passes.agreement import Bools, Values, coarse, differs, peaks, probe_frames

Array = NDArray[Any]

VARIES = "depends_on_the_input"
"""An attribute of tensors."""
COMPARISONS = frozenset(
    f"aten.{name}.{form}" for name in ("ge", "gt", "le", "lt", "eq", "ne") for form in ("Scalar", "Tensor")
)
ROUNDINGS = frozenset(f"aten.{name}.default" for name in ("round", "floor", "ceil", "trunc"))
PLACES = ("aten.argmax.default", "aten.argmin.default", "aten.max.dim", "aten.min.dim", "aten.topk.default")
IN_PLACE: dict[str, Any] = {
    f"aten.{name}_.default": getattr(torch.ops.aten, name).default
    for name in ("sign", "sgn", "round", "floor", "ceil", "trunc")
}


class Wide(TorchDispatchMode):
    """
    PyTorch with the arithmetic of [imported]: every float is a float64, whatever type the model casts to; the sign of 0
    is +1; signs, comparisons and roundings see operands rounded as in `passes/agreement.py`.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if (name := str(func)) in IN_PLACE:
            return args[0].copy_(self.__torch_dispatch__(IN_PLACE[name], types, args, kwargs))
        if func._schema.is_mutable and name not in fake_quantize.NAMES:
            return func(*args, **kwargs)
        varies = any(hasattr(v, VARIES) for v in tensors_in((*args, *kwargs.values())))
        result = self.compute(func, widen(args), {k: widen(v) for k, v in kwargs.items()})
        return marked(result) if varies else result

    def compute(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """
        One operation on what is float64 already.
        """
        name = str(func)
        if name in fake_quantize.NAMES:
            return fake_quantize.fake_quantized(name, args, settled)
        if name in SIGNS:
            return torch.where(settled(args[0]) >= 0, 1.0, -1.0).double()
        if name in PLACES and floats(args[0]):
            if name == "aten.topk.default":
                return func(*args, **kwargs)[0], top_places(settled(args[0]), *args[1:], **kwargs)
            places = func(settled(args[0]), *args[1:], **kwargs)
            return places if isinstance(places, Tensor) else (func(*args, **kwargs)[0], places[1])
        if name in ROUNDINGS or (name == "aten._to_copy.default" and not floats(kwargs.get("dtype", args[0].dtype))):
            return func(settled(args[0]), *args[1:], **kwargs)
        if name in COMPARISONS and floats(args[0]):
            if all(hasattr(v, VARIES) for v in args):
                difference = settled(args[0] - args[1])
                return func(difference, torch.zeros_like(difference))
            return func(*(settled(v) if hasattr(v, VARIES) else v for v in args))
        return widen(func(*args, **kwargs))


def top_places(x: Tensor, k: int, dim: int = -1, largest: bool = True, *_: bool) -> Tensor:
    """
    The places of the k largest or smallest elements; of equal ones the first, which PyTorch's topk leaves open.
    """
    return x.sort(dim=dim, descending=largest, stable=True).indices.narrow(dim, 0, k)


def marked(result: Any) -> Any:
    """
    Marks a result as dependent on the input of the model, also inside a tuple or list.
    """
    for value in tensors_in((result,)):
        setattr(value, VARIES, True)
    return result


def tensors_in(values: Iterable[Any]) -> Iterator[Tensor]:
    """
    The tensors among values, and in lists and tuples of them.
    """
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors_in(cast(Iterable[Any], value))


def floats(value: Any) -> bool:
    """
    Whether a tensor or type is one of floats.
    """
    kind = value.dtype if isinstance(value, Tensor) else value
    return isinstance(kind, float) or (isinstance(kind, torch.dtype) and kind.is_floating_point)


def settled(x: Tensor) -> Tensor:
    """
    Floats of one frame, rounded as signs, comparisons and roundings see them; other tensors unchanged.
    """
    if not floats(x):
        return x
    flat = x.numpy().reshape(1, -1)
    return torch.from_numpy(coarse(flat, peaks(flat))).reshape(x.shape)


def reference(model: nn.Module, frames: Array, note: Callable[[int, int, int, Tensor | None], None]) -> list[Array]:
    """
    The outputs of a model on frames [N, ..], run one after another in float64. The model may be changed.

    `note(module, call, frame, result)` sees the one tensor that a call of a module returns, or None: the identity of
    the module, the number of the call in the frame, and that of the frame.
    """
    outputs: list[list[Array | None]] = []
    calls: Counter[int] = Counter()

    def record(module: nn.Module, _: Any, result: Any) -> None:
        note(id(module), calls[id(module)], len(outputs), plain(result))
        calls[id(module)] += 1

    for module in model.modules():
        module.register_forward_hook(record)
    nn.Module.double(model)  # a method of the user's may have this name
    with torch.random.fork_rng(devices=[]), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for frame in frames:
            calls.clear()
            with Wide():
                result = model(marked(torch.from_numpy(frame[None].copy())))
            outputs.append([None if v is None else v.numpy().copy() for v in tensors_of(result)])
    if not (returned := stacked(outputs)):
        raise ValueError("what it returns differs from frame to frame, or is no tensor")
    return returned


def stacked(runs: Sequence[Sequence[Array | None]]) -> list[Array]:
    """
    The outputs over all frames. Empty if they differ in number from frame to frame or are no tensors.
    """
    if len({len(run) for run in runs}) != 1 or any(v is None or v.ndim == 0 for run in runs for v in run):
        return []
    return [np.concatenate(cast("tuple[Array, ...]", values)) for values in zip(*runs, strict=True)]


def tensors_of(returned: Any) -> list[Tensor | None]:
    """
    What a model returns, one after another.
    """
    whole = plain(returned)
    return [plain(value) for value in tree_leaves(returned)] if whole is None else [whole]


def plain(result: Any) -> Tensor | None:
    """
    The one tensor that a module returns, also from a tuple or a quantized tensor; None where there is none.
    """
    if isinstance(result, (tuple, list)) and len(cast(list[Any], result)) == 1:
        return plain(result[0])
    if not isinstance(result, Tensor):
        result = getattr(result, "value", None)
    return result.detach() if isinstance(result, Tensor) else None


def checked_values(model: object, importer: Importer, example: Array | Tensor) -> Values:
    """
    Compares the module of an importer with its model, on the first frame of the example and on random frames.

    Raises ImportMismatchError with the first module path at which the model computes something else in float64. Warns
    if the model fails in float64.
    """
    check = ImportCheck(model, importer, example)
    check.run()
    return check.imported


class ImportCheck:
    """
    The comparison of an imported module with its model, on the first frame of the example and on random ones.
    """

    def __init__(self, model: object, importer: Importer, example: Array | Tensor):
        self.importer, self.module = importer, importer.module
        probes = probe_frames(self.module)
        frames = np.concatenate([widen(first_frame(example, None)).numpy().astype(probes.dtype), probes])
        self.frames = frames[np.isfinite(frames.reshape(len(frames), -1)).all(axis=1)]
        self.model = importer.traced.model or evaluation_copy(cast(nn.Module, model))
        self.imported = Values(self.module, self.frames)
        self.expected = self.expectations()
        self.calls: Counter[tuple[int, int]] = Counter()
        """How often each module is called in each frame."""
        self.unknown: set[int] = set()
        """Modules that return something else than a tensor."""
        self.different: dict[tuple[int, int], dict[int, Array]] = {}
        """The results that differ, by module and call, and by frame."""

    def run(self) -> None:
        """
        Runs the model and compares it.
        """
        try:
            want = reference(self.model, self.frames, self.note)
        except Exception as error:
            warnings.warn(
                f"the import was not compared with the model, which cannot be run in float64: {first_line(error)}",
                stacklevel=5,
            )
            return
        outputs = zip(output_names(self.module), self.imported.returned, want, strict=True)
        for path, value, result in (*self.differences(), *outputs):
            if result.shape == self.imported.seen[value].shape:
                wrong = self.imported.differs(value, result)
                if wrong.any():
                    self.explain(path, value, result, wrong)
                    return

    def expectations(self) -> dict[int, list[tuple[str, SSAValue | None]]]:
        """
        For each call of a module, by the identity of the module: the path, and the imported value of its one result.
        """
        found: defaultdict[int, list[tuple[str, SSAValue | None]]] = defaultdict(list)
        for path, node in self.importer.places.results():
            with suppress(AttributeError):
                value = None if node is None else self.importer.known[node]
                seen = value if isinstance(value, SSAValue) and value in self.imported.seen else None
                found[id(self.model.get_submodule(path))].append((path, seen))
        return found

    def note(self, module: int, call: int, frame: int, result: Tensor | None) -> None:
        """
        Compares what a call of a module returns in a frame; only what differs is kept.
        """
        self.calls[module, frame] += 1
        if result is None or result.ndim == 0:
            self.unknown.add(module)
        elif call < len(expected := self.expected.get(module, [])) and (value := expected[call][1]) is not None:
            seen, want = self.imported.seen[value][frame : frame + 1], result.numpy()
            if want.shape == seen.shape and differs(seen, want, 0.0).any():
                self.different.setdefault((module, call), {})[frame] = want.copy()

    def differences(self) -> Iterator[tuple[str, SSAValue, Array]]:
        """
        For every call of a module with one result that differs: path, imported value and PyTorch's result [N, ..], in
        the order of the operations. If one value has several paths, the innermost comes first. Modules that are not
        called as often in every frame, or return something else than tensors, are left out.
        """
        order = {value: index for index, value in enumerate(self.imported.seen)}
        found: list[tuple[tuple[int, int], str, SSAValue, dict[int, Array]]] = []
        for (module, call), results in self.different.items():
            path, value = self.expected[module][call]
            alike = len({self.calls[module, frame] for frame in range(len(self.frames))}) == 1
            if value is not None and alike and module not in self.unknown:
                found.append(((order[value], -path.count(".")), path, value, results))
        for _, path, value, results in sorted(found, key=lambda f: f[0]):
            seen = self.imported.seen[value]
            yield path, value, np.concatenate([results.get(i, seen[i : i + 1]) for i in range(len(seen))])

    def explain(self, path: str, value: SSAValue, want: Array, wrong: Bools) -> None:
        """
        Raises the error for a module path, or for the layer of the first wrongly translated node. Does nothing if all
        nodes are right and, in every differing frame, a sign, comparison or rounding was so close to its limit that
        both results are right.
        """
        if (found := self.wrong_node()) is not None:
            node, value, want = found
            owner = value.owner
            path = owner.layer_name if isinstance(owner, BlendOp) else path
            made = node.all_input_nodes[0] if node.target is operator.getitem else node
            cause = f"{made.target} is translated wrongly, {OUR_FAULT}"
        elif (wrong & ~self.imported.uncertain).any():
            cause = (
                "PyTorch traces another computation than it runs; does forward() ask whether it is traced, or keep "
                "numbers for later calls?"
            )
        else:
            return
        with np.errstate(all="ignore"):
            worst = float(np.nanmax(np.abs(self.imported.seen[value].astype(np.float64) - want)))
        raise ImportMismatchError(path, worst, cause)

    def wrong_node(self) -> tuple[Node, SSAValue, Array] | None:
        """
        The first wrongly translated node of the traced graph: from the imported values of its operands, PyTorch
        computes a different result.
        """
        runs = [self.run_graph(index) for index in range(len(self.frames))]
        for node in runs[0]:
            value, want = self.importer.known[node], np.concatenate([run[node] for run in runs])
            if isinstance(value, SSAValue) and want.shape == self.imported.seen[value].shape:
                if self.imported.differs(value, want).any():
                    return node, value, want
        return None

    def run_graph(self, index: int) -> dict[Node, Array]:
        """
        PyTorch's result at each node of the traced graph in one frame, from imported operands.
        """
        traced, seen = self.importer.traced, self.imported.seen
        frame = torch.from_numpy(self.frames[index][None])
        known: dict[Node, Any] = {node: widen(constant) for node, constant in traced.constants.items()}
        known[traced.source] = marked(widen(frame))
        found: dict[Node, Array] = {}
        for node in traced.graph.nodes:
            if node.op != "call_function":
                continue
            args, kwargs = (map_arg(a, known.__getitem__) for a in (node.args, node.kwargs))
            with torch.no_grad(), Wide():
                known[node] = cast(Callable[..., Any], node.target)(*args, **kwargs)
            value = self.importer.known[node]
            if isinstance(known[node], Tensor) and isinstance(value, SSAValue) and value in seen:
                found[node] = known[node].numpy()
                known[node] = marked(torch.from_numpy(seen[value][index][None].copy()).to(known[node].dtype))
        return found
