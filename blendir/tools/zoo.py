"""
What the networks of the zoo cost.
"""

from __future__ import annotations

import warnings
from typing import Any

from blendir.models.zoo import ZOO
from blendir.passes.pipeline import lower
from blendir.tools.counts import count
from blendir.tools.inputs import load_model
from blendir.tools.terminal import progress


def model_rows(quiet: bool) -> list[dict[str, Any]]:
    """
    The costs and accuracy of every network; they do not depend on the formats, so nothing is calibrated.
    """
    rows: list[dict[str, Any]] = []
    with progress("counting", quiet, len(ZOO)) as advance:
        for done, entry in enumerate(ZOO.values()):
            module = load_model(entry.name, None, None).import_module()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                counts = count(lower(module, "packed"))
            rows.append(
                {
                    "name": entry.name,
                    "bmac": counts.bmac,
                    "fpmac": counts.fpmac,
                    "binary_weight_bits": counts.binary_weight_bits,
                    "fixed_words": counts.fixed_words,
                    "bytes": counts.bytes,
                    "accuracy": entry.accuracy,
                }
            )
            advance(done + 1)
    return rows
