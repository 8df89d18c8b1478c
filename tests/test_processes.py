"""
The classes that say what hardware knows of processes, and a process that is new.
"""

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from modules import residual_network
from xdsl.context import Context
from xdsl.dialects.builtin import TensorType, i1
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def

from blendir.backends.hls.cpp_names import CppDesign
from blendir.backends.hls.print_cpp import source_files
from blendir.dialects import stream
from blendir.dialects.blend import FixedType, WordType
from blendir.dialects.stream import ProcessOp, Stream, StreamType, stream_type
from blendir.hardware import primitives
from blendir.hardware.cost import cost_of
from blendir.hardware.fifos import check_fifos, fifo_table
from blendir.hardware.primitives import Cost
from blendir.hardware.processes import PROCESSES, process_of, require_complete
from blendir.hardware.processes.base import Firing, Folding, Function, Process, Work, groups, regroup
from blendir.hardware.processes.unit import Unit, plain_frame
from blendir.hardware.rows import Rows
from blendir.hardware.schedule import SchedulePass
from blendir.hardware.static_schedule import check_schedule
from blendir.hardware.timing import processes, simulate
from blendir.numerics import Rounding

FIXED, WORD, ROUNDING = FixedType(8, 4), WordType(), Rounding.HALF_UP
CLASSES = [0, 1, 1, 2], [0, 1, 1, 1, 1, 2]


def frames(rows: int, columns: int, length: int, element: Attribute = FIXED) -> SSAValue:
    """
    A stream that something else makes.
    """
    return Block(arg_types=[StreamType(rows, columns, length, element)]).args[0]


def constant(element: Attribute, *shape: int) -> SSAValue:
    """
    A constant of which only the type is known.
    """
    return Block(arg_types=[TensorType(element, shape)]).args[0]


def operations() -> Sequence[ProcessOp]:
    """
    One of each process: of 4 x 6 positions of 12 elements, or of 27 taps of a window.
    """
    x, y, gate, bits = frames(4, 6, 12), frames(4, 6, 12), frames(1, 1, 12), frames(4, 6, 12, i1)
    vector, taps, vectors = frames(4, 6, 108, i1), frames(8, 6, 12), frames(4, 6, 108)
    limits, flips, slopes = constant(FIXED, 12), constant(i1, 12), [constant(FIXED, 12) for _ in range(5)]
    add, threshold = stream.AddOp(x, y, FIXED, ROUNDING), stream.ThresholdOp(x, limits, flips, i1)
    border = constant(FIXED, 8, 3, 3)
    return [
        add,
        threshold,
        stream.ResidualOp(add, threshold),
        stream.ArgmaxOp(x, FixedType(5, 5)),
        stream.BinaryMvuOp(vector, constant(WORD, 8, 3), border, CLASSES, FIXED),
        stream.PlaneMvuOp(vectors, constant(WORD, 8, 2, 3), border, [0, 7], CLASSES, FIXED),
        stream.FixedMvuOp(taps, constant(FIXED, 8, 24), border, CLASSES, FIXED, ROUNDING),
        stream.DepthwiseMvuOp(vectors, constant(FIXED, 12, 9), constant(FIXED, 12, 3, 3), CLASSES, FIXED),
        stream.BitsToValueOp(bits),
        stream.ClampOp(x, -3, 3),
        stream.ConcatOp(x, frames(4, 6, 8)),
        stream.CropOp(x, (1, 0), (2, 1), (2, 5)),
        stream.ForkOp(x, 3),
        stream.LayerNormOp(x, limits, limits, 1, FIXED, ROUNDING),
        stream.LookupOp(x, constant(FIXED, 256)),
        stream.MultiThresholdOp(x, constant(FIXED, 12, 3), flips, 0, 1, FIXED),
        stream.MultiplyOp(x, gate, FIXED, ROUNDING),
        stream.PiecewiseLinearOp(x, slopes, FIXED, ROUNDING),
        stream.PoolOp(x, 4, stream.PoolKind.MAX, (2, 3, 12), FIXED),
        stream.ReorderOp(x, [(6, 12), (4, 72), (12, 1)], (6, 4, 12)),
        stream.RequantizeOp(x, FIXED, ROUNDING),
        stream.SinkOp(x, TensorType(FIXED, (1, 12, 4, 6))),
        stream.SourceOp(constant(FIXED, 1, 12, 4, 6), StreamType(4, 6, 12, FIXED)),
        stream.TakeOp(x, [0, -1, 5, 5, 11, 2]),
        stream.WindowOp(x, (3, 3), (2, 1), (1, 1)),
    ]


