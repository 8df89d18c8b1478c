"""
Parameters that are no numbers, and numbers that are written as bits.
"""

import math
import struct
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from modules import parsed
from onnx import numpy_helper
from onnx_files import OnnxFile
from torch import nn
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin
from xdsl.dialects.func import Func
from xdsl.utils.exceptions import VerifyException

import blendir
from blendir.dialects import get_all_dialects
from blendir.dialects.parsing import parse_text
from blendir.frontend import from_onnx, from_torch
from blendir.modules import parse_module

BAD = {"nan": math.nan, "infinity": math.inf, "minus": -math.inf}


class Blocks(nn.Module):
    """
    Every kind of layer with parameters.
    """

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.PReLU(4))
        self.head = nn.Linear(4 * 4 * 4, 2)
        self.limit = nn.Parameter(torch.zeros(1, 4, 1, 1))
        self.unused = nn.Parameter(torch.full((3,), math.nan))

    def forward(self, x):
        y = self.stem(x)
        return self.head(torch.where(y >= self.limit, 1.0, -1.0).to(y.dtype).flatten(1))


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize(
    "name",
    [
        *(f"stem.0.{n}" for n in ("weight", "bias")),
        *(f"stem.1.{n}" for n in ("weight", "bias", "running_mean", "running_var")),
        *("stem.2.weight", "head.weight", "head.bias", "limit"),
    ],
)
def test_a_parameter_that_is_no_number_is_named(name: str, kind: str):
    model = Blocks().eval()
    model.state_dict()[name].view(-1)[1 % model.state_dict()[name].numel()] = BAD[kind]
    message = rf"^parameter {name} has 1 value that is not finite \(NaN or infinity\); repair the parameters"
    with pytest.raises(ValueError, match=message) as caught:
        from_torch(model, torch.zeros(1, 3, 6, 6))
    assert len(str(caught.value).splitlines()) == 1


def test_parameters_that_nothing_reads_may_be_anything():
    from_torch(Blocks().eval(), torch.zeros(1, 3, 6, 6))


@pytest.mark.parametrize("variance", [-2e-5, -0.5])
def test_a_negative_variance_is_named(variance: float):
    model = Blocks().eval()
    model.stem[1].running_var[2] = variance
    with pytest.raises(ValueError, match=r"^stem\.1: running_var \+ eps is .*, but should be above 0; repair the par"):
        from_torch(model, torch.zeros(1, 3, 6, 6))


def test_a_variance_that_epsilon_mends_is_as_in_pytorch():
    model = Blocks().eval()
    model.stem[1].running_var[2] = -1e-6
    x = torch.randn(3, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = model.double()(x.double()).numpy()
    np.testing.assert_allclose(blendir.run(from_torch(model, x), x.numpy()), expected, atol=1e-9)


ONES = np.ones(3)


@pytest.mark.parametrize(
    ("operation", "place"),
    [("Conv", 0), ("Conv", 1), ("BatchNormalization", 0), ("BatchNormalization", 3), ("PRelu", 0), ("Add", 0)],
)
@pytest.mark.parametrize("kind", BAD)
def test_a_tensor_of_an_onnx_file_is_named(operation: str, place: int, kind: str, tmp_path: Path):
    constants = {
        "Conv": [np.ones((3, 3, 1, 1)), ONES],
        "BatchNormalization": [ONES, ONES, ONES, ONES],
        "PRelu": [np.ones((3, 1, 1))],
        "Add": [np.ones((1, 3, 1, 1))],
    }[operation]
    constants = [c.copy() for c in constants]
    constants[place].flat[0] = BAD[kind]
    file = OnnxFile((1, 3, 4, 4))
    path = file.save(tmp_path / "net.onnx", file.add(operation, "input", *constants, name="/stem/act"))
    with pytest.raises(
        ValueError, match=rf"(constant{place}\b|stem\.act).*not finite.*repair the parameters"
    ) as caught:
        from_onnx(path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_negative_variance_of_an_onnx_file_is_named(tmp_path: Path):
    file = OnnxFile((1, 3, 4, 4))
    path = file.save(
        tmp_path / "n.onnx", file.add("BatchNormalization", "input", ONES, ONES, ONES, -ONES, name="/bn/n")
    )
    with pytest.raises(ValueError, match=r"^bn\.n: running_var \+ eps is -0.99999 in places, but should be above 0"):
        from_onnx(path)


def test_infinite_bounds_of_an_onnx_file_are_no_bounds(tmp_path: Path):
    file = OnnxFile((1, 3))
    path = file.save(tmp_path / "n.onnx", file.add("Clip", "input", np.float32(-np.inf), np.float32(1.0)))
    assert blendir.run(from_onnx(path), np.array([[-9.0, 0.5, 9.0]])).tolist() == [[-9.0, 0.5, 1.0]]


NORM = """func.func @main(%x: tensor<1x2xf64>) -> tensor<1x2xf64> {{
  %g = blend.constant dense<{gamma}> : tensor<2xf64>
  %o = blend.constant dense<0.0> : tensor<2xf64>
  %v = blend.constant dense<{variance}> : tensor<2xf64>
  %y = "blend.batch_norm"(%x, %g, %o, %o, %v) {{epsilon = {epsilon} : f64, layer = "stem.norm"}}
    : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %y : tensor<1x2xf64>
}}"""
THRESHOLD = """func.func @main(%x: tensor<1x2xf64>) -> tensor<1x2xf64> {{
  %t = blend.constant dense<{limits}> : tensor<2xf64>
  %i = blend.constant dense<false> : tensor<2xi1>
  %b = "blend.threshold"(%x, %t, %i) {{layer = "sign"}}
    : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2xi1>
  %y = "blend.bits_to_value"(%b) : (tensor<1x2xi1>) -> tensor<1x2xf64>
  func.return %y : tensor<1x2xf64>
}}"""


def norm(gamma: object = 1.0, variance: object = 1.0, epsilon: object = 1.0) -> str:
    return NORM.format(gamma=gamma, variance=variance, epsilon=epsilon)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (norm(gamma="0x7FF8000000000000"), "stem.norm: gamma has 2 of 2 values that are not finite; repair"),
        (norm(gamma="[1.0, 0x7FF0000000000000]"), "stem.norm: gamma has 1 of 2 values that are not finite; repair"),
        (norm(variance='"0x000000000000F0FF000000000000F03F"'), "stem.norm: variance has 1 of 2 values"),
        (norm(variance=-1.0), "variance + epsilon is 0 in places, but should be above 0; repair"),
        (norm(variance=0.0, epsilon=0.0), "variance + epsilon is 0 in places"),
        (norm(epsilon="0x7FF8000000000000"), "epsilon should be finite and not negative, got nan"),
        (norm(epsilon=-1.0), "epsilon should be finite and not negative, got -1.0"),
        (THRESHOLD.format(limits="[0.0, 0x7FF8000000000000]"), "sign: threshold has 1 of 2 values"),
    ],
)
def test_a_module_with_parameters_that_are_no_numbers_does_not_verify(text: str, message: str):
    with pytest.raises(VerifyException) as caught:
        parse_module(text, "net.mlir")
    assert message in str(caught.value)


