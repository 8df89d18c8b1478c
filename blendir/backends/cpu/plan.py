"""
What runs for a frame, in which order, and where everything lies: a kernel for each operation.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Operation, SSAValue

from blendir.backends.cpp import KEYWORDS
from blendir.backends.cpu.arena import Span, aligned, place
from blendir.backends.cpu.storage import Array, Bits, Buffer, Numbers, Value, narrowest
from blendir.backends.names import identifier
from blendir.dialects.blend import BlendOp, ConstantOp, tensor_type
from blendir.dialects.blend.types import WordType, element_format
from blendir.errors import UserError
from blendir.interpreter import input_type, main_function
from blendir.numerics import Format

TYPES = {f"{sign}int{size}_t" for sign in ("", "u") for size in (8, 16, 32, 64)}
RESERVED = KEYWORDS | TYPES | {"arena", "tables", "trace", "x", "o", "p", "v"}
"""Names of C++, of the generated function, and of what takes the blocks of a product in it."""
NUMBERED = re.compile(r"[yv]\d+")
"""Names of its outputs, and of blocks."""
SCRATCH = ("_padded", "_space")
"""How the names of memory for a single step end."""


@dataclass(frozen=True)
class Keep:
    """
    A result of an operation as a trace holds it: in `value`, at an offset in a frame's trace.
    """

    op: Operation
    value: Value
    offset: int


@dataclass(frozen=True)
class Form:
    """
    How a step works on blocks of pixels, without memory between it and the one before or after.

    head: the call of a product up to what takes its blocks. block: the block that a step makes of one, given its name
    and the memory it would be read from. bits: the statement that writes its bits.
    """

    planes: int
    pixels: int
    head: str | None = None
    block: Callable[[str, Buffer], str] | None = None
    bits: Callable[[str], str] | None = None


@dataclass(frozen=True)
class Step:
    """
    A call of a kernel: what it is for, its text, the buffers that it reads, writes and needs for itself.
    """

    op: Operation
    call: str
    reads: tuple[Buffer, ...]
    writes: tuple[Buffer, ...]
    scratch: tuple[Buffer, ...] = ()
    keeps: list[Keep] = field(default_factory=list[Keep])
    form: Form | None = None
    parts: tuple[Step, ...] = ()
    """The steps that it stands for, where it is several in one."""

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """
        The memory that must be there while it runs.
        """
        return self.reads + self.writes + self.scratch


@dataclass
class Plan:
    """
    The kernels of a [packed] module, their tables by name, and the bytes of the arena.
    """

    module: ModuleOp
    steps: list[Step] = field(default_factory=list[Step])
    tables: dict[str, Array] = field(default_factory=dict[str, Array])
    prepared: dict[str, str] = field(default_factory=dict[str, str])
    """What is computed from tables when the network is loaded, by name."""
    buffers: list[Buffer] = field(default_factory=list[Buffer])
    values: dict[SSAValue, Value] = field(default_factory=dict[SSAValue, Value])
    arena_bytes: int = 0
    trace_bytes: int = 0
    taken: set[str] = field(default_factory=set[str])

    @property
    def keeps(self) -> list[Keep]:
        """
        The results of all operations, in their order.
        """
        found = [keep for step in self.steps for part in (step.parts or (step,)) for keep in part.keeps]
        return sorted(found, key=lambda keep: keep.offset)

    @property
    def input(self) -> Value:
        """
        The frame that enters.
        """
        return self.values[main_function(self.module).body.block.args[0]]

    @property
    def outputs(self) -> list[Numbers]:
        """
        What leaves, in the order of the model.
        """
        block = main_function(self.module).body.block
        found = [self.values[value] for value in block.last_op.operands]  # pyright: ignore[reportOptionalMemberAccess]
        return [value for value in found if isinstance(value, Numbers)]

    def numbers(self, value: SSAValue) -> Numbers:
        """
        A value that is numbers.
        """
        found = self.values[value]
        assert isinstance(found, Numbers), f"{value} is bits"
        return found

    def bits(self, value: SSAValue) -> Bits:
        """
        A value that is words.
        """
        found = self.values[value]
        assert isinstance(found, Bits), f"{value} is no bits"
        return found

    def name(self, op: BlendOp) -> str:
        """
        A new identifier for what an operation makes.
        """
        base = name = identifier(op.layer_name, RESERVED)
        count = 1
        while name in self.taken or name.endswith(SCRATCH) or NUMBERED.fullmatch(name):
            count += 1
            name = f"{base}_{count}"
        self.taken.add(name)
        return name

    def buffer(self, name: str, dtype: Any, size: int) -> Buffer:
        """
        New memory.
        """
        made = Buffer(name, np.dtype(dtype), size)
        self.buffers.append(made)
        return made

    def table(self, name: str, values: Array, dtype: Any = None) -> str:
        """
        Enters a table of parameters, the name of one operation and a word; returns its name in C++.
        """
        self.tables[name] = np.ascontiguousarray(values, dtype)
        return f"tables::{name}"

    def prepare(self, name: str, call: str) -> str:
        """
        Enters what a call makes of tables once; returns its name in C++.
        """
        self.prepared[name] = call
        return f"tables::{name}"

    def make_numbers(self, op: BlendOp, name: str, fmt: Format | None = None) -> Numbers:
        """
        Memory for the result of an operation, numbers of its type or of a narrower format.
        """
        kind = tensor_type(op.results[0])
        fmt, shape = fmt or element_format(kind.element_type), tuple(kind.get_shape()[1:])
        made = Numbers(self.buffer(name, narrowest(fmt), math.prod(shape)), shape, fmt)
        self.values[op.results[0]] = made
        return made

    def make_bits(self, op: BlendOp, name: str, planes: Sequence[int]) -> Bits:
        """
        The same for words.
        """
        shape = tuple(tensor_type(op.results[0]).get_shape()[1:])
        made = Bits(self.buffer(name, np.uint16, len(planes) * math.prod(shape[1:])), shape, tuple(planes))
        self.values[op.results[0]] = made
        return made

    def alias(self, op: BlendOp, value: Value) -> None:
        """
        Makes the result of an operation another view of memory.
        """
        self.values[op.results[0]] = value
        self.steps.append(Step(op, "", (value.buffer,), ()))

    def keep(self, op: Operation) -> None:
        """
        Makes the last step keep the result of an operation in traces.
        """
        value = self.values[op.results[0]]
        self.steps[-1].keeps.append(Keep(op, value, self.trace_bytes))
        self.trace_bytes += aligned(value.buffer.bytes)

    def step(
        self,
        op: BlendOp,
        call: str,
        reads: Sequence[Buffer],
        writes: Buffer,
        *scratch: Buffer,
        form: Form | None = None,
    ) -> None:
        """
        Appends a call.
        """
        self.steps.append(Step(op, call, tuple(reads), (writes,), scratch, form=form))


@singledispatch
def kernel(op: Operation, plan: Plan) -> None:
    """
    Enters the kernel of an operation in the plan.
    """
    layer = op.layer_name if isinstance(op, BlendOp) else op.name
    raise UserError(f"{layer}: {op.name} has no kernel on CPUs; run it with the interpreter (--engine interpreter)")


def lifetimes(plan: Plan) -> list[Span]:
    """
    When each buffer is needed; the results until the end.
    """
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for index, step in enumerate(plan.steps):
        for buffer in step.buffers:
            first.setdefault(buffer, index)
            last[buffer] = index
    for value in plan.outputs:
        last[value.buffer] = len(plan.steps)
        first.setdefault(value.buffer, len(plan.steps))
    return [Span(buffer.bytes, first[buffer], last[buffer]) for buffer in plan.buffers]


def plan_of(module: ModuleOp) -> Plan:
    """
    The plan of a [packed] module; UserError where an operation has no kernel.
    """
    from blendir.backends.cpu import rules
    from blendir.backends.cpu.fuse import fuse

    plan = Plan(module)
    block, kind = main_function(module).body.block, input_type(module)
    shape, element = tuple(kind.get_shape()[1:]), kind.element_type
    if isinstance(element, WordType):
        raise UserError("the network takes words, which frames cannot hold; its input should be numbers")
    fmt = element_format(element)
    plan.values[block.args[0]] = Numbers(Buffer("x", narrowest(fmt), math.prod(shape)), shape, fmt)
    for op in block.ops:
        if not isinstance(op, ConstantOp | ReturnOp):
            rules.kernel(op, plan)
            plan.keep(op)
    fuse(plan)
    texts = *(step.call for step in plan.steps), *plan.prepared.values()
    named = set(re.findall(r"tables::(\w+)", "\n".join(texts)))
    plan.tables = {name: values for name, values in plan.tables.items() if name in named}
    used = {id(buffer) for step in plan.steps for buffer in step.buffers}
    plan.buffers = [buffer for buffer in plan.buffers if id(buffer) in used]
    offsets, plan.arena_bytes = place(lifetimes(plan))
    for buffer, offset in zip(plan.buffers, offsets, strict=True):
        buffer.offset = offset
    return plan
