"""
An operation that is added by the recipe of docs/architecture.md passes every stage.
"""

import re
from inspect import getsourcefile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from agreement import lowered, named
from modules import Net, names, run_pass
from torch import Tensor, from_numpy
from xdsl.dialects.builtin import TensorType
from xdsl.interpreter import Interpreter, PythonValues, impl, register_impls
from xdsl.ir import SSAValue
from xdsl.irdl import VarConstraint, irdl_op_definition, operand_def, result_def
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects import blend, stream
from blendir.dialects.blend import Blend, Elementwise, KeepsFormat
from blendir.dialects.blend.types import FIXED, REAL
from blendir.frontend.table import TABLE
from blendir.interpreter import run
from blendir.interpreter.blend import BlendFunctions
from blendir.passes.fold.fold_bn import FoldBNPass
from blendir.passes.pack48 import packed
from blendir.passes.quantize.rules import quantized
from blendir.passes.ranges.bounds import Bounds, Ranges, infer_bounds
from blendir.passes.to_stream.element_order import Streams
from blendir.passes.to_stream.element_order import lowered as lowered_op
from blendir.passes.to_stream.elementwise import process_of

ROOT = Path(__file__).parents[1]
RULES = (infer_bounds, process_of, lowered_op, quantized, packed)


@irdl_op_definition
class NegativePartOp(Elementwise, KeepsFormat):
    """
    `y = min(x, 0)`.
    """

    name = "toy.negative_part"

    T: ClassVar = VarConstraint("T", TensorType.constr(REAL | FIXED))

    input = operand_def(T)
    result = result_def(T)

    def __init__(self, source: SSAValue):
        super().__init__([source], [source.type])


@register_impls
class Functions(BlendFunctions):
    @impl(NegativePartOp)
    def run_negative_part(self, _: Interpreter, op: NegativePartOp, args: PythonValues) -> PythonValues:
        return (np.minimum(args[0], 0),)


@infer_bounds.register(NegativePartOp)
def bounds_of_negative_part(op: NegativePartOp, ranges: Ranges) -> Bounds:
    return Bounds(*(np.minimum(bound, 0) for bound in ranges.bounds(op.input)))


@process_of.register(NegativePartOp)
def negative_part_process(op: NegativePartOp, streams: Streams) -> stream.ProcessOp:
    return stream.ClampOp(
        streams.of(op.input), blend.element_format(blend.tensor_type(op.input).element_type).low, 0, op.layer
    )


@irdl_op_definition
class UnruledOp(Elementwise):
    """
    An operation without rules.
    """

    name = "toy.unruled"

    input = operand_def(TensorType.constr(REAL | FIXED))
    result = result_def(TensorType.constr(REAL | FIXED))


def frames() -> Tensor:
    return from_numpy(np.random.default_rng(0).normal(size=(6, 3, 5, 4)) * 3)


@pytest.mark.parametrize("calibrated", [True, False])
def test_the_recipe_is_enough(monkeypatch: pytest.MonkeyPatch, calibrated: bool) -> None:
    monkeypatch.setattr(run, "BlendFunctions", Functions)
    net = Net((3, 5, 4))
    value = net.add(NegativePartOp(net.norm(net.conv(net.input, pad=1, outputs=4))))
    first = net.add(NegativePartOp(net.input))
    bits = net.sign(net.norm(value))
    product = net.norm(net.count(net.binary_conv(bits, net.random_bits(4, 4, 3, 3), pad=1)))
    module = named(net.module(net.add(blend.ConcatOp([first, value, product]))))
    stages = lowered(module, frames(), calibrated)
    assert {stage: names(m).count("negative_part") for stage, m in stages.items()} == {
        "folded": 2,
        "fixed": 2,
        "packed": 2,
        "stream": 0,
    }
    assert names(stages["stream"]).count("clamp") == 2
    for op in stages["fixed"].walk():
        if isinstance(op, NegativePartOp):
            assert op.result.type == op.input.type
            assert isinstance(blend.tensor_type(op.result).element_type, blend.FixedType)


