"""
Table III of the BlendNet paper under equal conditions: XNORs in DSPs or in LUTs, with everything else the same.

The first table is one XNOR word: 48 XNORs and their population count in five forms, synthesised by Yosys before
placement. The second is BlendNet-20 at several rates. Each rate has one layout, found for XNORs in LUTs; then the XNORs
of its binary units move to DSPs (estimated by blendir/hardware/cost.py).

    python benchmarks/table3.py CALIBRATION.npy
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
from xdsl.dialects.builtin import ModuleOp, StringAttr

import blendir
from blendir import pipeline
from blendir.dialects import stream
from blendir.hardware.cost import cost_of, total_cost
from blendir.hardware.goals import Goals
from blendir.hardware.primitives import Cost
from blendir.hardware.schedule import cycles_per_frame, processes
from blendir.models.zoo import entry

sys.path.insert(0, str(Path(__file__).with_name("resources")))
from compare import synthesise

LEAVES = {
    "XNOR in a DSP48E2, registers before and behind": ("popcount_dsp", {"N": 48}),
    "XNOR in LUTs, the same registers": ("popcount_xnor", {"N": 48, "REGISTERS": 1}),
    "XNOR in LUTs, no registers": ("popcount_xnor", {"N": 48, "REGISTERS": 0}),
    "XNOR inside the first level of the count, weights from memory": ("differences", {"N": 48}),
    "constant weights: an inverter inside the first level": ("popcount_constant", {"N": 48}),
}
POINTS = {
    "paper preset": {"preset": "paper"},
    "88,404 cycles": {"cycles": 88_404},
    "16,384 cycles": {"cycles": 16_384},
    "1,024 cycles": {"cycles": 1_024},
}


def leaf_table() -> None:
    """
    Five forms of 48 lanes.
    """
    print("| 48 lanes and their count | LUT | FF | DSP |\n|---|--:|--:|--:|")
    for name, (kernel, parameters) in LEAVES.items():
        cost = synthesise(kernel, parameters)
        print(f"| {name} | {cost['lut']} | {cost['ff']} | {cost['dsp']} |", flush=True)


def dsps(module: ModuleOp) -> dict[str, int]:
    """
    DSPs by use.
    """
    uses: Cost = Cost({"XNOR": 0, "products": 0, "batch norms": 0})
    for op in processes(module):
        kind = "XNOR" if isinstance(op, stream.BinaryMvuOp) else "products"
        uses["batch norms" if isinstance(op, stream.PiecewiseLinearOp) else kind] += cost_of(op)["dsp"]
    return dict(uses)


def with_dsp_xnor(module: ModuleOp) -> ModuleOp:
    """
    The same layout with every XNOR in DSPs.
    """
    changed = module.clone()
    for op in processes(changed):
        if isinstance(op, stream.BinaryMvuOp):
            op.xnor = StringAttr("dsp")
    return changed


def design_table(module: ModuleOp) -> None:
    """
    Each point with XNORs in LUTs, then in DSPs.
    """
    print("| BlendNet-20 | cycles | XNOR in | DSP: XNOR, products, batch norms | LUT | FF | LUT, FF saved per DSP |")
    print("|---|--:|---|--:|--:|--:|--:|")
    for name, goals in POINTS.items():
        plain = module.clone()
        pipeline.schedule(plain, Goals(device="xcvu9p", **goals))
        cycles = max(map(cycles_per_frame, processes(plain)))
        before = total_cost(map(cost_of, processes(plain)))
        for kind, design in (("LUT", plain), ("DSP", with_dsp_xnor(plain))):
            used, uses = total_cost(map(cost_of, processes(design))), dsps(design)
            saved = "-"
            if kind == "DSP":
                saved = ", ".join(f"{(before[k] - used[k]) / uses['XNOR']:.1f}" for k in ("lut", "ff"))
            count = " + ".join(str(uses[k]) for k in ("XNOR", "products", "batch norms"))
            print(
                f"| {name} | {cycles:,} | {kind} | {count} | {used['lut']:,} | {used['ff']:,} | {saved} |", flush=True
            )


def main() -> None:
    """
    The command line.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calibration", type=Path, help="frames [N, 3, 32, 32] to choose the formats from")
    frames = np.load(parser.parse_args().calibration, allow_pickle=False)
    warnings.simplefilter("ignore")
    leaf_table()
    print()
    module = blendir.from_torch(entry("blendnet20").load(), frames[:1])
    design_table(blendir.lower(module, "stream", frames))


if __name__ == "__main__":
    main()
