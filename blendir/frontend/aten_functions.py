"""
ATen operations that are functions of single elements, and layer normalization.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from blendir.dialects.blend import ActivationOp, AddOp, LayerNormOp, ReluOp
from blendir.frontend.aten_elementwise import Operand, known
from blendir.frontend.emitter import Emitter, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.table import Result, translates
from blendir.functions import Function

SOFTPLUS_LINEAR = 20
"""From this number on softplus is its argument to 1e-9 of it."""


def activation(name: str, function: Function, *targets: str) -> None:
    """
    Enters a function of one number.
    """

    @translates(name, *targets, pointwise=True)
    def translate(e: Emitter, x: SSAValue) -> Result:
        return e.emit(ActivationOp(e.real(x), function))


activation("sigmoid", Function.SIGMOID, "sigmoid.default")
activation("tanh", Function.TANH, "tanh.default")
activation("hardsigmoid", Function.HARDSIGMOID, "hardsigmoid.default")
activation("silu", Function.SILU, "silu.default")
activation("hardswish", Function.HARDSWISH, "hardswish.default")
activation("mish", Function.MISH, "mish.default")


@translates("gelu", "gelu.default", pointwise=True)
def gelu(e: Emitter, x: SSAValue, approximate: str = "none") -> Result:
    """
    By the error function, or by its tanh form.
    """
    return e.emit(ActivationOp(e.real(x), Function.GELU_TANH if approximate == "tanh" else Function.GELU))


@translates("elu", "elu.default", pointwise=True)
def elu(e: Emitter, x: SSAValue, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Result:
    """
    `scale * (x > 0 ? x : alpha * (exp(input_scale * x) - 1))`, of which ELU with alpha 1 is the curve.
    """
    x = e.real(x)
    if alpha == scale == input_scale == 1:
        return e.emit(ActivationOp(x, Function.ELU))
    curve = e.emit(ActivationOp(e.affine(x, scale=input_scale, word="input"), Function.ELU), "curve")
    below = e.affine(curve, scale=alpha * scale, word="below")
    above = e.affine(e.emit(ReluOp(x), "relu"), scale=(1 - alpha * input_scale) * scale, word="above")
    return e.emit(AddOp(below, above))


@translates("selu", "selu.default", pointwise=True)
def selu(e: Emitter, x: SSAValue) -> Result:
    """
    ELU with the constants of Klambauer et al., 2017.
    """
    return elu(e, x, 1.6732632423543772, 1.0507009873554805)


@translates("celu", "celu.default", pointwise=True)
def celu(e: Emitter, x: SSAValue, alpha: float = 1) -> Result:
    """
    `x > 0 ? x : alpha * (exp(x / alpha) - 1)`, whose slope is continuous (Barron, 2017).
    """
    x = e.affine(e.real(x), scale=1 / alpha, word="input")
    return e.affine(e.emit(ActivationOp(x, Function.ELU), "" if alpha == 1 else "curve"), scale=alpha)


@translates("softplus", "softplus.default", pointwise=True)
def softplus(e: Emitter, x: SSAValue, beta: float = 1, threshold: float = 20) -> Result:
    """
    `log(1 + exp(beta * x)) / beta`.
    """
    if threshold < SOFTPLUS_LINEAR:
        raise UntranslatableError(f"{e.site.target} with threshold = {threshold:g}, less than {SOFTPLUS_LINEAR}")
    x = e.affine(e.real(x), scale=beta, word="input")
    return e.affine(e.emit(ActivationOp(x, Function.SOFTPLUS), "" if beta == 1 else "curve"), scale=1 / beta)


@translates("log_sigmoid", "log_sigmoid.default", pointwise=True)
def log_sigmoid(e: Emitter, x: SSAValue) -> Result:
    """
    `-softplus(-x)`.
    """
    curve = e.emit(ActivationOp(e.affine(e.real(x), scale=-1.0, word="input"), Function.SOFTPLUS), "curve")
    return e.affine(curve, scale=-1.0)


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
