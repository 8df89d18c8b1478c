"""
The demonstration: the BlendNet-20 that ships with blendir, on photographs, from PyTorch to compiled C++.

    python -m blendir.tools.demo
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from blendir.backends import DEFAULT, backend
from blendir.backends.folder import integer_stages, read_stage
from blendir.compiler import Build, compile_module, open_design
from blendir.interpreter import run_outputs
from blendir.interpreter.run import listed
from blendir.tools.designs import summary
from blendir.tools.inputs import load_model
from blendir.tools.options import print_table
from blendir.tools.photos import load_photos
from blendir.tools.terminal import FoundWrong, progress, run_tool
from blendir.verification import Verification, verify

MODEL = "blendnet20"
FOLDER = Path("build") / "blendnet20-demo"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIZE, MARGIN = 32, 2
TOLERANCE = 1e-9
Array = NDArray[Any]


def calibration_frames() -> Array:
    """
    The photographs with a small margin, cut at nine places, and their mirror images.
    """
    side = SIZE + 2 * MARGIN
    wide = np.stack([image for _, image in load_photos((side, side))])
    corners = (0, MARGIN, 2 * MARGIN)
    cuts = [wide[:, :, i : i + SIZE, j : j + SIZE] for i in corners for j in corners]
    return np.concatenate([*cuts, *(cut[..., ::-1] for cut in cuts)])


def torch_logits(x: Array) -> Array:
    """
    The class scores of PyTorch in float64.
    """
    import torch

    network = load_model(MODEL, None, None).network.double()
    with torch.no_grad():
        return network(torch.as_tensor(x)).numpy()


def build_design(x: Array) -> Build:
    """
    Imports and compiles the network, calibrated on variants of the photographs.
    """
    module = load_model(MODEL, None, x).import_module()
    return compile_module(module, FOLDER, calibration=np.concatenate([x, calibration_frames()]))


def names_of(logits: Array) -> list[str]:
    """
    The class with the largest score of each frame.
    """
    return [CLASSES[i] for i in logits.argmax(axis=1)]


def show_classes(photos: list[str], logits: Mapping[str, Array]) -> None:
    """
    What every stage sees in each photograph.
    """
    columns = {stage: names_of(scores) for stage, scores in logits.items()}
    rows: list[list[object]] = [[photo, *(column[i] for column in columns.values())] for i, photo in enumerate(photos)]
    print_table(
        "top classes (the photographs show other things than CIFAR-10's classes)", ["photograph", *columns], rows
    )


def show_equality(found: Verification, differences: Mapping[str, float]) -> None:
    """
    How far the float stages are from PyTorch, and that the integer stages are equal.
    """
    rows: list[list[object]] = [
        [stage, "PyTorch in float64", "-", "-", f"largest difference {value:.1e}"]
        for stage, value in differences.items()
    ]
    for c in found.comparisons.values():
        rows.append([c.stage, "fixed", c.layers, c.numbers, f"{c.mismatches} differ"])
    print_table("equality", ["stage", "compared with", "layers", "numbers", "result"], rows)


def show_layers(report: Mapping[str, Any]) -> None:
    """
    The processes of the design.
    """
    rows: list[list[object]] = []
    for row in report["layers"]:
        fold = f"{row['pe']} x {row['simd']}" if "pe" in row else ""
        rows.append([row["layer"], row["process"], fold, row["cycles"], *row["resources"].values()])
    columns = ["layer", "process", "PE x SIMD", "cycles", *report["resources"]]
    print_table("processes (cycles simulated, resources estimated)", columns, rows)


def check_floats(differences: Mapping[str, float]) -> None:
    """
    The float stages compute what PyTorch computes.
    """
    for stage, difference in differences.items():
        if difference > TOLERANCE:
            raise FoundWrong(f"[{stage}] differs from PyTorch by {difference:.1e}, more than {TOLERANCE:g}")


def modules_by_stage(folder: Path) -> dict[str, ModuleOp]:
    """
    Every stage of the design, as written.
    """
    floats = {stage: read_stage(folder, stage) for stage in ("imported", "folded")}
    return floats | integer_stages(folder)


def work() -> None:
    """
    The demonstration.
    """
    backend(DEFAULT).require_tools()
    start = time.monotonic()
    photos = load_photos((SIZE, SIZE))
    x = np.stack([image for _, image in photos])
    with progress(f"compiling {MODEL}", False):
        build = build_design(x)
    stages = modules_by_stage(FOLDER)
    logits = {"PyTorch": torch_logits(x)} | {stage: run_outputs(module, x)[0] for stage, module in stages.items()}
    with progress("building and running the C++", False, len(x)) as advance:
        (logits["C++"],) = listed(open_design(FOLDER).csim(x))
        found = verify(FOLDER, x, stages=stages, progress=advance)
    differences = {s: float(np.abs(logits[s] - logits["PyTorch"]).max()) for s in ("imported", "folded")}
    show_classes([name for name, _ in photos], logits)
    show_layers(build.report)
    show_equality(found, differences)
    print(summary(build))
    print(f"the project lies in {FOLDER}; {time.monotonic() - start:.0f} s")
    check_floats(differences)
    if found.mismatches:
        raise FoundWrong(str(found.first))
    print(f"bit-exact: {found.images} images, mismatches: {found.mismatches}")


def main() -> int:
    """
    The entry point.
    """
    return run_tool("demo", work)


if __name__ == "__main__":
    sys.exit(main())