def test_values_are_those_of_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "BlendFunctions", Functions)
    net, x = Net((3, 5, 4)), frames()
    stages = lowered(named(net.module(net.add(NegativePartOp(net.input)))), x)
    fmt = blend.element_format(blend.tensor_type(run.input_type(stages["fixed"])).element_type)
    want = fmt.decode(np.minimum(fmt.encode(x.numpy()), 0))
    assert np.array_equal(run.run_module(stages["stream"], x.numpy()), want)
    assert np.abs(want - np.minimum(x.numpy(), 0)).max() <= 2.0 ** -(fmt.frac + 1)


def test_a_transpose_moves_in_front_of_an_elementwise_operation() -> None:
    net = Net((3, 5, 4))
    module = net.module(net.add(blend.TransposeOp(net.add(NegativePartOp(net.input)), (0, 2, 3, 1))))
    assert names(module) == ["negative_part", "transpose"]
    assert names(run_pass(module, FoldBNPass())) == ["transpose", "negative_part"]


def test_an_operation_without_rules_fails_by_name() -> None:
    kind = TensorType(blend.types.f64, (1, 3, 5, 4))
    net = Net((3, 5, 4))
    op = UnruledOp([net.input], [kind])
    with pytest.raises(NotImplementedError, match=r"toy\.unruled"):
        Ranges({}).bounds(op.result)
    with pytest.raises(PassFailedException, match=r"toy\.unruled has no fixed-point form"):
        quantized(op, None)
    with pytest.raises(PassFailedException, match=r"toy\.unruled has no process"):
        process_of(op, None)


def test_every_operation_of_a_folded_module_has_its_rules() -> None:
    """
    A rule for a base class such as Elementwise counts; of bounds and fixed point what computes floats needs one.
    """
    fixed = (blend.FixedConv2dOp, blend.FixedLinearOp, blend.FixedLayerNormOp)
    packed_ops = (blend.PackedBinaryConv2dOp, blend.PackedBinaryLinearOp)
    to_fold = (blend.BatchNormOp, blend.SignOp, blend.ReluOp, blend.PReluOp, blend.UnsupportedOp)
    binary = (blend.BinaryConv2dOp, blend.BinaryLinearOp)
    for op in Blend.operations:
        if op in to_fold or op is blend.ConstantOp:
            continue
        fixes_format = (*fixed, *packed_ops, *binary, blend.LookupOp, blend.RequantizeOp)
        if op not in fixes_format and op not in (blend.ThresholdOp, blend.MultiThresholdOp):
            assert infer_bounds.dispatch(op) is not infer_bounds.dispatch(object), op.name
        if op not in fixes_format:
            assert quantized.dispatch(op) is not quantized.dispatch(object), op.name
        only_floats = (blend.Conv2dOp, blend.LinearOp, blend.LayerNormOp, *binary)
        if op not in only_floats:
            assert lowered_op.dispatch(op) is not lowered_op.dispatch(object), op.name
        if issubclass(op, Elementwise) and op not in (blend.AffineOp, blend.RoundOp, blend.ActivationOp):
            assert process_of.dispatch(op) is not process_of.dispatch(object), op.name


def test_the_recipe_names_the_files() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    (recipe,) = re.findall(r"\*\*A tensor op\.\*\*.*?\n\n", text, re.DOTALL)
    paths = {f"blendir/{path}" for path in re.findall(r"`((?!tests)(?:\w+/)+(?:\w+\.py)?)`", recipe)}
    assert all((ROOT / path).exists() for path in paths)
    used = [BlendFunctions, Elementwise, *(rule.dispatch(object) for rule in RULES)]
    sources = [Path(getsourcefile(thing) or "").relative_to(ROOT) for thing in used]
    sources += [Path(getsourcefile(entry.translate) or "").relative_to(ROOT) for entry in TABLE.values()]
    for source in sources:
        assert any(str(source).startswith(path) for path in paths), source
