"""
The networks that blendir knows by name: the entries stand beside their networks.
"""

from torch import nn

from blendir.models.bireal import ENTRIES as BIREALS
from blendir.models.blendnet import ENTRIES as BLENDNETS
from blendir.models.entry import ZooEntry
from blendir.models.finn import ENTRIES as FINNS
from blendir.models.reactnet import ENTRIES as REACTNETS
from blendir.models.xnornet import ENTRIES as XNORNETS

ZOO: dict[str, ZooEntry] = {entry.name: entry for entry in (*BLENDNETS, *BIREALS, *REACTNETS, *XNORNETS, *FINNS)}


def entry(name: str) -> ZooEntry:
    """
    The zoo's entry of that name.
    """
    if name not in ZOO:
        raise ValueError(f"no network named {name!r} in the zoo; there are: {', '.join(sorted(ZOO))}")
    return ZOO[name]


def load(name: str, seed: int = 0) -> nn.Module:
    """
    The zoo's network of that name: its checkpoint where it has one, else random weights of that seed.
    """
    return entry(name).load(seed)