@pytest.mark.parametrize("op", operations(), ids=lambda op: op.name)
def test_cycles_are_those_of_the_firing(op: ProcessOp) -> None:
    """
    At every folding, which is written and read again: a frame more takes as many cycles as the closed form says, and
    all beats of three frames are read and written in their order within the batch.
    """
    process = process_of(op)
    for folding in process.foldings("auto"):
        for value in op.inputs:
            regroup(value, folding.reads)
        process.fold(folding)
        assert process.folding == folding
        two, three = process.firing(2), process.firing(3)
        assert three.count - two.count == process.cycles(folding)
        for values, firings in ((op.inputs, three.reads), (op.outputs, three.writes)):
            for value, rows in zip(values, firings, strict=False):
                kind = stream_type(value)
                assert len(rows.flat) == 3 * kind.positions * kind.beats
            for times in (rows.flat for rows in firings):
                assert 0 <= times[0]
                assert (np.diff(times) > 0).all()
                assert times[-1] < three.count


def test_one_of_each_is_tested() -> None:
    assert {type(op) for op in operations()} == set(PROCESSES) == set(Stream.operations)


@irdl_op_definition
class DoubleOp(ProcessOp):
    """
    `y = 2 * x`, with an adder that takes two cycles for a beat.
    """

    name = "toy.double"

    input = operand_def(StreamType)
    result = result_def(StreamType)


class Double(Process[DoubleOp]):
    latency = 7
    functions = (Function("double", 1, 1),)
    converted = True
    choices = ()
    paper_groups = None

    def foldings(self, xnor: str) -> list[Folding]:
        return [Folding(group, group) for group in groups(self.source)]

    def work(self, folding: Folding) -> Work:
        beats = self.source.length.data // folding.reads
        return (((2, "cycles"), (self.source.positions, "positions"), (beats, "beats")),)

    def firing(self, frames: int) -> Firing:
        beats = self.source.positions * self.source.beats
        every = Rows.nest(self.source, frames, 2 * beats, 0, (beats, 2))
        return Firing(frames, 2 * beats, [every], [every.moved(1)])

    def frames_awaited(self) -> int:
        return 0

    def cost(self, folding: Folding) -> Cost:
        return Cost({"lut": 1000 * folding.reads})

    def unit(self) -> Unit:
        return Unit("double", plain_frame(self.source))


def test_a_new_process_is_a_class_and_its_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    On the way around which a skip leads, it is timed and priced, its FIFOs and those beside it are sized, the search
    takes it in, and it is printed; nothing else in hardware or backends knows its name.
    """
    monkeypatch.setitem(PROCESSES, DoubleOp, Double)
    module = residual_network(4, 4, 16)
    unit = next(op for op in processes(module) if isinstance(op, stream.BinaryMvuOp))
    (use,) = unit.result.uses
    assert unit.parent is not None
    op = DoubleOp([unit.result], [unit.result.type], "twice")
    unit.parent.insert_ops_before([op], use.operation)
    use.operation.operands[use.index] = op.result
    SchedulePass(cycles=256).apply(Context(), module)
    module.verify()

    timing = simulate(module)
    group = stream_type(op.result).group.data
    assert group == 2  # a group of 1 takes 512 cycles, one of 4 costs more
    assert timing.cycles[op] == 2 * 16 * 8
    assert process_of(op).why == "2 cycles x 16 positions x 8 beats"
    check_schedule(module)
    assert op.latency is not None
    assert op.latency.value.data == 7

    (fifo,) = [fifo for fifo in fifo_table(module, timing) if fifo.producer == "twice"]
    check_fifos(module)
    own = primitives.process() + primitives.fifo(fifo.width, fifo.depth, fifo.storage)
    assert cost_of(op)["lut"] == 1000 * group + own["lut"]

    text = source_files(CppDesign(module))
    assert "blendir::double<twice_cfg>(" in text["top.cpp"]
    assert "struct twice_cfg { static const int P = 16;" in text["params.h"]


def test_an_operation_without_a_process_is_named() -> None:
    with pytest.raises(TypeError, match=r"hardware does not know toy\.double: enter it in .*PROCESSES"):
        require_complete(PROCESSES, [*Stream.operations, DoubleOp])


@pytest.mark.parametrize("member", ["latency", "functions", "converted", "choices", "paper_groups"])
def test_a_missing_constant_is_named(member: str) -> None:
    members = {name: value for name, value in vars(Double).items() if name not in (member, "__dict__", "__weakref__")}
    bare = type("Bare", (Process,), members)
    with pytest.raises(TypeError, match=rf"Bare does not say of toy\.double: {member}$"):
        require_complete({DoubleOp: bare}, [DoubleOp])


def test_missing_methods_are_named() -> None:
    class Bare(Process[DoubleOp]):
        latency = 7
        functions = ()
        converted = True
        choices = ()
        paper_groups = None

    with pytest.raises(TypeError, match="cost, firing, foldings, frames_awaited, unit, work"):
        require_complete({DoubleOp: Bare}, [DoubleOp])


def test_hardware_is_not_imported_without_a_process_of_each_operation() -> None:
    program = (
        "from xdsl.ir import Dialect\n"
        "from blendir.dialects import stream\n"
        "class NewOp(stream.ForkOp): name = 'stream.new'\n"
        "stream.Stream = Dialect('stream', [*stream.Stream.operations, NewOp])\n"
        "import blendir.hardware.processes\n"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert (
        "TypeError: hardware does not know stream.new: enter it in blendir.hardware.processes.PROCESSES" in found.stderr
    )
