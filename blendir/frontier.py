"""
What is made of the points of an exploration: the frontier, as a table and as a picture.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from blendir.design_point import Point
from blendir.files import whole_file
from blendir.hardware.devices import NAMES, device, devices
from blendir.hardware.goals import DEVICE, Goals, Xnor

KINDS = ("dsp", "lut", "bram18")
"""What a frontier is drawn and compared by, besides the rate."""

Rate = tuple[Xnor, int]
"""A kind of XNOR and cycles per frame."""


@dataclass(frozen=True)
class Exploration:
    """
    The points of a folder, those that no other one dominates, why there is no design at other rates, and which workers
    came to no outcome.
    """

    points: list[Point]
    frontier: list[Point]
    failed: dict[Rate, str]
    broken: dict[Rate, str]


def dominates(better: Point, point: Point) -> bool:
    """
    Whether a point is as fast and as cheap as another, and different from it.
    """
    ours, theirs = ((-p.fps, *(getattr(p, kind) for kind in KINDS)) for p in (better, point))
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))


def undominated(points: Iterable[Point]) -> list[Point]:
    """
    The frontier, slowest first.
    """
    found = sorted(points, key=lambda p: p.fps)
    return [p for p in found if not any(dominates(other, p) for other in found)]


def write_table(explored: Exploration, path: Path) -> None:
    """
    All points as CSV: the fields of `Point`, and whether it is on the frontier (1) or dominated (0).
    """
    with whole_file(path) as beside, beside.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Point)] + ["frontier"])
        writer.writerows([*asdict(p).values(), int(p in explored.frontier)] for p in explored.points)


def plot(explored: Exploration, goals: Goals, path: Path) -> None:
    """
    Each resource against the rate, with the limits of devices, as a PNG; `goals` are the device and the clock.
    Dominated points are hollow.
    """
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(13, 4.5), layout="constrained")
    for axes, kind in zip(figure.subplots(1, len(KINDS)), KINDS, strict=True):
        for index, xnor in enumerate(dict.fromkeys(p.xnor for p in explored.points)):
            of_kind = [p for p in explored.points if p.xnor == xnor]
            for label, points, face in (
                (f"XNOR: {xnor}", [p for p in of_kind if p in explored.frontier], f"C{index}"),
                (f"XNOR: {xnor}, dominated", [p for p in of_kind if p not in explored.frontier], "none"),
            ):
                if points:
                    where = [p.fps for p in points], [getattr(p, kind) for p in points]
                    axes.plot(*where, "o", color=f"C{index}", markerfacecolor=face, label=label)
        axes.set(xlabel="frames/s (simulated)", ylabel=f"{NAMES[kind]} (estimated)", xscale="log")
        limits(axes, kind, goals.device or DEVICE, min(getattr(p, kind) for p in explored.points))
        axes.grid(alpha=0.3)
    figure.axes[0].legend(fontsize="small")
    figure.suptitle(f"{goals.device} at {goals.clock:g} MHz (assumed); lines: what devices have")
    with whole_file(path) as beside:
        figure.savefig(beside, dpi=120, format="png")


def limits(axes: Any, kind: str, chosen: str, least: int) -> None:
    """
    What each device has, that of the exploration in black, on an axis from below the least value.
    """
    axes.set_yscale("log" if least else "symlog")
    axes.set_ylim(least / 2, 2 * getattr(device(chosen), kind))
    has: Mapping[str, int] = {name: getattr(known, kind) for name, known in devices().items()}
    for index, (name, amount) in enumerate(sorted(has.items(), key=lambda item: item[1])):
        colour = "black" if name == chosen else "0.6"
        axes.axhline(amount, color=colour, linewidth=0.8, linestyle="--")
        if amount > least:
            beside = (0.02 + 0.14 * (index % 3), amount)
            axes.annotate(name, beside, xycoords=("axes fraction", "data"), fontsize=7, color=colour)
