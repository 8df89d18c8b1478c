"""
Units that move elements, and pools, against their formulas.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
from hls_library.cases import Builder, Case, by_group, config, grouped, raw, values


def take_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    length, picked, group = cfg["CI"], cfg["CO"], cfg["GO"]
    x = values(rng, (frames * cfg["P"], length), cfg["E"])
    picks = np.array([rng.randrange(length + 1) for _ in range(picked)])
    b = Builder("take", cfg, frames)
    b.input(x, cfg["E"], cfg["GI"])
    b.output(np.concatenate([x, 0 * x[:, :1]], axis=1)[:, picks], cfg["E"], group)
    b.table(f"bits<{length.bit_length()}>", f"[{group}][{picked // group}]", by_group(picks, group))
    return b.case("blendir::take")


def pool_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    high, wide = cfg["P"] // cfg["OW"] * cfg["ROWS"], cfg["OW"] * cfg["RUN"]
    x = values(rng, (frames, high, wide, cfg["C"]), cfg["E"], bool(cfg["IS_SIGNED"]))
    reduce = (np.sum, np.max, np.bitwise_or.reduce)[cfg["KIND"]]
    y = [
        reduce(x[f, i : i + cfg["ROWS"], j : j + cfg["RUN"], c].reshape(-1))
        for f in range(frames)
        for i in range(0, high, cfg["ROWS"])
        for j in range(0, wide, cfg["RUN"])
        for c in range(cfg["C"])
    ]
    b = Builder("pool", cfg, frames)
    b.input(x, cfg["E"], cfg["G"])
    b.output(y, cfg["EO"], cfg["G"])
    return b.case("pool")


def argmax_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    """
    Few different numbers, so that many are equal; the ends of the format too.
    """
    x = values(rng, (frames * cfg["P"], cfg["C"]), cfg["E"], bool(cfg["IS_SIGNED"]))
    few = rng.sample(x.reshape(-1).tolist(), min(3, x.size))
    x = np.where(values(rng, x.shape, 1, False) == 0, x, np.array([[rng.choice(few) for _ in row] for row in x]))
    b = Builder("argmax", cfg, frames)
    b.input(x, cfg["E"], cfg["G"])
    b.output(np.argmax(x, axis=1)[:, None], cfg["EO"], 1)
    return b.case("argmax")


def top_k_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    """
    The same, several places of each position.
    """
    x = values(rng, (frames * cfg["P"], cfg["C"]), cfg["E"], bool(cfg["IS_SIGNED"]))
    few = rng.sample(x.reshape(-1).tolist(), min(4, x.size))
    x = np.array([[rng.choice(few) for _ in row] for row in x])
    b = Builder("top_k", cfg, frames)
    b.input(x, cfg["E"], 1)
    places = [sorted(range(cfg["C"]), key=lambda i: -int(row[i]))[: cfg["K"]] for row in x]
    b.output(np.array(places), cfg["EO"], cfg["GO"])
    return b.case("top_k")


def fork_case(rng: random.Random, ways: int, width: int, frames: int) -> Case:
    cfg = {"P": 3, "B": 2, "N": width}
    x = values(rng, (frames * 6, width), 1, signed=False)
    b = Builder(f"fork{ways}", cfg, frames)
    b.input(x, 1, width)
    for _ in range(ways):
        b.output(x, 1, width)
    return b.case(f"fork{ways}")


def concat_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    a = values(rng, (frames * cfg["P"], cfg["CA"]), cfg["E"])
    c = values(rng, (frames * cfg["P"], cfg["CB"]), cfg["E"])
    b = Builder("concat", cfg, frames)
    b.input(a, cfg["E"], cfg["G"])
    b.input(c, cfg["E"], cfg["G"])
    b.output(np.concatenate([a, c], axis=1), cfg["E"], cfg["G"])
    return b.case("concat")


def crop_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    shape = (frames, cfg["H"], cfg["W"], cfg["B"])
    x = values(rng, shape, cfg["N"], signed=False)
    rows, columns = (slice(cfg[f"{d}0"], cfg[f"{d}N"] + 1, cfg[f"{d}S"]) for d in "RC")
    b = Builder("crop", cfg, frames)
    b.input(x, cfg["N"], 1)
    b.output(x[:, rows, columns], cfg["N"], 1)
    return b.case("crop")


def reorder_case(
    rng: random.Random, loops: list[tuple[int, int]], part: tuple[int, int, int] | None, width: int, frames: int
) -> Case:
    order = [0]
    for extent, step in loops:
        order = [at + i * step for at in order for i in range(extent)]
    parts, read, offset = part or (1, len(order), 0)
    cfg = {"N": width, "P": parts, "I": read, "AT": offset}
    for k, (extent, step) in enumerate([(1, 0)] * (4 - len(loops)) + loops, 1):
        cfg |= {f"E{k}": extent, f"S{k}": step}
    x = values(rng, (frames, parts, read), width, signed=False)
    b = Builder("reorder", cfg, frames)
    b.input(x, width, 1)
    b.output(x[:, :, np.array(order) + offset], width, 1)
    return b.case("reorder")


def axi_case(rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    """axi_sink into words, checked as data and last; axi_source back from the same words."""
    p, v, e, no = cfg["P"], cfg["V"], cfg["E"], cfg["NO"]
    x = values(rng, (frames * p, v), e, bool(cfg["IS_SIGNED"]))
    b = Builder("axi", cfg, frames)
    b.input([grouped(row, cfg["G"]) for row in x], e, cfg["G"])
    last = [int(i % (p * v) == p * v - 1) for i in range(x.size)]
    b.expected = [raw(x, no), last, raw(x, e)]
    tag = b.tag
    b.tables.append(f"struct {tag}s {{ static const int P = {p * v}, N = {e}, NI = {no}; }};")
    b.body += [
        f'stream<axi_word<{no}>> w("{tag}_w"), again("{tag}_again");',
        f'stream<bits<{no}>> data("{tag}_data");',
        f'stream<bits<1>> last("{tag}_last");',
        f'stream<bits<{e}>> back("{tag}_back");',
        f"axi_sink<{tag}>(i0, w, {frames}u);",
        "while (!w.empty()) {",
        f"  const axi_word<{no}> one = w.read();",
        "  data.write(one.data);",
        "  last.write(one.last);",
        f"  again.write(make_axi_word<{no}>(one.data, false));",
        "}",
    ]
    b.after += [f"dump<{no}, 1>(data);", "dump<1, 1>(last);", f"dump<{e}, 1>(back);"]
    b.after.append("drained(again);")
    b.arguments = ["again", "back"]
    case = b.case("axi_source")
    case.text = case.text.replace(f"axi_source<{tag}>", f"axi_source<{tag}s>")
    return case


def routing_cases(rng: random.Random) -> Iterator[Case]:
    for numbers in [(5, 8, 3, 12, 3, 4), (4, 5, 4, 6, 1, 6), (3, 16, 6, 3, 2, 1), (2, 64, 2, 2, 2, 2)]:
        yield take_case(rng, config("P E CI CO GI GO", *numbers), 2)

    fields = "P OW ROWS RUN C G E IS_SIGNED KIND EO"
    for numbers in [
        (3, 3, 1, 4, 6, 2, 8, 1, 0, 10),
        (2, 1, 1, 9, 5, 5, 7, 0, 0, 11),
        (1, 1, 1, 16, 3, 1, 16, 1, 0, 20),
        (3, 3, 1, 4, 6, 3, 8, 1, 1, 8),
        (3, 1, 1, 9, 4, 1, 6, 0, 1, 6),
        (3, 3, 1, 4, 12, 6, 1, 0, 2, 1),
        (3, 1, 1, 1, 4, 2, 5, 1, 0, 5),
        (2, 2, 1, 3, 2, 1, 4, 1, 2, 6),
        (6, 3, 2, 2, 4, 2, 8, 1, 0, 10),
        (4, 2, 3, 3, 3, 3, 6, 0, 0, 10),
        (4, 2, 2, 2, 1, 1, 7, 1, 1, 7),
        (6, 2, 3, 1, 4, 1, 1, 0, 2, 1),
        (2, 1, 2, 2, 3, 1, 9, 1, 1, 9),
    ]:
        yield pool_case(rng, config(fields, *numbers), 3)

    for numbers in [
        (3, 10, 1, 16, 1, 5),
        (2, 10, 10, 9, 1, 5),
        (4, 12, 3, 8, 0, 5),
        (5, 1, 1, 4, 1, 2),
        (2, 7, 7, 40, 1, 4),
    ]:
        yield argmax_case(rng, config("P C G E IS_SIGNED EO", *numbers), 3)
    for numbers in [(3, 7, 1, 5, 1, 4, 3, 1), (2, 6, 1, 4, 0, 3, 6, 2), (4, 5, 1, 3, 1, 3, 2, 2)]:
        yield top_k_case(rng, config("P C G E IS_SIGNED EO K GO", *numbers), 3)

    for ways, width in ((2, 20), (3, 130), (4, 1)):
        yield fork_case(rng, ways, width, 2)
    for numbers in [(4, 6, 3, 3, 5), (3, 2, 4, 2, 16)]:
        yield concat_case(rng, config("P CA CB G E", *numbers), 2)

    for loops in ([(4, 1), (3, 4)], [(2, 3), (3, 1), (4, 6)], [(2, 12), (3, 1), (2, 6), (2, 3)], [(5, 1)], []):
        yield reorder_case(rng, loops, None, rng.choice([1, 7, 16, 40]), rng.choice([1, 3]))
    for loops, part in (
        ([(2, 0), (3, 4), (2, 0), (4, 1)], (3, 12, 0)),
        ([(3, -2), (2, 1)], (2, 7, 5)),
        ([(2, 3)], (4, 9, 1)),
        ([], (3, 5, 2)),
    ):
        yield reorder_case(rng, loops, part, rng.choice([1, 7, 16, 40]), rng.choice([1, 3]))
    for numbers in [(5, 6, 2, 7, 1, 2, 3, 2, 1, 4), (4, 3, 1, 9, 0, 1, 3, 1, 1, 1), (3, 7, 3, 1, 2, 5, 2, 0, 3, 6)]:
        yield crop_case(rng, config("H W B N R0 RS RN C0 CS CN", *numbers), 2)

    for numbers in [(1, 10, 4, 18, 1, 32), (3, 2, 1, 7, 0, 16), (2, 3, 3, 8, 1, 8)]:
        yield axi_case(rng, config("P V G E IS_SIGNED NO", *numbers), 2)
