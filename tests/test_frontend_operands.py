"""
Every translation given values of the input where it may expect constants: the import is right, or refused by layer.
"""

from itertools import combinations, product

import numpy as np
import pytest
import torch
from imports import image
from torch import Tensor, nn

import blendir
from blendir.frontend import UnsupportedModelError, fake_quantize, from_torch
from blendir.frontend.importer import TABLE

PLANE, MATRIX = (1, 4, 4, 4), (1, 16)
CHANNELS = ((4,),) * 4
GEOMETRY = ([1, 1], [1, 1], [1, 1], False, [0, 0], 1)
GIVEN = {
    "_native_batch_norm_legit_no_training.default": (PLANE, *CHANNELS, 0.1, 1e-5),
    "_prelu_kernel.default": (PLANE, (1, 4, 1, 1)),
    "addmm.default": ((5,), MATRIX, (16, 5)),
    "cat.default": ([PLANE, PLANE], 1),
    "channel_shuffle.default": (PLANE, 2),
    "conv1d.default": ((1, 4, 6), (5, 4, 3), (5,)),
    "conv1d.padding": ((1, 4, 6), (5, 4, 3), (5,), [1], "same"),
    "conv2d.default": (PLANE, (5, 4, 3, 3), (5,)),
    "conv_transpose1d.default": ((1, 4, 6), (4, 5, 3), (5,)),
    "conv_transpose2d.input": (PLANE, (4, 5, 3, 3), (5,)),
    "conv2d.padding": (PLANE, (5, 4, 3, 3), (5,), [1, 1], "same"),
    "convolution.default": (PLANE, (5, 4, 3, 3), (5,), *GEOMETRY),
    "einsum.default": ("nchw,ck->nkhw", [PLANE, (4, 5)]),
    "group_norm.default": (PLANE, 2, (4,), (4,), 1e-5),
    "index.Tensor": (PLANE, [None, (4,)]),
    "index_put.default": (PLANE, [(PLANE, "bits")], (1,)),
    "index_select.default": (PLANE, 1, (4,)),
    "instance_norm.default": (PLANE, (4,), (4,), None, None, True, 0.1, 1e-5, False),
    "layer_norm.default": (MATRIX, [16], (16,), (16,)),
    "linear.default": (MATRIX, (5, 16), (5,)),
    "matmul.default": (MATRIX, (16, 5)),
    "mm.default": (MATRIX, (16, 5)),
    "native_layer_norm.default": (MATRIX, [16], (16,), (16,), 1e-5),
    "prelu.default": (PLANE, (4,)),
    "where.Scalar": ((PLANE, "bits"), 2.0, 3.0),
    "where.ScalarOther": ((PLANE, "bits"), PLANE, 3.0),
    "where.ScalarSelf": ((PLANE, "bits"), 2.0, PLANE),
    "where.self": ((PLANE, "bits"), PLANE, PLANE),
}
"""The shapes of the operands of each operation with several, where they are not all alike."""


def targets() -> dict[str, int]:
    """
    The ATen operations of the table that take more than one tensor, and how many; quantizers have tests of their own
    (test_frontend_quantizers.py).
    """
    found: dict[str, int] = {}
    for name in TABLE:
        if not name.startswith("aten.") or name in fake_quantize.NAMES:
            continue
        base, _, overload = name.removeprefix("aten.").partition(".")
        schema = getattr(getattr(torch.ops.aten, base), overload)._schema
        kinds = [str(a.type) for a in schema.arguments]
        several = sum(2 if "List[" in k else 1 for k in kinds if "Tensor" in k)
        if several > 1:
            found[name.removeprefix("aten.")] = several
    return found


