"""
Writing a solution to a module: foldings, width converters, FIFOs.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from blendir.dialects import stream
from blendir.dialects.stream import stream_type
from blendir.hardware.cost import cost_of, total_cost
from blendir.hardware.fifos import size_fifos
from blendir.hardware.foldings import NO_WINDOW, window_before
from blendir.hardware.kept import SCHEDULE
from blendir.hardware.processes import process_of
from blendir.hardware.processes.base import regroup
from blendir.hardware.search import Solution
from blendir.hardware.static_schedule import write_schedule
from blendir.hardware.timing import processes


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
        for value in op.outputs:
            regroup(value, 1)


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


def apply(solution: Solution) -> None:
    """
    Writes a solution to the processes: their foldings, those of line buffers, and width converters.
    """
    for op, choice in solution.chosen.items():
        process_of(op).fold(choice.folding)
    for op, choice in solution.chosen.items():
        window = window_before(op)
        if window is not None:
            regroup(window.result, choice.folding.reads)
        elif process_of(op).converted:
            for index, value in enumerate(op.operands):
                if value in op.inputs and stream_type(value).group.data != choice.reads:
                    convert(op, index, choice.reads)


def used_by(module: ModuleOp) -> dict[str, int]:
    """
    What a scheduled module costs.
    """
    return total_cost(map(cost_of, processes(module)))


def build(module: ModuleOp, solution: Solution, block_ram: bool = True) -> dict[str, int]:
    """
    Makes a solution with its FIFOs, in block RAM where that is allowed and cheaper, and its static schedule; returns
    what it costs.
    """
    unschedule(module)
    apply(solution)
    write_schedule(size_fifos(module, block_ram))
    return used_by(module)
