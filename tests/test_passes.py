"""
Every pass on random networks: the same results before and after, twice the same as once, text at every stage; and
the contract of the stages.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from modules import Net, names, parsed, run_pass
from networks import RandomNetwork, networks
from numpy.typing import NDArray
from stage_checks import check_folded, decisions_of, joined
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr, i1
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

import blendir
from blendir import lower, pipeline
from blendir.dialects import blend
from blendir.dialects.blend import ui8
from blendir.hardware.schedule import SchedulePass
from blendir.passes import pack48
from blendir.passes.fold.fold_bn import FoldBNPass, RemapPaddingPass
from blendir.passes.fold.raise_binary import RaiseBinaryPass
from blendir.passes.pack48 import Pack48Pass
from blendir.passes.quantize.quantize import QuantizePass
from blendir.passes.stage import STAGES, Stage, VerifyStagePass, leftovers, reached, stage_of
from blendir.passes.to_stream.lower_to_stream import LowerToStreamPass
from blendir.pipeline import InternalError

RUNS = settings(deadline=None, max_examples=6, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
DEAD_LAYERS = pytest.mark.filterwarnings("ignore:all calibration frames give one and the same value")
"""Random networks have layers that none of their few frames reaches."""
LATER: tuple[Stage, ...] = ("folded", "fixed", "packed", "stream")


def small_networks() -> st.SearchStrategy[RandomNetwork]:
    """
    Those whose frames are small.
    """
    return networks().filter(lambda network: "deep averages" not in network.features)


def run(module: ModuleOp, x: NDArray[Any]) -> NDArray[np.float64]:
    """
    All that a network returns.
    """
    return joined(blendir.run(module, x))


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
@given(small_networks())
def test_float_passes(network: RandomNetwork) -> None:
    """
    Each changes nothing the second time.
    """
    module, x = network.imported(), network.frames.numpy()
    before = decisions_of(module, x)
    for step in (RaiseBinaryPass(), RemapPaddingPass(), FoldBNPass(), FoldBNPass("affine")):
        check_folded(before, twice(module, step), x)
    assert not leftovers(run_pass(module, FoldBNPass()), "folded")


@DEAD_LAYERS
@RUNS
@given(small_networks())
def test_integer_passes(network: RandomNetwork) -> None:
    """
    From [fixed] on every pass gives the same integers, and changes nothing the second time.
    """
    module, x = network.imported(), network.frames.numpy()
    fixed = lower(module, "fixed", x)
    y = run(fixed, x)
    packed = twice(fixed, Pack48Pass())
    stream = run_pass(packed, LowerToStreamPass())
    scheduled = twice(stream, SchedulePass())
    for stage in (packed, stream, scheduled):
        assert np.array_equal(run(stage, x), y)


@DEAD_LAYERS
@RUNS
@given(small_networks())
def test_quantize_and_pack_commute(network: RandomNetwork) -> None:
    module, x = network.imported(), network.frames.numpy()
    folded = run_pass(module, FoldBNPass())
    fixed_first = lower(folded, "packed", x)
    packed_first = run_pass(folded, Pack48Pass())
    assert close(run(packed_first, x), run(folded, x))
    assert stage_of(packed_first) == ("folded" if stage_of(folded) != "packed" else "packed")
    packed_first = lower(packed_first, "packed", x)
    assert np.array_equal(run(packed_first, x), run(fixed_first, x))


@RUNS
@given(small_networks(), st.sampled_from([2, 5, 8, 16, 24]))
def test_fixed_point_of_any_width_has_one_meaning(network: RandomNetwork, bits: int) -> None:
    module, x = network.imported(), network.frames.numpy()
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
        with pytest.raises(ValueError, match=r"fold-bn.residual should be Literal.'renormalize', 'affine'., got half"):
            lower(module, "folded", fold_bn_residual="half")
        with pytest.raises(ValueError, match=r"quantize.skip-bits should be int, got many"):
            lower(module, "fixed", x, quantize_skip_bits="many")
        with pytest.raises(ValueError, match=r"quantize.bits should be int, got $"):
            lower(module, "fixed", x, **{"quantize.bits": ""})
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

    def broken(module: ModuleOp) -> None:
        raise KeyError("lost")

    monkeypatch.setattr(pack48, "pack_operations", broken)
    monkeypatch.setattr(pipeline.tempfile, "tempdir", str(tmp_path))
    message = "pack48 failed: KeyError: 'lost'; reproduce with: blendir-opt -p 'pack48' "
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
