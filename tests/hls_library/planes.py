"""
Cases of the matrix-vector unit on bit planes, from sums over single bits.
"""

import random
from collections.abc import Iterator

from hls_library.cases import Builder, Case, config, grouped, raw, values
from hls_library.windows import border_tables


def plane_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    v, simd, pe, out, planes = cfg["V"], cfg["SIMD"], cfg["PE"], cfg["OUT"], cfg["WP"]
    sf, nf, positions = -(-v // simd), out // pe, cfg["OH"] * cfg["OW"]
    signed = bool(cfg["IS_SIGNED"])
    x = values(rng, (frames * positions, v), cfg["E"], signed)
    weight = values(rng, (planes, out, v), 1, signed=False)
    lanes = [[[grouped(row, simd)[s] for s in range(sf)] for row in plane] for plane in weight]
    tiles = [
        [
            sum(bit << j * simd + k for j in range(planes) for k, bit in enumerate(lanes[j][n * pe + p][s]))
            for n in range(nf)
            for s in range(sf)
        ]
        for p in range(pe)
    ]
    top = cfg["E"] - 1 if signed else cfg["E"]
    places = {e: -(1 << e) if e == top else 1 << e for e in range(cfg["E"]) if cfg["PLACES"] >> e & 1}
    cfg["SUM"] = (sum(map(abs, places.values())) * ((1 << planes) - 1) * v).bit_length() + 1
    cfg["ACC"] = cfg["SUM"] + 1
    b = Builder("plane_mvu", cfg, frames)
    b.input([grouped(row, simd) for row in x], cfg["E"], simd)
    b.output([], cfg["ACC"], pe)
    b.table(f"lanes<{simd * planes}>", f"[{pe}][{nf * sf}]", tiles, simd * planes)
    entry = border_tables(b, rng, "sint", cfg["ACC"])
    expected = [
        entry(n % positions // cfg["OW"], n % cfg["OW"], o)
        - sum(
            step * int(((x[n] >> place & 1) != weight[j, o]).sum()) << j
            for place, step in places.items()
            for j in range(planes)
        )
        for n in range(frames * positions)
        for o in range(out)
    ]
    b.expected[-1] = raw(expected, cfg["ACC"])
    return b.case("plane_mvu")


def plane_cases(rng: random.Random) -> Iterator[Case]:
    fields = "E IS_SIGNED PLACES V SIMD PE OUT WP OH OW RY RX"
    for numbers in [
        (3, 1, 0b011, 144, 48, 1, 4, 1, 3, 2, 1, 1),
        (3, 1, 0b110, 50, 48, 2, 6, 2, 2, 3, 2, 3),
        (2, 1, 0b11, 7, 7, 1, 1, 1, 1, 1, 1, 1),
        (8, 0, 0b11111111, 27, 27, 3, 3, 1, 1, 2, 1, 2),
        (5, 1, 0b01111, 130, 100, 2, 4, 2, 1, 4, 1, 2),
        (4, 1, 0b1000, 9, 4, 1, 2, 1, 2, 2, 2, 1),
    ]:
        yield plane_case(rng, config(fields, *numbers), rng.choice([1, 3]))
