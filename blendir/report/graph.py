"""
The drawing of a process graph: ranks from top to bottom, edges that skip ranks in lanes at the right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NODE_WIDTH = 250
NODE_HEIGHT = 36
COLUMN = NODE_WIDTH + 40
RANK = 62
LANE = 125
MARGIN = 4


@dataclass(frozen=True)
class Node:
    """
    A process at (x, y), in pixels from the upper left corner.
    """

    row: Mapping[str, Any]
    x: int
    y: int


@dataclass(frozen=True)
class Edge:
    """
    A stream: an SVG path, and where its label stands.
    """

    fifo: Mapping[str, Any]
    path: str
    x: int
    y: int
    skips: bool


@dataclass(frozen=True)
class Graph:
    """
    A drawing of `width` x `height` pixels.
    """

    nodes: list[Node]
    edges: list[Edge]
    width: int
    height: int


def ranks_of(names: Sequence[str], fifos: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """
    The length of the longest way from a source to each process; `names` are in topological order.
    """
    ranks = dict.fromkeys(names, 0)
    for name in names:
        for fifo in fifos:
            if fifo["from"] == name:
                ranks[fifo["to"]] = max(ranks[fifo["to"]], ranks[name] + 1)
    return ranks


def columns_of(names: Sequence[str], fifos: Sequence[Mapping[str, Any]], ranks: Mapping[str, int]) -> dict[str, int]:
    """
    The place of each process in its rank: by the mean place of its producers, then in the order of `names`.
    """
    columns: dict[str, int] = {}
    for rank in range(max(ranks.values()) + 1):
        here = [name for name in names if ranks[name] == rank]
        above = {name: [columns[f["from"]] for f in fifos if f["to"] == name] for name in here}
        here.sort(key=lambda name: sum(above[name]) / max(1, len(above[name])))
        columns |= {name: column for column, name in enumerate(here)}
    return columns


def lanes_of(spans: Sequence[tuple[int, int]]) -> list[int]:
    """
    A lane for each span of ranks, the first that is free.
    """
    ends: list[int] = []
    lanes: list[int] = []
    for start, end in spans:
        lane = next((i for i, taken in enumerate(ends) if taken <= start), len(ends))
        ends[lane : lane + 1] = [end]
        lanes.append(lane)
    return lanes


def draw(rows: Sequence[Mapping[str, Any]], fifos: Sequence[Mapping[str, Any]]) -> Graph:
    """
    Lays out the processes (`layers` of the report, in topological order) and the streams between them.
    """
    names = [row["name"] for row in rows]
    ranks = ranks_of(names, fifos)
    columns = columns_of(names, fifos, ranks)
    nodes = {
        row["name"]: Node(row, MARGIN + columns[row["name"]] * COLUMN, MARGIN + ranks[row["name"]] * RANK)
        for row in rows
    }
    spans = [(ranks[f["from"]], ranks[f["to"]]) for f in fifos]
    long = [i for i, (start, end) in enumerate(spans) if end > start + 1]
    lanes = dict(zip(long, lanes_of([spans[i] for i in long]), strict=True))
    edges: list[Edge] = []
    for index, fifo in enumerate(fifos):
        start, end = nodes[fifo["from"]], nodes[fifo["to"]]
        top, bottom = start.y + NODE_HEIGHT, end.y
        if index in lanes:
            beside = max(columns[name] for name in names if spans[index][0] <= ranks[name] <= spans[index][1])
            lane = MARGIN + (beside + 1) * COLUMN + lanes[index] * LANE
            x1, x2 = start.x + NODE_WIDTH - 16, end.x + NODE_WIDTH - 16
            path = f"M{x1} {top}v6Q{x1} {top + 12} {x1 + 6} {top + 12}H{lane - 6}Q{lane} {top + 12} {lane} {top + 18}"
            path += f"V{bottom - 18}Q{lane} {bottom - 12} {lane - 6} {bottom - 12}"
            path += f"H{x2 + 6}Q{x2} {bottom - 12} {x2} {bottom - 6}V{bottom}"
            edges.append(Edge(fifo, path, lane + 4, (top + bottom) // 2, True))
            continue
        x1, x2, middle = start.x + NODE_WIDTH // 3, end.x + NODE_WIDTH // 3, (top + bottom) // 2
        path = f"M{x1} {top}V{bottom}" if x1 == x2 else f"M{x1} {top}C{x1} {middle} {x2} {middle} {x2} {bottom}"
        edges.append(Edge(fifo, path, max(x1, x2) + 6, top + 11 if x1 > x2 else bottom - 8, False))
    width = MARGIN + (max(columns.values()) + 1) * COLUMN + (max(lanes.values(), default=-1) + 1) * LANE
    return Graph(list(nodes.values()), edges, width, MARGIN * 2 + max(ranks.values()) * RANK + NODE_HEIGHT)
