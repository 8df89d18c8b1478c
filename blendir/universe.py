"""
blendir for xDSL's own tools: `xdsl-opt` sees its dialects, passes and targets.
"""

from xdsl.universe import Universe

from blendir.backends import get_all_targets
from blendir.dialects import get_all_dialects
from blendir.passes import get_all_passes

BLENDIR_UNIVERSE = Universe(all_dialects=get_all_dialects(), all_passes=get_all_passes(), all_targets=get_all_targets())