class Applied(nn.Module):
    """
    An operation on operands of given shapes, of which some are made of the input.
    """

    def __init__(self, name: str, computed: tuple[int, ...]):
        super().__init__()
        self.name, self.computed = name, computed

    def operand(self, x: Tensor, index: int, shape: tuple[int, ...]) -> Tensor:
        count = int(np.prod(shape))
        if index not in self.computed:
            return (torch.arange(count, dtype=x.dtype) * 0.37 - 0.8).sin().abs().reshape(shape) + 0.1
        scaled = x * (0.75 + 0.5 * index) + 0.1
        if shape == MATRIX:
            return scaled[:, :1].flatten(1)
        return scaled if shape == PLANE else scaled.flatten().repeat(12)[:count].reshape(shape)

    def forward(self, x: Tensor) -> Tensor:
        base, _, overload = self.name.partition(".")
        index = -1

        def made(given: object) -> object:
            nonlocal index
            if isinstance(given, tuple):
                index += 1
                if given[-1] == "bits":
                    return self.operand(x, index, given[0]) > 0
                value = self.operand(x, index, given)
                return (
                    (value.abs() * 2).long().clamp(0, 3)
                    if self.name.startswith(("index.", "index_select")) and index
                    else value
                )
            return [made(g) for g in given] if (isinstance(given, list) and None in given) or is_list(given) else given

        count = targets()[self.name]
        arguments = [made(g) for g in GIVEN.get(self.name, (PLANE,) * count)]
        result = getattr(getattr(torch.ops.aten, base), overload)(*arguments)
        result = result[0] if isinstance(result, tuple) else result
        return result.to(x.dtype) + 0.0 * x.sum() if not self.computed else result.to(x.dtype)


def is_list(given: object) -> bool:
    return isinstance(given, list) and isinstance(given[0], tuple)


def operands(name: str) -> int:
    shapes = GIVEN.get(name, (PLANE,) * targets()[name])
    return sum(isinstance(s, tuple) for part in shapes for s in (part if isinstance(part, list) else [part]))


CASES = [
    (name, chosen)
    for name in sorted(targets())
    for count in {1, operands(name)}
    for chosen in combinations(range(operands(name)), count)
    if name != "type_as.default" or 0 in chosen  # of the other one only the type is taken
]


@pytest.mark.parametrize(("name", "computed"), CASES)
def test_computed_operands(name: str, computed: tuple[int, ...]) -> None:
    model = Applied(name, computed).eval()
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 4, 4, 4)).astype(np.float32))
    with torch.no_grad():
        want = np.concatenate([model(frame[None].double()).numpy() for frame in x])
    refused: list[tuple[str, str]] = []
    try:
        module = from_torch(model, image())
    except UnsupportedModelError as error:
        refused = error.operations
    if refused:
        assert all(layer and reason for layer, reason in refused)
    else:
        np.testing.assert_allclose(blendir.run(module, x.numpy()), want, rtol=1e-12, atol=1e-12)


SUPPORTED = (
    "add.Tensor",
    "sub.Tensor",
    "mul.Tensor",
    "maximum.default",
    "minimum.default",
    "clamp.Tensor",
    "where.self",
)


@pytest.mark.parametrize("name", [*SUPPORTED, *(f"{c}.Tensor" for c in ("ge", "gt", "le", "lt"))])
def test_pairs_of_values_import(name: str) -> None:
    """
    What is not refused above.
    """
    from_torch(Applied(name, tuple(range(operands(name)))).eval(), image())


@pytest.mark.parametrize(("strict", "first"), list(product((True, False), (True, False))))
def test_choice_of_a_value_and_its_multiple_is_a_prelu(strict: bool, first: bool) -> None:
    class Chosen(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            condition = x > 0 if strict else x >= 0
            return torch.where(condition, x, 0.25 * x) if first else torch.where(condition.logical_not(), 0.25 * x, x)

    module = str(from_torch(Chosen().eval(), image()))
    assert module.count("blend.prelu") == 1
    assert "blend.multiply" not in module


@pytest.mark.parametrize(("slope", "op"), [(0.0, "prelu"), (0.3, "prelu"), (1.5, "add"), (-0.5, "add")])
def test_maximum_of_a_value_and_its_multiple(slope: float, op: str) -> None:
    """
    A slope above 1 or below 0 is another function.
    """

    class Larger(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.maximum(slope * x, x)

    module = from_torch(Larger().eval(), image())
    assert f"blend.{op}" in str(module)
    x = np.linspace(-3, 3, 64).reshape(1, 4, 4, 4).astype(np.float32)
    np.testing.assert_allclose(blendir.run(module, x), np.maximum(slope * x.astype(np.float64), x), rtol=1e-12)
