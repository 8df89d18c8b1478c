"""
Rising numbers of all beats of a batch, kept row by row: most rows of most frames are alike but for a shift.

A row is a shape, which begins with 0, on a base. Everything here is computed once for each class of rows: rows whose
operands have the same shapes at the same distances. The results are exact, whatever the numbers are; where no two rows
are alike, every row is a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from blendir.dialects.stream import StreamType

Numbers: TypeAlias = NDArray[np.signedinteger[Any]]
WIDEST_KEY = 1 << 62
AT_ONCE = 1 << 20
"""How many numbers are searched at once."""


def classes(columns: Sequence[Numbers], count: int) -> tuple[Numbers, Numbers]:
    """
    The first of each class of `count` entries that are equal in all columns, and the class of each entry.
    """
    key, width = np.zeros(count, np.int64), 1
    for column in columns:
        low = int(column.min())
        extent = int(column.max()) - low + 1
        if extent == 1:
            continue
        if width * extent > WIDEST_KEY:
            _, key = np.unique(key, return_inverse=True)
            _, column = np.unique(column, return_inverse=True)
            width, low, extent = count, 0, count
        key, width = key * extent + (column - low), width * extent
    if width == 1:
        return np.zeros(1, np.int64), key
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return first, inverse


@dataclass(frozen=True, eq=False)
class Rows:
    """
    The numbers `shapes[kind[r]] + base[r]` of each row r.
    """

    shapes: Numbers
    kind: Numbers
    base: Numbers

    @staticmethod
    def of(values: Numbers, base: Numbers, kind: Numbers) -> Rows:
        """
        Rows that are `values[kind[r]] + base[r]`; equal shapes are united.
        """
        base = base + values[:, 0][kind]
        known: dict[bytes, int] = {}
        united = [known.setdefault((row - row[0]).tobytes(), len(known)) for row in values]
        shapes = np.array([np.frombuffer(row, np.int64) for row in known])
        return Rows(shapes, np.array(united)[kind], base)

    @staticmethod
    def nest(kind: StreamType, frames: int, period: int, start: int, *loops: tuple[int, int]) -> Rows:
        """
        The numbers of a batch of `kind`: `start + sum(index * step)` over nested loops of (count, step) in each frame,
        frames `period` apart.
        """
        rows = row_count(kind)
        outer, inner = split(loops, rows) or ((), loops)
        row = outer_sum(((1, 0), *inner)) + start
        base = outer_sum(((frames, period), *outer))
        if inner is loops:
            values = row.reshape(rows, -1)
            return Rows.of(values, base.repeat(rows), np.tile(np.arange(rows), frames))
        return Rows.of(row[None], base, np.zeros(len(base), np.int64))

    @property
    def length(self) -> int:
        """
        The numbers of a row.
        """
        return self.shapes.shape[1]

    @cached_property
    def rise(self) -> Numbers:
        """
        The last number of each row, from its base.
        """
        return self.shapes[:, -1][self.kind]

    @property
    def last(self) -> Numbers:
        """
        The last number of each row.
        """
        return self.base + self.rise

    @property
    def flat(self) -> Numbers:
        """
        All numbers.
        """
        return self.part(slice(None))

    def part(self, rows: slice) -> Numbers:
        """
        All numbers of some rows.
        """
        return (self.base[rows, None] + self.shapes[self.kind[rows]]).reshape(-1)

    def same(self, other: Rows) -> bool:
        """
        Whether two have the same numbers, in rows of the same length.
        """
        if not np.array_equal(self.base, other.base):
            return False
        first, _ = classes([self.kind, other.kind], len(self.base))
        return np.array_equal(self.shapes[self.kind[first]], other.shapes[other.kind[first]])

    def moved(self, by: int) -> Rows:
        """
        All numbers moved.
        """
        return Rows(self.shapes, self.kind, self.base + by)

    def filled(self, number: int) -> Rows:
        """
        The same number in every place.
        """
        nothing = np.zeros((1, self.length), np.int64)
        return Rows(nothing, np.zeros_like(self.kind), np.full_like(self.base, number))

    def cut(self, parts: int) -> Rows:
        """
        Every row as so many rows.
        """
        if parts == 1:
            return self
        pieces = self.shapes.reshape(-1, self.length // parts)
        kind = (self.kind[:, None] * parts + np.arange(parts)).reshape(-1)
        return Rows.of(pieces, self.base.repeat(parts), kind)

    def plus(self, other: Rows, sign: int = 1) -> Rows:
        """
        The sum, or the difference, number by number.
        """
        first, kind = classes([self.kind, other.kind], len(self.base))
        values = self.shapes[self.kind[first]] + sign * other.shapes[other.kind[first]]
        return Rows.of(values, self.base + sign * other.base, kind)

    def at_most(self, limit: int) -> Rows:
        """
        The numbers, or the limit where they exceed it.
        """
        room = np.clip(limit - self.base, 0, self.rise)
        first, kind = classes([self.kind, room], len(self.base))
        values = np.minimum(self.shapes[self.kind[first]], room[first, None])
        return Rows.of(values, np.minimum(self.base, limit), kind)

    def highest(self) -> Rows:
        """
        The highest number so far, at least 0; these need not rise.
        """
        peaks = np.maximum.accumulate(self.shapes, axis=1)
        most = peaks[:, -1][self.kind]
        before = np.maximum.accumulate(np.concatenate([[0], self.base + most]))[:-1]
        ahead = self.base - before
        kept = np.clip(ahead, -most, 0)  # below, a row is as high as before; above, all is its own
        first, kind = classes([self.kind, kept], len(kept))
        values = np.maximum(0, kept[first, None] + peaks[self.kind[first]])
        return Rows.of(values, before + np.maximum(0, ahead), kind)

    def ranks(self, others: Rows, side: Literal["left", "right"]) -> Rows:
        """
        How many of these numbers lie below each of others, or are not above it (`right`).
        """
        low, high = (np.maximum(np.searchsorted(self.base, at, side) - 1, 0) for at in (others.base, others.last))
        keys = [others.kind]
        for step in range(int((high - low).max()) + 1):
            row = np.minimum(low + step, high)
            keys += [self.kind[row], self.base[row] - others.base]
        first, kind = classes(keys, len(low))
        return Rows.of(counts(self, low[first], high[first], others, first, side), low * self.length, kind)

    @property
    def index(self) -> Rows:
        """
        The place of each number.
        """
        count = len(self.base)
        return Rows(np.arange(self.length)[None], np.zeros(count, np.int64), np.arange(count) * self.length)

    @property
    def top(self) -> int:
        """
        The greatest number.
        """
        return int((self.base + self.shapes.max(axis=1)[self.kind]).max())

    def mirrored(self) -> Rows:
        """
        The negative numbers in reverse, which rise too.
        """
        return Rows(self.shapes[:, -1:] - self.shapes[:, ::-1], self.kind[::-1], -self.last[::-1])

    def delayed(self, count: int, fill: int) -> Rows:
        """
        The same numbers after `count` further ones, as many in all.
        """
        whole, part = divmod(count, self.length)
        padded = Rows.of(
            np.vstack([self.shapes, np.zeros((1, self.length), np.int64)]),
            np.concatenate([np.full(whole + 1, fill), self.base])[: len(self.base) + 1],
            np.concatenate([np.full(whole + 1, len(self.shapes)), self.kind])[: len(self.base) + 1],
        )
        earlier, later = (Rows(padded.shapes, padded.kind[at], padded.base[at]) for at in (slice(-1), slice(1, None)))
        if not part:
            return later
        apart = later.base - earlier.base
        first, kind = classes([earlier.kind, later.kind, apart], len(apart))
        heads = padded.shapes[later.kind[first], : self.length - part] + apart[first, None]
        values = np.hstack([padded.shapes[earlier.kind[first], self.length - part :], heads])
        return Rows.of(values, earlier.base, kind)


def row_count(kind: StreamType) -> int:
    """
    The rows of a frame; the positions of one that has a single row.
    """
    return kind.rows.data if kind.rows.data > 1 else kind.columns.data


Loops: TypeAlias = tuple[tuple[int, int], ...]


def split(loops: Loops, rows: int) -> tuple[Loops, Loops] | None:
    """
    Nested loops as those over `rows` rows and those within one; None where rows do not begin with a loop.
    """
    for index, (count, step) in enumerate(loops):
        done = prod(count for count, _ in loops[:index])
        if rows % done:
            return None
        if rows <= done * count:
            outer = rows // done
            if count % outer:
                return None
            inner = count // outer
            return (*loops[:index], (outer, step * inner)), ((inner, step), *loops[index + 1 :])
    return None


def outer_sum(loops: Loops) -> Numbers:
    """
    The sums of all indices times their steps, the last loop inside.
    """
    total = np.zeros(1, np.int64)
    for count, step in loops:
        total = (total[:, None] + np.arange(count) * step).reshape(-1)
    return total


@dataclass(frozen=True)
class Marks:
    """
    A value for each mark of a rising sequence, that holds until the next mark. Values rise too.
    """

    at: Rows
    values: Rows


@dataclass(frozen=True)
class Span:
    """
    For each row of queries, the rows with the last marks up to them: the first and the last one, the value that holds
    at first, and the value that holds in the end.
    """

    marks: Marks
    first: Numbers
    last: Numbers
    low: Numbers
    high: Numbers

    @staticmethod
    def of(queries: Rows, marks: Marks, floor: int) -> Span:
        """
        The spans of all rows of queries; `floor` holds before the first mark.
        """
        starts, values = marks.at.base, marks.values
        first, last = (np.searchsorted(starts, found, side="right") - 1 for found in (queries.base, queries.last))
        low, high = np.where(first < 0, floor, values.base[first]), np.where(last < 0, floor, values.last[last])
        return Span(marks, np.maximum(first, 0), np.maximum(last, 0), low, high)

    def keys(self, queries: Rows) -> list[Numbers]:
        """
        What the values of a row depend on, from `low` on.
        """
        found: list[Numbers] = []
        for step in range(int((self.last - self.first).max()) + 1):
            row = np.minimum(self.first + step, self.last)
            for rows, origin in ((self.marks.at, queries.base), (self.marks.values, self.low)):
                found += [rows.kind[row], rows.base[row] - origin]
        return found

    def values(self, rows: Numbers, queries: Rows, floor: int) -> Numbers:
        """
        The values of some rows of queries [row, query], from `low` on.
        """
        marks, values, first = self.marks.at, self.marks.values, self.first[rows]
        at = counts(marks, first, self.last[rows], queries, rows, "right") - 1
        place = np.maximum(at, 0)
        row = first[:, None] + place // marks.length
        found = values.base[row] + values.shapes[values.kind[row], place % marks.length]
        return np.where(at < 0, floor, found) - self.low[rows, None]


def counts(
    marks: Rows, first: Numbers, last: Numbers, queries: Rows, rows: Numbers, side: Literal["left", "right"]
) -> Numbers:
    """
    How many numbers in the rows `first` to `last` of marks lie below each number of a row of queries, or are not above
    it (`right`): [row of `rows`, query]. All rows are searched at once, each in a range of numbers of its own.
    """
    found = np.empty((len(rows), queries.length), np.int64)
    numbers, bases = queries.shapes[queries.kind[rows]], queries.base[rows]
    beyond = int(numbers.max()) + 1
    for width in np.unique(last - first):
        alike = np.flatnonzero(last - first == width)
        length = (int(width) + 1) * marks.length
        for some in np.array_split(alike, -(-len(alike) * length // AT_ONCE)):
            row: Numbers = first[some, None] + np.arange(int(width) + 1)
            apart = (marks.base[row] - bases[some, None])[..., None] + marks.shapes[marks.kind[row]]
            own = np.arange(len(some))[:, None]
            sought = apart.reshape(len(some), length).clip(-1, beyond) + own * (beyond + 2)
            places = np.searchsorted(sought.reshape(-1), (numbers[some] + own * (beyond + 2)).reshape(-1), side)
            found[some] = places.reshape(len(some), -1) - own * length
    return found


def latest(queries: Rows, sources: Sequence[Marks], floor: int) -> Rows:
    """
    The highest value of any source at each query; `floor` before its first mark.
    """
    spans = [Span.of(queries, source, floor) for source in sources]
    origin = np.max([span.low for span in spans], axis=0)
    behind = [np.maximum(span.low - origin, span.low - span.high) for span in spans]  # clipped where all is below
    keys = [queries.kind, *behind, *(key for span in spans for key in span.keys(queries))]
    first, kind = classes(keys, len(origin))
    found = [span.values(first, queries, floor) + low[first, None] for span, low in zip(spans, behind, strict=True)]
    return Rows.of(np.max(found, axis=0), origin, kind)
