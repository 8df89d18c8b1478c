"""
Tables as files for `$readmemh`.

A line is what is read at once: all lanes of an address side by side, lane 0 lowest, each entry in two's complement.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from blendir.hardware.processes.unit import Table


def entry_bits(table: Table) -> int:
    """
    The bits of an entry; a plain number takes as many as the greatest one.
    """
    return table.width or max(1, int(table.values.max()).bit_length())


def addresses(table: Table) -> NDArray[np.bool_]:
    """
    A table as bits [addresses, bits of a line], lowest bit first.

    Its values are [addresses], [lanes, addresses] or [lanes, addresses, elements]; bools are single bits. Lanes that
    share the ports of a memory are copies, of which the file has one.
    """
    values = np.asarray(table.values)
    if values.ndim == 1:
        values = values[None]
    if table.storage is not None and table.storage.ports > 1:
        values = values[:1]
    lines = np.moveaxis(values, 1, 0)
    if values.dtype != np.bool_:
        shifts = np.arange(min(64, entry_bits(table)), dtype=np.int64)
        bits = words(lines)[..., None] >> shifts & 1
        lines = bits.astype(np.bool_)
    return lines.reshape(len(lines), -1)


def words(values: NDArray[Any]) -> NDArray[np.int64]:
    """
    Values as 64-bit words; unsigned ones keep their bits.
    """
    return values.view(np.int64) if values.dtype == np.uint64 else values.astype(np.int64)


def hex_text(table: Table) -> str:
    """
    The file of a table.
    """
    packed = np.packbits(addresses(table), axis=1, bitorder="little")
    digits = -(-addresses(table).shape[1] // 4)
    lines = (int.from_bytes(row.tobytes(), "little") for row in packed)
    return "".join(f"{line:0{digits}x}\n" for line in lines)
