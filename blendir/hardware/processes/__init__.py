"""
What hardware knows of processes: a class for each operation of the `stream` dialect, in a file of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from xdsl.ir import Operation

from blendir.dialects import stream
from blendir.dialects.stream import ProcessOp
from blendir.hardware.processes import elementwise
from blendir.hardware.processes.argmax import Argmax
from blendir.hardware.processes.base import Process, unfinished
from blendir.hardware.processes.binary_mvu import BinaryMvu
from blendir.hardware.processes.concat import Concat
from blendir.hardware.processes.crop import Crop
from blendir.hardware.processes.depthwise_mvu import DepthwiseMvu
from blendir.hardware.processes.fixed_mvu import FixedMvu
from blendir.hardware.processes.fork import Fork
from blendir.hardware.processes.layer_norm import LayerNorm
from blendir.hardware.processes.lookup import Lookup
from blendir.hardware.processes.multiply import Multiply
from blendir.hardware.processes.plane_mvu import PlaneMvu
from blendir.hardware.processes.pool import Pool
from blendir.hardware.processes.reorder import Reorder
from blendir.hardware.processes.sink import Sink
from blendir.hardware.processes.source import Source
from blendir.hardware.processes.take import Take
from blendir.hardware.processes.window import Window

PROCESSES: dict[type[Operation], type[Process[Any]]] = {
    stream.AddOp: elementwise.Add,
    stream.ArgmaxOp: Argmax,
    stream.BinaryMvuOp: BinaryMvu,
    stream.BitsToValueOp: elementwise.BitsToValue,
    stream.ClampOp: elementwise.Clamp,
    stream.ConcatOp: Concat,
    stream.CropOp: Crop,
    stream.DepthwiseMvuOp: DepthwiseMvu,
    stream.FixedMvuOp: FixedMvu,
    stream.ForkOp: Fork,
    stream.LayerNormOp: LayerNorm,
    stream.LookupOp: Lookup,
    stream.MultiThresholdOp: elementwise.MultiThreshold,
    stream.MultiplyOp: Multiply,
    stream.PiecewiseLinearOp: elementwise.PiecewiseLinear,
    stream.PlaneMvuOp: PlaneMvu,
    stream.PoolOp: Pool,
    stream.ReorderOp: Reorder,
    stream.RequantizeOp: elementwise.Requantize,
    stream.ResidualOp: elementwise.Residual,
    stream.SinkOp: Sink,
    stream.SourceOp: Source,
    stream.TakeOp: Take,
    stream.ThresholdOp: elementwise.Threshold,
    stream.WindowOp: Window,
}


def require_complete(processes: Mapping[type[Operation], type[Process[Any]]], operations: Iterable[type[Operation]]):
    """
    Raises TypeError unless each operation has a process, and each process defines every member.
    """
    for operation in operations:
        if operation not in processes:
            raise TypeError(f"hardware does not know {operation.name}: enter it in {__name__}.PROCESSES")
    for operation, process in processes.items():
        if missing := unfinished(process):
            raise TypeError(f"{process.__name__} does not say of {operation.name}: {', '.join(missing)}")


require_complete(PROCESSES, stream.Stream.operations)


def process_of(op: ProcessOp) -> Process[Any]:
    """
    What hardware knows of an operation.
    """
    return PROCESSES[type(op)](op)
