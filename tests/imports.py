"""
Models to import, and the comparison of an imported module with PyTorch in float64.
"""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map
from xdsl.dialects.builtin import ModuleOp

from blendir.dialects.blend import BlendOp, ConstantOp
from blendir.frontend import UnsupportedModelError, from_torch
from blendir.interpreter import run_module

Function = Callable[[Tensor], Tensor]
NARROW = (torch.float16, torch.bfloat16, torch.float32)


class Lambda(nn.Module):
    def __init__(self, function: Function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Wide(TorchFunctionMode):
    """
    Every float is a float64: casts to less do not round.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (Tensor.float, Tensor.half, Tensor.bfloat16):
            func = Tensor.double
        if args and isinstance(args[0], Tensor):
            args, kwargs = tree_map(
                lambda a: torch.float64 if isinstance(a, torch.dtype) and a in NARROW else a, (args, kwargs)
            )
        result = func(*args, **kwargs)
        wide = isinstance(result, Tensor) and result.dtype in NARROW
        return result.double() if wide else result


def expected(model: nn.Module, x: Tensor) -> np.ndarray:
    """
    What PyTorch computes in float64.
    """
    model = copy.deepcopy(model).double().eval()
    x = x if not x.is_floating_point() else x.double()
    with torch.no_grad(), Wide():
        return model(x).double().numpy()


def check(model: nn.Module, x: Tensor) -> ModuleOp:
    """
    Imports a model and compares it with PyTorch on a batch.
    """
    module = from_torch(model.eval(), x)
    want = expected(model, x)
    got = run_module(module, x.numpy())
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)
    layers = [op.layer_name for op in operations(module)]
    assert len(set(layers)) == len(layers)
    return module


def operations(module: ModuleOp) -> list[BlendOp]:
    return [op for op in module.walk() if isinstance(op, BlendOp) and not isinstance(op, ConstantOp)]


def image(*shape: int) -> Tensor:
    return torch.randn(3, *(shape or (4, 4, 4)), generator=torch.Generator().manual_seed(1))


def refused(model: nn.Module, x: Tensor) -> UnsupportedModelError:
    with pytest.raises(UnsupportedModelError) as caught:
        from_torch(model.eval(), x)
    return caught.value


def randomized(model: nn.Module) -> nn.Module:
    """
    Random statistics and parameters, gamma of either sign.
    """
    generator = torch.Generator().manual_seed(7)
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_floating_point():
            values = torch.randn(tensor.shape, generator=generator)
            tensor.data = values.abs() + 0.5 if name.endswith("var") else values
    return model
