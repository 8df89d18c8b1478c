"""
From a traced graph to a module at stage [imported].
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, TypeAlias, cast

import torch
from torch.fx import Node
from torch.fx.node import map_arg
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, FunctionType, ModuleOp, StringAttr, TensorType, f64, i1
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.utils.exceptions import VerifyException

from blendir.dialects.blend import si8, ui8
from blendir.frontend import geometry, pointwise
from blendir.frontend.constants import TEMPLATE, evaluate, widen
from blendir.frontend.emitter import Emitter, Padded, Site, shape_of
from blendir.frontend.errors import REMEDIES, UntranslatableError
from blendir.frontend.places import LibraryModule, Places
from blendir.frontend.straight_through import value_type
from blendir.frontend.table import TABLE, Entry
from blendir.frontend.trace import Traced
from blendir.interpreter.run import NAME

Known: TypeAlias = SSAValue | Padded | torch.Tensor | tuple[Any, ...] | None

TABLES = (
    *("aten_comparison", "aten_einsum", "aten_elementwise", "aten_functions", "aten_levels", "aten_picks", "aten_pool"),
    *("aten_shape", "aten_transposed", "aten_window", "fake_quantize"),
)
for name in TABLES:
    import_module(f"blendir.frontend.{name}")

WRAPPING = ("uint8", "int8", "int16")
ELEMENTS = {torch.bool: i1, torch.uint8: ui8, torch.int8: si8}
"""Element types of what are no floats."""


class Importer:
    """
    Walks a graph. Every node becomes a constant, a value, or a placeholder for an unsupported operation.
    """

    def __init__(self, traced: Traced):
        self.traced = traced
        element = ELEMENTS.get(traced.kind, f64)
        self.block = Block(arg_types=[TensorType(element, list(value_type(traced.source).shape))])
        self.block.args[0].name_hint = "x"
        self.places = Places(traced)
        self.inside: dict[Operation, LibraryModule] = {}
        self.lines: dict[Operation, str] = {}
        """The user's lines that placeholders come from."""
        self.emitter = Emitter(self.block, self.places.modules)
        self.known: dict[Node, Known] = {**traced.constants, traced.source: self.block.args[0]}

    def run(self) -> ModuleOp:
        """
        Translates the whole graph.
        """
        last = {used: node for node in self.traced.graph.nodes for used in node.all_input_nodes}
        for node in self.traced.graph.nodes:
            if node.op == "call_function":
                self.known[node] = self.translate(node)
                for used in node.all_input_nodes:
                    if last[used] is node and isinstance(self.known[used], torch.Tensor):
                        self.known[used] = None  # as large as the weights, and nothing else reads it
        outputs = [self.output(name, node) for name, node in self.traced.results.items()]
        self.block.add_op(ReturnOp(*outputs))
        kind = FunctionType.from_lists([self.block.args[0].type], [value.type for value in outputs])
        main = FuncOp("main", kind, Region(self.block), res_attrs=named_results(list(self.traced.outputs)))
        self.module = ModuleOp([main])
        return self.module

    def output(self, name: str, node: Node | None) -> SSAValue:
        """
        What the model returns, as numbers.
        """
        several = len(self.traced.outputs) > 1
        result = None if node is None else self.argument(node)
        self.emitter.enter(Site(f"output.{name}" if several else "output", "output"))
        if not isinstance(result, SSAValue):
            which = f"output {name}" if several else "the output"
            raise ValueError(f"{which} of the model does not depend on its input")
        return self.emitter.real(cast(SSAValue, result))

    def translate(self, node: Node) -> Known:
        """
        The value of one node.
        """
        if node.target is operator.getitem:
            return self.item(node)
        if value_type(node) is None:
            return None
        values = [n for n in node.all_input_nodes if isinstance(self.known[n], (SSAValue, Padded))]
        template = TEMPLATE.get(str(node.target))
        alike = template is not None and values == [node.args[template]] and node.args.count(values[0]) == 1
        entry = TABLE.get(str(node.target))
        self.enter(node, entry)
        try:
            if (alike or not values) and not is_random(node):
                shapes = {n: torch.zeros(value_type(n).shape) for n in values}
                return self.constant(node, {**self.known, **shapes})
            return self.apply(node, entry)
        except (UntranslatableError, VerifyException) as error:
            why = str(error)
            return self.unsupported(node, why if str(node.target) in why else f"{node.target}: {why}")

    def item(self, node: Node) -> Known:
        """
        One of several results.
        """
        source, index = node.args
        values = self.known[cast(Node, source)]
        if isinstance(values, (tuple, list)) and values[cast(int, index)] is not None:
            return cast(Known, values[cast(int, index)])
        self.enter(node, None)
        return self.unsupported(node, f"{cast(Node, source).target}, result {index}")

    def constant(self, node: Node, known: dict[Node, Any]) -> Known:
        """
        Evaluates a node that depends on parameters and shapes alone.
        """
        args, kwargs = (map_arg(a, known.__getitem__) for a in (node.args, node.kwargs))
        target = cast(Callable[..., Any], node.target)
        return evaluate(target, tuple(cast(Any, args)), dict(cast(Any, kwargs)), self.places.path(node))

    def enter(self, node: Node, entry: Entry | None) -> None:
        """
        Makes a node the site of what is emitted next.
        """
        path, is_module = self.places.path(node), self.places.is_module(node)
        word = entry.word if entry is not None else target_word(node)
        source = value_type(node.all_input_nodes[0]) if node.all_input_nodes else None
        shape, dtype = tensor_facts(value_type(node))
        layer = path if is_module else ".".join(filter(None, (path, word)))
        self.emitter.enter(Site(layer, str(node.target), is_module, shape, dtype, tensor_facts(source)[1]))

    def apply(self, node: Node, entry: Entry | None) -> Known:
        """
        Translates a node by the table.
        """
        target, dtype = self.emitter.site.target, self.emitter.site.dtype
        if entry is None:
            remedy = REMEDIES.get(target.split(".")[1]) if "." in target else None
            raise UntranslatableError(f"{target} is {remedy}" if remedy else target)
        if dtype in WRAPPING and not entry.moves:
            raise UntranslatableError(f"{target} in {dtype}, which wraps around (cast to float first)")
        if entry.pointwise and (padded := self.only_border(node)) is not None:
            return self.within_border(node, entry, padded)
        pick = self.border_argument if entry.borders else self.argument
        args, kwargs = (cast(Any, map_arg(a, pick)) for a in (node.args, node.kwargs))
        entry.require(target, self.emitter, args, kwargs)
        if entry.pointwise:
            return pointwise.shape_within(self.emitter, pointwise.translated(self.emitter, entry, args, kwargs))
        result = entry.translate(self.emitter, *args, **kwargs)
        shape = self.emitter.site.shape
        if isinstance(result, SSAValue) and shape_of(result) != shape:
            raise UntranslatableError(f"{target} that broadcasts to {list(shape)}")
        return result

    def only_border(self, node: Node) -> Padded | None:
        """
        The one value that a node depends on, where it has a border.
        """
        values = [self.known[n] for n in node.all_input_nodes if isinstance(self.known[n], (SSAValue, Padded))]
        return values[0] if len(values) == 1 and isinstance(values[0], Padded) else None

    def within_border(self, node: Node, entry: Entry, padded: Padded) -> Padded:
        """
        An operation of single elements on a value and on the border around it.
        """
        e, target, shape = self.emitter, self.emitter.site.target, self.emitter.site.shape
        (source,) = (n for n in node.all_input_nodes if self.known[n] is padded)
        e.site = replace(e.site, shape=shape_of(padded.value))

        def inner(operand: Node) -> Any:
            return padded.value if operand is source else self.argument(operand)

        args, kwargs = (cast(Any, map_arg(a, inner)) for a in (node.args, node.kwargs))
        entry.require(target, e, args, kwargs)
        value = pointwise.shape_within(e, pointwise.translated(e, entry, args, kwargs))
        around = pointwise.border(padded.fill, value_type(source).shape, widen(value_type(source).dtype))
        after = pointwise.signs(e, around)
        if after is None:
            after = cast(torch.Tensor, self.constant(node, {**self.known, source: around}))
        if after.shape != shape:
            raise UntranslatableError(f"{target} that broadcasts to {list(shape)}")
        return Padded(value, padded.border, pointwise.fill_of(e, after))

    def border_argument(self, node: Node) -> Any:
        """
        An operand that may have a border.
        """
        known = self.known[node]
        return known if isinstance(known, Padded) else self.argument(node)

    def argument(self, node: Node) -> Any:
        """
        An operand: a value, or a constant as numpy array.
        """
        known = self.known[node]
        if isinstance(known, Padded):
            site, layer = self.emitter.site, self.emitter.own_layer
            self.enter(node, TABLE.get(str(node.target)))
            known = self.known[node] = self.with_border(node, known)
            self.emitter.site, self.emitter.own_layer = site, layer
        if isinstance(known, torch.Tensor):
            return widen(known).numpy()
        if known is None or isinstance(known, tuple):
            raise UntranslatableError(f"{self.emitter.site.target} of a result that is not supported")
        return known

    def with_border(self, node: Node, padded: Padded) -> Known:
        """
        A value and its border, which nothing has taken over.
        """
        try:
            return geometry.bordered(self.emitter, padded)
        except UntranslatableError as error:
            return self.unsupported(node, str(error))

    def unsupported(self, node: Node, why: str) -> Known:
        """
        A placeholder with the type that PyTorch recorded; a tuple of them for several results.
        """
        known = [self.known[n] for n in node.all_input_nodes]
        inputs = [v.value if isinstance(v, Padded) else v for v in known if isinstance(v, (SSAValue, Padded))]
        owner, kinds = self.places.library_module(node), value_type(node)

        def placeholder(kind: torch.Tensor) -> SSAValue:
            value = self.emitter.unsupported(why, inputs, ir_type(kind))
            assert isinstance(value.owner, Operation)
            self.lines[value.owner] = self.places.line(node)
            if owner is not None:
                self.inside[value.owner] = owner
            return value

        if isinstance(kinds, torch.Tensor):
            return placeholder(kinds)
        if not isinstance(kinds, (tuple, list)):
            where, line = self.emitter.site.path, self.places.line(node)
            raise ValueError(
                f"{where}: {node.target} makes a number of Python from values that depend on the input: keep it a "
                f"tensor{line}"
            )
        return tuple(placeholder(k) if isinstance(k, torch.Tensor) else None for k in kinds)


