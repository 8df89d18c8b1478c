"""
ATen operations that are functions of single elements, and layer normalization.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from xdsl.ir import SSAValue

from blendir.dialects.blend import ActivationOp, AddOp, LayerNormOp, ReluOp
from blendir.frontend.aten_elementwise import Operand, batch_norm, known
from blendir.frontend.aten_shape import reshaped
from blendir.frontend.emitter import Array, Emitter, shape_of
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
activation("erf", Function.ERF, "erf.default")


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
    Over the last dimensions, of which several are one axis; without gamma and beta they are 1 and 0.
    """
    x, shape, size = e.real(x), shape_of(x), math.prod(normalized_shape)
    if len(shape) <= len(normalized_shape):
        raise UntranslatableError(f"{e.site.target} over {list(normalized_shape)}, which has the batch in it")
    gamma = np.ones(size) if weight is None else known(e, weight).reshape(-1)
    beta = np.zeros(size) if bias is None else known(e, bias).reshape(-1)
    flat = reshaped(e, x, (*shape[: -len(normalized_shape)], size), "flat")
    return reshaped(e, normalized(e, flat, gamma, beta, eps), shape, "shape")


def normalized(e: Emitter, x: SSAValue, gamma: Array, beta: Array, eps: float, word: str = "") -> SSAValue:
    """
    A layer normalization along the last dimension.
    """
    parameters = e.constant(gamma, "gamma"), e.constant(beta, "beta")
    return e.emit(LayerNormOp(x, *parameters, eps, len(shape_of(x)) - 1), word)


@translates("layer_norm", "native_layer_norm.default")
def native_layer_norm(e: Emitter, x: SSAValue, *arguments: Any) -> Result:
    """
    The same; the statistics are not supported.
    """
    value = layer_norm(e, x, *arguments)
    assert isinstance(value, SSAValue)
    return value, None, None


@translates("group_norm", "group_norm.default")
def group_norm(
    e: Emitter,
    x: SSAValue,
    num_groups: int,
    weight: Operand | None = None,
    bias: Operand | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Result:
    """
    A layer normalization of each group of channels, then a factor and an offset per channel.
    """
    x, shape = e.real(x), shape_of(x)
    size = math.prod(shape[1:]) // num_groups
    groups = reshaped(e, x, (1, num_groups, size), "groups")
    normal = normalized(e, groups, np.ones(size), np.zeros(size), eps, "normal")
    scale, offset = (
        default if v is None else known(e, v).reshape(-1, *[1] * (len(shape) - 2))
        for v, default in ((weight, 1.0), (bias, 0.0))
    )
    return e.affine(reshaped(e, normal, shape, "shape"), scale=scale, offset=offset)


@translates("instance_norm", "instance_norm.default")
def instance_norm(
    e: Emitter,
    x: SSAValue,
    weight: Operand | None,
    bias: Operand | None,
    running_mean: Operand | None,
    running_var: Operand | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Result:
    """
    A layer normalization of each channel, or by running statistics a batch normalization.
    """
    if use_input_stats:
        return group_norm(e, x, shape_of(x)[1], weight, bias, eps)
    statistics = cast(Operand, running_mean), cast(Operand, running_var)
    return cast("tuple[SSAValue, None, None]", batch_norm(e, x, weight, bias, *statistics, momentum, eps))[0]
