"""
What fixed point costs, layer by layer: each operation at [fixed] is given the exact operands that [folded] has, rounded
to their formats, so that an error is seen where it arises and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, i1
from xdsl.ir import Attribute, SSAValue

from blendir.dialects import blend
from blendir.dialects.blend import BlendOp, ConstantOp, FixedType, WordType, element_format, tensor_type
from blendir.interpreter import encode_input, input_type, main_function, output_types, returned_values, run_encoded
from blendir.interpreter.run import chunks, decode_output, frames_at_once, interpreter_of
from blendir.numerics import shifted, signed_bits
from blendir.packing import unpack_words
from blendir.passes.classes import classes_of
from blendir.passes.ranges.ends import EVERYWHERE, Ends, ends_that_matter

BAD_DB, BAD_SATURATED = 10.0, 0.01
"""
A layer is bad below this signal-to-noise ratio (errors of a third of the values, one of forty bits another), or where
more than this share of its values is saturated.
"""
KEPT = 8
"""How many values as large as the largest one are reckoned to be kept of a frame."""
SUMS = (blend.BinaryConv2dOp, blend.BinaryLinearOp, blend.PackedBinaryConv2dOp, blend.PackedBinaryLinearOp)
EXACT = (*SUMS, blend.ArgmaxOp)
"""Sums of bits, and places of the largest, which have no error of their own."""

Array = NDArray[Any]


class Row(TypedDict):
    """
    What is kept of a layer.
    """

    layer: str
    snr_db: float | None
    """Signal-to-noise ratio in dB, of bits as +-1; None where nothing differs."""
    max_error_lsb: float
    """In units of the last place of the result."""
    saturated: float
    """The share, 0..1, of values more than a unit beyond the format; what lies nearer loses about what rounding may."""
    wasted_bits: int
    """The high bits of the format that no value uses."""


@dataclass
class LayerError:
    """
    The error of one layer over all frames, while it is summed up.
    """

    layer: str
    element: Attribute
    signal: float = 0.0
    noise: float = 0.0
    largest: float = 0.0
    count: int = 0
    beyond: int = 0
    low: float = 0.0
    high: float = 0.0

    def add(self, got: Array, want: Array, ends: Ends = EVERYWHERE) -> None:
        """
        Takes in integers (or bits) and the floats, or exact integers, that they should be, within real ends.
        """
        fmt = element_format(self.element)
        units, got = shifted(want.astype(np.float64), fmt.frac), got.astype(np.float64)
        if ends != EVERYWHERE and self.element != i1:
            low, high = (math.ldexp(end, fmt.frac) for end in ends)
            units, got = units.clip(low, high), got.clip(low, high)
        self.signal += units.size / 4 if self.element == i1 else squares(units)  # of bits as +-1/2
        low, high = float(units.min(initial=0.0)), float(units.max(initial=0.0))
        if low < fmt.low - 1 or high > fmt.high + 1:
            self.beyond += int(((units < fmt.low - 1) | (units > fmt.high + 1)).sum())
        got -= units
        self.noise += squares(got)
        self.largest = max(self.largest, float(got.max(initial=0.0)), -float(got.min(initial=0.0)))
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.count += got.size

    def row(self) -> Row:
        """
        What the report keeps.
        """
        snr = 10 * math.log10(self.signal / self.noise) if self.signal and self.noise else 0.0
        wasted = 0
        if isinstance(self.element, FixedType):
            fmt = self.element.format
            ends = (int(np.clip(round(v), fmt.low, fmt.high)) for v in (self.low, self.high))
            wasted = fmt.width - max(2, signed_bits(*ends))
        return {
            "layer": self.layer,
            "snr_db": round(snr, 2) if self.noise else None,
            "max_error_lsb": round(self.largest, 4),
            "saturated": self.beyond / self.count if self.count else 0.0,
            "wasted_bits": wasted,
        }


def squares(x: Array) -> float:
    """
    The sum of the squares of floats.
    """
    flat = x.reshape(-1)
    return float(flat @ flat)


def pairs(folded: ModuleOp, fixed: ModuleOp) -> Iterator[tuple[BlendOp, BlendOp | None]]:
    """
    The operations at [fixed] that compute, in order, each with the one at [folded] that it stands for; None for those
    that only bring an operand to another format. ValueError where the modules are not of the same network.
    """
    whole = (op for op in main_function(folded).body.block.ops if computes(op))
    expected = next(whole, None)
    for op in main_function(fixed).body.block.ops:
        if isinstance(op, BlendOp) and not isinstance(op, ConstantOp):
            if isinstance(expected, BlendOp) and op.layer == expected.layer:
                yield op, expected
                expected = next(whole, None)
            else:
                yield op, None
    if expected is not None:
        raise ValueError(f"[fixed] has no layer {getattr(expected, 'layer_name', expected.name)}, which [folded] has")


def computes(op: object) -> bool:
    """
    Whether an operation is a layer.
    """
    return isinstance(op, BlendOp) and not isinstance(op, ConstantOp)


def layer_errors(folded: ModuleOp, fixed: ModuleOp, x: Array) -> tuple[list[Row], Array]:
    """
    The rows of all layers, in order, over frames x [N, ..], and the first output of [folded]. What lies beyond the ends
    that matter to the readers of a layer counts as these ends.
    """
    twins, ends = dict(pairs(folded, fixed)), ends_that_matter(folded)
    found: dict[BlendOp, LayerError] = {}
    first, outputs = returned_values(folded)[0], [np.zeros((0, *output_types(folded)[0].get_shape()[1:]))]
    for part in chunks(np.asarray(x), measured_at_once(folded)):
        exact = exact_values(folded, part)
        outputs.append(decode_output(exact[first], tensor_type(first).element_type))
        forced = Forced(fixed, part, twins, exact)
        for op, twin in twins.items():
            if twin is not None:
                element = tensor_type(op.results[0]).element_type
                error = found.setdefault(op, LayerError(op.layer_name, i1 if element == WordType() else element))
                want = bits_of(op, exact[twin.results[0]])
                if isinstance(op, SUMS):
                    error.count += want.size
                    continue
                got = want if isinstance(op, EXACT) else bits_of(op, forced.run(op))
                error.add(got, want, ends[twin.results[0]])
    return [error.row() for error in found.values()], np.concatenate(outputs)


def measured_at_once(folded: ModuleOp) -> int:
    """
    How many frames are measured together: the values of all layers are kept.
    """
    return max(1, frames_at_once(folded) // KEPT)


def bits_of(op: BlendOp, value: Array) -> Array:
    """
    A result, where it is words as the bits in them.
    """
    if tensor_type(op.results[0]).element_type != WordType():
        return value
    bits = unpack_words(value, 1)
    return bits[:, : tensor_type(op.input).get_shape()[1]] if isinstance(op, blend.ThresholdOp) else bits


def exact_values(folded: ModuleOp, x: Array) -> dict[SSAValue, Array]:
    """
    What every operation at [folded] computes on frames [N, ..], and the frames themselves.
    """
    seen: dict[SSAValue, Array] = {main_function(folded).body.block.args[0]: encode_input(x, input_type(folded))}
    interpreter = interpreter_of(folded)
    for op in main_function(folded).body.block.ops:
        if isinstance(op, BlendOp):
            (seen[op.results[0]],) = interpreter.run_op(op, tuple(seen[v] for v in op.operands))
    return seen


class Forced:
    """
    Operations at [fixed] whose operands are what [folded] has, rounded once.
    """

    def __init__(
        self,
        fixed: ModuleOp,
        x: Array,
        twins: Mapping[BlendOp, BlendOp | None],
        exact: Mapping[SSAValue, Array],
    ):
        self.twins, self.exact, self.interpreter = twins, exact, interpreter_of(fixed)
        self.known: dict[SSAValue, Array] = {
            main_function(fixed).body.block.args[0]: encode_input(x, input_type(fixed))
        }

    def run(self, op: BlendOp) -> Array:
        """
        The result of an operation.
        """
        (result,) = self.interpreter.run_op(op, tuple(self.operand(v) for v in op.operands))
        return result

    def operand(self, value: SSAValue) -> Array:
        """
        An operand: a constant, the exact value rounded, or what is made of such.
        """
        if value not in self.known:
            op = value.owner
            assert isinstance(op, BlendOp)
            twin = self.twins.get(op)
            self.known[value] = self.run(op) if twin is None else self.rounded(value, self.exact[twin.results[0]])
        return self.known[value]

    def rounded(self, value: SSAValue, exact: Array) -> Array:
        """
        A float in the format of a value; bits and integers are exact.
        """
        kind = tensor_type(value).element_type
        if exact.dtype != np.float64 or not isinstance(kind, FixedType):
            return exact
        return kind.format.encode(exact).astype(np.int32 if kind.format.width <= 32 else np.int64)


def is_bad(row: Row) -> bool:
    """
    Whether a layer loses so much that accuracy is at stake.
    """
    return (row["snr_db"] is not None and row["snr_db"] < BAD_DB) or row["saturated"] > BAD_SATURATED


def worst_of(rows: Sequence[Row]) -> Row | None:
    """
    The row with the lowest signal-to-noise ratio; None where all layers are exact.
    """
    rounded = [(row["snr_db"], index) for index, row in enumerate(rows) if row["snr_db"] is not None]
    return rows[min(rounded)[1]] if rounded else None


def end_to_end(want: Array, fixed: ModuleOp, results: Array) -> dict[str, Any]:
    """
    How the (first) output of [fixed], with all errors in it and as integers, follows that of [folded]: their
    correlation (None for a constant output, or a class), and the share of frames with the same class or largest element
    (None for a single one).
    """
    got = decode_output(results, output_types(fixed)[0].element_type)
    got, want = (y.reshape(len(want), -1) for y in (got, want))
    classes = classes_of(fixed) is not None
    constant = classes or not got.std() or not want.std()
    chosen = (got, want) if classes else (got.argmax(axis=1), want.argmax(axis=1))
    same = float(np.equal(*chosen).mean()) if classes or got.shape[1] > 1 else None
    correlation = None if constant else float(np.corrcoef(got.ravel(), want.ravel())[0, 1])
    return {"frames": len(want), "correlation": correlation, "same_largest": same}


def in_words(row: Row) -> str:
    """
    A row in one line.
    """
    text = f"{row['layer']}: " + ("exact" if row["snr_db"] is None else f"{row['snr_db']:.1f} dB signal to noise")
    return text + (f", {row['saturated']:.2%} saturated" if row["saturated"] else "")


def remedy(row: Row) -> str:
    """
    What to do about a bad row.
    """
    more = "more bits (--option quantize.bits=N, quantize.skip-bits=N)"
    if row["saturated"] > BAD_SATURATED:
        return f"calibrate with more frames, of the kind that will be run, or give it {more}"
    return f"give it {more}"


def quantization_report(folded: ModuleOp, fixed: ModuleOp, x: Array, results: Array | None = None) -> dict[str, Any]:
    """
    What report.json holds of the error of fixed point on frames x [N, ..]. results: the integers of the first output of
    [fixed], where they are known.
    """
    results = run_encoded(fixed, x)[0] if results is None else results
    rows, outputs = layer_errors(folded, fixed, x)
    worst = worst_of(rows)
    return {
        "quantization": rows,
        "worst_layer": None if worst is None else worst["layer"],
        "end_to_end": end_to_end(outputs, fixed, results),
    }
