"""
ATen operations that are functions of single elements, and layer normalization.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from blendir.dialects.blend import ActivationOp, LayerNormOp
from blendir.frontend.aten_elementwise import Operand, known
from blendir.frontend.emitter import Emitter, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.table import Result, translates
from blendir.functions import Function


def activation(name: str, function: Function, *targets: str) -> None:
    """
    Enters a function of one number.
    """

    @translates(name, *targets)
    def translate(e: Emitter, x: SSAValue) -> Result:
        return e.emit(ActivationOp(e.real(x), function))


activation("sigmoid", Function.SIGMOID, "sigmoid.default")
activation("tanh", Function.TANH, "tanh.default")
activation("hardsigmoid", Function.HARDSIGMOID, "hardsigmoid.default")
activation("silu", Function.SILU, "silu.default")
activation("hardswish", Function.HARDSWISH, "hardswish.default")


@translates("gelu", "gelu.default")
def gelu(e: Emitter, x: SSAValue, approximate: str = "none") -> Result:
    """
    By the error function, or by its tanh form.
    """
    return e.emit(ActivationOp(e.real(x), Function.GELU_TANH if approximate == "tanh" else Function.GELU))


@translates("layer_norm", "layer_norm.default")
def layer_norm(
    e: Emitter,
    x: SSAValue,
    normalized_shape: Sequence[int],
    weight: Operand | None = None,
    bias: Operand | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Result:
    """
    Over the last dimension; without gamma and beta they are 1 and 0.
    """
    x = e.real(x)
    if len(normalized_shape) != 1 or len(shape_of(x)) < 2:
        raise UntranslatableError(f"{e.site.target} over {list(normalized_shape)}, more than the last dimension")
    channels = normalized_shape[0]
    gamma = np.ones(channels) if weight is None else known(e, weight)
    beta = np.zeros(channels) if bias is None else known(e, bias)
    parameters = e.constant(gamma, "gamma"), e.constant(beta, "beta")
    return e.emit(LayerNormOp(x, *parameters, eps, len(shape_of(x)) - 1))


@translates("layer_norm", "native_layer_norm.default")
def native_layer_norm(e: Emitter, x: SSAValue, *arguments: Any) -> Result:
    """
    The same; the statistics are not supported.
    """
    value = layer_norm(e, x, *arguments)
    assert isinstance(value, SSAValue)
    return value, None, None
