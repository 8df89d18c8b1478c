"""
PyTorch networks of the zoo, and how to load their weights.
"""

from blendir.models.blendnet import BlendNet, BlendNetConfig, blendnet, blendnet8, blendnet20
from blendir.models.checkpoint import load_weights
from blendir.models.entry import ZooEntry
from blendir.models.zoo import ZOO, load

__all__ = [
    "ZOO",
    "BlendNet",
    "BlendNetConfig",
    "ZooEntry",
    "blendnet",
    "blendnet8",
    "blendnet20",
    "load",
    "load_weights",
]
