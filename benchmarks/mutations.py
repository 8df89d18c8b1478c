"""
How soon the random networks of the tests notice that a repair is missing.

Each mutation takes one repair out, by reinstating what was wrong before. Networks are drawn, one per seed, until one of
the checks fails. Ends with 1 if a mutation is never found.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdsl.ir import SSAValue

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from networks import random_network
from stage_checks import check

from blendir import widths
from blendir.backends.hls import print_cpp
from blendir.dialects.blend import AvgPool2dOp, BatchNormOp
from blendir.dialects.stream import ProcessOp
from blendir.frontend import aten_comparison, aten_elementwise, importer
from blendir.interpreter import blend as interpreter
from blendir.numerics import Rounding
from blendir.passes import pack48
from blendir.passes.fold.laws import ways
from blendir.passes.fold.monotone import ExactAffine, ExactBatchNorm
from blendir.passes.quantize import calibration
from blendir.passes.to_stream import products, windows

NETWORKS = 200
Patch = pytest.MonkeyPatch
Mutation = Callable[[Patch], None]
MUTATIONS: dict[str, Mutation] = {}


def mutation(fault: str) -> Callable[[Mutation], Mutation]:
    """
    Enters what takes a repair out under the name of the fault.
    """

    def enter(function: Mutation) -> Mutation:
        MUTATIONS[fault] = function
        return function

    return enter


@mutation("ties behind PReLU are decided on folded numbers")
def rounded_norms(patch: Patch) -> None:
    exact = ways.steps_of

    def rounded(op: ways.Function) -> list[ways.Step]:
        if not isinstance(op, BatchNormOp):
            return exact(op)
        return [affine_of(step) for step in exact(op) if isinstance(step, ExactBatchNorm)]

    patch.setattr(ways, "steps_of", rounded)


def affine_of(norm: ExactBatchNorm) -> ExactAffine:
    """
    A batch normalization as a scale and a shift in doubles.
    """
    scale = float(norm.gamma) / float(norm.variance) ** 0.5
    return ExactAffine(Fraction(0), Fraction(scale), Fraction(float(norm.beta) - float(norm.mean) * scale))


@mutation("averages of averages lose the factor of offsets")
def offsets_of_averages(patch: Patch) -> None:
    before = ways.Way.before_move

    def moved(way: ways.Way, op: ways.Move) -> ways.Way | None:
        found = before(way, op)
        if found is None or not isinstance(op, AvgPool2dOp):
            return found
        return replace(found, gain=Fraction(op.window[0] * op.window[1], op.divisor.value.data))

    patch.setattr(ways.Way, "before_move", moved)


@mutation("products of slopes may need more than 62 bits")
def wide_products(patch: Patch) -> None:
    patch.setattr(widths, "EXACT", 1 << 10)


@mutation("shifts beyond 63 are undefined")
def long_shifts(patch: Patch) -> None:
    def shifted(value: Any, shift: int, rounding: Rounding = Rounding.HALF_UP) -> Any:
        if shift <= 0:
            return value << -shift
        half = 1 << (shift - 1)
        if rounding is Rounding.HALF_EVEN:
            half = half - 1 + ((value >> shift) & 1)
        return (value + half) >> shift

    patch.setattr(interpreter, "round_shift", shifted)


@mutation("zeros choose formats")
def counted_zeros(patch: Patch) -> None:
    add = calibration.Spread.add

    def counted(spread: calibration.Spread, values: Any) -> None:
        add(spread, values)
        spread.moments[1][0] += np.size(values) - np.count_nonzero(values)

    patch.setattr(calibration.Spread, "add", counted)


@mutation("0 and 1 become 0 and 0.99997")
def inexact_sets(patch: Patch) -> None:
    patch.setattr(calibration.Range, "is_exact", lambda self, fmt: False)
    patch.setattr(calibration.Spread, "has_end_beyond", lambda self, fmt: False)


@mutation("dead layers take the bits of what follows")
def dead_layers(patch: Patch) -> None:
    patch.setattr(calibration, "UNSEEN", float("inf"))


@mutation("values below 2**-64 are clipped")
def tiny_values(patch: Patch) -> None:
    excess = calibration.Spread.excess

    def counted(spread: calibration.Spread, exponent: int) -> float:
        if exponent >= -64:
            return excess(spread, exponent)
        scaled = [(2.0 ** (bin - exponent), moment) for bin, moment in spread.moments.items()]
        return sum(m[2] * s * s - 2 * m[1] * s + m[0] for s, m in scaled) / spread.sampled

    patch.setattr(calibration.Spread, "excess", counted)


@mutation("maximum(a, b) loses b")
def lost_operand(patch: Patch) -> None:
    target = "aten.maximum.default"
    entry = importer.TABLE[target]

    def lost(e: Any, x: Any, y: Any) -> Any:
        if isinstance(x, SSAValue) and isinstance(y, SSAValue):
            return aten_elementwise.bounded(e, e.real(x), 0.0, np.inf)
        return entry.translate(e, x, y)

    patch.setitem(importer.TABLE, target, replace(entry, translate=lost))
    patch.setattr(type(entry), "require", lambda *_: None)


@mutation("minimum(a, b) is maximum(a, b)")
def wrong_bound(patch: Patch) -> None:
    larger = aten_elementwise.larger

    def always(e: Any, x: Any, y: Any, sign: int = 1, word: str = "") -> Any:
        both = isinstance(x, SSAValue) and isinstance(y, SSAValue)
        return larger(e, x, y, 1 if both else sign, word)

    patch.setattr(aten_elementwise, "larger", always)


@mutation("a >= b of two values is b >= a")
def turned_comparison(patch: Patch) -> None:
    difference = aten_comparison.difference
    patch.setattr(
        aten_comparison,
        "difference",
        lambda e, x, y: difference(e, y, x) if isinstance(x, SSAValue) else difference(e, x, y),
    )


@mutation("a stream may have two readers")
def two_readers(patch: Patch) -> None:
    patch.setattr(ProcessOp, "verify", super(ProcessOp, ProcessOp).verify)


@mutation("names leave their comments")
def open_comments(patch: Patch) -> None:
    patch.setattr(print_cpp, "comment", lambda text: text)


@mutation("zero padding counts as -1")
def minus_one_outside(patch: Patch) -> None:
    outside = windows.outside_sums
    for module in (products, windows):
        patch.setattr(module, "outside_sums", lambda *arguments: 0 * outside(*arguments))


@mutation("two lanes of a word are exchanged")
def exchanged_lanes(patch: Patch) -> None:
    pack = pack48.pack_words

    def exchanged(bits: Any, axis: int) -> Any:
        order = np.arange(bits.shape[axis])
        order[:2] = order[:2][::-1]
        return pack(bits.take(order, axis), axis)

    patch.setattr(pack48, "pack_words", exchanged)


@contextmanager
def without_repair(fault: str) -> Iterator[None]:
    """
    The compiler with a fault.
    """
    with pytest.MonkeyPatch.context() as patch:
        MUTATIONS[fault](patch)
        yield


def failure(seed: int) -> str | None:
    """
    What the checks say of the network of a seed.
    """
    network = random_network(seed)
    try:
        check(network, seed)
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return None


def finding(fault: str, seed: int) -> str | None:
    """
    The failure by which the network of a seed shows a fault; None if it does not, or if it also fails without the
    fault.
    """
    with without_repair(fault):
        message = failure(seed)
    return message if message is not None and failure(seed) is None else None


def first_found(fault: str, networks: int) -> tuple[int, str] | None:
    """
    The first seed whose network shows a fault, and how.
    """
    found = ((seed, finding(fault, seed)) for seed in range(networks))
    return next(((seed, message) for seed, message in found if message is not None), None)


def table(mutations: Mapping[str, Mutation], networks: int) -> int:
    """
    Prints a row per mutation; the number of those not found.
    """
    missed = 0
    print(f"{'fault':55} {'networks':>8} {'seconds':>8}  found by")
    for fault in mutations:
        start = time.perf_counter()
        found = first_found(fault, networks)
        seconds = time.perf_counter() - start
        missed += found is None
        count, message = ("-", "nothing") if found is None else (str(found[0] + 1), found[1])
        print(f"{fault:55} {count:>8} {seconds:>8.1f}  {message[:100]}", flush=True)
    return missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=NETWORKS, help="how many are drawn at most (default: 200)")
    parser.add_argument("--only", default="", help="faults whose names hold this")
    arguments = parser.parse_args()
    chosen = {fault: found for fault, found in MUTATIONS.items() if arguments.only in fault}
    sys.exit(1 if table(chosen, arguments.networks) else 0)


if __name__ == "__main__":
    main()
