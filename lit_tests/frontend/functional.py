# RUN: python %s | filecheck %s

import torch
import torch.nn.functional as F
from torch import nn

from blendir.frontend import from_torch

X = torch.zeros(1, 2, 4, 4)


class Arithmetic(nn.Module):
    def forward(self, x):
        x = (x - torch.tensor([1.0, 2.0]).view(2, 1, 1)) / 4
        return 1 - x


# CHECK:      func.func @main
# CHECK-NEXT:   %sub_center = blend.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf64>
# CHECK-NEXT:   %sub_scale = blend.constant dense<1.000000e+00> : tensor<2xf64>
# CHECK-NEXT:   %sub_offset = blend.constant dense<0.000000e+00> : tensor<2xf64>
# CHECK-NEXT:   %sub = blend.affine %x, %sub_center, %sub_scale, %sub_offset {layer = "sub"}
# CHECK:        %div_scale = blend.constant dense<2.500000e-01> : tensor<2xf64>
# CHECK:        %div = blend.affine %sub, %div_center, %div_scale, %div_offset {layer = "div"}
# CHECK:        %rsub_scale = blend.constant dense<-1.000000e+00> : tensor<2xf64>
# CHECK-NEXT:   %rsub_offset = blend.constant dense<1.000000e+00> : tensor<2xf64>
# CHECK-NEXT:   %rsub = blend.affine %div, %rsub_center, %rsub_scale, %rsub_offset {layer = "rsub"}
print(from_torch(Arithmetic().eval(), X))


class Subtract(nn.Module):
    def forward(self, x):
        return x.relu() - x


# CHECK:      func.func @main
# CHECK-NEXT:   %relu = blend.relu %x {layer = "relu"}
# CHECK:        %sub_term = blend.affine %x, {{.*}} {layer = "sub.term"}
# CHECK-NEXT:   %sub = blend.add %relu, %sub_term {layer = "sub"}
print(from_torch(Subtract().eval(), X))


class Border(nn.Module):
    def forward(self, x):
        return F.conv2d(F.pad(x.sign(), (1, 1, 1, 1), value=-1.0), torch.ones(1, 2, 3, 3))


# CHECK:      func.func @main
# CHECK:        blend.binary_conv2d {{.*}}padding = array<i64: 1, 1>, pad_mode = #blend<pad_mode minus_one>}
print(from_torch(Border().eval(), X))


class Pools(nn.Module):
    def forward(self, x):
        return F.avg_pool2d(x, 2, ceil_mode=True).mean((2, 3))


# CHECK:      func.func @main
# CHECK-NEXT:   %avg_pool = blend.avg_pool2d %x {layer = "avg_pool", {{.*}}divisor = 4 : i64}
# CHECK-NEXT:   %mean = blend.avg_pool2d %avg_pool {layer = "mean", {{.*}}divisor = 4 : i64}
# CHECK-NEXT:   %mean_reshape = blend.reshape %mean {layer = "mean.reshape"}
print(from_torch(Pools().eval(), X))
