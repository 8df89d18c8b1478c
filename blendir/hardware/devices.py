"""
The devices that a design can be made for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from blendir.errors import UserError

KINDS = ("dsp", "lut", "ff", "bram18", "uram")
LOWEST_MHZ = 1.0
NAMES = {"dsp": "DSP", "lut": "LUT", "ff": "FF", "bram18": "BRAM18", "uram": "URAM"}


@dataclass(frozen=True)
class Device:
    """
    A part: what it has, the clock that is aimed at when none is given, the fastest clock of its multipliers, and where
    the numbers are from.
    """

    part: str
    family: str
    slrs: int
    dsp48e2: bool
    clock_mhz: float
    highest_mhz: float
    dsp: int
    lut: int
    ff: int
    bram18: int
    uram: int
    source: str

    @property
    def limits(self) -> dict[str, int]:
        """
        What can be asked of a design from the start.
        """
        return {kind: getattr(self, kind) for kind in ("dsp", "lut", "bram18")}

    def require_clock(self, clock_mhz: float) -> None:
        """
        Refuses a clock that nothing in the part can run at.
        """
        if not LOWEST_MHZ <= clock_mhz <= self.highest_mhz:
            plausible = f"{LOWEST_MHZ:g} to {self.highest_mhz:g} MHz, by default {self.clock_mhz:g}"
            raise UserError(f"a clock of {clock_mhz:g} MHz is impossible on {self.part}: give {plausible}")

    def overflow(self, used: Mapping[str, int]) -> str | None:
        """
        The resource of which a design needs the greatest share, if that is more than there is.
        """
        excess = {kind: used.get(kind, 0) / max(getattr(self, kind), 1) for kind in KINDS}
        worst = max(KINDS, key=lambda kind: excess[kind])
        return worst if used.get(worst, 0) > getattr(self, worst) else None


@cache
def devices() -> dict[str, Device]:
    """
    The known targets by name.
    """
    text = files("blendir.hardware").joinpath("devices.json").read_text()
    return {name: Device(**fields) for name, fields in json.loads(text).items()}


def device(target: str) -> Device:
    """
    One target; UserError with the known ones otherwise.
    """
    if target not in devices():
        raise UserError(f"unknown target {target}; the targets are {', '.join(devices())}")
    return devices()[target]
