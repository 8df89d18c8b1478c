# RUN: python %s | filecheck %s

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blendir.frontend import from_torch


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.rows = nn.Parameter(torch.arange(1.0, 4).view(3, 1))

    def forward(self, x: Tensor) -> Tensor:
        # CHECK: blend.layer_norm {{.*}} {layer = "norm", epsilon = 1.000000e-05 : f64, axis = 3 : i64}
        y = self.norm(x)
        # CHECK: blend.activation %{{.*}} {layer = "gelu", function = #blend<function gelu>}
        # CHECK: blend.activation %{{.*}} {layer = "gelu.1", function = #blend<function gelu_tanh>}
        y = F.gelu(y) - F.gelu(x, approximate="tanh")
        # CHECK: blend.activation %{{.*}} {layer = "sigmoid", function = #blend<function sigmoid>}
        gate = y.mean((2, 3), keepdim=True).sigmoid()
        # CHECK: blend.multiply %{{.*}}, %{{.*}} {layer = "mul"} : (tensor<1x2x3x4xf64>, tensor<1x2x1x1xf64>)
        y = gate * y
        # CHECK: blend.affine {{.*}} {layer = "mul.1.axis3", axis = 3 : i64}
        # CHECK: blend.affine {{.*}} {layer = "mul.1", axis = 2 : i64}
        y = y * (self.rows * torch.arange(1.0, 5))
        # CHECK: blend.reshape {{.*}} -> tensor<1x24xf64>
        # CHECK: blend.affine {{.*}} tensor<24xf64>
        # CHECK: blend.reshape {{.*}} -> tensor<1x2x3x4xf64>
        y = y + (self.rows + torch.arange(1.0, 5))
        # CHECK: blend.activation %{{.*}} {layer = "tanh"
        # CHECK: blend.activation %{{.*}} {layer = "silu"
        # CHECK: blend.activation %{{.*}} {layer = "hardswish"
        # CHECK: blend.activation %{{.*}} {layer = "hardsigmoid"
        return F.hardsigmoid(F.hardswish(F.silu(y.tanh())))


print(from_torch(Net().eval(), torch.zeros(1, 2, 3, 4)))
