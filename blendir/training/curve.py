"""
The learning curve of a training as a picture.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

METRICS = {"train_accuracy": ("training images (augmented)", ":"), "test_accuracy": ("test images", "-")}


def series(logs: Path, key: str) -> dict[int, float]:
    """
    A metric by epoch, from the CSV logs of a phase. If an epoch was run twice, the later run counts. A run that ended
    in its first epoch has logged no metric, and perhaps no epoch.
    """
    found: dict[int, float] = {}
    for path in sorted(logs.glob("run_*/metrics.csv"), key=lambda p: int(p.parent.name.removeprefix("run_"))):
        with path.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row.get("epoch") and row.get(key)]
        found |= {int(row["epoch"]): float(row[key]) for row in rows}
    return found


def plot(phases: Mapping[str, Path], out: Path) -> None:
    """
    Plots accuracy in per cent over the epochs of all phases, as a PNG. `phases` maps names to folders of logs.
    """
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    begin = 0
    for index, (name, logs) in enumerate(phases.items()):
        length = 0
        for key, (label, style) in METRICS.items():
            values = series(logs, key)
            epochs = sorted(values)
            length = max(length, len(epochs))
            axes.plot(
                [begin + epoch + 1 for epoch in epochs],
                [100 * values[epoch] for epoch in epochs],
                style,
                color=f"C{index}",
                label=f"{name}, {label}",
            )
        begin += length
        axes.axvline(begin + 0.5, color="0.8", linewidth=0.8)
    axes.set(xlabel="epoch", ylabel="accuracy in %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(out, dpi=120)
