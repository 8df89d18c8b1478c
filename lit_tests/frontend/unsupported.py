# RUN: python %s | filecheck %s

import torch
from torch import nn

from blendir.frontend import UnsupportedModelError, from_torch


class Attention(nn.Module):
    def forward(self, x):
        return torch.softmax(x, 1) / x


model = nn.Sequential(nn.UpsamplingBilinear2d(scale_factor=2), Attention()).eval()

# CHECK:      3 operations of the model cannot be translated:
# CHECK-NEXT:   0: aten.upsample_bilinear2d.vec
# CHECK-NEXT:   1.softmax: aten.softmax.int is not an operation of a streaming design: end the network before it
# CHECK-NEXT:   1.div: aten.div.Tensor by a value (unsupported.py:11)
# CHECK-NEXT: blendir ops and docs/import.md list what can: modules and operations of PyTorch
try:
    from_torch(model, torch.zeros(1, 4, 9, 9))
except UnsupportedModelError as error:
    print(error)
