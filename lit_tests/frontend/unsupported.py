# RUN: python %s | filecheck %s

import torch
from torch import nn

from blendir.frontend import UnsupportedModelError, from_torch


class Attention(nn.Module):
    def forward(self, x):
        return torch.softmax(x, 1) / x


model = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.ELU(), Attention()).eval()

# CHECK:      4 operations of the model cannot be translated:
# CHECK-NEXT:   0: aten.conv2d.default with groups = 4
# CHECK-NEXT:   1: aten.elu.default
# CHECK-NEXT:   2.softmax: aten.softmax.int
# CHECK-NEXT:   2.div: aten.div.Tensor by a value
# CHECK-NEXT: Supported modules:
# CHECK-NEXT:   Conv2d, Linear,
# CHECK:      Supported operations (on parameters alone, all but random ones are):
# CHECK-NEXT:   aten._adaptive_avg_pool2d,
try:
    from_torch(model, torch.zeros(1, 4, 8, 8))
except UnsupportedModelError as error:
    print(error)
