"""
The `blend` dialect: what a network computes, on tensors [N, C, H, W] or [N, features] with N = 1 for one frame.

Floats are f64, pixels ui8 or si8, accumulators i32, bits i1 (1 = +1, 0 = -1), fixed point `!blend.fixed<W, I>`, packed
bits `!blend.word`. Parameters are operands made by `blend.constant`; geometry and modes are properties.
"""

from xdsl.ir import Dialect

from blendir.dialects.blend.activation import ActivationOp, FunctionAttr, LookupOp
from blendir.dialects.blend.argmax import ArgmaxOp
from blendir.dialects.blend.base import BlendOp
from blendir.dialects.blend.conv import (
    BinaryConv2dOp,
    Conv2dOp,
    ConvOp,
    FixedConv2dOp,
    PackedBinaryConv2dOp,
    WindowOp,
)
from blendir.dialects.blend.elementwise import (
    AddOp,
    AffineOp,
    BitsToValueOp,
    ClampOp,
    PiecewiseLinearOp,
    RequantizeOp,
    ThresholdOp,
)
from blendir.dialects.blend.floats import BatchNormOp, PReluOp, ReluOp, SignOp
from blendir.dialects.blend.interfaces import Elementwise, KeepsFormat
from blendir.dialects.blend.layer_norm import FixedLayerNormOp, LayerNormOp
from blendir.dialects.blend.levels import MultiThresholdOp, RoundOp
from blendir.dialects.blend.linear import (
    BinaryLinearOp,
    FixedLinearOp,
    LinearOp,
    MatrixOp,
    PackedBinaryLinearOp,
)
from blendir.dialects.blend.multiply import MultiplyOp
from blendir.dialects.blend.pool import AvgPool2dOp, MaxPool2dOp, PoolOp
from blendir.dialects.blend.shape import (
    ConcatOp,
    ConstantOp,
    ReshapeOp,
    TakeOp,
    TransposeOp,
    UnsupportedOp,
    constant_attribute,
    constant_value,
)
from blendir.dialects.blend.types import (
    PIXELS,
    FixedType,
    PadModeAttr,
    RoundingAttr,
    Tensor,
    WordType,
    element_format,
    is_real,
    si8,
    tensor_type,
    ui8,
    word,
)

Blend = Dialect(
    "blend",
    [
        ActivationOp,
        AddOp,
        AffineOp,
        ArgmaxOp,
        AvgPool2dOp,
        BatchNormOp,
        BinaryConv2dOp,
        BinaryLinearOp,
        BitsToValueOp,
        ClampOp,
        ConcatOp,
        ConstantOp,
        Conv2dOp,
        FixedConv2dOp,
        FixedLayerNormOp,
        FixedLinearOp,
        LayerNormOp,
        LinearOp,
        LookupOp,
        MaxPool2dOp,
        MultiThresholdOp,
        MultiplyOp,
        PReluOp,
        PackedBinaryConv2dOp,
        PackedBinaryLinearOp,
        PiecewiseLinearOp,
        ReluOp,
        RequantizeOp,
        ReshapeOp,
        RoundOp,
        SignOp,
        TakeOp,
        ThresholdOp,
        TransposeOp,
        UnsupportedOp,
    ],
    [FixedType, FunctionAttr, PadModeAttr, RoundingAttr, WordType],
)

__all__ = [
    "PIXELS",
    "ActivationOp",
    "AddOp",
    "AffineOp",
    "ArgmaxOp",
    "AvgPool2dOp",
    "BatchNormOp",
    "BinaryConv2dOp",
    "BinaryLinearOp",
    "BitsToValueOp",
    "Blend",
    "BlendOp",
    "ClampOp",
    "ConcatOp",
    "ConstantOp",
    "Conv2dOp",
    "ConvOp",
    "Elementwise",
    "FixedConv2dOp",
    "FixedLayerNormOp",
    "FixedLinearOp",
    "FixedType",
    "KeepsFormat",
    "LayerNormOp",
    "LinearOp",
    "LookupOp",
    "MatrixOp",
    "MaxPool2dOp",
    "MultiThresholdOp",
    "MultiplyOp",
    "PReluOp",
    "PackedBinaryConv2dOp",
    "PackedBinaryLinearOp",
    "PadModeAttr",
    "PiecewiseLinearOp",
    "PoolOp",
    "ReluOp",
    "RequantizeOp",
    "ReshapeOp",
    "RoundOp",
    "RoundingAttr",
    "SignOp",
    "TakeOp",
    "Tensor",
    "ThresholdOp",
    "TransposeOp",
    "UnsupportedOp",
    "WindowOp",
    "WordType",
    "constant_attribute",
    "constant_value",
    "element_format",
    "is_real",
    "si8",
    "tensor_type",
    "ui8",
    "word",
]
