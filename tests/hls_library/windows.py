"""
Windows and matrix-vector units against their formulas.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
from hls_library.cases import Builder, Case, config, grouped, narrowed, raw, values

WINDOW = "E C H W KH KW SH SW PH PW GI GO"
WINDOWS: list[tuple[int, ...]] = [
    # E, C, H, W, KH, KW, SH, SW, PH, PW, GI, GO
    (1, 16, 6, 5, 3, 3, 1, 1, 1, 1, 16, 48),
    (1, 64, 4, 4, 3, 3, 2, 2, 1, 1, 64, 48),
    (1, 70, 4, 3, 3, 3, 1, 1, 1, 1, 70, 100),
    (1, 12, 5, 7, 3, 3, 1, 1, 1, 1, 4, 9),
    (8, 3, 5, 6, 3, 3, 1, 1, 1, 1, 3, 27),
    (16, 6, 4, 4, 1, 1, 2, 2, 0, 0, 1, 6),
    (16, 12, 3, 3, 1, 1, 1, 1, 0, 0, 4, 6),
    (1, 12, 3, 4, 1, 1, 1, 1, 0, 0, 12, 5),
    (5, 7, 6, 6, 2, 2, 2, 2, 0, 0, 7, 7),
    (4, 2, 1, 1, 3, 3, 1, 1, 1, 1, 1, 4),
    (3, 5, 4, 1, 3, 3, 1, 1, 1, 1, 5, 3),
    (3, 5, 1, 4, 3, 3, 1, 1, 1, 1, 5, 45),
    (2, 3, 7, 5, 5, 5, 1, 1, 2, 2, 3, 10),
    (2, 3, 9, 8, 2, 3, 3, 3, 0, 1, 3, 4),
    (1, 9, 4, 4, 4, 4, 4, 4, 0, 0, 3, 144),
    (33, 3, 3, 4, 2, 2, 1, 1, 0, 0, 3, 6),
    (1, 1, 3, 5, 1, 3, 1, 2, 0, 1, 1, 2),
    (7, 2, 5, 2, 3, 1, 2, 1, 1, 0, 2, 6),
    (1, 67, 3, 3, 3, 3, 1, 1, 1, 1, 67, 48),
    (1, 8, 1, 1, 5, 5, 1, 1, 2, 2, 8, 50),
]


WIDE: list[tuple[int, ...]] = [
    # E, C, H, W, KH, KW, SH, SW, PH, PW, GI, GO, DH, DW, OH, OW
    (2, 3, 4, 5, 3, 3, 1, 1, 2, 2, 3, 9, 1, 1, 6, 7),  # windows outside
    (2, 2, 5, 6, 4, 4, 2, 2, 2, 2, 1, 7, 1, 1, 3, 4),  # half of an even kernel
    (2, 2, 4, 4, 3, 3, 2, 2, 0, 0, 2, 18, 1, 1, 2, 2),  # more at the end
    (2, 2, 4, 4, 2, 2, 2, 2, 1, 1, 2, 2, 1, 1, 3, 3),
    (3, 2, 2, 3, 1, 1, 1, 1, 3, 2, 1, 2, 1, 1, 7, 8),  # a border alone
    (3, 2, 3, 2, 1, 1, 1, 1, 0, 0, 2, 2, 1, 1, 6, 4),
    (1, 5, 7, 6, 3, 3, 1, 1, 2, 2, 5, 9, 2, 2, 7, 6),
    (1, 5, 7, 6, 3, 2, 1, 2, 0, 4, 1, 3, 3, 4, 1, 5),
    (4, 3, 1, 12, 1, 5, 1, 2, 0, 4, 3, 5, 1, 2, 1, 6),
    (2, 1, 5, 1, 3, 1, 1, 1, 1, 1, 1, 1, 2, 1, 3, 3),  # a line of one pixel
    (2, 2, 3, 3, 2, 2, 3, 3, 5, 5, 2, 4, 1, 1, 4, 4),
    (1, 8, 1, 1, 5, 5, 1, 1, 4, 4, 8, 50, 1, 1, 5, 5),
]


def random_window(rng: random.Random, wide: bool) -> dict[str, int]:
    kernel, shape = ([rng.choice(n) for _ in "HW"] for n in ([1, 2, 3, 5], range(1, 9)))
    strides = [rng.randint(1, 3) for _ in "HW"]
    if wide:
        dilation = [rng.choice((1, 1, 2, 3)) for _ in "HW"]
        pads = [(rng.randint(0, 2 * k), rng.randint(0, 2 * k)) for k in kernel]
    else:
        dilation, pads = [1, 1], [(p, p) for p in (rng.randint(0, (k - 1) // 2) for k in kernel)]
    sizes = [n + sum(p) - (k - 1) * d for n, p, k, d in zip(shape, pads, kernel, dilation, strict=True)]
    if min(sizes) < 1:
        return random_window(rng, wide)
    outputs = [(size - 1) // s + 1 for size, s in zip(sizes, strides, strict=True)]
    c, e = rng.randint(1, 13), rng.choice([1, 1, 2, 5, 8, 16])
    gi = rng.choice([d for d in range(1, c + 1) if c % d == 0])
    go = rng.randint(1, min(kernel[0] * kernel[1] * c, 1024 // e))
    numbers = (e, c, *shape, *kernel, *strides, *(p[0] for p in pads), gi, go, *dilation, *outputs)
    return config(f"{WINDOW} DH DW OH OW", *numbers)


def window_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    c, h, w, kh, kw = (cfg[k] for k in ("C", "H", "W", "KH", "KW"))
    cfg |= {"DH": cfg.get("DH", 1), "DW": cfg.get("DW", 1)}
    cfg.setdefault("OH", (h + 2 * cfg["PH"] - kh) // cfg["SH"] + 1)
    cfg.setdefault("OW", (w + 2 * cfg["PW"] - kw) // cfg["SW"] + 1)
    x = values(rng, (frames, h, w, c), cfg["E"], signed=False)
    pad = values(rng, (c,), cfg["E"], signed=False)
    beats: list[list[int]] = []
    for f in range(frames):
        for oy in range(cfg["OH"]):
            for ox in range(cfg["OW"]):
                vector: list[int] = []
                for i in range(kh):
                    for j in range(kw):
                        y = oy * cfg["SH"] - cfg["PH"] + i * cfg["DH"]
                        z = ox * cfg["SW"] - cfg["PW"] + j * cfg["DW"]
                        inside = 0 <= y < h and 0 <= z < w
                        vector += [int(v) for v in (x[f, y, z] if inside else pad)]
                beats += grouped(np.array(vector, dtype=np.int64), cfg["GO"])
    b = Builder("window", cfg, frames)
    b.input(x, cfg["E"], cfg["GI"])
    b.output(beats, cfg["E"], cfg["GO"])
    b.table(f"bits<{cfg['E']}>", f"[{c}]", [int(v) for v in pad])
    return b.case("window")


def border_tables(b: Builder, rng: random.Random, kind: str, width: int) -> Callable[[int, int, int], int]:
    """Adds the [PE][classes*NF] table and the class tables; gives (y, x, channel) -> entry."""
    cfg = b.cfg
    pe, nf = cfg["PE"], cfg["OUT"] // cfg["PE"]
    rows = [rng.randrange(cfg["RY"]) for _ in range(cfg["OH"])]
    columns = [rng.randrange(cfg["RX"]) for _ in range(cfg["OW"])]
    table = values(rng, (pe, cfg["RY"] * cfg["RX"] * nf), width)
    b.table(f"{kind}<{width}>", f"[{pe}][{table.shape[1]}]", table)
    b.table("unsigned char", f"[{cfg['OH']}]", rows)
    b.table("unsigned char", f"[{cfg['OW']}]", columns)

    def entry(y: int, x: int, channel: int) -> int:
        region = rows[y] * cfg["RX"] + columns[x]
        return int(table[channel % pe, region * nf + channel // pe])

    return entry


def binary_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    v, simd, pe, out = cfg["V"], cfg["SIMD"], cfg["PE"], cfg["OUT"]
    sf, nf, positions = -(-v // simd), out // pe, cfg["OH"] * cfg["OW"]
    cfg["ACC"] = v.bit_length() + 3
    x = values(rng, (frames * positions, v), 1, signed=False)
    weight = values(rng, (out, v), 1, signed=False)
    b = Builder("binary_mvu", cfg, frames)
    b.input([grouped(row, simd) for row in x], 1, simd)
    words = [
        [
            sum(bit << k for k, bit in enumerate(grouped(weight[n * pe + p], simd)[s]))
            for n in range(nf)
            for s in range(sf)
        ]
        for p in range(pe)
    ]
    weights_at = len(b.arguments) + 1
    b.output([], cfg["ACC"], pe)
    b.table(f"lanes<{simd}>", f"[{pe}][{nf * sf}]", words, simd)
    b.arguments[weights_at], name = f"{b.tag}_w", b.arguments[weights_at]
    b.tables[-1] = b.tables[-1].replace(name, f"{b.tag}_w", 1)
    limit = cfg["ACC"] - 2  # |border| small enough for the accumulator
    entry = border_tables(b, rng, "sint", limit)
    b.tables = [t.replace(f"sint<{limit}>", f"sint<{cfg['ACC']}>") for t in b.tables]
    expected = [
        int(((2 * x[n] - 1) * (2 * weight[o] - 1)).sum()) - v + entry(n % positions // cfg["OW"], n % cfg["OW"], o)
        for n in range(frames * positions)
        for o in range(out)
    ]
    b.expected[-1] = raw(expected, cfg["ACC"])
    return b.case("binary_mvu")


def fixed_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    v, simd, pe, out = cfg["V"], cfg["SIMD"], cfg["PE"], cfg["OUT"]
    sf, nf, positions = -(-v // simd), out // pe, cfg["OH"] * cfg["OW"]
    cfg["ACC"] = cfg["E"] + 1 + cfg["WB"] + v.bit_length()
    x = values(rng, (frames * positions, v), cfg["E"], bool(cfg["IS_SIGNED"]))
    weight = values(rng, (out, v), cfg["WB"])
    tiles = [[grouped(weight[n * pe + p], simd)[s] for n in range(nf) for s in range(sf)] for p in range(pe)]
    b = Builder("fixed_mvu", cfg, frames)
    b.input([grouped(row, simd) for row in x], cfg["E"], simd)
    b.output([], cfg["EO"], pe)
    b.table(f"sint<{cfg['WB']}>", f"[{pe}][{nf * sf}][{simd}]", tiles)
    entry = border_tables(b, rng, "sint", cfg["BB"])
    expected = [
        narrowed(int((x[n] * weight[o]).sum()) + entry(n % positions // cfg["OW"], n % cfg["OW"], o), cfg)
        for n in range(frames * positions)
        for o in range(out)
    ]
    b.expected[-1] = raw(expected, cfg["EO"])
    return b.case("fixed_mvu")


def window_cases(rng: random.Random) -> Iterator[Case]:
    cases = [config(WINDOW, *numbers) for numbers in WINDOWS]
    cases += [config(f"{WINDOW} DH DW OH OW", *numbers) for numbers in WIDE]
    cases += [random_window(rng, wide) for wide in (False, True) for _ in range(8)]
    for cfg in cases:
        yield window_case(rng, cfg, rng.choice([1, 2, 4]))
    short = config(f"{WINDOW} OH OW", 2, 3, 5, 6, 3, 3, 1, 1, 1, 1, 3, 9, 3, 4)
    yield window_case(rng, short, 3)

    for numbers in [
        (3, 2, 144, 48, 1, 4, 3, 3),
        (2, 3, 100, 48, 2, 6, 2, 3),
        (1, 1, 7, 7, 1, 1, 1, 1),
        (2, 2, 9, 4, 3, 3, 1, 1),
        (1, 4, 130, 100, 2, 4, 1, 2),
        (2, 1, 64, 64, 4, 8, 2, 1),
    ]:
        cfg = config("OH OW V SIMD PE OUT RY RX", *numbers)
        yield binary_case(rng, cfg, rng.choice([1, 3]))

    fields = "E IS_SIGNED V SIMD PE OUT WB BB SHIFT ROUND EO OH OW RY RX"
    for numbers in [
        (8, 0, 27, 27, 1, 4, 8, 20, 4, 0, 16, 2, 3, 1, 1),
        (8, 1, 20, 6, 2, 6, 5, 12, 6, 1, 8, 3, 2, 2, 3),
        (16, 1, 16, 1, 1, 3, 18, 30, 12, 0, 16, 1, 2, 1, 1),
        (2, 1, 5, 5, 3, 3, 4, 4, -2, 0, 10, 2, 2, 1, 2),
        (13, 0, 11, 4, 1, 2, 9, 26, 11, 1, 12, 2, 2, 2, 1),
        (1, 0, 13, 13, 2, 2, 3, 6, 0, 0, 6, 1, 1, 1, 1),
    ]:
        yield fixed_case(rng, config(fields, *numbers), rng.choice([1, 3]))
