"""
What is asked of a design: a rate, bounds on resources, a clock, a device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from xdsl.utils.exceptions import PassFailedException

from blendir.hardware.devices import NAMES, Device, device

Xnor = Literal["lut", "dsp", "auto"]
DEVICE = "xcvu9p"
"""The device that is meant where none is given."""


@dataclass(frozen=True)
class Goals:
    """
    The rate (`fps` in frames/s, or `cycles` per frame), at most so many DSPs, LUTs and block RAMs of 18 Kbit, what
    makes the products of bits, a preset in place of all these, the clock (default: the device's), and the device that
    the design must fit (None: any).
    """

    fps: float | None = None
    clock_mhz: float | None = None
    xnor: Xnor = "lut"
    cycles: int | None = None
    dsp: int | None = None
    lut: int | None = None
    bram: int | None = None
    preset: str | None = None
    device: str | None = None

    @property
    def part(self) -> Device:
        """
        The device, or the one that is meant where none is given; UserError where it is unknown.
        """
        return device(self.device or DEVICE)

    @property
    def clock(self) -> float:
        """
        The clock in MHz.
        """
        return self.part.clock_mhz if self.clock_mhz is None else self.clock_mhz

    @property
    def limits(self) -> dict[str, int]:
        """
        The bounds that are given.
        """
        given = {"dsp": self.dsp, "lut": self.lut, "bram18": self.bram}
        return {kind: limit for kind, limit in given.items() if limit is not None}

    @property
    def rate(self) -> int | None:
        """
        The cycles per frame that are asked for.
        """
        return self.cycles if self.fps is None else cycles_at(self.fps, self.clock)

    @property
    def sets_parallelism(self) -> bool:
        """
        Whether anything but the defaults is asked for.
        """
        return self.preset is not None or self.rate is not None or bool(self.limits)

    def check(self) -> None:
        """
        Refuses goals that contradict each other or mean nothing.
        """
        if self.device is not None:
            self.part.require_clock(self.clock)
        if not 0 < self.clock < math.inf or (self.fps is not None and self.fps <= 0):
            raise PassFailedException(f"fps {self.fps} and clock {self.clock} MHz should be positive")
        if self.fps is not None and self.cycles is not None:
            raise PassFailedException("fps and cycles both set the rate; give one of them")
        if self.xnor not in get_args(Xnor):
            raise PassFailedException(f"unknown xnor {self.xnor}; there are lut, dsp and auto")
        if self.preset not in (None, "paper"):
            raise PassFailedException(f"unknown preset {self.preset}; there is: paper")
        if self.preset is not None and (self.limits or self.rate is not None):
            raise PassFailedException("a preset sets the parallelism; give it without fps, cycles, dsp, lut and bram")
        if any(limit < 0 for limit in self.limits.values()):
            raise PassFailedException(f"{wording(self.limits)}: bounds should not be negative")


def cycles_at(fps: float, clock_mhz: float) -> int:
    """
    The cycles per frame that a rate leaves. A rate counts to five digits, since it may be one that was printed rounded.
    """
    return int(clock_mhz * 1e6 / fps * (1 + 1e-5))


def wording(limits: Mapping[str, int]) -> str:
    """
    Bounds in words.
    """
    return " and ".join(f"{limit} {NAMES[kind]}" for kind, limit in limits.items())
