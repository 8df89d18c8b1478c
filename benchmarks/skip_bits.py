"""
The accuracy of a network for several widths of its skip paths, in three forms, on labelled images.

Form R (the default) folds the batch norm after an addition into the branch before it. The skip path then has no
multiplier, and each addition has its own format. "R, one format" gives all residual streams of one resolution the same
format. Form C keeps a scale and a shift on every skip. Formats come from calibration frames. A value counts as clipped
if it lies at a limit of its format. Form R is also compiled, and the class scores of the C++ are compared with [fixed]
on every image.

Everything runs on one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from cifar10 import CALIBRATION, images_of, in_pytorch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

import blendir
from blendir.dialects.blend import AddOp, element_format, tensor_type
from blendir.interpreter import main_function, run_module
from blendir.passes.quantize.calibration import Range, value_ranges
from blendir.passes.quantize.formats import Formats
from blendir.passes.quantize.quantize import quantize_operations
from blendir.tools.inputs import load_model
from blendir.tools.terminal import progress, run_tool

Array = NDArray[Any]
BATCH = 256
BITS = (16, 12, 10, 8, 6)
FORMS = ("R", "R, one format", "C")


def residual_values(module: ModuleOp) -> list[SSAValue]:
    """
    The results of additions, and their operands.
    """
    adds = [op for op in main_function(module).body.block.ops if isinstance(op, AddOp)]
    return list(dict.fromkeys(value for op in adds for value in (op.lhs, op.rhs, op.result)))


def share_formats(module: ModuleOp, found: dict[SSAValue, Range]) -> None:
    """
    Gives all residual values of one shape the range of the largest one, in place.
    """
    groups: dict[tuple[int, ...], list[SSAValue]] = {}
    for value in residual_values(module):
        groups.setdefault(tensor_type(value).get_shape(), []).append(value)
    for values in groups.values():
        largest = max((found[value] for value in values), key=lambda r: r.largest)
        found.update(dict.fromkeys(values, largest))


def fixed(folded: ModuleOp, bits: int, shared: bool, calibration: Array) -> ModuleOp:
    """
    A folded module at [fixed], with skip paths of `bits` bits.
    """
    module = folded.clone()
    found = value_ranges(module, calibration)
    if shared:
        share_formats(module, found)
    quantize_operations(module, Formats(skip_bits=bits), found)
    module.verify()
    return module


def parts(x: Array, text: str) -> Iterator[slice]:
    """
    Slices of the frames, with progress on stderr.
    """
    with progress(text, False, len(x)) as advance:
        for start in range(0, len(x), BATCH):
            yield slice(start, start + BATCH)
            advance(start)


def measure(module: ModuleOp, x: Array, y: Array, text: str) -> tuple[dict[str, Any], Array]:
    """
    Accuracy and clipped values of a module at [fixed], and its class scores.
    """
    clipped, count = 0, 0
    sums = {op.result for op in main_function(module).body.block.ops if isinstance(op, AddOp)}

    def observe(op: Operation, index: int, value: Array) -> None:
        nonlocal clipped, count
        if op.results[index] in sums:
            kind = element_format(tensor_type(op.results[index]).element_type)
            clipped += int(((value == kind.low) | (value == kind.high)).sum())
            count += value.size

    scores = np.concatenate([run_module(module, x[part], observe) for part in parts(x, text)])
    right = float((scores.argmax(axis=1) == y).mean())
    return {"accuracy": right, "clipped": clipped, "residual_values": count}, scores


def sweep(model: str, weights: Path | None, path: Path, images: int | None) -> dict[str, Any]:
    """
    Every form at every width, and the float model.
    """
    x, y = images_of(path, "test", images)
    calibration = images_of(path, "train", CALIBRATION)[0]
    loaded = load_model(model, weights, None)
    imported = loaded.import_module()
    run = in_pytorch(loaded.network)
    scores = np.concatenate([run(x[part]) for part in parts(x, "PyTorch")])
    found: dict[str, Any] = {"model": model, "weights": loaded.weights, "images": len(x), "rows": []}
    found |= {"calibration_images": len(calibration), "float": float((scores.argmax(axis=1) == y).mean())}
    for form in FORMS:
        residual = "affine" if form == "C" else "renormalize"
        folded = blendir.lower(imported, "folded", fold_bn_residual=residual)
        for bits in BITS:
            module = fixed(folded, bits, form == "R, one format", calibration)
            row, scores = measure(module, x, y, f"{form}, {bits} bits")
            if form == "R":
                with tempfile.TemporaryDirectory() as folder:
                    build = blendir.compile(module, Path(folder) / "design")
                    row["cpp_differs"] = sum(
                        int((build.csim(x[part]) != scores[part]).any(axis=1).sum()) for part in parts(x, "C++")
                    )
            found["rows"].append({"form": form, "skip_bits": bits} | row)
            print(json.dumps(found["rows"][-1]), file=sys.stderr)
    return found


def draw(found: dict[str, Any], out: Path) -> None:
    """
    Accuracy against skip bits, a line per form.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for form in FORMS:
        rows = [row for row in found["rows"] if row["form"] == form]
        axes.plot([r["skip_bits"] for r in rows], [100 * r["accuracy"] for r in rows], "o-", label=f"form {form}")
    axes.axhline(100 * found["float"], color="0.4", linestyle="--", label="float")
    axes.set(xlabel="bits of the skip paths", ylabel="accuracy in %", xticks=BITS)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(out, dpi=120)


def benchmark(arguments: argparse.Namespace) -> None:
    """
    Sweeps, prints, and draws where asked.
    """
    found = sweep(arguments.model, arguments.weights, arguments.path, arguments.images)
    if arguments.plot is not None:
        draw(found, arguments.plot)
    print(json.dumps(found, indent=2))


def main() -> None:
    """
    The command line.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, metavar="PATH", help="labelled images, as for blendir evaluate")
    parser.add_argument("--model", default="blendnet20")
    parser.add_argument("--weights", type=Path, metavar="F.safetensors")
    parser.add_argument("--images", type=int, metavar="N", help="only N of the test images, a seeded choice")
    parser.add_argument("--plot", type=Path, metavar="F.png", help="draw the accuracies")
    run_arguments = parser.parse_args()
    sys.exit(run_tool("skip_bits", lambda: benchmark(run_arguments)))


if __name__ == "__main__":
    main()
