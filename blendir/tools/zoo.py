"""
What the networks of the zoo cost.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from typing import Any

from blendir.models.zoo import ZOO, entry
from blendir.pipeline import lower
from blendir.tools.counts import count
from blendir.tools.inputs import load_model
from blendir.tools.terminal import progress


def model_row(name: str) -> dict[str, Any]:
    """
    The costs and the accuracy of a network; they do not depend on the formats, so nothing is calibrated.
    """
    module = load_model(name, None, None).import_module()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counts = count(lower(module, "packed"))
    return {"name": name, **asdict(counts), "bytes": counts.bytes, "accuracy": entry(name).accuracy}


def model_rows(names: Sequence[str], quiet: bool) -> list[dict[str, Any]]:
    """
    The rows of these networks, or of all; several are counted at the same time, each in a process of its own.
    """
    names = list(dict.fromkeys(names)) or list(ZOO)
    for name in names:
        entry(name)
    if len(names) == 1:
        return [model_row(names[0])]
    rows: list[dict[str, Any]] = []
    with (
        progress("counting", quiet, len(names)) as advance,
        ProcessPoolExecutor(mp_context=get_context("spawn")) as pool,
    ):
        for row in pool.map(model_row, names):
            rows.append(row)
            advance(len(rows))
    return rows
