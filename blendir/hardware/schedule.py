"""
`schedule`: how parallel each process is, what makes its XNORs, where its weights are, and how deep each FIFO is.

What is asked for is a rate (`fps`, `cycles`), bounds on resources (`dsp`, `lut`, `bram`), or both. With a rate the
design of least cost is taken (`PRICES` says what a DSP and a block RAM are worth), with bounds alone the fastest, and
with neither the one whose busiest binary unit takes a 48-bit word per cycle.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects import stream
from blendir.dialects.stream import stream_type
from blendir.hardware.apply import build, unschedule, used_by
from blendir.hardware.devices import NAMES
from blendir.hardware.foldings import BUDGETED
from blendir.hardware.goals import Goals, wording
from blendir.hardware.processes import process_of
from blendir.hardware.search import SCALE, WEIGHTS, Limits, Space, cheapest, fastest_cycles, first, layouts
from blendir.hardware.timing import cycles_per_frame, processes
from blendir.interpreter import find_main
from blendir.packing import WORD_BITS

DEFAULT_MULTIPLIERS = 8


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


def make(module: ModuleOp, goals: Goals) -> str | None:
    """
    Schedules a module for a rate, bounds or a preset, whatever its device has; says why where there is no such design.

    Without a rate and bounds it is the default rate, or the fastest if that is slower.
    """
    unschedule(module)
    found, limits = processes(module), goals.limits
    if goals.preset is not None:
        space = layouts(found, goals.xnor, goals.preset)
        build_within(module, space, space.candidates[-1], {})
        return None
    if goals.rate is None and limits:
        space = layouts(found, goals.xnor)
        if fastest_within(module, space, limits) is not None:
            return None
        return f"no design has at most {wording(limits)}: {smallest(module, space, limits)}"
    cycles = default_budget(found) if goals.rate is None else goals.rate
    if build_within(module, layouts(found, goals.xnor, most=cycles), cycles, limits):
        return None
    unschedule(module)
    space = layouts(processes(module), goals.xnor)
    fastest = fastest_cycles(space, {})
    assert fastest is not None
    if goals.rate is None:
        build_within(module, space, fastest, {})
        return None
    if cycles < fastest:
        return too_slow(goals, space, fastest)
    within = fastest_within(module, space, limits)
    if within is not None and within <= cycles:
        return None
    why = f"the fastest within them takes {within} cycles per frame"
    if within is None:
        why = smallest(module, space, limits)
    return f"no design of {cycles} cycles per frame has at most {wording(limits)}: {why}"


def too_slow(goals: Goals, space: Space, fastest: int) -> str:
    """
    Names the process that is too slow for a rate.
    """
    slowest = max(space.choices, key=lambda op: min(c.cycles for c in space.choices[op]))
    asked = f"{goals.cycles} cycles per frame are too few"
    if goals.fps is not None:
        asked = f"{goals.fps:g} frames per second leave {goals.rate} cycles at {goals.clock:g} MHz"
    reached = goals.clock * 1e6 / fastest
    return f"{asked}, but {slowest.layer_name} needs {fastest}; the fastest rate is {reached:.0f}"


def shortage(module: ModuleOp, goals: Goals) -> str | None:
    """
    What a scheduled module needs more of than its device has, in words.
    """
    used = used_by(module)
    kind = goals.part.overflow(used)
    if kind is None:
        return None
    return f"{goals.device} has {getattr(goals.part, kind)} {NAMES[kind]} but the design needs {used[kind]}"


def fit(module: ModuleOp, goals: Goals, rebuild: bool = True) -> None:
    """
    Checks that a scheduled module fits its device. One that does not is made again within the device, at the same rate;
    PassFailedException, which names the fastest rate that does, where that is impossible or not allowed.
    """
    if not goals.part.dsp48e2 and any(process_of(op).uses_dsp_xnor for op in processes(module)):
        raise PassFailedException(
            f"{goals.device} has no DSP48E2, which XNORs in DSPs need; use --xnor lut or another device"
        )
    lack = shortage(module, goals)
    if lack is None:
        return
    room = {kind: min(goals.limits.get(kind, limit), limit) for kind, limit in goals.part.limits.items()}
    within = Goals(clock_mhz=goals.clock, xnor=goals.xnor, dsp=room["dsp"], lut=room["lut"], bram=room["bram18"])
    trial = module.clone()
    if rebuild and goals.preset is None:
        cycles = max(map(cycles_per_frame, processes(module)))
        if make(module, replace(within, cycles=cycles)) is None and shortage(module, goals) is None:
            return
    if make(trial, within) is not None:
        raise PassFailedException(f"{lack}; no design of this network fits, choose a larger device")
    fastest = goals.clock * 1e6 / max(map(cycles_per_frame, processes(trial)))
    raise PassFailedException(f"{lack}; the fastest that fits makes {fastest:.0f} frames per second")


@dataclass(frozen=True)
class SchedulePass(Goals, ModulePass):
    """
    Sets parallelism, kinds of XNOR, storage and FIFOs for a rate, for bounds on resources, or as a preset.
    """

    name = "schedule"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        self.check()
        if find_main(op) is None:
            return
        if (why := make(op, self)) is not None:
            raise PassFailedException(why)
        if self.device is not None:
            fit(op, self)
