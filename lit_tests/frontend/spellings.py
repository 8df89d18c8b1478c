# RUN: python %s | filecheck %s

import torch
from torch import nn

from blendir.frontend import from_torch

X = torch.zeros(1, 2, 4, 4)


class Sign(nn.Module):
    def forward(self, x):
        return torch.sign(x)


class Where(nn.Module):
    def forward(self, x):
        return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))


class Strict(nn.Module):
    def forward(self, x):
        return 2 * (x > 0.5).float() - 1


class Detached(nn.Module):
    def forward(self, x):
        surrogate = torch.clip(x, -1, 1)
        return (torch.sign(x) - surrogate).detach() + surrogate


class Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sign()

    @staticmethod
    def backward(ctx, grad):
        return grad * (ctx.saved_tensors[0].abs() <= 1)


class ByFunction(nn.Module):
    def forward(self, x):
        return Function.apply(x)


class Polynomial(nn.Module):
    def forward(self, x):
        negative = (x < 0).type(torch.float32)
        surrogate = (x * x + 2 * x) * negative + (2 * x - x * x) * (1 - negative)
        return torch.sign(x).detach() - surrogate.detach() + surrogate


# CHECK:       func.func @main(%x: tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
# CHECK-NEXT:    %sign = blend.sign %x {layer = "sign"} : tensor<1x2x4x4xf64> -> tensor<1x2x4x4xi1>
# CHECK-NEXT:    %sign_value = blend.bits_to_value %sign {layer = "sign.value"}
# CHECK-NEXT:    func.return %sign_value : tensor<1x2x4x4xf64>
print(from_torch(Sign().eval(), X))

# CHECK:       func.func @main
# CHECK-NEXT:    %ge = blend.sign %x {layer = "ge"}
# CHECK-NEXT:    %where = blend.bits_to_value %ge {layer = "where"}
# CHECK-NEXT:    func.return %where
print(from_torch(Where().eval(), X))

# 0x3FE0000000000001 is the double above 0.5.
# CHECK:       func.func @main
# CHECK-NEXT:    %gt_threshold = blend.constant dense<0.50000000000000011> : tensor<2xf64>
# CHECK-NEXT:    %gt_invert = blend.constant dense<false> : tensor<2xi1>
# CHECK-NEXT:    %gt = blend.threshold %x, %gt_threshold, %gt_invert {layer = "gt"}
# CHECK-NEXT:    %sub = blend.bits_to_value %gt {layer = "sub"}
# CHECK-NEXT:    func.return %sub
print(from_torch(Strict().eval(), X))

# CHECK:       func.func @main
# CHECK-NEXT:    %sign = blend.sign %x
# CHECK-NEXT:    %sign_value = blend.bits_to_value %sign
# CHECK-NEXT:    func.return %sign_value
print(from_torch(Detached().eval(), X))

# CHECK:       func.func @main
# CHECK-NEXT:    %sign = blend.sign %x
# CHECK-NEXT:    %sign_value = blend.bits_to_value %sign
# CHECK-NEXT:    func.return %sign_value
print(from_torch(ByFunction().eval(), X))

# CHECK:       func.func @main
# CHECK-NEXT:    %sign = blend.sign %x
# CHECK-NEXT:    %sign_value = blend.bits_to_value %sign
# CHECK-NEXT:    func.return %sign_value
print(from_torch(Polynomial().eval(), X))
