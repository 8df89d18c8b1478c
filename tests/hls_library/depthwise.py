"""
Depthwise units against their formulas.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
from hls_library.cases import Builder, Case, Ints, config, narrowed, raw, values
from hls_library.windows import border_tables


def tiles_of(weight: Ints, pe: int, simd: int) -> list[list[list[int]]]:
    """[PE][sf * NF + nf][SIMD] of weights [C, taps]."""
    rows, beats = len(weight) // pe, weight.shape[1] // simd
    return [
        [[int(weight[n * pe + p, s * simd + t]) for t in range(simd)] for s in range(beats) for n in range(rows)]
        for p in range(pe)
    ]


def binary_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    taps, simd, pe, channels, positions = cfg["V"], cfg["SIMD"], cfg["PE"], cfg["OUT"], cfg["OH"] * cfg["OW"]
    cfg["ACC"] = taps.bit_length() + 3
    x = values(rng, (frames * positions, taps, channels), 1, signed=False)
    weight = values(rng, (channels, taps), 1, signed=False)
    b = Builder("binary_depthwise", cfg, frames)
    b.input(x, 1, simd * pe)
    b.output([], cfg["ACC"], pe)
    words = [[sum(bit << k for k, bit in enumerate(tile)) for tile in row] for row in tiles_of(weight, pe, simd)]
    b.table(f"lanes<{simd}>", f"[{pe}][{len(words[0])}]", words, simd)
    entry = border_tables(b, rng, "sint", cfg["ACC"])
    expected = [
        entry(n % positions // cfg["OW"], n % cfg["OW"], c) - 2 * int((x[n, :, c] != weight[c]).sum())
        for n in range(frames * positions)
        for c in range(channels)
    ]
    b.expected[-1] = raw(expected, cfg["ACC"])
    return b.case("binary_depthwise")


def fixed_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    taps, simd, pe, channels, positions = cfg["V"], cfg["SIMD"], cfg["PE"], cfg["OUT"], cfg["OH"] * cfg["OW"]
    cfg["ACC"] = cfg["E"] + 1 + cfg["WB"] + taps.bit_length()
    x = values(rng, (frames * positions, taps, channels), cfg["E"], bool(cfg["IS_SIGNED"]))
    weight = values(rng, (channels, taps), cfg["WB"])
    b = Builder("fixed_depthwise", cfg, frames)
    b.input(x, cfg["E"], simd * pe)
    b.output([], cfg["EO"], pe)
    tiles = tiles_of(weight, pe, simd)
    b.table(f"sint<{cfg['WB']}>", f"[{pe}][{len(tiles[0])}][{simd}]", np.array(tiles))
    entry = border_tables(b, rng, "sint", cfg["BB"])
    expected = [
        narrowed(int((x[n, :, c] * weight[c]).sum()) + entry(n % positions // cfg["OW"], n % cfg["OW"], c), cfg)
        for n in range(frames * positions)
        for c in range(channels)
    ]
    b.expected[-1] = raw(expected, cfg["EO"])
    return b.case("fixed_depthwise")


def depthwise_cases(rng: random.Random) -> Iterator[Case]:
    for numbers in [
        (3, 2, 9, 1, 2, 8, 3, 2),
        (2, 2, 9, 3, 5, 5, 2, 1),
        (1, 3, 9, 9, 7, 7, 1, 1),
        (2, 1, 4, 1, 1, 6, 1, 1),
        (1, 2, 25, 5, 50, 50, 1, 2),
        (1, 1, 1, 1, 3, 3, 1, 1),
    ]:
        yield binary_case(rng, config("OH OW V SIMD PE OUT RY RX", *numbers), rng.choice([1, 3]))

    fields = "E IS_SIGNED V SIMD PE OUT WB BB SHIFT ROUND EO OH OW RY RX"
    for numbers in [
        (8, 0, 9, 1, 2, 4, 8, 20, 4, 0, 16, 2, 3, 1, 1),
        (8, 1, 9, 3, 3, 3, 5, 12, 6, 1, 8, 3, 2, 2, 3),
        (16, 1, 4, 4, 2, 2, 18, 30, 12, 0, 16, 1, 2, 1, 1),
        (2, 1, 5, 1, 1, 3, 4, 4, -2, 0, 10, 2, 2, 1, 2),
        (13, 0, 1, 1, 2, 6, 9, 26, 11, 1, 12, 2, 2, 2, 1),
    ]:
        yield fixed_case(rng, config(fields, *numbers), rng.choice([1, 3]))
