"""
Builds `blend` operations: layers, names, constants, and helpers that several ATen operations share.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import StringAttr, f64, i1, i64
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.utils.exceptions import VerifyException

from blendir.dialects.blend import (
    PIXELS,
    AffineOp,
    BitsToValueOp,
    BlendOp,
    ConstantOp,
    ReshapeOp,
    SignOp,
    ThresholdOp,
    UnsupportedOp,
    constant_value,
    element_format,
    is_real,
    tensor_type,
)
from blendir.dialects.blend.base import REPAIR
from blendir.frontend.errors import UntranslatableError

Array: TypeAlias = NDArray[Any]
Constant: TypeAlias = Array | float


@dataclass(frozen=True)
class Padded:
    """
    A value with a border, (left, right, top, bottom), of one number or one per channel, that the next convolution or
    pool takes over.
    """

    value: SSAValue
    border: tuple[int, int, int, int]
    fill: Array | float

    @property
    def pads(self) -> tuple[int, int, int, int]:
        """
        The border as padding: top, left, bottom, right.
        """
        left, right, top, bottom = self.border
        return top, left, bottom, right


@dataclass(frozen=True)
class Site:
    """
    The operation being translated: its place in the model and its result.

    `path` becomes its layer if no other operation has that layer. `is_module` says that the operation is a whole
    module.
    """

    path: str
    target: str
    is_module: bool = False
    shape: tuple[int, ...] = ()
    dtype: str = ""
    source_dtype: str = ""


@dataclass(frozen=True)
class Levels:
    """
    The two values that a tensor takes: `bits ? high : low`.
    """

    bits: SSAValue
    high: Array
    low: Array


@dataclass(frozen=True)
class Equality:
    """
    What a bit says: `value == other`, or `value != other` if inverted.
    """

    value: SSAValue
    other: Constant | SSAValue
    inverted: bool


@dataclass(frozen=True)
class Rounding:
    """
    `clamp(rounding(source))` for a rounding by name; infinite bounds wait for a clamp.
    """

    source: SSAValue
    name: str
    low: float = -math.inf
    high: float = math.inf


class Names:
    """
    Hands out layers, each once; a module keeps its own path.
    """

    def __init__(self, modules: Iterable[str]):
        self.modules = frozenset(modules)
        self.used: set[str] = set()

    def unique(self, name: str, is_module: bool = False) -> str:
        """
        The name, or the name with the first free number.
        """
        candidate, count = name, 0
        while candidate in self.used or (candidate in self.modules and not (is_module and count == 0)):
            count += 1
            candidate = f"{name}.{count}"
        self.used.add(candidate)
        return candidate


def value_name(layer: str) -> str:
    """
    The name of a value in the printed IR, without trailing digits: the printer numbers equal names itself.
    """
    name = re.sub(r"(_\d+)+$", "", re.sub(r"\W", "_", layer, flags=re.ASCII))
    return name if name and not name[0].isdigit() else f"layer{name}"


def shape_of(value: object) -> tuple[int, ...]:
    """
    The shape of an operand that must be a value, not a constant.
    """
    if not isinstance(value, SSAValue):
        raise UntranslatableError("a constant where a value that depends on the input is expected")
    return tensor_type(cast(SSAValue, value)).get_shape()


def collapse(array: Array, shape: Sequence[int]) -> Array:
    """
    A constant that broadcasts to `shape`. Every dimension along which it does not vary has size 1.
    """
    sizes = zip(array.shape[::-1], tuple(shape)[::-1], strict=False)
    if array.ndim > len(shape) or any(own not in (1, size) for own, size in sizes):
        raise UntranslatableError(f"a constant of shape {list(array.shape)} does not fit {list(shape)}")
    array = array.reshape((1,) * (len(shape) - array.ndim) + array.shape)
    for axis in range(array.ndim):
        first = array.take([0], axis)
        if array.shape[axis] > 1 and bool((array == first).all()):
            array = first
    return array


def per_channel(shape: Sequence[int], *constants: Constant) -> tuple[int, list[Array]]:
    """
    The one axis along which constants vary, and their numbers along it.
    """
    arrays = [collapse(np.asarray(c), shape) for c in constants]
    axes = varying(shape, *arrays)
    if len(axes) > 1:
        raise UntranslatableError(f"constants vary along dimensions {sorted(axes)}, only one is supported")
    axis = axes.pop() if axes else 1
    if len(shape) <= axis:
        raise UntranslatableError(f"a tensor of shape {list(shape)} has no channels")
    return axis, [np.ascontiguousarray(np.broadcast_to(a.reshape(-1), (shape[axis],))) for a in arrays]


def varying(shape: Sequence[int], *constants: Constant) -> set[int]:
    """
    The axes along which constants vary.
    """
    arrays = [collapse(np.asarray(c), shape) for c in constants]
    return {axis for array in arrays for axis, size in enumerate(array.shape) if size > 1}


def separate(array: Array) -> dict[int, Array] | None:
    """
    The factors along each axis, channels last, whose product equals an array up to rounding; None if there are none.
    """
    peak = np.unravel_index(np.abs(array).argmax(), array.shape)
    axes = sorted((axis for axis, size in enumerate(array.shape) if size > 1), reverse=True)
    factors: dict[int, Array] = {}
    for axis in axes:
        line = array[tuple(slice(None) if a == axis else slice(i, i + 1) for a, i in enumerate(peak))]
        factors[axis] = line if axis == axes[-1] else line / array[peak]
    product = math.prod(factors.values(), start=np.ones(()))
    return factors if bool((np.abs(product - array) <= 1e-12 * np.abs(array[peak])).all()) else None


def integer_limits(x: SSAValue, limits: Array) -> NDArray[np.int64]:
    """
    The integers that decide on pixels as real thresholds do.
    """
    fmt = element_format(tensor_type(x).element_type)
    return np.clip(np.ceil(limits), fmt.low - 1, fmt.high + 1).astype(np.int64)


class Emitter:
    """
    Appends operations to a block. Every operation belongs to the site that is being translated.
    """

    def __init__(self, block: Block, modules: Iterable[str]):
        self.block = block
        self.names = Names(modules)
        self.levels: dict[SSAValue, Levels] = {}
        self.pixels: dict[SSAValue, SSAValue] = {}
        self.roundings: dict[SSAValue, Rounding] = {}
        self.equalities: dict[SSAValue, Equality] = {}
        self.enter(Site("main", "main"))

    def enter(self, site: Site) -> None:
        """
        Begins the translation of another operation.
        """
        self.site = site
        self.own_layer: str | None = None

    @property
    def layer(self) -> str:
        """
        The layer of the site's main operation, taken when the first operation needs it.
        """
        if self.own_layer is None:
            self.own_layer = self.names.unique(self.site.path, self.site.is_module)
        return self.own_layer

    def emit(self, op: BlendOp, word: str = "") -> SSAValue:
        """
        Appends an operation: the main one of the site, or a further one, whose layer ends in `word`.
        """
        layer = self.names.unique(f"{self.layer}.{word}") if word else self.layer
        op.layer = StringAttr(layer)
        try:
            op.verify()
        except VerifyException:
            op.drop_all_references()
            raise
        self.block.add_op(op)
        op.results[0].name_hint = value_name(layer)
        return op.results[0]

    def constant(self, array: Array, word: str, element: Attribute = f64) -> SSAValue:
        """
        Appends a constant, named after the operation that takes it.
        """
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise UntranslatableError(f"{self.site.target} with a {word} that is not finite; {REPAIR}")
        op = ConstantOp.from_numpy(array.astype(np.float64) if element == f64 else array, element)
        self.block.add_op(op)
        op.result.name_hint = value_name(f"{self.layer}.{word}")
        return op.result

    def unsupported(self, why: str, inputs: Sequence[SSAValue], kind: Attribute) -> SSAValue:
        """
        Appends a placeholder that is an error if it stays alive.
        """
        return self.emit(UnsupportedOp(why, inputs, kind))

    def affine(
        self,
        x: SSAValue,
        center: Constant = 0.0,
        scale: Constant = 1.0,
        offset: Constant = 0.0,
        word: str = "",
    ) -> SSAValue:
        """
        `(x - center) * scale + offset`. On bits it is a choice between two values. If it changes nothing, no operation
        is made.
        """
        if (known := self.levels.get(x)) is not None:
            return self.select(known.bits, *((v - center) * scale + offset for v in (known.high, known.low)), word=word)
        x = self.pixels.get(x, x)
        shape = shape_of(x)
        if len(shape) == 1:
            column = self.emit(ReshapeOp(x, (1, 1)), f"{word}.column".lstrip("."))
            inner = self.affine(column, center, scale, offset, word)
            return self.emit(ReshapeOp(inner, shape), f"{word}.row".lstrip("."))
        if len(shape) > 2 and len(varying(shape, center, scale, offset)) > 1:
            return self.affine_of_frame(x, center, scale, offset, word)
        axis, (c, s, o) = per_channel(shape, center, scale, offset)
        if is_real(x) and not c.any() and not o.any() and bool((s == 1).all()):
            return x
        parameters = (self.constant(a, w) for a, w in ((c, "center"), (s, "scale"), (o, "offset")))
        return self.emit(AffineOp(x, *parameters, axis=axis), word)

    def affine_of_frame(self, x: SSAValue, center: Constant, scale: Constant, offset: Constant, word: str) -> SSAValue:
        """
        The same with numbers that vary along several axes. If they are products of scales along each axis, as in
        XNOR-Net++ (Bulat and Tzimiropoulos, 2019), each axis gets an affine. Otherwise the flattened frame gets one
        affine.
        """
        shape = shape_of(x)
        factors = separate(collapse(np.asarray(scale), shape))
        if factors is not None and not np.any(center) and not np.any(offset):
            for axis, factor in list(factors.items())[:-1]:
                x = self.affine(x, scale=factor, word=f"{word or 'axis'}{axis}")
            return self.affine(x, scale=list(factors.values())[-1], word=word)
        flat = self.emit(ReshapeOp(x, (1, int(np.prod(shape)))), f"{word or 'frame'}.flat")
        numbers = (np.broadcast_to(v, shape).reshape(1, -1) for v in (center, scale, offset))
        return self.emit(ReshapeOp(self.affine(flat, *numbers, word=f"{word or 'frame'}.affine"), shape), word)

    def select(self, bits: SSAValue, high: Constant, low: Constant, word: str = "") -> SSAValue:
        """
        `bits ? high : low`. For +1 and -1 it needs only the bits, inverted if the two are exchanged.
        """
        high, low = np.asarray(high, np.float64), np.asarray(low, np.float64)
        axis, (up, down) = per_channel(shape_of(bits), high, low)
        if bool((up == -down).all() and (np.abs(up) == 1).all()):
            flipped = self.flip(bits, axis, up < 0) if (up < 0).any() else bits
            result = self.emit(BitsToValueOp(flipped), word)
        else:
            value = self.emit(BitsToValueOp(bits), "value")
            scale, offset = (up - down) / 2, (up + down) / 2
            parameters = (self.constant(a, w) for a, w in ((0 * up, "center"), (scale, "scale"), (offset, "offset")))
            result = self.emit(AffineOp(value, *parameters, axis=axis), word)
        self.levels[result] = Levels(bits, high, low)
        return result

    def flip(self, bits: SSAValue, axis: int, mask: Array) -> SSAValue:
        """
        Inverts the bits of the masked channels in the comparison that makes them.
        """
        op = bits.owner
        if isinstance(op, SignOp):
            zeros = np.zeros(shape_of(op.input)[axis])
            return self.threshold(op.input, axis, zeros, mask, "inverted")
        if isinstance(op, ThresholdOp) and (op.axis.value.data == axis or bool(mask.all())):
            axis = op.axis.value.data
            invert = constant_value(op.invert)
            mask = np.broadcast_to(mask[:1], invert.shape) if mask.all() else mask
            return self.threshold(op.input, axis, constant_value(op.threshold), invert ^ mask, "inverted")
        raise UntranslatableError(f"{self.site.target} inverts bits that no comparison made")

    def threshold(self, x: SSAValue, axis: int, limits: Array, invert: Array, word: str = "") -> SSAValue:
        """
        `(x >= limit) xor invert`. On pixels, the limits are the integers that decide in the same way.
        """
        if is_real(x):
            level = self.constant(limits, "threshold")
        else:
            level = self.constant(integer_limits(x, limits), "threshold", i64)
        return self.emit(ThresholdOp(x, level, self.constant(invert, "invert", i1), axis), word)

    def real(self, x: object) -> SSAValue:
        """
        A value as float: bits as 1 and 0, pixels as they are.
        """
        shape_of(x)
        value = cast(SSAValue, x)
        element = tensor_type(value).element_type
        if element == i1:
            return self.select(value, 1.0, 0.0, "cast")
        if element in PIXELS:
            cast_value = self.affine(value, word="cast")
            self.pixels[cast_value] = value
            return cast_value
        return value