def test_thresholds_may_be_infinite():
    module = parse_module(THRESHOLD.format(limits="[0x7FF0000000000000, 0xFFF0000000000000]"), "net.mlir")
    assert blendir.run(module, np.zeros((1, 2))).tolist() == [[-1.0, 1.0]]


def hexadecimal(value: float) -> str:
    return f"0x{struct.pack('>d', value).hex().upper()}"


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2))
def test_hexadecimal_floats_are_bits(values: list[float]):
    text = THRESHOLD.replace("{{", "{").replace("}}", "}")
    ways = {
        f"[{', '.join(map(hexadecimal, values))}]": values,
        hexadecimal(values[0]): [values[0]] * 2,
        f"[{values[0]:.1f}, {hexadecimal(values[1]).lower()}]": [float(f"{values[0]:.1f}"), values[1]],
    }
    for literal, expected in ways.items():
        module = parse_module(text.replace("{limits}", literal), "net.mlir")
        (constant,) = [op for op in module.walk() if op.name == "blend.constant" and "f64" in str(op.results[0].type)]
        assert constant.numpy().tobytes() == np.array(expected).tobytes()


@pytest.mark.parametrize("literal", ["-0x3FF0000000000000", "0x13FF0000000000000"])
def test_bits_that_no_float_has_are_refused_with_their_place(literal: str):
    for text, line in ((norm(gamma=literal), "net.mlir:2:"), (norm(epsilon=literal), "net.mlir:5:")):
        with pytest.raises(Exception, match=r"a hexadecimal float is the bits of the float") as caught:
            parse_module(text, "net.mlir")
        assert line in str(caught.value)


def test_the_generic_form_and_integers_are_as_before():
    text = """func.func @main(%x: tensor<1x2xf64>) -> tensor<1x2xf64> {
  %t = "blend.constant"() <{value = dense<0x3FF0000000000000> : tensor<2xf64>}> : () -> tensor<2xf64>
  %n = "blend.constant"() <{value = dense<0x10> : tensor<2xi64>}> : () -> tensor<2xi64>
  func.return %x : tensor<1x2xf64>
}"""
    context = Context()
    for dialect in (Builtin, Func):
        context.load_dialect(dialect)
    for name, factory in get_all_dialects().items():
        context.register_dialect(name, factory)
    floats, integers = [op for op in parse_text(context, text, "n").walk() if op.name == "blend.constant"]
    assert floats.numpy().tolist() == [1.0, 1.0]
    assert integers.numpy().tolist() == [16, 16]


def test_plain_xdsl_reads_constants_alike():
    (constant,) = [op for op in parsed(norm(gamma="0x4000000000000000")).walk() if op.name == "blend.constant"][:1]
    assert constant.numpy().tolist() == [2.0, 2.0]


def test_external_data_is_checked_too(tmp_path: Path):
    file = OnnxFile((1, 3, 4, 4))
    path = file.save(tmp_path / "net.onnx", file.add("PRelu", "input", np.full((3, 1, 1), np.nan)))
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert np.isnan(numpy_helper.to_array(onnx.load(path).graph.initializer[0])).all()
    with pytest.raises(ValueError, match="constant0"):
        from_onnx(path)
