"""
What a process costs in DSPs, LUTs, flip-flops, block RAMs and UltraRAMs, at the parallelism it has or at another.

An estimate, put together by each process from `primitives.py`; no vendor tool has confirmed any of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from blendir.dialects.stream import ProcessOp, stream_type
from blendir.hardware import primitives
from blendir.hardware.devices import KINDS, device
from blendir.hardware.primitives import Cost
from blendir.hardware.processes import process_of
from blendir.hardware.processes.base import Folding, Process

REFERENCE = device("xcvu9p")
PRICES = {"lut": 1.0} | {kind: REFERENCE.lut / getattr(REFERENCE, kind) / 2 for kind in ("dsp", "bram18", "uram")}
"""
LUTs for which one of each is traded: half of what its share of an xcvu9p is worth, since streaming binary networks
run out of LUTs first. Flip-flops come with LUTs and are not priced.
"""


def process_cost(process: Process[Any], folding: Folding) -> Cost:
    """
    A process at a folding, without its FIFOs.
    """
    return primitives.process() + process.cost(folding)


def fifo_cost(op: ProcessOp) -> Cost:
    """
    The FIFOs behind a process, as they were sized.
    """
    cost = Cost()
    if op.fifo_depths is not None and op.fifo_storage is not None:
        for value, depth, storage in zip(op.outputs, op.fifo_depths.get_values(), op.fifo_storage.data, strict=True):
            cost += primitives.fifo(stream_type(value).payload, int(depth), storage.data)
    return cost


def cost_of(op: ProcessOp) -> dict[str, int]:
    """
    What a process costs as it is, with its FIFOs.
    """
    process = process_of(op)
    cost = process_cost(process, process.folding) + fifo_cost(op)
    return {kind: cost[kind] for kind in KINDS}


def total_cost(costs: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """
    The sum of process costs.
    """
    total = Cost()
    for cost in costs:
        total.update(cost)
    return {kind: total[kind] for kind in KINDS}


def price(cost: Mapping[str, int]) -> float:
    """
    A cost in LUTs.
    """
    return sum(PRICES[kind] * cost.get(kind, 0) for kind in PRICES)
