"""
The `stream` dialect: how a network is laid out in hardware, one operation per process, one value per FIFO.

Every stream has one writer and one reader; copies are made by `stream.fork`. PE and SIMD are the groups of a
matrix-vector unit's result and input.
"""

from xdsl.ir import Dialect

from blendir.dialects.stream.argmax import ArgmaxOp
from blendir.dialects.stream.crop import CropOp, crop_of
from blendir.dialects.stream.depthwise import DepthwiseMvuOp
from blendir.dialects.stream.elementwise import (
    AddOp,
    BitsToValueOp,
    ClampOp,
    ElementwiseOp,
    FunctionOp,
    PiecewiseLinearOp,
    RequantizeOp,
    ResidualOp,
    ThresholdOp,
)
from blendir.dialects.stream.layer_norm import LayerNormOp
from blendir.dialects.stream.levels import MultiThresholdOp
from blendir.dialects.stream.lookup import LookupOp
from blendir.dialects.stream.multiply import MultiplyOp
from blendir.dialects.stream.planes import PlaneMvuOp
from blendir.dialects.stream.reorder import MAX_LOOPS, Nest, ReorderOp, Visit, loop_nest, visit_of
from blendir.dialects.stream.routing import ConcatOp, ForkOp, SinkOp, SourceOp, TakeOp, source_frames
from blendir.dialects.stream.types import PAYLOAD_BITS, ProcessOp, StreamType, stream_type, streams
from blendir.dialects.stream.windows import (
    BinaryMvuOp,
    FixedMvuOp,
    Geometry,
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
        ArgmaxOp,
        BinaryMvuOp,
        BitsToValueOp,
        ClampOp,
        ConcatOp,
        CropOp,
        DepthwiseMvuOp,
        FixedMvuOp,
        ForkOp,
        LayerNormOp,
        LookupOp,
        MultiThresholdOp,
        MultiplyOp,
        PiecewiseLinearOp,
        PlaneMvuOp,
        PoolOp,
        ReorderOp,
        RequantizeOp,
        ResidualOp,
        SinkOp,
        SourceOp,
        TakeOp,
        ThresholdOp,
        WindowOp,
    ],
    [PoolKindAttr, StreamType],
)

__all__ = [
    "MAX_LOOPS",
    "PAYLOAD_BITS",
    "AddOp",
    "ArgmaxOp",
    "BinaryMvuOp",
    "BitsToValueOp",
    "ClampOp",
    "ConcatOp",
    "CropOp",
    "DepthwiseMvuOp",
    "ElementwiseOp",
    "FixedMvuOp",
    "ForkOp",
    "FunctionOp",
    "Geometry",
    "LayerNormOp",
    "LookupOp",
    "MultiThresholdOp",
    "MultiplyOp",
    "MvuOp",
    "Nest",
    "PiecewiseLinearOp",
    "PlaneMvuOp",
    "PoolKind",
    "PoolKindAttr",
    "PoolOp",
    "ProcessOp",
    "ReorderOp",
    "RequantizeOp",
    "ResidualOp",
    "SinkOp",
    "SourceOp",
    "Stream",
    "StreamType",
    "TakeOp",
    "ThresholdOp",
    "Visit",
    "WindowOp",
    "crop_of",
    "loop_nest",
    "source_frames",
    "stream_type",
    "streams",
    "visit_of",
]
