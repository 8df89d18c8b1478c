"""
Every pass on random networks: the same results before and after, twice the same as once, text at every stage; and
the contract of the stages.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from modules import Net, names, parsed, reparsed, run_pass
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr, i1
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from blendir import lower, run
from blendir.dialects import blend
from blendir.dialects.blend import ui8
from blendir.numerics import PadMode
from blendir.passes import pack48, pipeline
from blendir.passes.fold_bn import FoldBNPass, RemapPaddingPass
from blendir.passes.lower_to_stream import LowerToStreamPass
from blendir.passes.pack48 import Pack48Pass
from blendir.passes.pipeline import InternalError
from blendir.passes.quantize import QuantizePass
from blendir.passes.raise_binary import RaiseBinaryPass
from blendir.passes.schedule import SchedulePass
from blendir.passes.stage import STAGES, Stage, VerifyStagePass, leftovers, reached, stage_of

SEEDS = st.integers(0, 10_000)
RUNS = settings(deadline=None, max_examples=25)
LATER: tuple[Stage, ...] = ("folded", "fixed", "packed", "stream")


def random_block(net: Net, z: SSAValue) -> SSAValue:
    """
    One to three layers of any kind, some of them residual.
    """
    rng = net.rng
    _, channels, height, width = blend.tensor_type(z).get_shape()
    choice = rng.integers(0, 7)
    if choice == 0:  # real convolution, batch normalization before it or not
        y = net.norm(z, gamma=np.where(rng.random(channels) < 0.2, 0.0, rng.normal(size=channels)))
        return net.conv(y, stride=1, pad=int(rng.integers(0, 2)) if min(height, width) > 2 else 1, outputs=channels)
    if choice == 1 and min(height, width) >= 4:
        kind = rng.integers(0, 2)
        y = net.norm(z, np.abs(rng.normal(size=channels)) + 0.1)
        if kind:
            return net.add(blend.MaxPool2dOp(y, (3, 3), (2, 2), (1, 1)))
        return net.add(blend.AvgPool2dOp(y, (2, 2), (2, 2), (0, 0), 4))
    if choice == 2:
        return net.add(blend.ConcatOp([z, net.norm(z)], 1)) if channels < 20 else z
    if choice == 3:
        return net.add(blend.ReluOp(net.norm(z)))
    stride = 2 if choice == 4 and min(height, width) >= 4 else 1
    outputs = channels if choice > 4 else int(rng.integers(1, 60))
    mode = list(PadMode)[rng.integers(0, 3)]
    y = net.binary_conv(net.sign(net.norm(z)), net.random_bits(outputs, channels, 3, 3), stride, 1, mode)
    gamma = np.where(rng.random(outputs) < 0.2, 0.0, rng.normal(size=outputs))
    y = net.norm(net.count(y), gamma, mean=rng.integers(-5, 6, outputs))
    y = net.add(blend.PReluOp(y, *net.reals(rng.uniform(-0.5, 1.5, outputs))))
    return net.add(blend.AddOp(net.norm(y), z)) if choice > 4 else y


def random_network(seed: int) -> tuple[ModuleOp, NDArray[Any]]:
    """
    A network with real and binary layers, and frames for it.
    """
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 5)), int(rng.integers(3, 8)), int(rng.integers(3, 8)))
    pixels = bool(rng.integers(0, 2))
    net = Net(shape, ui8 if pixels else blend.types.f64, seed)
    z = net.affine(net.input, [100.0] * shape[0], [0.02] * shape[0], [0.0] * shape[0]) if pixels else net.input
    for _ in range(rng.integers(1, 4)):
        z = random_block(net, z)
    if rng.integers(0, 2):
        flat = net.add(blend.ReshapeOp(z, (1, int(np.prod(blend.tensor_type(z).get_shape())))))
        features = int(np.prod(blend.tensor_type(z).get_shape()))
        if rng.integers(0, 2):
            bits = net.sign(net.norm(flat))
            flat = net.count(net.add(blend.BinaryLinearOp(bits, net.constant(net.random_bits(5, features), i1))))
            features = 5
        z = net.add(blend.LinearOp(flat, *net.reals(rng.normal(size=(3, features)), rng.normal(size=3))))
    x = rng.integers(0, 256, (5, *shape), np.uint8) if pixels else rng.normal(size=(5, *shape))
    return net.module(z), x


def close(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return bool(np.allclose(a, b, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(b).max(initial=0.0))))


def twice(module: ModuleOp, step: ModulePass) -> ModuleOp:
    """
    The module after a pass, which changes nothing the second time.
    """
    once = run_pass(module, step)
    assert str(run_pass(once, step)) == str(once), step.name
    return once


@RUNS
@given(SEEDS)
def test_float_passes(seed: int) -> None:
    module, x = random_network(seed)
    y = run(module, x)
    for step in (RaiseBinaryPass(), RemapPaddingPass(), FoldBNPass(), FoldBNPass("affine")):
        after = twice(module, step)
        assert close(run(after, x), y), step
        assert close(run(reparsed(after), x), run(after, x))
    assert not leftovers(run_pass(module, FoldBNPass()), "folded")


@RUNS
@given(SEEDS)
def test_integer_passes(seed: int) -> None:
    """
    From [fixed] on every stage gives the same integers, also through text.
    """
    module, x = random_network(seed)
    fixed = lower(module, "fixed", x)
    y = run(fixed, x)
    packed = twice(fixed, Pack48Pass())
    stream = run_pass(packed, LowerToStreamPass())
    scheduled = twice(stream, SchedulePass())
    for stage in (fixed, packed, stream, scheduled):
        assert np.array_equal(run(stage, x), y)
        again = reparsed(stage)
        assert str(again) == str(stage)
        assert np.array_equal(run(again, x), y)


@RUNS
@given(SEEDS)
def test_quantize_and_pack_commute(seed: int) -> None:
    module, x = random_network(seed)
    folded = run_pass(module, FoldBNPass())
    fixed_first = lower(folded, "packed", x)
    packed_first = run_pass(folded, Pack48Pass())
    assert close(run(packed_first, x), run(folded, x))
    assert stage_of(packed_first) == "folded"
    packed_first = lower(packed_first, "packed", x)
    assert np.array_equal(run(packed_first, x), run(fixed_first, x))


@RUNS
@given(SEEDS, st.sampled_from([2, 5, 8, 16, 24]))
@example(1381, 24)  # sums beyond 53 bits
def test_fixed_point_of_any_width_has_one_meaning(seed: int, bits: int) -> None:
    module, x = random_network(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no calibration: interval bounds
        fixed = lower(module, "fixed", quantize_bits=bits)
    y = run(fixed, x)
    assert np.isfinite(y).all()
    assert np.array_equal(run(lower(fixed, "stream"), x), y)


def test_quantize_follows_the_float_network() -> None:
    net = Net((3, 6, 6))
    y = net.conv(net.norm(net.conv(net.input, pad=1, outputs=4)), pad=1)
    module = net.module(net.add(blend.AddOp(y, net.conv(net.input, pad=1))))
    x = np.random.default_rng(0).normal(size=(20, 3, 6, 6))
    fine, coarse = (np.abs(run(lower(module, "fixed", x, quantize_bits=b), x) - run(module, x)).max() for b in (16, 8))
    assert fine < 0.02
    assert fine < coarse


@pytest.fixture
def small() -> tuple[ModuleOp, NDArray[np.float64]]:
    net = Net((3, 4, 4))
    v = net.binary_conv(net.sign(net.norm(net.input)), net.random_bits(3, 3, 3, 3), 1, 1)
    x = np.random.default_rng(0).normal(size=(6, 3, 4, 4))
    return net.module(net.conv(net.norm(net.count(v)), pad=1)), x


Small = tuple[ModuleOp, NDArray[np.float64]]


class TestStages:
    def test_floats_that_are_only_read_count(self) -> None:
        net = Net((8,))
        limits = net.reals(np.zeros(8))[0], net.constant(np.zeros(8, np.bool_), i1)
        bits = net.add(blend.ThresholdOp(net.input, *limits))
        module = net.module(net.add(blend.BinaryLinearOp(bits, net.constant(net.random_bits(4, 8), i1))))
        x = np.random.default_rng(0).normal(size=(20, 8))
        assert stage_of(module) == "folded"
        assert np.array_equal(run(lower(module, "stream", x), x), run(module, x))

    def test_stage_of_follows_the_operations(self, small: Small) -> None:
        module, x = small
        assert stage_of(module) == "imported"
        assert [s for s in STAGES if reached(module, s)] == ["imported"]
        for stage in LATER:
            lowered = lower(module, stage, None if stage == "folded" else x)
            assert stage_of(lowered) == stage
            passed = STAGES[: STAGES.index(stage) + 1] if stage != "stream" else ("stream",)
            assert [s for s in STAGES if reached(lowered, s)] == list(passed)

    def test_a_division_that_is_not_exact_is_folded(self) -> None:
        """
        In a network that has nothing else to fold.
        """
        net = Net((2, 3, 3), ui8)
        module = net.module(net.add(blend.AvgPool2dOp(net.input, (3, 3), (1, 1), (0, 0), 9)))
        assert stage_of(module) == "imported"
        x = np.random.default_rng(0).integers(0, 256, (4, 2, 3, 3), np.uint8)
        np.testing.assert_allclose(run(lower(module, "stream", x), x), run(module, x), rtol=1e-3)

    def test_lower_leaves_its_argument_alone(self, small: Small) -> None:
        module, x = small
        before = str(module)
        lower(module, "stream", x)
        assert str(module) == before

    def test_step_by_step_is_the_same_as_at_once(self, small: Small) -> None:
        module, x = small
        steps = lower(lower(lower(lower(module, "folded"), "fixed", x), "packed"), "stream")
        assert str(steps) == str(lower(module, "stream", x))

    @pytest.mark.parametrize("stage", LATER)
    def test_at_or_beyond_is_a_copy(self, small: Small, stage: Stage) -> None:
        module, x = small
        packed = lower(module, "packed", x)
        if stage != "stream":
            copy = lower(packed, stage)
            assert copy is not packed
            assert str(copy) == str(packed)
        else:
            stream = lower(packed, stage)
            again = lower(stream, stage)
            assert again is not stream
            assert str(again) == str(stream)

    @pytest.mark.parametrize("stage", LATER[:-1])
    def test_stream_cannot_go_back(self, small: Small, stage: Stage) -> None:
        stream = lower(small[0], "stream", small[1])
        with pytest.raises(ValueError, match=rf"at \[stream\], which is past \[{stage}\]"):
            lower(stream, stage)

    def test_options_that_come_too_late(self, small: Small) -> None:
        module, x = small
        fixed = lower(module, "fixed", x)
        with pytest.raises(ValueError, match=r"at \[fixed\]: options of quantize come too late"):
            lower(fixed, "stream", quantize_bits=8)
        with pytest.raises(ValueError, match=r"at \[stream\]: options of fold-bn come too late"):
            lower(lower(fixed, "stream"), "stream", fold_bn_residual="affine")

    @pytest.mark.parametrize("stage", ["fixed", "packed", "stream"])
    def test_calibration_that_comes_too_late(self, small: Small, stage: Stage) -> None:
        lowered = lower(small[0], stage, small[1])
        with pytest.raises(ValueError, match=rf"at \[{stage}\]: its formats are fixed, calibration comes too late"):
            lower(lowered, "stream", small[1])

    def test_unknown_names(self, small: Small) -> None:
        module, x = small
        with pytest.raises(ValueError, match="unknown stage 'hls'; the stages are folded, fixed, packed, stream"):
            lower(module, "hls")  # pyright: ignore[reportArgumentType]
        with pytest.raises(ValueError, match=r"unknown option quantize_bit; the options are fold_bn_residual, .*"):
            lower(module, "fixed", x, quantize_bit=8)
        with pytest.raises(ValueError, match=r"fold-bn.residual should be renormalize or affine, got half"):
            lower(module, "folded", fold_bn_residual="half")
        with pytest.raises(ValueError, match=r"quantize.skip-bits should be a number, got many"):
            lower(module, "fixed", x, quantize_skip_bits="many")
        with pytest.raises(PassFailedException, match=r"bits should be in 2..24, got 40"):
            lower(module, "fixed", x, quantize_bits=40)
        with pytest.raises(PassFailedException, match="rounding should be half_up or half_even, got down"):
            lower(module, "fixed", x, quantize_rounding="down")

    def test_options_change_the_result(self, small: Small) -> None:
        module, x = small
        choices: list[dict[str, Any]] = [{}, {"quantize.bits": "8"}, {"quantize_bits": 12}]
        assert len({str(lower(module, "fixed", x, **options)) for options in choices}) == 3

    def test_missing_calibration_is_told(self, small: Small) -> None:
        with pytest.warns(UserWarning, match="no calibration data: .* --calibrate"):
            lower(small[0], "fixed")

    def test_leftovers_are_named(self, small: Small) -> None:
        module, _ = small
        message = r"not at \[folded\]: blend.batch_norm .*; blend.sign .*run fold-bn"
        with pytest.raises(PassFailedException, match=message):
            VerifyStagePass("folded").apply(Context(), module)
        with pytest.raises(PassFailedException, match="run fold-bn"):
            QuantizePass().apply(Context(), module.clone())

    def test_packed_floats_are_folded(self, small: Small) -> None:
        words = run_pass(small[0], FoldBNPass(), Pack48Pass())
        assert stage_of(words) == "folded"
        assert close(run(words, small[1]), run(small[0], small[1]))
        assert stage_of(lower(words, "packed", small[1])) == "packed"


def test_internal_failure_saves_the_module(small: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module, x = small
    fixed = lower(module, "fixed", x)

    def broken(self: pack48.Packer, module: ModuleOp) -> None:
        raise KeyError("lost")

    monkeypatch.setattr(pack48.Packer, "run", broken)
    monkeypatch.setattr(pipeline.tempfile, "tempdir", str(tmp_path))
    message = "pack48 failed: 'lost'; reproduce with: blendir-opt -p 'pack48' "
    with pytest.raises(InternalError, match=message) as caught:
        lower(fixed, "stream")
    (saved,) = tmp_path.glob("blendir-pack48-*.mlir")
    assert str(caught.value).endswith(str(saved))
    again = parsed(saved.read_text())
    assert np.array_equal(run(again, x), run(fixed, x))


def test_internal_failure_keeps_the_options(small: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module, x = small

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pipeline, "quantize", broken)
    monkeypatch.setattr(pipeline.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(InternalError, match="quantize failed: ZeroDivisionError; ") as caught:
        lower(module, "fixed", x, quantize_bits=8)
    command = str(caught.value).partition("reproduce with: ")[2]
    (saved,), (frames,) = tmp_path.glob("*.mlir"), tmp_path.glob("*.npy")
    assert command == f"blendir-opt -p 'quantize{{calibration=\"{frames}\" bits=8}}' {saved}"
    assert np.array_equal(np.load(frames), x)


def test_layers_and_name_hints_survive() -> None:
    net = Net((3, 4, 4))
    v = net.binary_conv(net.sign(net.input), net.random_bits(3, 3, 3, 3), 1, 1)
    owner = v.owner
    assert isinstance(owner, blend.BinaryConv2dOp)
    owner.layer = StringAttr("stage1.0.conv")
    module = net.module(net.count(v))
    for stage in ("packed", "stream"):
        text = str(lower(module, stage, np.zeros((1, 3, 4, 4))))
        assert 'layer = "stage1.0.conv"' in text


def test_bits_cannot_be_returned() -> None:
    net = Net((3,))
    module = net.module(net.sign(net.input))
    with pytest.raises(PassFailedException, match="the output is bits; a network should return numbers"):
        lower(module, "stream", np.zeros((1, 3)))


def test_unused_parameters_disappear() -> None:
    net = Net((3,))
    module = net.module(net.norm(net.norm(net.input)))
    assert names(run_pass(module, FoldBNPass())) == ["affine"]