def named_results(names: Sequence[str]) -> ArrayAttr[DictionaryAttr] | None:
    """
    The attributes of results that have names of their own.
    """
    if list(names) == [str(index) for index in range(len(names))]:
        return None
    return ArrayAttr([DictionaryAttr({NAME: StringAttr(name)}) for name in names])


def is_random(node: Node) -> bool:
    """
    Whether a node draws random numbers; a dropout that is switched off does not.
    """
    tags = getattr(node.target, "tags", ())
    return torch.Tag.nondeterministic_seeded in tags and node.args[-1:] != (False,)


def target_word(node: Node) -> str:
    """
    The short name of an ATen operation.
    """
    return str(node.target).split(".")[1] if "." in str(node.target) else "item"


def tensor_facts(value: Any) -> tuple[tuple[int, ...], str]:
    """
    Shape and element type that PyTorch recorded for a node; of the first result if there are several.
    """
    if isinstance(value, (tuple, list)):
        return tensor_facts(next(iter(cast(list[Any], value)), None))
    if not isinstance(value, torch.Tensor):
        return (), ""
    return tuple(value.shape), str(value.dtype).removeprefix("torch.")


def ir_type(value: torch.Tensor) -> TensorType[Attribute]:
    """
    The type of a placeholder.
    """
    return TensorType(ELEMENTS.get(value.dtype, f64), list(value.shape))
