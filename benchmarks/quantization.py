"""
The error of fixed point in the networks of the zoo, at 16 and at 8 bits: the worst layer, and the agreement of the
outputs with the floats.

    python benchmarks/quantization.py [--data CIFAR] [NAME]...

Frames are random pixels, on which the batch norm statistics of the random weights were measured. With --data, networks
with a checkpoint get the first training images. Formats come from the same frames. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

import blendir
from blendir.models.zoo import ZOO, entry
from blendir.passes.quantize.quantization_error import is_bad, quantization_report, worst_of
from blendir.tools.data import load_images

FRAMES, LARGE_FRAMES = 16, 2
LARGE = 3 * 64 * 64


def frames_of(name: str, data: Path | None) -> NDArray[Any]:
    """
    Frames for a network.
    """
    count = FRAMES if entry(name).example()[0].numel() <= LARGE else LARGE_FRAMES
    if data is not None and entry(name).pretrained:
        return load_images(data, "train")[0][:count]
    return entry(name).example(count).numpy()


def row_of(name: str, bits: int, folded: Any, x: NDArray[Any]) -> str:
    """
    A line of the table.
    """
    fixed = blendir.lower(folded, "fixed", x, quantize_bits=bits, quantize_skip_bits=bits)
    found = quantization_report(folded, fixed, x)
    rows, whole = found["quantization"], found["end_to_end"]
    worst, most = worst_of(rows), max(rows, key=lambda row: row["saturated"])
    layer = "exact" if worst is None else f"{worst['snr_db']:.1f} dB, `{worst['layer']}`"
    saturated = f"{most['saturated']:.3%}" + (f", `{most['layer']}`" if most["saturated"] else "")
    follows = "" if whole["correlation"] is None else f"{whole['correlation']:.5f}"
    return f"| `{name}` | {bits} | {layer} | {saturated} | {sum(map(is_bad, rows))} of {len(rows)} | {follows} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--data", type=Path)
    chosen = parser.parse_args()
    print(
        "| network | bits | worst layer | most saturated | bad layers | outputs correlate |\n|---|---|---|---|---|---|"
    )
    for name in chosen.names or ZOO:
        begin = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x = frames_of(name, chosen.data)
            folded = blendir.lower(blendir.from_torch(entry(name).load(), x[:1]), "folded")
            for bits in (16, 8):
                print(row_of(name, bits, folded, x), flush=True)
        print(f"<!-- {name}: {len(x)} frames, {time.monotonic() - begin:.0f} s -->", flush=True)


if __name__ == "__main__":
    main()
