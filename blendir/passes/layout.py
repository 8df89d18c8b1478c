"""
Writing a layout to a module: groups, width converters, kinds of XNOR, storage of weights, FIFOs.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import SSAValue

from blendir.dialects import stream
from blendir.dialects.stream import StreamType, stream_type
from blendir.passes.choices import NO_WINDOW, window_before
from blendir.passes.fifos import size_fifos
from blendir.passes.resources import cost_of, total_cost
from blendir.passes.search import Layout
from blendir.passes.static_schedule import SCHEDULE, write_schedule
from blendir.passes.timing import processes


def unschedule(module: ModuleOp) -> None:
    """
    Back to one element per beat, without width converters, as `lower-to-stream` leaves a module.
    """
    for op in processes(module):
        for name in SCHEDULE:
            op.attributes.pop(name, None)
        if isinstance(op, stream.WindowOp) and op.geometry == NO_WINDOW:
            op.result.replace_all_uses_with(op.input)
            op.detach()
            op.erase()
            continue
        for value in op.results:
            if isinstance(value.type, StreamType):
                regroup(value, 1)


def regroup(value: SSAValue, group: int) -> None:
    """
    Changes a stream's group where it is made.
    """
    value._type = stream_type(value).grouped(group)  # pyright: ignore[reportPrivateUsage]


def convert(op: stream.ProcessOp, index: int, group: int) -> None:
    """
    Puts a width converter before an operand.
    """
    value, block = op.operands[index], op.parent
    assert block is not None
    name = f"{op.layer_name}.regroup{index or ''}"
    made = stream.WindowOp(value, *NO_WINDOW, group=group, layer=name)
    block.insert_ops_before([made], op)
    op.operands[index] = made.result


def lay_out(layout: Layout) -> None:
    """
    Writes a layout to the processes: groups, converters, kinds of XNOR, and where weights are kept.
    """
    for op, choice in layout.chosen.items():
        for value in op.results:
            if isinstance(value.type, StreamType):
                regroup(value, choice.writes)
        if isinstance(op, stream.MvuOp):
            op.weight_storage = StringAttr(choice.fold.storage)
        if isinstance(op, stream.LookupOp):
            op.storage = StringAttr(choice.fold.storage)
        if isinstance(op, stream.BinaryMvuOp):
            op.xnor = StringAttr(choice.fold.xnor)
    for op, choice in layout.chosen.items():
        window = window_before(op)
        if window is not None:
            regroup(window.result, choice.fold.reads)
        elif not isinstance(op, stream.SinkOp):
            for index, value in enumerate(op.operands):
                if isinstance(value.type, StreamType) and value.type.group.data != choice.reads:
                    convert(op, index, choice.reads)


def used_by(module: ModuleOp) -> dict[str, int]:
    """
    What a scheduled module costs.
    """
    return total_cost(map(cost_of, processes(module)))


def build(module: ModuleOp, layout: Layout, block_ram: bool = True) -> dict[str, int]:
    """
    Makes a layout with its FIFOs, in block RAM where that is allowed and cheaper, and its static schedule; returns what
    it costs.
    """
    unschedule(module)
    lay_out(layout)
    write_schedule(size_fifos(module, block_ram))
    return used_by(module)
