"""
Every unit of the HLS library against a reference written from its formula.

All cases of one build live in one C++ driver: it reads the elements of every input stream from
one file and writes every output stream to another. The same driver is compiled with machine
words and with ap_int, with and without optimisation, with poisoned memories, and once as the
synthesis tool would see the sources.
"""

from __future__ import annotations

import importlib.util
import math
import os
import random
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

INCLUDE = Path(__file__).parents[2] / "blendir" / "backends" / "hls" / "include"
FLAGS = ["-std=c++14", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"]
# The default constructor of the bundled ap_int masks its own uninitialised value.
AP_FLAGS = ["-Wno-uninitialized", "-Wno-maybe-uninitialized"]
BUILDS: dict[str, list[str]] = {
    "native-O0": ["-O0"],
    "native-O2": ["-O2", "-mpopcnt"],
    "native-O3-poison": ["-O3", "-DBLENDIR_POISON"],
    "ap-O0-poison": ["-O0", "-DBLENDIR_AP", "-DBLENDIR_POISON"],
    "ap-O2": ["-O2", "-DBLENDIR_AP"],
    "tool-O0": ["-O0", "-DSYNTHESIS_VIEW"],
}
EVERY = {"ap-O2": 3}  # slow to compile: every third case

Ints = npt.NDArray[np.int64]

DRIVER = r"""
#ifdef SYNTHESIS_VIEW  // the open ap_int.h refuses __SYNTHESIS__, so it comes first
#include <ap_int.h>
#include <hls_stream.h>
#define __SYNTHESIS__
#endif
#include <blendir/blendir.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>
using namespace blendir;
static std::FILE* source;
static std::FILE* target;
static unsigned long long take() {
  unsigned long long value = 0;
  if (std::fread(&value, 8, 1, source) != 1) std::exit(9);
  return value;
}
static void give(unsigned long long value) { std::fwrite(&value, 8, 1, target); }
template <int E, int G, typename S>
void feed(S& s, int beats) {
  for (int n = 0; n < beats; ++n) {
    bits<E * G> beat = 0;
    for (int g = 0; g < G; ++g) put<E>(beat, g, take());
    s.write(beat);
  }
}
template <int E, int G, typename S>
void dump(S& s) {
  std::vector<unsigned long long> values;
  while (!s.empty()) {
    const bits<E * G> beat = s.read();
    for (int g = 0; g < G; ++g) {
      values.push_back(static_cast<unsigned long long>(get_unsigned<E>(beat, g)));
    }
  }
  give(values.size());
  for (unsigned long long value : values) give(value);
}
template <typename S>
void drained(S& s) {
  if (!s.empty()) std::exit(8);
}
template <int N>
unsigned long long popcount_faults() {
  unsigned long long faults = 0;
  for (int round = 0; round < 60; ++round) {
    bits<N> x = 0, w = 0;
    int ones = 0, differences = 0;
    for (int i = 0; i < N; ++i) {
      int bit = (std::rand() >> 7) & 1;
      if (round < 2) bit = round;
      if (round == 2) bit = i == 0;
      if (round == 3) bit = i == N - 1;
      if (round == 4) bit = i & 1;
      const int other = (std::rand() >> 7) & 1;
      place<1>(x, i, bit);
      place<1>(w, i, other);
      ones += bit;
      differences += bit != other;
    }
    faults += popcount_groups<N>(x) != ones;
    faults += popcount<N>(x) != ones;
    faults += difference_groups<N>(x, w) != differences;
    faults += count_differences<N>(x, w) != differences;
  }
  return faults;
}
template <int E, int N>
unsigned long long accessor_faults() {
  unsigned long long faults = 0;
  bits<N> x = 0;
  std::vector<int> model(N, 0);
  for (int round = 0; round < 200; ++round) {
    const int i = std::rand() % (N / E);
    unsigned long long value = (static_cast<unsigned long long>(std::rand()) << 33) ^
                               (static_cast<unsigned long long>(std::rand()) << 11) ^ std::rand();
    put<E>(x, i, value);
    for (int k = 0; k < E; ++k) model[i * E + k] = (value >> k) & 1;
    const int j = std::rand() % (N / E);
    unsigned long long expected = 0;
    for (int k = 0; k < E; ++k) {
      expected |= static_cast<unsigned long long>(model[j * E + k]) << k;
    }
    const long long negative = E < 64 && model[j * E + E - 1] ? (~0ULL << (E % 64)) : 0;
    faults += static_cast<unsigned long long>(get_unsigned<E>(x, j)) != expected;
    faults += static_cast<long long>(get_signed<E>(x, j)) !=
              static_cast<long long>(expected | static_cast<unsigned long long>(negative));
  }
  for (int i = 0; i < N; ++i) faults += get_unsigned<1>(x, i) != static_cast<unsigned>(model[i]);
  return faults;
}
unsigned long long stream_faults() {
  stream<bits<20>> s("reused");
  unsigned long long faults = 0, written = 0, read = 0;
  for (int round = 0; round < 3000; ++round) {
    const int more = std::rand() % 4;
    for (int i = 0; i < more; ++i) s.write(bits<20>(written++));
    for (int i = std::rand() % 3; i > 0 && read < written; --i) faults += s.read() != read++;
  }
  while (read < written) faults += s.read() != read++;
  return faults + !s.empty();
}
"""

MAIN = r"""
int main(int, char** argv) {
  source = std::fopen(argv[1], "rb");
  target = std::fopen(argv[2], "wb");
  if (source == nullptr || target == nullptr) return 7;
%s
  std::fclose(target);
  return std::fgetc(source) == EOF ? 0 : 6;
}
"""


@dataclass
class Case:
    """One unit call: C++ text, input elements in reading order, expected output streams."""

    name: str
    run: str
    text: str
    inputs: list[int]
    expected: list[list[int]]


def raw(values: Any, width: int) -> list[int]:
    """Two's complement of `width` bits, flattened."""
    mask = (1 << width) - 1
    flat: list[int] = np.asarray(values, dtype=object).ravel().tolist()
    return [int(v) & mask for v in flat]


def literal(values: Any, width: int = 64) -> str:
    """A C++ initialiser of nested lists; payloads of more than 64 bits are cut into words."""
    if isinstance(values, list | tuple | np.ndarray):
        items: list[Any] = np.asarray(values, dtype=object).tolist()
        return "{" + ", ".join(literal(v, width) for v in items) + "}"
    value = int(values)
    if width > 64:
        words = ", ".join(f"{value >> s & (1 << 64) - 1}ULL" for s in range(0, width, 64))
        return f"from_words<{width}>({words})"
    return f"{value}LL" if value < 1 << 63 else f"{value}ULL"


def rounded(value: int, shift: int, mode: int) -> int:
    exact = Fraction(value) / Fraction(2) ** shift
    return math.floor(exact + Fraction(1, 2)) if mode == 0 else round(exact)


def saturated(value: int, width: int) -> int:
    return max(-(1 << (width - 1)), min((1 << (width - 1)) - 1, value))


def narrowed(value: int, cfg: dict[str, int]) -> int:
    return saturated(rounded(value, cfg["SHIFT"], cfg["ROUND"]), cfg["EO"])


def values(rng: random.Random, shape: Sequence[int], width: int, signed: bool = True) -> Ints:
    """Random values of a format with its extremes over-represented."""
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
    count = math.prod(shape)
    picks = [rng.choice([low, high, 0]) if rng.random() < 0.1 else rng.randint(low, high) for _ in range(count)]
    return np.array(picks, dtype=np.int64).reshape(tuple(shape))


def grouped(elements: Ints, group: int) -> list[list[int]]:
    """Beats of a vector, the last one zero-filled."""
    flat = [int(v) for v in elements]
    flat += [0] * (-len(flat) % group)
    return [flat[i : i + group] for i in range(0, len(flat), group)]


class Builder:
    """Collects the C++ text of one case."""

    def __init__(self, index: int, name: str, cfg: dict[str, int], frames: int) -> None:
        self.tag = f"c{index}"
        self.name, self.cfg, self.frames = name, cfg, frames
        fields = ", ".join(f"{k} = {v}" for k, v in cfg.items())
        self.tables = [f"struct {self.tag} {{ static const int {fields}; }};"]
        self.body: list[str] = []
        self.after: list[str] = []
        self.arguments: list[str] = []
        self.inputs: list[int] = []
        self.expected: list[list[int]] = []

    def input(self, elements: Any, width: int, group: int) -> None:
        name = f"i{len(self.arguments)}"
        flat = raw(elements, width)
        assert len(flat) % group == 0
        beats = len(flat) // group
        self.body += [
            f'stream<bits<{width * group}>> {name}("{self.tag}_{name}");',
            f"feed<{width}, {group}>({name}, {beats});",
        ]
        self.after.append(f"drained({name});")
        self.arguments.append(name)
        self.inputs += flat

    def output(self, elements: Any, width: int, group: int) -> None:
        name = f"o{len(self.arguments)}"
        self.body.append(f'stream<bits<{width * group}>> {name}("{self.tag}_{name}");')
        self.after.append(f"dump<{width}, {group}>({name});")
        self.arguments.append(name)
        self.expected.append(raw(elements, width))

    def table(self, kind: str, dims: str, entries: Any, width: int = 64) -> None:
        name = f"{self.tag}_t{len(self.arguments)}"
        self.tables.append(f"static const {kind} {name}{dims} = {literal(entries, width)};")
        self.arguments.append(name)

    def case(self, unit: str) -> Case:
        arguments = ", ".join([*self.arguments, f"{self.frames}u"])
        lines = [*self.body, f"{unit}<{self.tag}>({arguments});", *self.after]
        text = "\n".join([*self.tables, f"static void run_{self.tag}() {{", *lines, "}"])
        return Case(f"{self.name}-{self.tag}", f"run_{self.tag}", text, self.inputs, self.expected)


# ---------------------------------------------------------------------------- references


def window_case(index: int, rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    c, h, w, kh, kw = (cfg[k] for k in ("C", "H", "W", "KH", "KW"))
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
                        y, z = oy * cfg["SH"] - cfg["PH"] + i, ox * cfg["SW"] - cfg["PW"] + j
                        inside = 0 <= y < h and 0 <= z < w
                        vector += [int(v) for v in (x[f, y, z] if inside else pad)]
                beats += grouped(np.array(vector, dtype=np.int64), cfg["GO"])
    b = Builder(index, "window", cfg, frames)
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


def binary_case(index: int, rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    v, simd, pe, out = cfg["V"], cfg["SIMD"], cfg["PE"], cfg["OUT"]
    sf, nf, positions = -(-v // simd), out // pe, cfg["OH"] * cfg["OW"]
    cfg["ACC"] = v.bit_length() + 3
    x = values(rng, (frames * positions, v), 1, signed=False)
    weight = values(rng, (out, v), 1, signed=False)
    b = Builder(index, "binary_mvu", cfg, frames)
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


def fixed_case(index: int, rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    v, simd, pe, out = cfg["V"], cfg["SIMD"], cfg["PE"], cfg["OUT"]
    sf, nf, positions = -(-v // simd), out // pe, cfg["OH"] * cfg["OW"]
    cfg["ACC"] = cfg["E"] + 1 + cfg["WB"] + v.bit_length()
    x = values(rng, (frames * positions, v), cfg["E"], bool(cfg["IS_SIGNED"]))
    weight = values(rng, (out, v), cfg["WB"])
    tiles = [[grouped(weight[n * pe + p], simd)[s] for n in range(nf) for s in range(sf)] for p in range(pe)]
    b = Builder(index, "fixed_mvu", cfg, frames)
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


def by_group(per_channel: Ints, group: int) -> list[list[int]]:
    """[C] to [G][C/G] with channel cg*G + g."""
    return [[int(v) for v in per_channel[g::group]] for g in range(group)]


def elements_of(rng: random.Random, cfg: dict[str, int], frames: int, width: str = "E") -> Ints:
    signed = bool(cfg.get("IS_SIGNED", 1))
    return values(rng, (frames * cfg["P"], cfg["C"]), cfg[width], signed)


def piecewise_case(index: int, rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
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
    b = Builder(index, "piecewise_linear", cfg, frames)
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


def threshold_case(index: int, rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    x = elements_of(rng, cfg, frames)
    t, inv = values(rng, (cfg["C"],), cfg["TB"]), values(rng, (cfg["C"],), 1, False)
    x[rng.randrange(len(x))] = np.clip(t, x.min(), x.max())
    b = Builder(index, "threshold", cfg, frames)
    b.input(x, cfg["E"], cfg["G"])
    b.output((x >= t).astype(np.int64) ^ inv, 1, cfg["G"])
    threshold_tables(b, t, inv)
    return b.case("threshold")


def levels_case(index: int, rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    g, c, levels = cfg["G"], cfg["C"], cfg["L"]
    x = elements_of(rng, cfg, frames)
    t, inv = values(rng, (c, levels), cfg["TB"]), values(rng, (c,), 1, False)
    x[rng.randrange(len(x))] = np.clip(t[:, -1], x.min(), x.max())
    count = [[int(sum((v >= t[j]) != inv[j])) for j, v in enumerate(row)] for row in x]
    b = Builder(index, "multi_threshold", cfg, frames)
    b.input(x, cfg["E"], g)
    b.output(cfg["LOWEST"] + cfg["STEP"] * np.array(count), cfg["EO"], g)
    rows = [[int(v) for v in t[part::g, level]] for part in range(g) for level in range(levels)]
    b.table(f"sint<{cfg['TB']}>", f"[{g * levels}][{c // g}]", rows)
    b.table("bits<1>", f"[{g}][{c // g}]", by_group(inv, g))
    return b.case("multi_threshold")


def take_case(index: int, rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    length, picked, group = cfg["CI"], cfg["CO"], cfg["GO"]
    x = values(rng, (frames * cfg["P"], length), cfg["E"])
    picks = np.array([rng.randrange(length + 1) for _ in range(picked)])
    b = Builder(index, "take", cfg, frames)
    b.input(x, cfg["E"], cfg["GI"])
    b.output(np.concatenate([x, 0 * x[:, :1]], axis=1)[:, picks], cfg["E"], group)
    b.table(f"bits<{length.bit_length()}>", f"[{group}][{picked // group}]", by_group(picks, group))
    return b.case("blendir::take")


def add_case(index: int, rng: random.Random, cfg: dict[str, int], frames: int, both: bool) -> Case:
    a, c = elements_of(rng, cfg, frames, "EA"), elements_of(rng, cfg, frames, "EB")
    total = [
        narrowed(int(p) * 2 ** cfg["SA"] + int(q) * 2 ** cfg["SB"], cfg)
        for p, q in zip(a.ravel(), c.ravel(), strict=True)
    ]
    y = np.array(total, dtype=np.int64).reshape(a.shape)
    b = Builder(index, "residual" if both else "add", cfg, frames)
    b.input(a, cfg["EA"], cfg["G"])
    b.input(c, cfg["EB"], cfg["G"])
    b.output(y, cfg["EO"], cfg["G"])
    if both:
        t, inv = values(rng, (cfg["C"],), cfg["TB"]), values(rng, (cfg["C"],), 1, False)
        t[::2] = y[0, ::2]
        b.output((y >= t).astype(np.int64) ^ inv, 1, cfg["G"])
        threshold_tables(b, t, inv)
    return b.case("residual" if both else "add")


def pool_case(index: int, rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
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
    b = Builder(index, "pool", cfg, frames)
    b.input(x, cfg["E"], cfg["G"])
    b.output(y, cfg["EO"], cfg["G"])
    return b.case("pool")


def map_case(
    index: int,
    rng: random.Random,
    cfg: dict[str, int],
    frames: int,
    unit: str,
    function: Callable[[int], int],
    widths: tuple[int, int],
) -> Case:
    x = values(rng, (frames * cfg["P"], cfg["C"]), widths[0], bool(cfg.get("IS_SIGNED", 1)))
    b = Builder(index, unit, cfg, frames)
    b.input(x, widths[0], cfg["G"])
    b.output([function(int(v)) for v in x.ravel()], widths[1], cfg["G"])
    return b.case(unit)


def fork_case(index: int, rng: random.Random, ways: int, width: int, frames: int) -> Case:
    cfg = {"P": 3, "B": 2, "N": width}
    x = values(rng, (frames * 6, width), 1, signed=False)
    b = Builder(index, f"fork{ways}", cfg, frames)
    b.input(x, 1, width)
    for _ in range(ways):
        b.output(x, 1, width)
    return b.case(f"fork{ways}")


def concat_case(index: int, rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    a = values(rng, (frames * cfg["P"], cfg["CA"]), cfg["E"])
    c = values(rng, (frames * cfg["P"], cfg["CB"]), cfg["E"])
    b = Builder(index, "concat", cfg, frames)
    b.input(a, cfg["E"], cfg["G"])
    b.input(c, cfg["E"], cfg["G"])
    b.output(np.concatenate([a, c], axis=1), cfg["E"], cfg["G"])
    return b.case("concat")


def reorder_case(index: int, rng: random.Random, loops: list[tuple[int, int]], width: int, frames: int) -> Case:
    loops = [(1, 0)] * (4 - len(loops)) + loops
    cfg, order = {"N": width}, [0]
    for k, (extent, step) in enumerate(loops, 1):
        cfg |= {f"E{k}": extent, f"S{k}": step}
        order = [at + i * step for at in order for i in range(extent)]
    x = values(rng, (frames, len(order)), width, signed=False)
    b = Builder(index, "reorder", cfg, frames)
    b.input(x, width, 1)
    b.output(x[:, order], width, 1)
    return b.case("reorder")


def axi_case(index: int, rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    """axi_sink into words, checked as data and last; axi_source back from the same words."""
    p, v, e, no = cfg["P"], cfg["V"], cfg["E"], cfg["NO"]
    x = values(rng, (frames * p, v), e, bool(cfg["IS_SIGNED"]))
    b = Builder(index, "axi", cfg, frames)
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


def product_case(index: int, rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    positions = frames * cfg["P"]
    a = values(rng, (positions, cfg["C"]), cfg["EA"], bool(cfg["SIGNED_A"]))
    b = values(rng, (positions // cfg["HELD"], cfg["C"]), cfg["EB"], bool(cfg["SIGNED_B"]))
    y = [narrowed(int(p) * int(q), cfg) for p, q in zip(a.ravel(), b.repeat(cfg["HELD"], axis=0).ravel(), strict=True)]
    builder = Builder(index, "product", cfg, frames)
    builder.input(a, cfg["EA"], cfg["G"])
    builder.input(b, cfg["EB"], cfg["G"])
    builder.output(y, cfg["EO"], cfg["G"])
    return builder.case("product")


def lookup_case(index: int, rng: random.Random, cfg: dict[str, int], frames: int) -> Case:
    x = elements_of(rng, cfg, frames)
    table = values(rng, (1 << cfg["E"],), cfg["EO"])
    low = -(1 << (cfg["E"] - 1)) if cfg["IS_SIGNED"] else 0
    b = Builder(index, "lookup", cfg, frames)
    b.input(x, cfg["E"], cfg["G"])
    b.output(table[x - low], cfg["EO"], cfg["G"])
    copies = -(-cfg["G"] // 2)
    b.table(f"sint<{cfg['EO']}>", f"[{copies}][{1 << cfg['E']}]", [table.tolist()] * copies)
    return b.case("lookup")


SEEDS = [round(2048 / math.sqrt((t + 0.5) / 512)) for t in range(128, 512)]


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


def layer_norm_case(index: int, rng: random.Random, cfg: dict[str, int], frames: int, epsilon: int) -> Case:
    c, g = cfg["C"], cfg["G"]
    x = elements_of(rng, cfg, frames)
    x[0] = x[0, 0]  # no spread at all
    gamma, beta = values(rng, (c,), cfg["AB"]), values(rng, (c,), cfg["BB"])
    most = (c << cfg["E"] - cfg["IS_SIGNED"]) ** 2 + epsilon
    cfg |= {"SB": most.bit_length() + 1, "UB": math.isqrt(c).bit_length() + 18, "NB": epsilon.bit_length() + 1}
    rows = [standardized(row, epsilon) for row in x.tolist()]
    y = [narrowed(int(p) * u + int(q), cfg) for row in rows for u, p, q in zip(row, gamma, beta, strict=True)]
    b = Builder(index, "layer_norm", cfg, frames)
    b.input(x, cfg["E"], g)
    b.output(y, cfg["EO"], g)
    b.table(f"sint<{cfg['AB']}>", f"[{g}][{c // g}]", by_group(gamma, g))
    b.table(f"sint<{cfg['BB']}>", f"[{g}][{c // g}]", by_group(beta, g))
    b.table(f"sint<{cfg['NB']}>", "[1]", [epsilon])
    b.table("bits<12>", "[384]", SEEDS)
    return b.case("layer_norm")


# -------------------------------------------------------------------------------- cases

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


def random_window(rng: random.Random) -> tuple[int, ...]:
    while True:
        kh, kw = rng.choice([1, 2, 3, 5]), rng.choice([1, 2, 3, 5])
        ph, pw = rng.randint(0, (kh - 1) // 2), rng.randint(0, (kw - 1) // 2)
        h, w = rng.randint(1, 8), rng.randint(1, 8)
        if h + 2 * ph >= kh and w + 2 * pw >= kw:
            break
    c = rng.randint(1, 13)
    gi = rng.choice([d for d in range(1, c + 1) if c % d == 0])
    e = rng.choice([1, 1, 2, 5, 8, 16])
    go = rng.randint(1, min(kh * kw * c, 1024 // e))
    return (e, c, h, w, kh, kw, rng.randint(1, 3), rng.randint(1, 3), ph, pw, gi, go)


def all_cases() -> list[Case]:
    rng = random.Random(20)
    cases: list[Case] = []

    def config(names: str, *numbers: int) -> dict[str, int]:
        return dict(zip(names.split(), numbers, strict=True))

    shape = "E C H W KH KW SH SW PH PW GI GO"
    for numbers in WINDOWS + [random_window(rng) for _ in range(8)]:
        frames = rng.choice([1, 2, 4])
        cases.append(window_case(len(cases), rng, config(shape, *numbers), frames))
    short = config(shape + " OH OW", 2, 3, 5, 6, 3, 3, 1, 1, 1, 1, 3, 9, 3, 4)
    cases.append(window_case(len(cases), rng, short, 3))

    for numbers in [
        (3, 2, 144, 48, 1, 4, 3, 3),
        (2, 3, 100, 48, 2, 6, 2, 3),
        (1, 1, 7, 7, 1, 1, 1, 1),
        (2, 2, 9, 4, 3, 3, 1, 1),
        (1, 4, 130, 100, 2, 4, 1, 2),
        (2, 1, 64, 64, 4, 8, 2, 1),
    ]:
        cfg = config("OH OW V SIMD PE OUT RY RX", *numbers)
        cases.append(binary_case(len(cases), rng, cfg, rng.choice([1, 3])))

    fields = "E IS_SIGNED V SIMD PE OUT WB BB SHIFT ROUND EO OH OW RY RX"
    for numbers in [
        (8, 0, 27, 27, 1, 4, 8, 20, 4, 0, 16, 2, 3, 1, 1),
        (8, 1, 20, 6, 2, 6, 5, 12, 6, 1, 8, 3, 2, 2, 3),
        (16, 1, 16, 1, 1, 3, 18, 30, 12, 0, 16, 1, 2, 1, 1),
        (2, 1, 5, 5, 3, 3, 4, 4, -2, 0, 10, 2, 2, 1, 2),
        (13, 0, 11, 4, 1, 2, 9, 26, 11, 1, 12, 2, 2, 2, 1),
        (1, 0, 13, 13, 2, 2, 3, 6, 0, 0, 6, 1, 1, 1, 1),
    ]:
        cases.append(fixed_case(len(cases), rng, config(fields, *numbers), rng.choice([1, 3])))

    fields = "P C G E IS_SIGNED KB AB BB SHIFT ROUND EO"
    for numbers in [
        (9, 6, 1, 10, 1, 10, 12, 20, 9, 0, 10),
        (7, 6, 3, 10, 1, 10, 22, 33, 14, 1, 16),
        (7, 4, 4, 7, 0, 8, 10, 12, 3, 1, 9),
        (20, 2, 1, 16, 1, 16, 26, 42, 20, 0, 16),
        (12, 3, 1, 4, 1, 5, 3, 4, -3, 0, 9),
        (12, 1, 1, 3, 0, 2, 3, 2, 1, 1, 12),
    ]:
        cases.append(piecewise_case(len(cases), rng, config(fields, *numbers), 2))
    held = config(fields + " ENTRIES HOLD", 12, 6, 3, 9, 1, 9, 10, 16, 7, 0, 10, 4, 2)
    cases.append(piecewise_case(len(cases), rng, held, 2))
    rows = config(fields + " ENTRIES HOLD", 12, 4, 2, 9, 1, 9, 10, 16, 7, 0, 10, 3, 8)
    cases.append(piecewise_case(len(cases), rng, rows, 2))

    for numbers in [(9, 6, 2, 9, 1, 9), (5, 3, 1, 5, 0, 7), (4, 70, 70, 3, 1, 4)]:
        cfg = config("P C G E IS_SIGNED TB", *numbers)
        cases.append(threshold_case(len(cases), rng, cfg, 2))

    fields = "P C G E IS_SIGNED L TB LOWEST STEP EO"
    for numbers in [
        (9, 6, 2, 9, 1, 3, 9, -3, 2, 3),
        (5, 3, 1, 5, 0, 15, 7, 0, 1, 5),
        (4, 7, 7, 12, 1, 2, 13, -1, 1, 2),
    ]:
        cases.append(levels_case(len(cases), rng, config(fields, *numbers), 2))
    for numbers in [(5, 8, 3, 12, 3, 4), (4, 5, 4, 6, 1, 6), (3, 16, 6, 3, 2, 1), (2, 64, 2, 2, 2, 2)]:
        cases.append(take_case(len(cases), rng, config("P E CI CO GI GO", *numbers), 2))

    fields = "P C G EA EB SA SB SHIFT ROUND EO TB"
    for numbers in [
        (16, 4, 1, 16, 16, 0, 0, 0, 0, 16, 16),
        (9, 6, 3, 9, 12, 4, 1, 3, 1, 10, 11),
        (9, 6, 2, 10, 7, 0, 5, 4, 0, 9, 9),
        (9, 2, 2, 5, 5, 0, 1, -3, 0, 12, 12),
    ]:
        for both in (False, True):
            cases.append(add_case(len(cases), rng, config(fields, *numbers), 2, both))

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
        cases.append(pool_case(len(cases), rng, config(fields, *numbers), 3))

    for ways, width in ((2, 20), (3, 130), (4, 1)):
        cases.append(fork_case(len(cases), rng, ways, width, 2))
    for numbers in [(4, 6, 3, 3, 5), (3, 2, 4, 2, 16)]:
        cases.append(concat_case(len(cases), rng, config("P CA CB G E", *numbers), 2))

    for loops in ([(4, 1), (3, 4)], [(2, 3), (3, 1), (4, 6)], [(2, 12), (3, 1), (2, 6), (2, 3)], [(5, 1)], []):
        cases.append(reorder_case(len(cases), rng, loops, rng.choice([1, 7, 16, 40]), rng.choice([1, 3])))

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
        cases.append(map_case(len(cases), rng, cfg, 2, "requantize", function, widths))
    for low, high in ((-5, 9), (0, 15), (-16, 15), (-16, -3)):
        cfg = config("P C G E", 20, 3, 3, 5) | {"LO": low, "HI": high}
        function = lambda v, low=low, high=high: min(max(v, low), high)  # noqa: E731
        cases.append(map_case(len(cases), rng, cfg, 2, "clamp", function, (5, 5)))
    cfg = config("P C G IS_SIGNED", 5, 6, 3, 0)
    cases.append(map_case(len(cases), rng, cfg, 2, "bits_to_value", lambda v: 2 * v - 1, (1, 2)))

    fields = "P C G EA SIGNED_A EB SIGNED_B HELD SHIFT ROUND EO"
    for numbers in [
        (6, 4, 2, 9, 1, 12, 1, 1, 8, 0, 10),
        (6, 4, 1, 16, 1, 8, 0, 6, 12, 1, 9),
        (4, 3, 3, 8, 0, 2, 1, 4, 0, 0, 10),
        (4, 6, 3, 30, 1, 32, 1, 2, 40, 0, 24),
        (2, 2, 2, 3, 1, 5, 0, 2, -4, 1, 12),
    ]:
        cases.append(product_case(len(cases), rng, config(fields, *numbers), 3))
    for numbers in [(7, 4, 1, 6, 1, 16), (4, 6, 3, 5, 1, 9), (4, 4, 4, 8, 0, 3)]:
        cases.append(lookup_case(len(cases), rng, config("P C G E IS_SIGNED EO", *numbers), 2))
    fields = "P C G E IS_SIGNED AB BB SHIFT ROUND EO"
    for numbers, epsilon in [
        ((6, 8, 2, 12, 1, 16, 33, 18, 0, 16), 700),
        ((5, 5, 1, 16, 1, 12, 20, 14, 1, 14), 1),
        ((4, 3, 3, 8, 0, 9, 24, 10, 0, 16), 0),
        ((4, 4, 4, 2, 1, 3, 4, 16, 0, 8), (1 << 61) - 1),
        ((3, 30, 6, 24, 1, 16, 40, 12, 0, 24), 1 << 40),
    ]:
        cases.append(layer_norm_case(len(cases), rng, config(fields, *numbers), 2, epsilon))

    for numbers in [(1, 10, 4, 18, 1, 32), (3, 2, 1, 7, 0, 16), (2, 3, 3, 8, 1, 8)]:
        cases.append(axi_case(len(cases), rng, config("P V G E IS_SIGNED NO", *numbers), 2))
    return cases


def helper_case() -> Case:
    """Mismatches counted inside the driver: stream order, popcount and accessors."""
    calls = ["stream_faults()"]
    calls += [f"popcount_faults<{n}>()" for n in (1, 5, 6, 7, 48, 64, 65, 144, 576, 1024)]
    calls += [
        f"accessor_faults<{e}, {n}>()"
        for e, n in ((1, 7), (3, 64), (10, 130), (17, 200), (24, 72), (63, 640), (64, 128))
    ]
    lines = [f"give(1); give({c});" for c in calls]
    text = "\n".join(["static void run_helpers() {", *lines, "}"])
    return Case("helpers", "run_helpers", text, [], [[0] for _ in calls])


# ------------------------------------------------------------------------------- running


def ap_types() -> Path | None:
    spec = importlib.util.find_spec("hls4ml")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "templates" / "vivado" / "ap_types"


def flags_of(build: str) -> list[str]:
    flags = [*FLAGS, *BUILDS[build], f"-I{INCLUDE}"]
    if not build.startswith("native"):
        directory = ap_types()
        if directory is None:
            pytest.fail("needs the ap_types that hls4ml bundles: make setup")
        flags += [*AP_FLAGS, "-isystem", str(directory)]
    return flags


def compiled(directory: Path, name: str, text: str, flags: Sequence[str]) -> Path:
    source, program = directory / f"{name}.cpp", directory / name
    source.write_text(text)
    command = ["g++", *flags, str(source), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, "\n".join(done.stderr.splitlines()[:40])
    return program


def executed(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, timeout=60)


CASES = [*all_cases(), helper_case()]


def cases_of(build: str) -> list[Case]:
    return CASES[:: EVERY.get(build, 1)]


Results = list[list[list[int]]]  # per case its output streams


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Results]:
    """Compiles and runs every build once."""
    directory = tmp_path_factory.mktemp("units")

    def results(build: str) -> Results:
        cases = cases_of(build)
        data = np.array([v for c in cases for v in c.inputs], dtype=np.uint64)
        data.tofile(directory / f"{build}.in")
        calls = "\n".join(f"  {c.run}();" for c in cases)
        text = "\n".join([DRIVER, *(c.text for c in cases), MAIN % calls])
        program = compiled(directory, build, text, flags_of(build))
        output = directory / f"{build}.out"
        done = executed(program, str(directory / f"{build}.in"), str(output))
        assert done.returncode == 0, done.stderr
        flat = [int(v) for v in np.fromfile(output, dtype=np.uint64)]
        at = 0
        streams: Results = []
        for case in cases:
            streams.append([])
            for _ in case.expected:
                count = flat[at]
                streams[-1].append(flat[at + 1 : at + 1 + count])
                at += 1 + count
        assert at == len(flat)
        return streams

    builds = [b for b in BUILDS if b.startswith("native") or ap_types() is not None]
    with ThreadPoolExecutor(2) as pool:
        futures = {b: pool.submit(results, b) for b in reversed(builds)}

    def get(build: str) -> Results:
        if build not in futures:
            pytest.fail("needs the ap_types that hls4ml bundles: make setup")
        return futures[build].result()

    return get


@pytest.mark.parametrize("build", list(BUILDS))
def test_units_equal_their_formulas(build: str, suite: Callable[[str], Results]) -> None:
    cases, results = cases_of(build), suite(build)
    wrong = [c.name for c, streams in zip(cases, results, strict=True) if streams != c.expected]
    assert not wrong, f"{len(wrong)} of {len(cases)}: {wrong}"


def test_both_type_layers_agree(suite: Callable[[str], Results]) -> None:
    assert suite("native-O2") == suite("ap-O0-poison")


LAYERS = ["native-O2", "ap-O0-poison"]


@pytest.mark.parametrize("build", LAYERS)
def test_reading_an_empty_stream_ends_the_program(build: str, tmp_path: Path) -> None:
    text = """
#include <blendir/blendir.hpp>
#include <cstdio>
using namespace blendir;
int main() {
  stream<bits<20>> s("starved");
  s.write(5);
  if (s.read() != 5) return 1;
  s.read();
  std::printf("went on");
  return 0;
}
"""
    done = executed(compiled(tmp_path, "starved", text, flags_of(build)))
    assert done.returncode == 3
    assert "went on" not in done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert "'starved'" in lines[0]


@pytest.mark.parametrize("build", LAYERS)
def test_a_starved_unit_ends_the_program(build: str, tmp_path: Path) -> None:
    text = """
#include <blendir/blendir.hpp>
using namespace blendir;
struct cfg { static const int P = 2, B = 2, N = 4; };
int main() {
  stream<bits<4>> in("short_input"), a("a"), b("b");
  for (int i = 0; i < 7; ++i) in.write(i);
  fork2<cfg>(in, a, b, 2);
  return 0;
}
"""
    done = executed(compiled(tmp_path, "short", text, flags_of(build)))
    assert done.returncode == 3
    assert "'short_input'" in done.stderr


@pytest.mark.parametrize("build", LAYERS)
def test_trace_files_hold_exactly_the_beats(build: str, tmp_path: Path) -> None:
    rng = random.Random(3)
    widths = (1, 8, 20, 48, 64, 130)
    words = {w: [rng.getrandbits(w) for _ in range(6)] for w in widths}
    body = [
        f'  stream<bits<{w}>> s{w}("s{w}");\n'
        + "\n".join(
            f"  {{ bits<{w}> x = 0;"
            + "".join(f" place<1>(x, {k}, {v >> k & 1});" for k in range(w))
            + f" if (half == {n // 3}) s{w}.write(x); }}"
            for n, v in enumerate(words[w])
        )
        + f"\n  for (int i = 0; i < 3; ++i) s{w}.read();"
        for w in widths
    ]
    text = (
        "#include <blendir/blendir.hpp>\nusing namespace blendir;\nvoid top(int half) {\n"
        + "\n".join(body)
        + '\n  stream<axi_word<24>> t("tdata");\n'
        + "  t.write(make_axi_word<24>(bits<24>(0x123456 + half), true));\n  t.read();\n"
        + "}\nint main() { top(0); top(1); return 0; }\n"
    )
    trace = tmp_path / "trace"
    trace.mkdir()
    flags = [*flags_of(build), f'-DBLENDIR_TRACE="{trace}"']
    program = compiled(tmp_path, "traced", text, flags)
    for _ in range(2):  # a second process starts the files afresh
        assert executed(program).returncode == 0
    for w in widths:
        expected = b"".join(v.to_bytes(-(-w // 8), "little") for v in words[w])
        assert (trace / f"s{w}.bin").read_bytes() == expected, w
    assert (trace / "tdata.bin").read_bytes() == bytes.fromhex("563412573412")
    assert len(os.listdir(trace)) == len(widths) + 1


@pytest.mark.parametrize("build", ["native-O2", "ap-O2"])
def test_zero_frames_read_and_write_nothing(build: str, tmp_path: Path) -> None:
    text = """
#include <blendir/blendir.hpp>
using namespace blendir;
struct cfg {
  static const int E = 1, C = 4, H = 3, W = 3, KH = 3, KW = 3, SH = 1, SW = 1, PH = 1, PW = 1,
                   OH = 3, OW = 3, GI = 4, GO = 9;
};
int main() {
  stream<bits<4>> in("in");
  stream<bits<9>> out("out");
  const bits<1> pad[4] = {0, 0, 0, 0};
  window<cfg>(in, out, pad, 0);
  return out.empty() ? 0 : 1;
}
"""
    assert executed(compiled(tmp_path, "none", text, flags_of(build))).returncode == 0


@pytest.mark.parametrize(
    "text",
    ['stream<bits<1025>> s("s");', "bits<0> x; (void)x;", "sint<65> x; (void)x;"],
)
@pytest.mark.parametrize("build", ["native-O2", "ap-O2"])
def test_unsupported_widths_do_not_compile(build: str, text: str, tmp_path: Path) -> None:
    source = tmp_path / "wide.cpp"
    source.write_text(f"#include <blendir/blendir.hpp>\nusing namespace blendir;\nint main() {{ {text} }}\n")
    command = ["g++", *flags_of(build), "-fsyntax-only", str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "width outside the supported range" in done.stderr


def test_each_header_stands_alone(tmp_path: Path) -> None:
    for header in sorted((INCLUDE / "blendir").glob("*.hpp")):
        assert len(header.read_text().splitlines()) < 300, header.name
        text = f"#include <blendir/{header.name}>\n#include <blendir/{header.name}>\n"
        compiled(tmp_path, header.stem, text + "int main() { return 0; }\n", flags_of("native-O0"))
