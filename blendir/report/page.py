"""
The report as a page: one HTML file without references, made from what report.json holds and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from blendir.errors import printable
from blendir.hardware.devices import NAMES
from blendir.report.graph import NODE_HEIGHT, NODE_WIDTH, draw

WIDTH = 1080
LABEL = 190
LABEL_LETTERS = 27
ROW = 16
FULL_SNR = 100
"""The signal-to-noise ratio of a full bar, in dB."""
KIND = {
    "binary_mvu": "binary",
    "plane_mvu": "binary",
    "fixed_mvu": "fixed",
    "depthwise_mvu": "depthwise",
    "window": "window",
}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Scale:
    """
    Where a value is on an axis of pixels from `left` to `right`; logarithmic where `low` is above 0.
    """

    left: float
    right: float
    high: float
    low: float = 0

    def __call__(self, value: float) -> float:
        """
        Pixels, to a tenth.
        """
        part = math.log(value / self.low) / math.log(self.high / self.low) if self.low else value / self.high
        return round(self.left + part * (self.right - self.left), 1)

    def ticks(self) -> list[float]:
        """
        Round values: about eight, or powers of ten.
        """
        if self.low:
            return [10.0**n for n in range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)]
        rough = self.high / 8
        power = 10 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
        return [step * i for i in range(int(self.high / step) + 1)]


@dataclass(frozen=True)
class Bar:
    """
    A row of a chart: a value beside its share of the total, or a start and two lengths.
    """

    row: Row
    y: int
    x: float
    width: float
    busy: float = 0


@dataclass(frozen=True)
class Column:
    """
    The bars of one kind of resource, from `x`, `room` pixels wide at most.
    """

    kind: str
    x: float
    total: int
    bars: list[Bar]


@dataclass(frozen=True)
class Roof:
    """
    A matrix-vector unit: its peak (PE x SIMD) and its mean multiplications per cycle, and frames/s at the peak.
    """

    row: Row
    y: int
    peak: int
    mean: float
    x_peak: float
    x_mean: float
    fps: float


def shown(value: Any) -> Any:
    """
    What enters the page: text in the letters that people can see.
    """
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def gantt(report: Row) -> dict[str, Any]:
    """
    A frame and the next one in each process: from first read to last write, and the cycles in which it is busy.
    """
    rows, interval = report["layers"], report["frame_interval_cycles"]
    end = max(row["end_cycle"] for row in rows) + interval
    scale = Scale(LABEL, WIDTH - 70, end)
    bars = [
        Bar(
            row,
            40 + ROW * index,
            scale(row["start_cycle"]),
            round(scale(row["end_cycle"]) - scale(row["start_cycle"]), 1),
            round(scale(row["cycles"]) - LABEL, 1),
        )
        for index, row in enumerate(rows)
    ]
    frames = [scale(n * interval) for n in range(end // interval + 1)]
    return {
        "bars": bars,
        "next": round(scale(interval) - LABEL, 1),
        "ticks": [(scale(t), t) for t in scale.ticks()],
        "frames": frames,
        "height": 46 + ROW * len(rows),
    }


def resource_columns(report: Row) -> list[Column]:
    """
    What each process takes of each kind of resource that the design uses.
    """
    rows, totals = report["layers"], {kind: total for kind, total in report["resources"].items() if total}
    room = (WIDTH - LABEL) / max(1, len(totals))
    columns: list[Column] = []
    for index, (kind, total) in enumerate(totals.items()):
        x = round(LABEL + index * room, 1)
        scale = Scale(0, room - 90, max(row["resources"][kind] for row in rows))
        bars = [Bar(row, 34 + ROW * i, x, scale(row["resources"][kind])) for i, row in enumerate(rows)]
        columns.append(Column(kind, x, total, bars))
    return columns


def roofs(report: Row) -> dict[str, Any]:
    """
    The matrix-vector units under their roofs, on a logarithmic axis of multiplications per cycle.
    """
    interval = report["frame_interval_cycles"]
    units = [row for row in report["layers"] if "pe" in row]
    work = [row["bmac"] + row["fpmac"] for row in units]
    peaks = [row["pe"] * row["simd"] for row in units]
    low = 10.0 ** math.floor(math.log10(min([1.0, *(w / interval for w in work)])))
    high = 10.0 ** math.ceil(math.log10(max([10, *peaks])))
    scale = Scale(LABEL, WIDTH - 230, high, low)
    clock = report["clock_mhz"] * 1e6
    return {
        "units": [
            Roof(row, 40 + 20 * i, peak, w / interval, scale(peak), scale(w / interval), clock * peak / w)
            for i, (row, w, peak) in enumerate(zip(units, work, peaks, strict=True))
        ],
        "ticks": [(scale(t), f"{t:g}") for t in scale.ticks()],
        "height": 50 + 20 * len(units),
    }


def runner_up(report: Row) -> Row | None:
    """
    The slowest process that is not a bottleneck.
    """
    others = [row for row in report["layers"] if row["name"] not in report["bottlenecks"]]
    return max(others, key=lambda row: row["cycles"], default=None)


def shape_text(frame: Mapping[str, int]) -> str:
    """
    A frame as rows x columns x elements.
    """
    sizes = (frame["rows"], frame["columns"], frame["length"])
    return "\u00d7".join(map(str, sizes if sizes[:2] != (1, 1) else sizes[2:]))


def shapes_text(frames: Sequence[Mapping[str, int]]) -> str:
    """
    Frames with the bits of an element; each shape and width once.
    """
    bits: dict[str, dict[str, None]] = {}
    for frame in frames:
        bits.setdefault(shape_text(frame), {})[f"{frame['bits']}b"] = None
    return ", ".join(f"{shape}\u00b7{'+'.join(widths)}" for shape, widths in bits.items())


def short_text(layer: str) -> str:
    """
    The end of a layer's path, as much of it as a chart has room for.
    """
    return layer if len(layer) <= LABEL_LETTERS else "\u2026" + layer[1 - LABEL_LETTERS :]


def number_text(value: float) -> str:
    """
    A number of three digits or more, with thousands set apart.
    """
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def percent_text(part: float) -> str:
    """
    A share, of two digits.
    """
    if 0 < part < 0.0005:
        return "< 0.1 %"
    return f"{100 * part:.0f} %" if part >= 0.0995 or not part else f"{100 * part:.1f} %"


def included(environment: Environment, name: str) -> Markup:
    """
    A style sheet or script of ours, as it is.
    """
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])


def page(report: Row) -> str:
    """
    The page of a report; `report` is what report.json holds.
    """
    environment = Environment(
        loader=PackageLoader("blendir.report"),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "short": short_text,
        "shape": shape_text,
        "shapes": shapes_text,
        "number": number_text,
        "percent": percent_text,
    }
    slow = set(report["bottlenecks"])
    return environment.get_template("report.html").render(
        report=report,
        layers=report["layers"],
        slow=slow,
        first=next(row for row in report["layers"] if row["name"] in slow),
        runner_up=runner_up(report),
        kinds=NAMES,
        used=[kind for kind, total in report["resources"].items() if total],
        held=sum(fifo["width"] * fifo["depth"] for fifo in report["fifos"]),
        label=LABEL,
        width=WIDTH,
        row_height=ROW,
        full_snr=FULL_SNR,
        kind_of=KIND,
        gantt=gantt(report),
        columns=resource_columns(report),
        roofs=roofs(report),
        node_width=NODE_WIDTH,
        node_height=NODE_HEIGHT,
        graph=draw(report["layers"], report["fifos"]),
        style=included(environment, "report.css"),
        script=included(environment, "report.js"),
    )
