"""
Whose fault an error is: the user's is one line about the input, blendir's own can be reproduced.
"""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from commands import shell, tool
from modules import Net, output_of, parsed
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnregisteredOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException, VerifyException

import blendir
from blendir import pipeline
from blendir.backends.hls import target
from blendir.dialects import blend
from blendir.errors import UserError
from blendir.passes import get_all_passes
from blendir.passes.fold.fold_bn import FoldBNPass
from blendir.passes.stage import VerifyStagePass, stage_of
from blendir.pipeline import InternalError, run_pass

HEADS = {
    "empty": "",
    "another": "func.func @other(%x: tensor<1x3xf64>) -> tensor<1x3xf64> {\n func.return %x : tensor<1x3xf64>\n}",
    "declared": "func.func private @main(tensor<1x3xf64>) -> tensor<1x3xf64>",
}


def network() -> ModuleOp:
    """
    A binary convolution with a batch normalization.
    """
    net = Net((2, 4, 4))
    v = net.binary_conv(net.sign(net.input), net.random_bits(2, 2, 3, 3), 1, 1)
    return net.module(net.norm(net.count(v)))


KINDS = ("imported", "folded", "fixed", "packed", "stream", "foreign", "mixed")


def a_pass(name: str):
    kind = get_all_passes()[name]()
    return kind("fixed") if kind is VerifyStagePass else kind()


def insert(op: Operation, value: SSAValue, place: InsertPoint) -> None:
    """
    Puts an operation between a value and those that read it.
    """
    Rewriter.insert_op(op, place)
    value.replace_uses_with_if(op.results[0], lambda use: use.operation is not op)


@pytest.fixture(scope="module")
def stages() -> dict[str, ModuleOp]:
    module = network()
    x = np.random.default_rng(0).normal(size=(4, 2, 4, 4))
    made = {"imported": module} | {s: blendir.lower(module, s, x) for s in ("folded", "fixed", "packed", "stream")}
    made["foreign"], made["mixed"] = module.clone(), made["stream"].clone()
    (sign,) = [op for op in made["foreign"].walk() if isinstance(op, blend.SignOp)]
    foreign = UnregisteredOp.with_name("other.negate").create(operands=[sign.input], result_types=[sign.input.type])
    last = output_of(made["mixed"])
    tensor = blend.ReshapeOp(last, blend.tensor_type(last).get_shape())
    insert(foreign, sign.input, InsertPoint.before(sign))
    insert(tensor, last, InsertPoint.after(last.owner))
    return made


@pytest.mark.parametrize("error", [ValueError, AssertionError, IndexError, VerifyException, KeyError, OverflowError])
def test_what_a_pass_trips_over_is_not_the_users_fault(error, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise error("operands could not be broadcast")

    monkeypatch.setattr(FoldBNPass, "apply", fail)
    monkeypatch.setattr(pipeline.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(InternalError, match=r"could not be broadcast'?; reproduce with: blendir-opt -p 'fold-bn' "):
        blendir.lower(network(), "folded")
    (saved,) = tmp_path.iterdir()
    assert str(parsed(saved.read_text())) == str(network())


@pytest.mark.parametrize("error", [UserError, PassFailedException, MemoryError])
def test_what_the_user_can_mend_stays_as_it_is(error, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise error("give less")

    monkeypatch.setattr(FoldBNPass, "apply", fail)
    with pytest.raises(error, match=r"^give less$"):
        blendir.lower(network(), "folded")


def test_a_full_disk_does_not_hide_the_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise IndexError("axis 7")

    monkeypatch.setattr(FoldBNPass, "apply", fail)
    monkeypatch.setattr(pipeline.tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(InternalError, match=r"IndexError: axis 7; to reproduce .* not be saved: No such"):
        blendir.lower(network(), "folded")


def test_a_fault_of_the_backend_can_be_reproduced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stages):
    def fail(*_: object) -> None:
        raise ValueError("unbalanced }")

    with monkeypatch.context() as patch:
        patch.setattr(target, "project_files", fail)
        patch.setattr(pipeline.tempfile, "tempdir", str(tmp_path))
        with pytest.raises(InternalError, match="emission failed: ValueError: unbalanced") as caught:
            blendir.compile(stages["stream"], tmp_path / "out")
    command = str(caught.value).partition("reproduce with: ")[2].replace("DIR", "again").split()
    shell(tool(command[0]), *command[1:], cwd=tmp_path)
    assert (tmp_path / "again" / "src" / "top.cpp").exists()


@pytest.mark.parametrize("name", get_all_passes())
@pytest.mark.parametrize("stage", KINDS)
def test_a_pass_at_another_stage_is_no_fault_of_blendir(name: str, stage: str, stages: dict[str, ModuleOp]):
    with suppress(PassFailedException, UserError, UserWarning):
        run_pass(Context(), stages[stage].clone(), a_pass(name))


@pytest.mark.parametrize("name", get_all_passes())
@pytest.mark.parametrize("kind", HEADS)
def test_a_module_without_main_is_left_alone(name: str, kind: str):
    module = parsed(f"builtin.module attributes {{a = 1 : i32}} {{\n{HEADS[kind]}\n}}")
    before = str(module)
    run_pass(Context(), module, a_pass(name))
    assert str(module) == before


def test_plain_xdsl_opt_leaves_it_alone_too(tmp_path: Path):
    (tmp_path / "none.mlir").write_text(HEADS["another"])
    for name in get_all_passes():
        if name != "verify-stage":
            assert "@other" in shell(tool("xdsl-opt"), "-p", name, "none.mlir", cwd=tmp_path).stdout


BAD_FRAMES = {
    "object": np.array([[None] * 3], object),
    "text": np.array([["a", "b", "c"]]),
    "nan": np.full((1, 3), np.nan),
    "shape": np.zeros((1, 4)),
    "none": np.zeros((0, 3)),
    "complex": np.zeros((1, 3), complex),
}


@pytest.mark.parametrize("kind", BAD_FRAMES)
def test_bad_calibration_is_the_users_fault(kind: str):
    module = parsed(HEADS["another"].replace("@other", "@main"))
    with pytest.raises(UserError, match=r"^(input has|the calibration)"):
        blendir.lower(module, "fixed", BAD_FRAMES[kind])


def test_main_of_several_blocks_is_named():
    module = parsed(HEADS["another"].replace("@other", "@main"))
    block = module.body.block.first_op.body.block
    block.parent.add_block(Block())
    with pytest.raises(UserError, match="@main should be one block, got 2"):
        blendir.lower(module, "fixed")


def test_an_unsupported_layer_is_named_by_calibration():
    module = parsed(
        "func.func @main(%x: tensor<1x3xf64>) -> tensor<1x3xf64> {\n"
        '%y = blend.unsupported "aten.erf"(%x) {layer = "gelu"} : (tensor<1x3xf64>) -> tensor<1x3xf64>\n'
        "func.return %y : tensor<1x3xf64>\n}"
    )
    with pytest.raises((UserError, PassFailedException), match="gelu"):
        blendir.lower(module, "fixed", np.zeros((1, 3)))


def test_a_network_that_computes_nothing(tmp_path: Path):
    module = parsed(HEADS["another"].replace("@other", "@main"))
    assert stage_of(module) == "folded"
    x = np.array([[0.5, -1.0, 0.25]])
    fixed = blendir.lower(module, "fixed", x)
    assert blendir.run(fixed, x).tolist() == x.tolist()
    build = blendir.compile(module, tmp_path / "out", calibration=x)
    assert build.csim(x).tolist() == x.tolist()
