"""
The cheapest or the fastest layout of a whole design, exactly: one choice per process, and width converters where
neighbours differ, by constraint programming (OR-tools CP-SAT, one worker, fixed seed, no time limit).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

from xdsl.ir import SSAValue

from blendir.dialects import stream
from blendir.dialects.stream import ProcessOp, stream_type
from blendir.hardware.cost import PRICES
from blendir.hardware.foldings import (
    BUDGETED,
    Choice,
    Converter,
    choices,
    converter,
    paper_choices,
    streams_read,
    window_before,
)
from blendir.hardware.processes import process_of

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import CpModel, CpSolver, IntVar

SCALE = 16
"""Prices are whole multiples of a sixteenth of a LUT."""
WEIGHTS = tuple(round(SCALE * PRICES[kind]) for kind in BUDGETED)
Limits = Mapping[str, int]
Pairs = dict[tuple[int, int], Converter]


@dataclass
class Space:
    """
    All layouts of a design: the choices of each process, and for each stream, by what its ends write and read, what
    stands between.
    """

    choices: dict[ProcessOp, list[Choice]]
    edges: list[tuple[ProcessOp, ProcessOp, Pairs]]
    candidates: list[int] = field(init=False)

    def __post_init__(self) -> None:
        cycles = {c.cycles for made in self.choices.values() for c in made}
        cycles |= {p.cycles for _, _, pairs in self.edges for p in pairs.values()}
        self.candidates = sorted(cycles - {0})

    def may_fit(self, cycles: int, limits: Limits) -> bool:
        """
        Whether every process has a layout that is fast enough, and the least of each resource fits.
        """
        least = dict.fromkeys(limits, 0)
        for made in self.choices.values():
            fast = [c.cost for c in made if c.cycles <= cycles]
            if not fast:
                return False
            for kind in limits:
                least[kind] += min(cost[BUDGETED.index(kind)] for cost in fast)
        return all(least[kind] <= limit for kind, limit in limits.items())


@dataclass(frozen=True)
class Solution:
    """
    A choice for each process, the slowest of them, and what they and their converters cost.
    """

    chosen: dict[ProcessOp, Choice]
    cycles: int
    cost: dict[str, int]


def pairs_of(producer: Sequence[Choice], consumer: Sequence[Choice], op: ProcessOp, value: SSAValue) -> Pairs:
    """
    The groups that may meet in a stream; a line buffer takes what its producer writes, and the output anything.
    """
    kind = stream_type(value)
    writes, reads = ({c.writes for c in producer}, {c.reads for c in consumer})
    if window_before(op) is not None or not process_of(op).converted:
        return {(group, group): converter(kind, group, group) for group in sorted(writes & reads)}
    return {(w, r): converter(kind, w, r) for w in sorted(writes) for r in sorted(reads)}


def space_of(made: dict[ProcessOp, list[Choice]]) -> Space:
    """
    The layouts of processes with these choices.
    """
    edges: list[tuple[ProcessOp, ProcessOp, Pairs]] = []
    for op in made:
        for value in streams_read(op):
            producer = value.owner
            assert isinstance(producer, ProcessOp)
            edges.append((producer, op, pairs_of(made[producer], made[op], op, value)))
    return Space(made, edges)


def layouts(found: Sequence[ProcessOp], xnor: str, preset: str | None = None, most: float = inf) -> Space:
    """
    All layouts of processes that are not scheduled, or those of a preset, of at most so many cycles.
    """
    made = {op: choices(op, xnor, most) for op in found if not isinstance(op, stream.WindowOp)}
    if preset is not None:
        made = {op: paper_choices(op, kept) for op, kept in made.items()}
    return space_of(made)


class Model:
    """
    The constraint model of a space at a number of cycles per frame.
    """

    def __init__(self, space: Space, cycles: int):
        from ortools.sat.python.cp_model import CpModel

        self.model: CpModel = CpModel()
        self.terms: list[tuple[IntVar, tuple[int, ...]]] = []
        self.feasible = True
        self.picks: dict[ProcessOp, list[tuple[Choice, IntVar]]] = {}
        for op, made in space.choices.items():
            fast = [c for c in made if c.cycles <= cycles]
            self.picks[op] = [(c, self.one_of(c.cost)) for c in fast]
            self.exactly_one([pick for _, pick in self.picks[op]])
        for producer, consumer, pairs in space.edges:
            self.connect(producer, consumer, {k: p for k, p in pairs.items() if p.cycles <= cycles})

    def one_of(self, cost: tuple[int, ...]) -> IntVar:
        """
        A decision with a cost.
        """
        pick = self.model.new_bool_var("")
        if any(cost):
            self.terms.append((pick, cost))
        return pick

    def exactly_one(self, picks: Sequence[IntVar]) -> None:
        """
        One of several decisions.
        """
        self.feasible &= bool(picks)
        if picks:
            self.model.add_exactly_one(picks)

    def connect(self, producer: ProcessOp, consumer: ProcessOp, pairs: Pairs) -> None:
        """
        What stands in a stream fits what its ends chose.
        """
        met = {key: self.one_of(made.cost) for key, made in pairs.items()}
        for side, op in enumerate((producer, consumer)):
            sides = {(c.writes, c.reads)[side] for c, _ in self.picks[op]}
            for group in sides:
                ends = [pick for c, pick in self.picks[op] if (c.writes, c.reads)[side] == group]
                self.model.add(sum(ends) == sum(v for k, v in met.items() if k[side] == group))

    def total(self, weights: Sequence[int]) -> Any:
        """
        A weighted sum of the costs.
        """
        return sum(pick * sum(map(int.__mul__, weights, cost)) for pick, cost in self.terms)

    def limit(self, limits: Limits) -> None:
        """
        Upper bounds on resources.
        """
        for index, kind in enumerate(BUDGETED):
            if kind in limits:
                self.model.add(self.total([int(index == i) for i in range(len(BUDGETED))]) <= limits[kind])

    def solve(self, weights: Sequence[int]) -> Solution | None:
        """
        The layout of the least weighted cost; None where there is none.
        """
        from ortools.sat.python.cp_model import CpSolver

        if not self.feasible:
            return None
        self.model.minimize(self.total(weights))
        solver: CpSolver = CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = 0
        solver.parameters.linearization_level = 2  # the relaxation is nearly integral: proofs take no search
        if solver.status_name(solver.solve(self.model)) != "OPTIMAL":
            return None
        chosen = {op: next(c for c, pick in picks if solver.value(pick)) for op, picks in self.picks.items()}
        used = [cost for pick, cost in self.terms if solver.value(pick)]
        cost: dict[str, int] = dict(zip(BUDGETED, map(sum, zip(*used, strict=True)), strict=True))
        return Solution(chosen, max(c.cycles for c in chosen.values()), cost)


def cheapest(space: Space, cycles: int, limits: Limits, weights: Sequence[int] = WEIGHTS) -> Solution | None:
    """
    The layout of least cost that needs at most `cycles` cycles per frame within `limits`; None where there is none.
    """
    model = Model(space, cycles)
    model.limit(limits)
    return model.solve(weights)


def first(count: int, fits: Callable[[int], bool]) -> int | None:
    """
    The first of the numbers below `count` that fits, where all after one that fits do too; the first ones are tried
    first.
    """
    low, step = 0, 1
    while low + step <= count and not fits(low + step - 1):
        low, step = low + step, 2 * step
    index = bisect_left(range(count), True, low, min(low + step - 1, count), key=fits)
    return index if index < count else None


def fastest_cycles(space: Space, limits: Limits) -> int | None:
    """
    The least cycles per frame within `limits`; None where even the slowest layout does not fit.
    """
    candidates = space.candidates
    start = bisect_left(candidates, True, key=lambda cycles: space.may_fit(cycles, limits))
    index = first(len(candidates) - start, lambda i: cheapest(space, candidates[start + i], limits) is not None)
    return None if index is None else candidates[start + index]
