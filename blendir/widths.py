"""
The rule of widths: how many bits an exact result has, and whether a machine word holds it.

Widths count the bits of signed numbers. An exact result is a sum of at most two terms, on the finer of their grids. A
term has at most EXACT bits, so that the sum and its rounding fit a WORD. Verifiers, `quantize`, the interpreter, the
units of the C++ and the cost model all use these functions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from blendir.numerics import STANDARD_FRAC, Format, signed_bits

WORD = 64
"""Bits of the widest number in the interpreter and the C++."""
EXACT = WORD - 2
"""Bits of the widest term. A sum of two terms needs one more bit, and rounding the sum another one."""
NORM_LIMIT = 1 << (EXACT // 2)
"""The largest product of count and magnitude in a layer normalization, which sums squares."""
EPSILON_LIMIT = 1 << (EXACT - 1)
"""The largest epsilon that may be added to the sums of a layer normalization."""
ROOT_BITS = 18
"""Bits of the mantissa of a reciprocal root, as a signed number."""

Terms: TypeAlias = Mapping[str, Format]
"""The terms of an exact result, by the names that messages use for them."""


def signed(fmt: Format) -> Format:
    """
    The signed format that holds the integers of a format.
    """
    return Format(fmt.width + (not fmt.signed), fmt.frac)


def magnitude(fmt: Format) -> int:
    """
    The largest absolute integer of a format.
    """
    return max(-fmt.low, fmt.high)


def product(a: Format, b: Format) -> Format:
    """
    The format of an exact product.
    """
    return Format(signed(a).width + signed(b).width, a.frac + b.frac)


def sum_of(term: Format, count: int) -> Format:
    """
    The format of a sum of at most `count` numbers of one format.
    """
    return Format(max(2, signed_bits(min(term.low, 0) * count, term.high * count)), term.frac)


def average(source: Format, taps: int, divisor: int) -> Format:
    """
    The format of a sum of `taps` numbers divided by a power of two. Its integers are those of the sum.
    """
    return Format(sum_of(source, taps).width, source.frac + divisor.bit_length() - 1)


def row_sum(weight: NDArray[Any]) -> int:
    """
    The largest sum of weight magnitudes of one output, for weights [O, ..].
    """
    if not weight.size:
        return 0
    count, most = weight[0].size, max(abs(int(weight.min())), abs(int(weight.max())))
    wide = object if count * most >> (WORD - 1) else np.int64
    return int(np.abs(weight.astype(wide)).reshape(len(weight), -1).sum(axis=1).max())


def row_bound(weight: Format, count: int) -> int:
    """
    An upper bound of `row_sum` for `count` weights of a format.
    """
    return count * magnitude(weight)


def accumulator(source: Format, weight: Format, row: int) -> Format:
    """
    The format of sums of products with weights whose magnitudes sum to at most `row`.
    """
    limit = row * magnitude(source)
    return Format(signed_bits(-limit, limit), source.frac + weight.frac)


def sums_of_products(source: Format, weight: Format, bias: Format, row: int) -> Terms:
    """
    The terms of a convolution or linear layer.
    """
    return {"a sum of products": accumulator(source, weight, row), "a bias": bias}


def piece(source: Format, slope: Format, offset: Format) -> Terms:
    """
    The terms of a piece of a piecewise linear function.
    """
    return {"a product": product(source, slope), "an offset": offset}


def operands(a: Format, b: Format) -> Terms:
    """
    The terms of an addition.
    """
    return {"the left operand": signed(a), "the right operand": signed(b)}


def counts(steps: Iterable[int], planes: int, vector: int) -> Format:
    """
    The format of the sum of `step * 2**j * count` over all steps and all j below `planes`, where each count is at most
    `vector`.
    """
    most = [step * ((1 << planes) - 1) * vector for step in steps]
    return Format(signed_bits(sum(v for v in most if v < 0), sum(v for v in most if v > 0)), 0)


def exact_sum(a: Format, b: Format) -> Format:
    """
    The format that holds every sum of two numbers, on the finer of their grids.
    """
    frac = max(a.frac, b.frac)
    low, high = ((getattr(a, end) << (frac - a.frac)) + (getattr(b, end) << (frac - b.frac)) for end in ("low", "high"))
    return Format(signed_bits(low, high), frac)


def exact_product(a: Format, b: Format) -> Format:
    """
    The format that holds every product of two numbers.
    """
    ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    return Format(max(2, signed_bits(min(ends), max(ends))), a.frac + b.frac)


def exact_affine(largest: int, row: int, addend: int, frac: int, less: int = 0) -> Format:
    """
    The format with `frac` fractional bits of a sum of products plus an addend, rounded to `less` bits less. The
    integers have a magnitude of at most `largest`; the magnitudes of the weights sum to `row`.
    """
    limit = (largest * row + addend >> less) + (less > 0)
    return Format(max(2, signed_bits(-limit, limit)), frac)


def total(terms: Terms) -> Format:
    """
    The format of the exact sum of terms on the finest of their grids.
    """
    frac = max(term.frac for term in terms.values())
    return Format(max(term.width + frac - term.frac for term in terms.values()) + (len(terms) > 1), frac)


def rounding(width: int, shift: int) -> int:
    """
    The bits needed to round away `shift` bits of a number; a negative shift appends bits instead.
    """
    return width + 1 if shift > 0 else width - shift


def settling(terms: Terms, frac: int) -> int:
    """
    The bits needed to form a sum of terms and round it to `frac` fractional bits.
    """
    exact = total(terms)
    return rounding(exact.width, exact.frac - frac)


def problem(terms: Terms, frac: int) -> str | None:
    """
    The reason why a word cannot form a sum of terms and round it to `frac` fractional bits; None if it can.
    """
    exact = total(terms)
    for what, term in terms.items():
        width = term.width + exact.frac - term.frac
        if width > EXACT:
            grid = f" with {exact.frac} fractional bits" if width != term.width else ""
            return f"{what} of {width} bits{grid} is wider than {EXACT}"
    width = settling(terms, frac)
    if width > WORD:
        return (
            f"a sum of {exact.width} bits, brought from {exact.frac} to {frac} fractional bits, takes {width}, "
            f"more than {WORD}"
        )
    return None


def coarsened(result: Format, terms: Terms) -> Format:
    """
    A result's format with fewer fractional bits, as far as a word needs this to form the sum and round it. The dropped
    bits are finer than the grid of the sum, and the range of the format stays.
    """
    beyond = settling(terms, result.frac) - WORD
    if beyond <= 0 or total(terms).frac >= result.frac:
        return result
    return Format(max(2, result.width - beyond), result.frac - beyond)


@dataclass(frozen=True)
class NormWidths:
    """
    Widths of a layer normalization: sums, sums of squares, the spread (the scaled variance), and a standardized
    element.
    """

    sums: int
    squares: int
    spread: int
    standard: int

    @property
    def fits(self) -> bool:
        """
        Whether a word holds every intermediate number.
        """
        scaled = max(self.sums + 1 + ROOT_BITS, self.spread // 2 + 2) + 1
        return max(self.squares, self.spread, scaled) <= WORD


def norm(source: Format, count: int, epsilon: int) -> NormWidths:
    """
    The widths for `count` elements. The magnitude of a standardized element is at most sqrt(count).
    """
    width, bits = signed(source).width, count.bit_length()
    most = (count * magnitude(source)) ** 2 + epsilon
    limit = (math.isqrt(count) + 1) << STANDARD_FRAC
    return NormWidths(width + bits, 2 * width + bits, most.bit_length() + 1, signed_bits(-limit, limit))


def fits_norm(source: Format, count: int) -> bool:
    """
    Whether the sums of a layer normalization over `count` integers of a format fit a word, for every epsilon.
    """
    return count * magnitude(source) <= NORM_LIMIT and norm(source, count, EPSILON_LIMIT).fits


def normalized(norm: NormWidths, gamma: Format, beta: Format) -> Terms:
    """
    The terms of a layer normalization's results.
    """
    return {"a product": product(Format(norm.standard, STANDARD_FRAC), gamma), "beta": beta}
