"""
The networks that blendir knows by name. Each entry stands beside its network.
"""

from torch import nn

from blendir.models.bireal import ENTRIES as BIREALS
from blendir.models.blendnet import ENTRIES as BLENDNETS
from blendir.models.dorefa import ENTRIES as DOREFAS
from blendir.models.dsq import ENTRIES as DSQS
from blendir.models.entry import ZooEntry
from blendir.models.finn import ENTRIES as FINNS
from blendir.models.fracbnn import ENTRIES as FRACBNNS
from blendir.models.irnet import ENTRIES as IRNETS
from blendir.models.mixer import ENTRIES as MIXERS
from blendir.models.reactnet import ENTRIES as REACTNETS
from blendir.models.realtobinary import ENTRIES as REALTOBINARIES
from blendir.models.xnornet import ENTRIES as XNORNETS

FAMILIES = (
    BLENDNETS,
    BIREALS,
    REACTNETS,
    REALTOBINARIES,
    XNORNETS,
    FINNS,
    MIXERS,
    DOREFAS,
    DSQS,
    IRNETS,
    FRACBNNS,
)
ZOO: dict[str, ZooEntry] = {entry.name: entry for family in FAMILIES for entry in family}


def entry(name: str) -> ZooEntry:
    """
    The zoo's entry of that name.
    """
    if name not in ZOO:
        raise ValueError(f"no network named {name!r} in the zoo; there are: {', '.join(sorted(ZOO))}")
    return ZOO[name]


def load(name: str, seed: int = 0) -> nn.Module:
    """
    The zoo's network of that name, with its checkpoint if it has one, else with random weights of that seed.
    """
    return entry(name).load(seed)
