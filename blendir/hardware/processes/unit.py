"""
Units: the functions of a hardware library that compute processes, in no language yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import SSAValue

from blendir.dialects.blend import RoundingAttr, element_format, tensor_type
from blendir.dialects.blend.exact import table_bits
from blendir.dialects.stream import StreamType
from blendir.numerics import Format, Rounding

ROUND = {Rounding.HALF_UP: 0, Rounding.HALF_EVEN: 1}


@dataclass(frozen=True)
class Storage:
    """
    What keeps a table, lutram or bram, and through how many ports it is read.
    """

    kind: str
    ports: int


@dataclass(frozen=True)
class Table:
    """
    A constant array of the design: `bits<width>` or `sint<width>` elements, or plain unsigned integers (width 0).

    Bits wider than 64 are given as rows of bools along the last axis of `values`. `storage` is what was chosen to keep
    it; one whose second axis has a single entry is constants all the same.
    """

    suffix: str
    signed: bool
    width: int
    values: NDArray[Any]
    storage: Storage | None = None


@dataclass(frozen=True)
class Unit:
    """
    A call `function<config>(streams.., tables.., frames)`.
    """

    function: str
    config: dict[str, int]
    tables: tuple[Table, ...] = ()


def element_config(kind: StreamType, width: str = "E", sign: str = "IS_SIGNED") -> dict[str, int]:
    """
    The configuration fields of an element type.
    """
    return {width: kind.format.width, sign: int(kind.format.signed)}


def plain_frame(kind: StreamType) -> dict[str, int]:
    """
    P, C and G of a unit without parameters.
    """
    return {"P": kind.positions, "C": kind.length.data, "G": kind.group.data}


def parameter_frame(kind: StreamType, count: int) -> dict[str, int]:
    """
    P and C of an elementwise unit: parameters of a position repeat, parameters of a frame do not.
    """
    return {"P": kind.positions if count == kind.length.data else 1, "C": count, "G": kind.group.data}


def signed_table(suffix: str, values: NDArray[Any], *constants: SSAValue, storage: Storage | None = None) -> Table:
    """
    A table of the narrowest signed integers that hold the constants which its values are from.
    """
    return Table(suffix, True, max(map(table_bits, constants)), values, storage)


def by_group(values: NDArray[Any], group: int) -> NDArray[Any]:
    """
    Per-element parameters as [group][beats]: element beat * group + g at [g][beat].
    """
    return values.reshape(-1, group).T


def stored(kept: StringAttr | None, ports: int) -> Storage | None:
    """
    What an attribute says of a table's storage.
    """
    return Storage(kept.data, ports) if kept is not None else None


def rounded(frac: int, rounding: RoundingAttr, result: Format) -> dict[str, int]:
    """
    The configuration of rounding and saturating a number of `frac` fractional bits to a result.
    """
    return {"SHIFT": frac - result.frac, "ROUND": ROUND[rounding.data], "EO": result.width}


def fixed_frac(value: SSAValue) -> int:
    """
    Fractional bits of a fixed-point constant.
    """
    return element_format(tensor_type(value).element_type).frac
