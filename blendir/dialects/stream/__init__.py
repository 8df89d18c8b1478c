"""
The `stream` dialect: how a network is laid out in hardware, one operation per process, one value per FIFO.

Every stream has one writer and one reader; copies are made by `stream.fork`. PE and SIMD are the groups of a
matrix-vector unit's result and input.
"""

from xdsl.ir import Dialect

from blendir.dialects.stream.elementwise import (
    AddOp,
    BitsToValueOp,
    ClampOp,
    ElementwiseOp,
    PiecewiseLinearOp,
    RequantizeOp,
    ResidualOp,
    ThresholdOp,
)
from blendir.dialects.stream.routing import ConcatOp, ForkOp, SinkOp, SourceOp
from blendir.dialects.stream.types import PAYLOAD_BITS, ProcessOp, StreamType, stream_type
from blendir.dialects.stream.windows import (
    BinaryMvuOp,
    FixedMvuOp,
    MvuOp,
    PoolKind,
    PoolKindAttr,
    PoolOp,
    WindowOp,
)

Stream = Dialect(
    "stream",
    [
        AddOp,
        BinaryMvuOp,
        BitsToValueOp,
        ClampOp,
        ConcatOp,
        FixedMvuOp,
        ForkOp,
        PiecewiseLinearOp,
        PoolOp,
        RequantizeOp,
        ResidualOp,
        SinkOp,
        SourceOp,
        ThresholdOp,
        WindowOp,
    ],
    [PoolKindAttr, StreamType],
)

__all__ = [
    "PAYLOAD_BITS",
    "AddOp",
    "BinaryMvuOp",
    "BitsToValueOp",
    "ClampOp",
    "ConcatOp",
    "ElementwiseOp",
    "FixedMvuOp",
    "ForkOp",
    "MvuOp",
    "PiecewiseLinearOp",
    "PoolKind",
    "PoolKindAttr",
    "PoolOp",
    "ProcessOp",
    "RequantizeOp",
    "ResidualOp",
    "SinkOp",
    "SourceOp",
    "Stream",
    "StreamType",
    "ThresholdOp",
    "WindowOp",
    "stream_type",
]
