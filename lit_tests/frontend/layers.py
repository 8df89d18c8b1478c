# RUN: python %s | filecheck %s

import torch
from torch import nn

from blendir.frontend import from_torch


class BinaryConv2d(nn.Conv2d):
    def forward(self, x):
        alpha = self.weight.abs().mean((1, 2, 3), keepdim=True)
        return nn.functional.conv2d(torch.sign(x), alpha * torch.sign(self.weight), padding=self.padding)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.PReLU(4))
        self.block = nn.Sequential(BinaryConv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4, affine=False))
        self.pool = nn.MaxPool2d(2)
        self.tail = nn.ModuleList([nn.Hardtanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout()])
        self.head = nn.Linear(4, 10)

    def forward(self, x):
        x = self.stem((x.float() - 128) / 64)
        x = self.pool(self.block(x) + x)
        for layer in self.tail:
            x = layer(x)
        return self.head(x)


# CHECK:      func.func @main(%x: tensor<1x3x16x16xui8>) -> tensor<1x10xf64>
# CHECK:      blend.affine %x, {{.*}} {layer = "sub"}
# CHECK:      blend.affine {{.*}} {layer = "div"}
# CHECK:      blend.conv2d {{.*}} {layer = "stem.0", strides = array<i64: 2, 2>, padding = array<i64: 1, 1>}
# CHECK:      blend.batch_norm {{.*}} {layer = "stem.1", epsilon = 1.000000e-05 : f64}
# CHECK:      blend.prelu {{.*}} {layer = "stem.2"}
# CHECK:      blend.sign {{.*}} {layer = "block.0.sign"}
# CHECK:      blend.binary_conv2d {{.*}} {layer = "block.0.conv"
# CHECK:      blend.affine {{.*}} {layer = "block.0.conv.scale"}
# CHECK:      blend.batch_norm {{.*}} {layer = "block.1"
# CHECK:      blend.add {{.*}} {layer = "add"}
# CHECK:      blend.max_pool2d {{.*}} {layer = "pool"
# CHECK:      blend.clamp {{.*}} {layer = "tail.0"
# CHECK:      blend.avg_pool2d {{.*}} {layer = "tail.1", {{.*}}divisor = 16 : i64}
# CHECK:      blend.reshape {{.*}} {layer = "tail.2"}
# CHECK:      blend.linear {{.*}} {layer = "head"}
torch.manual_seed(0)
print(from_torch(Net().eval(), torch.zeros(1, 3, 16, 16, dtype=torch.uint8)))


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.act(x) + x)


# CHECK:      func.func @main
# CHECK-NEXT:   %act = blend.relu %x {layer = "act"}
# CHECK-NEXT:   %add = blend.add %act, %x {layer = "add"}
# CHECK-NEXT:   %act_1 = blend.relu %add {layer = "act.1"}
print(from_torch(Twice().eval(), torch.zeros(1, 4)))
