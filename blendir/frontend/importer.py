"""
From a traced graph to a module at stage [imported].
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeAlias, cast

import torch
from torch.fx import Node
from torch.fx.node import map_arg
from xdsl.dialects.builtin import FunctionType, ModuleOp, TensorType, f64, i1
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.utils.exceptions import VerifyException

from blendir.dialects.blend import ui8
from blendir.frontend import aten_elementwise, aten_functions, aten_levels, aten_picks, aten_shape, aten_window
from blendir.frontend.constants import TEMPLATE, evaluate
from blendir.frontend.emitter import Emitter, Padded, Site, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.places import Places
from blendir.frontend.straight_through import value_type
from blendir.frontend.table import TABLE, Entry
from blendir.frontend.trace import Traced

Known: TypeAlias = SSAValue | Padded | torch.Tensor | tuple[Any, ...] | None

TABLES = (aten_elementwise, aten_functions, aten_levels, aten_picks, aten_shape, aten_window)
WRAPPING = ("uint8", "int8", "int16")


class Importer:
    """
    Walks a graph; every node becomes a constant, a value, or a placeholder for what is not supported.
    """

    def __init__(self, traced: Traced):
        self.traced = traced
        element = ui8 if traced.pixels else f64
        self.block = Block(arg_types=[TensorType(element, list(value_type(traced.source).shape))])
        self.block.args[0].name_hint = "x"
        self.places = Places(traced)
        self.emitter = Emitter(self.block, self.places.modules)
        self.known: dict[Node, Known] = {**traced.constants, traced.source: self.block.args[0]}

    def run(self) -> ModuleOp:
        """
        Translates the whole graph.
        """
        for node in self.traced.graph.nodes:
            if node.op == "call_function":
                self.known[node] = self.translate(node)
        node = self.traced.result
        result = None if node is None else self.argument(node)
        self.emitter.enter(Site("output", "output"))
        if not isinstance(result, SSAValue):
            raise ValueError("the output of the model does not depend on its input")
        result = self.emitter.real(cast(SSAValue, result))
        self.block.add_op(ReturnOp(result))
        kind = FunctionType.from_lists([self.block.args[0].type], [result.type])
        return ModuleOp([FuncOp("main", kind, Region(self.block))])

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
        if (alike or not values) and not is_random(node):
            return self.constant(node, {**self.known, **{n: torch.zeros(value_type(n).shape) for n in values}})
        entry = TABLE.get(str(node.target))
        self.enter(node, entry)
        try:
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
            raise UntranslatableError(target)
        if dtype in WRAPPING and not entry.moves:
            raise UntranslatableError(f"{target} in {dtype}, which wraps around (cast to float first)")
        pick = self.border_argument if entry.borders else self.argument
        args, kwargs = (cast(Any, map_arg(a, pick)) for a in (node.args, node.kwargs))
        entry.require(target, self.emitter, args, kwargs)
        result = entry.translate(self.emitter, *args, **kwargs)
        shape = self.emitter.site.shape
        if isinstance(result, SSAValue) and shape_of(result) != shape:
            raise UntranslatableError(f"{target} that broadcasts to {list(shape)}")
        return result

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
            known = self.known[node] = self.unsupported(node, f"{node.target} that is not followed by a convolution")
            self.emitter.site, self.emitter.own_layer = site, layer
        if isinstance(known, torch.Tensor):
            return known.numpy()
        if known is None or isinstance(known, tuple):
            raise UntranslatableError(f"{self.emitter.site.target} of a result that is not supported")
        return known

    def unsupported(self, node: Node, why: str) -> Known:
        """
        A placeholder with the type that PyTorch recorded; several of them for several results.
        """
        known = [self.known[n] for n in node.all_input_nodes]
        inputs = [v.value if isinstance(v, Padded) else v for v in known if isinstance(v, (SSAValue, Padded))]
        kinds = value_type(node)
        if isinstance(kinds, torch.Tensor):
            return self.emitter.unsupported(why, inputs, ir_type(kinds))
        return tuple(
            self.emitter.unsupported(why, inputs, ir_type(k)) if isinstance(k, torch.Tensor) else None for k in kinds
        )


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
    Shape and element type of what PyTorch recorded, of the first where there are several.
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
    element = i1 if value.dtype == torch.bool else ui8 if value.dtype == torch.uint8 else f64
    return TensorType(element, list(value.shape))
