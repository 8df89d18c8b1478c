"""
Arrays in `dense<>` attributes: every storage type, through text, with counts checked.
"""

from typing import Any

import numpy as np
import pytest
from modules import Net, reparsed
from xdsl.dialects.builtin import (
    BytesAttr,
    DenseIntOrFPElementsAttr,
    Float64Type,
    IntegerType,
    Signedness,
    TensorType,
    f32,
    f64,
    i1,
    i8,
    i16,
    i32,
    i64,
)
from xdsl.ir import Attribute
from xdsl.utils.exceptions import VerifyException

from blendir.dense import dense_from_numpy, dense_to_numpy, storage_dtype
from blendir.dialects.blend import ConstantOp, FixedType, constant_value, word

ui8 = IntegerType(8, Signedness.UNSIGNED)
STORAGE: list[IntegerType | Float64Type] = [f64, i1, ui8, i8, i16, i32, i64]


def sample(element: IntegerType | Float64Type, count: int) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(count)
    if element == f64:
        special = [0.0, 5e-324, 1e300, -np.inf, np.inf, 1 / 3]
        return np.concatenate([special, rng.normal(size=count)])[:count]
    if element == i1:
        return rng.integers(0, 2, count).astype(np.bool_)
    info = np.iinfo(storage_dtype(element))
    values = rng.integers(info.min, info.max, count, info.dtype, endpoint=True)
    values[:2] = info.min, info.max
    return values


@pytest.mark.parametrize("element", STORAGE, ids=str)
@pytest.mark.parametrize("count", [2, 100, 101, 257])
def test_round_trip_through_text(element: IntegerType | Float64Type, count: int) -> None:
    array = sample(element, count)
    assert np.array_equal(dense_to_numpy(dense_from_numpy(array, element)), array)
    net = Net((1,))
    net.constant(array, element)
    again = reparsed(net.module(net.input))
    (made,) = [op for op in again.walk() if isinstance(op, ConstantOp)]
    back = constant_value(made.result)
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize("width", [2, 8, 9, 16, 17, 32, 33, 64])
@pytest.mark.parametrize("count", [3, 120])
def test_fixed_point_round_trip(width: int, count: int) -> None:
    kind = FixedType(width, 3)
    values = np.random.default_rng(0).integers(kind.format.low, kind.format.high, count, endpoint=True)
    net = Net((1,))
    net.constant(values, kind)
    (made,) = [op for op in reparsed(net.module(net.input)).walk() if isinstance(op, ConstantOp)]
    assert made.numpy().tolist() == values.tolist()
    assert f"tensor<{count}x!blend.fixed<{width}, 3>>" in str(made)


def test_words_are_stored_as_i64() -> None:
    op = ConstantOp.from_numpy(np.array([(1 << 48) - 1, 0]), word)
    assert str(op.value.get_element_type()) == "i64"
    assert op.numpy().tolist() == [(1 << 48) - 1, 0]


@pytest.mark.parametrize("values", [[np.inf], [-np.inf, -np.inf], [-np.inf] * 200, [1.0, np.inf, -np.inf]])
def test_infinite_thresholds_survive_text(values: list[float]) -> None:
    net = Net((1,))
    net.constant(values)
    (made,) = [op for op in reparsed(net.module(net.input)).walk() if isinstance(op, ConstantOp)]
    assert made.numpy().tolist() == values


def test_true_is_all_ones() -> None:
    attr = dense_from_numpy(np.array([True, False]), i1)
    assert attr.data.data == b"\xff\x00"


@pytest.mark.parametrize(("shape", "held"), [((2, 3), 5), ((2, 3), 7), ((4,), 0)])
def test_count_mismatch_is_refused(shape: tuple[int, ...], held: int) -> None:
    data = BytesAttr(np.zeros(held, np.int16).tobytes())
    attr = DenseIntOrFPElementsAttr(TensorType(i16, shape), data)
    message = f"needs {np.prod(shape)} elements but holds {held}"
    with pytest.raises(ValueError, match=message):
        dense_to_numpy(attr)
    with pytest.raises(VerifyException, match=message):
        ConstantOp(attr).verify()


@pytest.mark.parametrize(("values", "element"), [([300], i8), ([-1], ui8), ([0.5], i32), ([1 << 40], i32)])
def test_what_does_not_fit_is_refused(values: list[float], element: IntegerType) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        dense_from_numpy(np.array(values), element)


def test_bits_are_made_from_booleans_only() -> None:
    with pytest.raises(ValueError, match="i1 constants are made from booleans, got int64"):
        dense_from_numpy(np.array([1, 0]), i1)


@pytest.mark.parametrize("value", [128, -129])
def test_fixed_point_out_of_range_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="do not fit !blend"):
        ConstantOp.from_numpy(np.array([value]), FixedType(8, 4))


@pytest.mark.parametrize("element", [f32, word], ids=str)
def test_other_elements_are_refused(element: Attribute) -> None:
    with pytest.raises(ValueError, match=f"elements of type {element}"):
        storage_dtype(element)


def test_arrays_are_read_only() -> None:
    array = dense_to_numpy(dense_from_numpy(np.zeros(3), f64))
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1.0
