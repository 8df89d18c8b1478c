"""
Units that compute one element from one or two, and layer normalization, against their formulas.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from hls_library.cases import Builder, Case, Ints, by_group, config, elements_of, narrowed, rounded, values

SEEDS = [round(2048 / math.sqrt((t + 0.5) / 512)) for t in range(128, 512)]


def piecewise_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    g, hold = cfg["G"], cfg.setdefault("HOLD", 1)
    entries = cfg.setdefault("ENTRIES", cfg["C"] // g)
    x = elements_of(rng, cfg, frames)
    parameters = [values(rng, (entries * (g if hold == 1 else 1),), cfg[w]) for w in ("KB", "AB", "AB", "BB", "BB")]
    if hold > 1:  # one entry for all elements of a beat
        parameters = [p.repeat(g) for p in parameters]
    k, a0, a1, b0, b1 = parameters
    c, places = len(k), np.arange(x.size) // (hold * g) % entries * g + np.arange(x.size) % g
    x[rng.randrange(len(x))] = np.clip(k[places[: x.shape[1]]], x.min(), x.max())  # the breakpoint itself
    y = [
        narrowed(int(a1[j] * v + b1[j]) if v >= k[j] else int(a0[j] * v + b0[j]), cfg)
        for v, j in zip(x.ravel(), places, strict=True)
    ]
    b = Builder("piecewise_linear", cfg, frames)
    b.input(x, cfg["E"], g)
    b.output(y, cfg["EO"], g)
    b.table(f"sint<{cfg['KB']}>", f"[{g}][{c // g}]", by_group(k, g))
    for below, above, width in ((a0, a1, "AB"), (b0, b1, "BB")):
        pairs = zip(by_group(below, g), by_group(above, g), strict=True)
        both = [[v for pair in zip(low, high, strict=True) for v in pair] for low, high in pairs]
        b.table(f"sint<{cfg[width]}>", f"[{g}][{2 * c // g}]", both)
    return b.case("piecewise_linear")


def threshold_tables(b: Builder, t: Ints, inv: Ints) -> None:
    g, c = b.cfg["G"], b.cfg["C"]
    b.table(f"sint<{b.cfg['TB']}>", f"[{g}][{c // g}]", by_group(t, g))
    b.table("bits<1>", f"[{g}][{c // g}]", by_group(inv, g))


def threshold_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    x = elements_of(rng, cfg, frames)
    t, inv = values(rng, (cfg["C"],), cfg["TB"]), values(rng, (cfg["C"],), 1, False)
    x[rng.randrange(len(x))] = np.clip(t, x.min(), x.max())
    b = Builder("threshold", cfg, frames)
    b.input(x, cfg["E"], cfg["G"])
    b.output((x >= t).astype(np.int64) ^ inv, 1, cfg["G"])
    threshold_tables(b, t, inv)
    return b.case("threshold")


def levels_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    g, c, levels = cfg["G"], cfg["C"], cfg["L"]
    x = elements_of(rng, cfg, frames)
    t, inv = values(rng, (c, levels), cfg["TB"]), values(rng, (c,), 1, False)
    x[rng.randrange(len(x))] = np.clip(t[:, -1], x.min(), x.max())
    count = [[int(sum((v >= t[j]) != inv[j])) for j, v in enumerate(row)] for row in x]
    b = Builder("multi_threshold", cfg, frames)
    b.input(x, cfg["E"], g)
    b.output(cfg["LOWEST"] + cfg["STEP"] * np.array(count), cfg["EO"], g)
    rows = [[int(v) for v in t[part::g, level]] for part in range(g) for level in range(levels)]
    b.table(f"sint<{cfg['TB']}>", f"[{g * levels}][{c // g}]", rows)
    b.table("bits<1>", f"[{g}][{c // g}]", by_group(inv, g))
    return b.case("multi_threshold")


def add_case(rng: random.Random, cfg: dict[str, int], frames: int, both: bool) -> Case:
    a, c = elements_of(rng, cfg, frames, "EA"), elements_of(rng, cfg, frames, "EB")
    total = [
        narrowed(int(p) * 2 ** cfg["SA"] + int(q) * 2 ** cfg["SB"], cfg)
        for p, q in zip(a.ravel(), c.ravel(), strict=True)
    ]
    y = np.array(total, dtype=np.int64).reshape(a.shape)
    b = Builder("residual" if both else "add", cfg, frames)
    b.input(a, cfg["EA"], cfg["G"])
    b.input(c, cfg["EB"], cfg["G"])
    b.output(y, cfg["EO"], cfg["G"])
    if both:
        t, inv = values(rng, (cfg["C"],), cfg["TB"]), values(rng, (cfg["C"],), 1, False)
        t[::2] = y[0, ::2]
        b.output((y >= t).astype(np.int64) ^ inv, 1, cfg["G"])
        threshold_tables(b, t, inv)
    return b.case("residual" if both else "add")


def map_case(
    rng: random.Random,
    cfg: dict[str, int],
    frames: int,
    unit: str,
    function: Callable[[int], int],
    widths: tuple[int, int],
) -> Case:
    x = values(rng, (frames * cfg["P"], cfg["C"]), widths[0], bool(cfg.get("IS_SIGNED", 1)))
    b = Builder(unit, cfg, frames)
    b.input(x, widths[0], cfg["G"])
    b.output([function(int(v)) for v in x.ravel()], widths[1], cfg["G"])
    return b.case(unit)


def product_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    positions = frames * cfg["P"]
    a = values(rng, (positions, cfg["C"]), cfg["EA"], bool(cfg["SIGNED_A"]))
    b = values(rng, (positions // cfg["HELD"], cfg["C"]), cfg["EB"], bool(cfg["SIGNED_B"]))
    y = [narrowed(int(p) * int(q), cfg) for p, q in zip(a.ravel(), b.repeat(cfg["HELD"], axis=0).ravel(), strict=True)]
    builder = Builder("product", cfg, frames)
    builder.input(a, cfg["EA"], cfg["G"])
    builder.input(b, cfg["EB"], cfg["G"])
    builder.output(y, cfg["EO"], cfg["G"])
    return builder.case("product")


def lookup_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    x = elements_of(rng, cfg, frames)
    table = values(rng, (1 << cfg["E"],), cfg["EO"])
    low = -(1 << (cfg["E"] - 1)) if cfg["IS_SIGNED"] else 0
    b = Builder("lookup", cfg, frames)
    b.input(x, cfg["E"], cfg["G"])
    b.output(table[x - low], cfg["EO"], cfg["G"])
    copies = -(-cfg["G"] // 2)
    b.table(f"sint<{cfg['EO']}>", f"[{copies}][{1 << cfg['E']}]", [table.tolist()] * copies)
    return b.case("lookup")


def standardized(row: Sequence[int], epsilon: int) -> list[int]:
    """(n x - sum) / sqrt(n sum of squares - sum^2 + epsilon) in units of 2^-16, one number at a time."""
    n, total = len(row), sum(row)
    spread = max(1, n * sum(v * v for v in row) - total * total + epsilon)
    pairs = (spread.bit_length() + 1) // 2
    radicand = (spread << 24) >> 2 * pairs
    seed = SEEDS[(radicand >> 15) - 128]
    rest = ((3 << 46) - radicand * seed**2) >> 24
    root = rounded(seed * rest, 18, 0)
    return [rounded((n * v - total) * root, pairs, 0) for v in row]


def layer_norm_case(rng: random.Random, cfg: dict[str, int], frames: int, epsilon: int) -> Case:
    c, g = cfg["C"], cfg["G"]
    x = elements_of(rng, cfg, frames)
    x[0] = x[0, 0]  # no spread at all
    gamma, beta = values(rng, (c,), cfg["AB"]), values(rng, (c,), cfg["BB"])
    most = (c << cfg["E"] - cfg["IS_SIGNED"]) ** 2 + epsilon
    cfg |= {"SB": most.bit_length() + 1, "UB": math.isqrt(c).bit_length() + 18, "NB": epsilon.bit_length() + 1}
    rows = [standardized(row, epsilon) for row in x.tolist()]
    y = [narrowed(int(p) * u + int(q), cfg) for row in rows for u, p, q in zip(row, gamma, beta, strict=True)]
    b = Builder("layer_norm", cfg, frames)
    b.input(x, cfg["E"], g)
    b.output(y, cfg["EO"], g)
    b.table(f"sint<{cfg['AB']}>", f"[{g}][{c // g}]", by_group(gamma, g))
    b.table(f"sint<{cfg['BB']}>", f"[{g}][{c // g}]", by_group(beta, g))
    b.table(f"sint<{cfg['NB']}>", "[1]", [epsilon])
    b.table("bits<12>", "[384]", SEEDS)
    return b.case("layer_norm")


def parameter_cases(rng: random.Random) -> Iterator[Case]:
    fields = "P C G E IS_SIGNED KB AB BB SHIFT ROUND EO"
    for numbers in [
        (9, 6, 1, 10, 1, 10, 12, 20, 9, 0, 10),
        (7, 6, 3, 10, 1, 10, 22, 33, 14, 1, 16),
        (7, 4, 4, 7, 0, 8, 10, 12, 3, 1, 9),
        (20, 2, 1, 16, 1, 16, 26, 42, 20, 0, 16),
        (12, 3, 1, 4, 1, 5, 3, 4, -3, 0, 9),
        (12, 1, 1, 3, 0, 2, 3, 2, 1, 1, 12),
    ]:
        yield piecewise_case(rng, config(fields, *numbers), 2)
    held = config(fields + " ENTRIES HOLD", 12, 6, 3, 9, 1, 9, 10, 16, 7, 0, 10, 4, 2)
    yield piecewise_case(rng, held, 2)
    rows = config(fields + " ENTRIES HOLD", 12, 4, 2, 9, 1, 9, 10, 16, 7, 0, 10, 3, 8)
    yield piecewise_case(rng, rows, 2)

    for numbers in [(9, 6, 2, 9, 1, 9), (5, 3, 1, 5, 0, 7), (4, 70, 70, 3, 1, 4)]:
        cfg = config("P C G E IS_SIGNED TB", *numbers)
        yield threshold_case(rng, cfg, 2)

    fields = "P C G E IS_SIGNED L TB LOWEST STEP EO"
    for numbers in [
        (9, 6, 2, 9, 1, 3, 9, -3, 2, 3),
        (5, 3, 1, 5, 0, 15, 7, 0, 1, 5),
        (4, 7, 7, 12, 1, 2, 13, -1, 1, 2),
    ]:
        yield levels_case(rng, config(fields, *numbers), 2)

    fields = "P C G EA SIGNED_A EB SIGNED_B HELD SHIFT ROUND EO"
    for numbers in [
        (6, 4, 2, 9, 1, 12, 1, 1, 8, 0, 10),
        (6, 4, 1, 16, 1, 8, 0, 6, 12, 1, 9),
        (4, 3, 3, 8, 0, 2, 1, 4, 0, 0, 10),
        (4, 6, 3, 30, 1, 32, 1, 2, 40, 0, 24),
        (2, 2, 2, 3, 1, 5, 0, 2, -4, 1, 12),
    ]:
        yield product_case(rng, config(fields, *numbers), 3)
    for numbers in [(7, 4, 1, 6, 1, 16), (4, 6, 3, 5, 1, 9), (4, 4, 4, 8, 0, 3)]:
        yield lookup_case(rng, config("P C G E IS_SIGNED EO", *numbers), 2)
    fields = "P C G E IS_SIGNED AB BB SHIFT ROUND EO"
    for numbers, epsilon in [
        ((6, 8, 2, 12, 1, 16, 33, 18, 0, 16), 700),
        ((5, 5, 1, 16, 1, 12, 20, 14, 1, 14), 1),
        ((4, 3, 3, 8, 0, 9, 24, 10, 0, 16), 0),
        ((4, 4, 4, 2, 1, 3, 4, 16, 0, 8), (1 << 61) - 1),
        ((3, 30, 6, 24, 1, 16, 40, 12, 0, 24), 1 << 40),
    ]:
        yield layer_norm_case(rng, config(fields, *numbers), 2, epsilon)


def plain_cases(rng: random.Random) -> Iterator[Case]:
    fields = "P C G EA EB SA SB SHIFT ROUND EO TB"
    for numbers in [
        (16, 4, 1, 16, 16, 0, 0, 0, 0, 16, 16),
        (9, 6, 3, 9, 12, 4, 1, 3, 1, 10, 11),
        (9, 6, 2, 10, 7, 0, 5, 4, 0, 9, 9),
        (9, 2, 2, 5, 5, 0, 1, -3, 0, 12, 12),
    ]:
        for both in (False, True):
            yield add_case(rng, config(fields, *numbers), 2, both)

    fields = "P C G E IS_SIGNED SHIFT ROUND EO"
    for numbers in [
        (40, 4, 2, 9, 1, 3, 0, 5),
        (40, 4, 2, 9, 1, 3, 1, 5),
        (40, 2, 1, 7, 0, 1, 1, 8),
        (40, 2, 1, 7, 0, -2, 0, 8),
        (40, 3, 3, 6, 1, 0, 1, 6),
        (40, 1, 1, 6, 1, 9, 0, 4),
        (40, 1, 1, 6, 1, 6, 1, 4),
        (10, 1, 1, 40, 1, 7, 0, 33),
    ]:
        cfg = config(fields, *numbers)
        function: Callable[[int], int] = lambda v, cfg=cfg: narrowed(v, cfg)  # noqa: E731
        widths = (cfg["E"], cfg["EO"])
        yield map_case(rng, cfg, 2, "requantize", function, widths)
    for low, high in ((-5, 9), (0, 15), (-16, 15), (-16, -3)):
        cfg = config("P C G E", 20, 3, 3, 5) | {"LO": low, "HI": high}
        function = lambda v, low=low, high=high: min(max(v, low), high)  # noqa: E731
        yield map_case(rng, cfg, 2, "clamp", function, (5, 5))
    cfg = config("P C G IS_SIGNED", 5, 6, 3, 0)
    yield map_case(rng, cfg, 2, "bits_to_value", lambda v: 2 * v - 1, (1, 2))
