"""
`schedule`: how parallel each process is, what makes its XNORs, where its weights are, and how deep each FIFO is.

What is asked for is a rate (`fps`, `cycles`), bounds on resources (`dsp`, `lut`, `bram`), or both. With a rate the
design of least cost is taken (`PRICES` says what a DSP and a block RAM are worth), with bounds alone the fastest, and
with neither the one whose busiest binary unit takes a 48-bit word per cycle.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects import stream
from blendir.dialects.stream import stream_type
from blendir.packing import WORD_BITS
from blendir.passes.choices import BUDGETED
from blendir.passes.devices import NAMES, device
from blendir.passes.layout import build, unschedule, used_by
from blendir.passes.resources import uses_dsp_xnor
from blendir.passes.search import SCALE, WEIGHTS, Limits, Space, cheapest, fastest_cycles, first, layouts
from blendir.passes.timing import cycles_per_frame, processes

DEFAULT_MULTIPLIERS = 8


def cycles_at(fps: float, clock_mhz: float) -> int:
    """
    The cycles per frame that a rate leaves. A rate counts to five digits, since it may be one that was printed rounded.
    """
    return int(clock_mhz * 1e6 / fps * (1 + 1e-5))


def default_budget(found: Iterable[stream.ProcessOp]) -> int:
    """
    The cycles per frame at which the busiest binary unit takes one 48-bit word per cycle.
    """
    units = [op for op in found if isinstance(op, stream.MvuOp)]
    words = [work(op, WORD_BITS) for op in units if isinstance(op, stream.BinaryMvuOp | stream.PlaneMvuOp)]
    products = [work(op, DEFAULT_MULTIPLIERS) for op in units]
    return max(words, default=max(products, default=0))


def work(op: stream.MvuOp, lanes: int) -> int:
    """
    Cycles per frame of a unit with one row and `lanes` elements per cycle.
    """
    result = stream_type(op.results[0])
    return result.positions * result.length.data * -(-op.vector // lanes)


def shares(limits: Limits) -> tuple[int, ...]:
    """
    Weights by which each bound counts the same.
    """
    most = max(limits.values(), default=0) + 1
    return tuple(SCALE * most // (limits[kind] + 1) if kind in limits else 0 for kind in BUDGETED)


def build_within(module: ModuleOp, space: Space, cycles: int, limits: Limits) -> bool:
    """
    Makes a design of at most `cycles` cycles per frame within bounds that include its FIFOs, if that is found.

    FIFOs are sized after the search. Where they break the bound of block RAMs, they go to LUTs; where they break
    another one, it is tightened by as much; in the end all bounds are approached at once.
    """
    bounds, block_ram = limits, True
    for weights in (WEIGHTS, WEIGHTS, WEIGHTS, shares(limits)):
        layout = cheapest(space, cycles, bounds, weights)
        bounds = limits
        if layout is None:
            continue
        used = build(module, layout, block_ram)
        over = {kind: max(0, used[kind] - limit) for kind, limit in limits.items()}
        if not any(over.values()):
            return True
        if block_ram and over.get("bram18"):
            block_ram = False
        else:
            bounds = {kind: limit - over[kind] for kind, limit in limits.items()}
    return False


def fastest_within(module: ModuleOp, space: Space, limits: Limits) -> int | None:
    """
    Makes the fastest design within bounds that is found and returns its cycles per frame; None where there is none.

    A slower rate is taken to be found where a faster one is, so that few are tried.
    """
    fastest = fastest_cycles(space, limits)
    if fastest is None:
        return None
    rates = space.candidates[space.candidates.index(fastest) :]
    index = first(len(rates), lambda i: build_within(module, space, rates[i], limits))
    return rates[index] if index is not None and build_within(module, space, rates[index], limits) else None


def smallest(module: ModuleOp, space: Space, limits: Limits) -> str:
    """
    The least of one bounded resource with which there is a design, others as bounded if that is possible.
    """
    for kind in limits:
        weights = tuple(int(kind == other) for other in BUDGETED)
        others = {other: limit for other, limit in limits.items() if other != kind}
        for bounds in (others, {}):
            layout = cheapest(space, space.candidates[-1], bounds, weights)
            if layout is not None and (used := build(module, layout, kind != "bram18")[kind]) > limits[kind]:
                return f"the smallest needs {used} {NAMES[kind]}" + (f" with at most {wording(others)}" * bool(bounds))
    return "no two of the bounds can be kept together"


def wording(limits: Limits) -> str:
    """
    Bounds in words.
    """
    return " and ".join(f"{limit} {NAMES[kind]}" for kind, limit in limits.items())


@dataclass(frozen=True)
class SchedulePass(ModulePass):
    """
    Sets parallelism, kinds of XNOR, storage and FIFOs for a rate, for bounds on resources, or as a preset.
    """

    name = "schedule"
    fps: float | None = None
    clock_mhz: float = 340.0
    xnor: Literal["lut", "dsp", "auto"] = "lut"
    cycles: int | None = None
    dsp: int | None = None
    lut: int | None = None
    bram: int | None = None
    preset: str | None = None

    @property
    def limits(self) -> dict[str, int]:
        """
        The bounds that are given.
        """
        given = {"dsp": self.dsp, "lut": self.lut, "bram18": self.bram}
        return {kind: limit for kind, limit in given.items() if limit is not None}

    def check(self) -> None:
        """
        Refuses options that contradict each other or mean nothing.
        """
        if self.clock_mhz <= 0 or (self.fps is not None and self.fps <= 0):
            raise PassFailedException(f"fps {self.fps} and clock {self.clock_mhz} MHz should be positive")
        if self.fps is not None and self.cycles is not None:
            raise PassFailedException("fps and cycles both set the rate; give one of them")
        if self.xnor not in ("lut", "dsp", "auto"):
            raise PassFailedException(f"unknown xnor {self.xnor}; there are lut, dsp and auto")
        if self.preset not in (None, "paper"):
            raise PassFailedException(f"unknown preset {self.preset}; there is: paper")
        if self.preset is not None and (self.limits or self.fps is not None or self.cycles is not None):
            raise PassFailedException("a preset sets the parallelism; give it without fps, cycles, dsp, lut and bram")
        if any(limit < 0 for limit in self.limits.values()):
            raise PassFailedException(f"{wording(self.limits)}: bounds should not be negative")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        self.check()
        unschedule(op)
        if self.preset is not None:
            space = layouts(processes(op), self.xnor, self.preset)
            build_within(op, space, space.candidates[-1], {})
        elif self.rate is not None or not self.limits:
            self.at_rate(op)
        else:
            space = layouts(processes(op), self.xnor)
            if fastest_within(op, space, self.limits) is None:
                reached = smallest(op, space, self.limits)
                raise PassFailedException(f"no design has at most {wording(self.limits)}: {reached}")

    @property
    def rate(self) -> int | None:
        """
        The cycles per frame that are asked for.
        """
        return self.cycles if self.fps is None else cycles_at(self.fps, self.clock_mhz)

    def at_rate(self, module: ModuleOp) -> None:
        """
        Makes the cheapest design of a rate, within the bounds that are given; without a rate, of the default one, or
        the fastest if that is slower.
        """
        found = processes(module)
        cycles = default_budget(found) if self.rate is None else self.rate
        if build_within(module, layouts(found, self.xnor, most=cycles), cycles, self.limits):
            return
        unschedule(module)
        space = layouts(processes(module), self.xnor)
        fastest = fastest_cycles(space, {})
        assert fastest is not None
        if self.rate is None:
            build_within(module, space, fastest, {})
        elif cycles < fastest:
            self.refuse(space, fastest)
        else:
            within = fastest_within(module, space, self.limits)
            if within is not None and within <= cycles:
                return
            reached = smallest(module, space, self.limits) if within is None else f"the fastest takes {within}"
            bounds = wording(self.limits)
            raise PassFailedException(f"no design of {cycles} cycles per frame has at most {bounds}: {reached}")

    def refuse(self, space: Space, fastest: int) -> None:
        """
        Names the process that is too slow for the rate.
        """
        slowest = max(space.choices, key=lambda op: min(c.cycles for c in space.choices[op]))
        asked = f"{self.cycles} cycles per frame are too few"
        if self.fps is not None:
            asked = f"{self.fps:g} frames per second leave {self.rate} cycles at {self.clock_mhz:g} MHz"
        reached = self.clock_mhz * 1e6 / fastest
        raise PassFailedException(
            f"{asked}, but {slowest.layer_name} needs {fastest}; the fastest rate is {reached:.0f}"
        )


def fit(module: ModuleOp, target: str, step: SchedulePass, rebuild: bool = True) -> None:
    """
    Checks that a scheduled module fits its device. One that does not is made again within the device, at the same rate;
    PassFailedException, which names the fastest rate that does, where that is impossible or not allowed.
    """
    chosen, used = device(target), used_by(module)
    if not chosen.dsp48e2 and any(map(uses_dsp_xnor, processes(module))):
        raise PassFailedException(
            f"{target} has no DSP48E2, which XNORs in DSPs need; use --xnor lut or another device"
        )
    kind = chosen.overflow(used)
    if kind is None:
        return
    cycles = max(map(cycles_per_frame, processes(module)))
    room = {kind: min(step.limits.get(kind, limit), limit) for kind, limit in chosen.limits.items()}
    within = SchedulePass(None, step.clock_mhz, step.xnor, None, room["dsp"], room["lut"], room["bram18"])
    context = Context(allow_unregistered=True)
    trial = module.clone()
    message = f"{target} has {getattr(chosen, kind)} {NAMES[kind]} but the design needs {used[kind]}"
    try:
        if rebuild and step.preset is None:
            replace(within, cycles=cycles).apply(context, module)
            if chosen.overflow(used_by(module)) is None:
                return
    except PassFailedException:
        pass
    try:
        within.apply(context, trial)
    except PassFailedException:
        raise PassFailedException(f"{message}; no design of this network fits, choose a larger device") from None
    fastest = step.clock_mhz * 1e6 / max(map(cycles_per_frame, processes(trial)))
    raise PassFailedException(f"{message}; the fastest that fits makes {fastest:.0f} frames per second")
