"""
ONNX operations that are functions of single elements.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from blendir.frontend.errors import UntranslatableError
from blendir.frontend.onnx_files.graph import OnnxNode
from blendir.frontend.onnx_files.operations import Operand, constant, enters, tensor

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "Erf": torch.erf,
    "HardSwish": F.hardswish,
    "Mish": F.mish,
    "Sigmoid": torch.sigmoid,
    "Softplus": F.softplus,
    "Tanh": torch.tanh,
}


@enters(*FUNCTIONS)
def function(node: OnnxNode, x: Tensor) -> Tensor:
    """
    Functions without parameters.
    """
    return FUNCTIONS[node.op](x)


@enters("Elu", "Selu")
def elu(node: OnnxNode, x: Tensor) -> Tensor:
    """
    `gamma * (x > 0 ? x : alpha * (exp(x) - 1))`.
    """
    alpha, gamma = (1.0, 1.0) if node.op == "Elu" else (1.67326319217681884765625, 1.05070102214813232421875)
    return F.elu(x, node.attributes.get("alpha", alpha)) * node.attributes.get("gamma", gamma)


@enters("Celu")
def celu(node: OnnxNode, x: Tensor) -> Tensor:
    """
    `x > 0 ? x : alpha * (exp(x / alpha) - 1)`.
    """
    return F.celu(x, node.attributes.get("alpha", 1.0))


@enters("Gelu")
def gelu(node: OnnxNode, x: Tensor) -> Tensor:
    """
    By the error function, or by its tanh form.
    """
    return F.gelu(x, approximate=node.attributes.get("approximate", "none"))


@enters("HardSigmoid")
def hard_sigmoid(node: OnnxNode, x: Tensor) -> Tensor:
    """
    A clamp of a line.
    """
    return torch.clamp(x * node.attributes.get("alpha", 0.2) + node.attributes.get("beta", 0.5), 0.0, 1.0)


@enters("ThresholdedRelu")
def thresholded_relu(node: OnnxNode, x: Tensor) -> Tensor:
    """
    `x > alpha ? x : 0`.
    """
    return torch.where(x > node.attributes.get("alpha", 1.0), x, 0.0)


@enters("LeakyRelu")
def leaky_relu(node: OnnxNode, x: Tensor) -> Tensor:
    """
    A fixed slope.
    """
    return F.leaky_relu(x, node.attributes.get("alpha", 0.01))


@enters("PRelu")
def prelu(node: OnnxNode, x: Tensor, slope: Operand) -> Tensor:
    """
    Slopes that broadcast to x.
    """
    slopes = constant(slope, "the slope")
    shape = (1,) * (x.ndim - slopes.ndim) + slopes.shape
    if all(size == 1 for axis, size in enumerate(shape) if axis != 1):
        return F.prelu(x, tensor(slopes.reshape(-1)))
    return torch.where(x > 0, x, tensor(slopes) * x)


@enters("Pow")
def power(node: OnnxNode, x: Tensor, exponent: Operand) -> Tensor:
    """
    A whole exponent.
    """
    numbers = np.unique(constant(exponent, "the exponent"))
    if numbers.size != 1:
        raise UntranslatableError("exponents that are not one number")
    return torch.pow(x, float(numbers[0]))
