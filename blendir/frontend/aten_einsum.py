"""
Products by `torch.einsum`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.ir import SSAValue

from blendir.dialects.blend import LinearOp, TransposeOp
from blendir.frontend.aten_elementwise import Operand
from blendir.frontend.aten_shape import reshaped
from blendir.frontend.aten_window import pointwise
from blendir.frontend.emitter import Array, Emitter, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.table import Result, translates


@translates("einsum", "einsum.default")
def einsum(e: Emitter, equation: str, tensors: Sequence[Operand], path: object = None) -> Result:
    """
    A linear layer on what the value and the constant have in common.
    """
    labels, result = labels_of(e, equation, len(tensors))
    values = [(i, t) for i, t in enumerate(tensors) if isinstance(t, SSAValue)]
    if len(values) > 1:
        raise UntranslatableError(f"{e.site.target} of {equation}: of two values that depend on the input")
    ((place, x),) = values
    own, (other, weight) = labels[place], (labels[1 - place], np.asarray(tensors[1 - place], np.float64))
    summed = [c for c in own if c in other]
    kept, made = ([c for c in names if c not in summed] for names in (own, other))
    if own[0] in summed or result[:1] != own[0] or set(result) != {*kept, *made} or len(result) != len({*kept, *made}):
        raise UntranslatableError(f"{e.site.target} of {equation} (only sums over what both have, of each frame alone)")
    matrix = weight.transpose([other.index(c) for c in (*made, *summed)])
    matrix = matrix.reshape(int(np.prod(matrix.shape[: len(made)])), -1)
    sizes = dict(zip(own + other, (*shape_of(x), *weight.shape), strict=True))
    y = product(e, ordered(e, e.real(x), own, [*kept, *summed], "rows"), matrix, [sizes[c] for c in kept])
    return ordered(e, reshaped(e, y, [sizes[c] for c in (*kept, *made)], "parts"), kept + made, list(result), "")


def labels_of(e: Emitter, equation: str, count: int) -> tuple[list[list[str]], str]:
    """
    The letters of two operands and of the result.
    """
    terms, _, result = equation.replace(" ", "").partition("->")
    labels = [list(term) for term in terms.split(",")]
    if count != 2 or not result or "." in equation or any(len(set(term)) < len(term) for term in labels):
        raise UntranslatableError(f"{e.site.target} of {equation} (only of two operands with a letter per dimension)")
    return labels, result


def product(e: Emitter, x: SSAValue, matrix: Array, kept: Sequence[int]) -> SSAValue:
    """
    A linear layer [O, K] on the last dimensions, which have K elements, behind those that are kept.
    """
    rows, offsets = reshaped(e, x, [*kept, matrix.shape[1]], "input"), np.zeros(len(matrix))
    if len(kept) > 1:
        return pointwise(e, rows, matrix, offsets)
    return e.emit(LinearOp(rows, e.constant(matrix, "weight"), e.constant(offsets, "bias")))


def ordered(e: Emitter, x: SSAValue, labels: list[str], wanted: list[str], word: str) -> SSAValue:
    """
    The dimensions in another order.
    """
    return x if labels == wanted else e.emit(TransposeOp(x, [labels.index(c) for c in wanted]), word)
