"""
Conversion between numpy arrays and `dense<>` attributes. All other code uses these functions.

xDSL does not compare the number of elements of a dense attribute with its shape. These functions do.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    BytesAttr,
    DenseIntOrFPElementsAttr,
    Float64Type,
    IntegerType,
    Signedness,
    TensorType,
    i1,
)
from xdsl.ir import Attribute


def storage_dtype(element: Attribute) -> np.dtype[Any]:
    """
    The numpy type with the memory layout of a dense element. i1 is stored as int8, with true = -1 (0xFF).
    """
    match element:
        case Float64Type():
            return np.dtype(np.float64)
        case IntegerType():
            kind = "u" if element.signedness.data == Signedness.UNSIGNED else "i"
            return np.dtype(f"{kind}{element.compile_time_size}")
        case _:
            raise ValueError(f"a dense constant cannot hold elements of type {element}")


def dense_from_numpy(array: NDArray[Any], element: IntegerType | Float64Type) -> DenseIntOrFPElementsAttr[Any]:
    """
    A dense attribute with the values and the shape of an array.

    Integers must fit the element type. Booleans are accepted only for i1.
    """
    dtype = storage_dtype(element)
    if isinstance(element, IntegerType) and element.width.data == 1:
        if array.dtype != np.bool_:
            raise ValueError(f"i1 constants are made from booleans, got {array.dtype}")
        array = -(array.astype(np.int8))
    elif array.dtype != dtype:
        if not np.array_equal(converted := array.astype(dtype), array):
            raise ValueError(f"values of type {array.dtype} do not fit {element}")
        array = converted
    data = np.ascontiguousarray(array).tobytes()
    return DenseIntOrFPElementsAttr(TensorType(element, array.shape), BytesAttr(data))


def dense_to_numpy(attr: DenseIntOrFPElementsAttr[Any]) -> NDArray[Any]:
    """
    The array of a dense attribute (read-only; i1 as bool).

    Raises ValueError if the number of elements does not match the shape.
    """
    element = cast(Attribute, attr.get_element_type())
    shape = attr.get_shape()
    dtype = storage_dtype(element)
    flat = np.frombuffer(attr.data.data, dtype)
    count = int(np.prod(shape, dtype=np.int64))
    if flat.size != count:
        raise ValueError(f"dense constant of shape {list(shape)} needs {count} elements but holds {flat.size}")
    if element == i1:
        return (flat != 0).reshape(shape)
    return flat.reshape(shape)
