"""
Frames of int8: every stage, padding, thresholds, the C++, ONNX files and what is refused.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from agreement import check_cpp, imported, lowered
from layers import BinaryConv, GlobalMean, Levels, Normalize, Sign
from onnx import TensorProto
from onnx_files import OnnxFile
from torch import nn
from xdsl.dialects.builtin import TensorType, f64

import blendir
from blendir.backends import design
from blendir.dialects import blend
from blendir.dialects.blend import FixedConv2dOp, FixedType, si8
from blendir.interpreter import encode_input, input_type, returned_values
from blendir.modules import parse_module
from blendir.passes.agreement import probe_frames
from blendir.tools.inputs import zeros_of

FRAMES = torch.from_numpy(np.random.default_rng(0).integers(-128, 128, (5, 3, 7, 6), np.int8))
NETWORKS: dict[str, list[nn.Module]] = {
    "a padded convolution": [Normalize(-3, 64), nn.Conv2d(3, 5, 3, padding=1), nn.ReLU()],
    "a fraction as pad value": [Normalize(1, 64), nn.BatchNorm2d(3), nn.Conv2d(3, 5, 3, padding=1)],
    "thresholds": [Sign(shift=-5.5), BinaryConv(3, 8, 3, 1, 1, 0.0, True), nn.BatchNorm2d(8), Sign()],
    "levels": [Normalize(0, 127), nn.Hardtanh(), Levels(7), nn.Conv2d(3, 4, 3)],
    "a pool": [nn.MaxPool2d(2), Normalize(0, 16), nn.Conv2d(3, 4, 1), GlobalMean()],
}


def network(kind: str) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(*NETWORKS[kind])
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -1, 1)  # pyright: ignore[reportArgumentType]
    return model.eval()


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_stage_and_the_cpp(tmp_path: Path, kind: str) -> None:
    module = imported(network(kind), FRAMES)
    assert input_type(module).element_type == si8
    stages = lowered(module, FRAMES)
    for stage in stages.values():
        assert input_type(parse_module(str(stage), "text")).element_type == si8
    build = check_cpp(stages, FRAMES, tmp_path)
    assert build.report["input"]["element_bits"] == 8
    ends = torch.tensor([-128, 127], dtype=torch.int8)[torch.randint(0, 2, FRAMES.shape)].numpy()
    np.testing.assert_array_equal(build.csim(ends), blendir.run(stages["fixed"], ends))


def test_normalization_is_folded_and_its_pad_value_is_a_pixel() -> None:
    module = blendir.lower(imported(network("a padded convolution"), FRAMES), "fixed", FRAMES.numpy())
    (conv,) = [op for op in module.walk() if isinstance(op, FixedConv2dOp)]
    assert conv.pad is not None
    assert blend.constant_value(conv.pad).tolist() == [-3] * 3
    assert blend.tensor_type(conv.pad).element_type == si8


def test_bounds_are_those_of_signed_pixels() -> None:
    """
    Without calibration a format covers what -128 .. 127 can give.
    """
    conv = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.ones_(conv.weight)
    module = blendir.from_torch(nn.Sequential(Normalize(0, 1), conv, nn.ReLU()).eval(), FRAMES[:1, :1])
    with pytest.warns(UserWarning, match="no calibration data"):
        fixed = blendir.lower(module, "fixed")
    kind = blend.tensor_type(returned_values(fixed)[0]).element_type
    assert isinstance(kind, FixedType)
    assert kind.integer.data in (8, 9)


@pytest.mark.parametrize("values", [[0, 128], [-129, 0], [0.5, 1.0]])
def test_other_numbers_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"integers in -128\.\.127"):
        encode_input(np.array([values]), TensorType(si8, [1, 2]))
    assert encode_input(np.array([[-128.0, 127.0]]), TensorType(si8, [1, 2])).tolist() == [[-128, 127]]


def test_random_frames_reach_both_ends() -> None:
    module = blendir.from_torch(network("a pool"), FRAMES[:1])
    for frames in (probe_frames(module), design.test_vectors(module, None)):
        assert frames.dtype == np.int8
        assert (frames.min(), frames.max()) == (-128, 127)
    assert zeros_of("3x4x5:int8").dtype == np.int8


@pytest.mark.parametrize("kind", [TensorProto.INT8, TensorProto.FLOAT])
def test_onnx(tmp_path: Path, kind: int) -> None:
    net = OnnxFile([1, 3, 7, 6], kind)
    source = net.add("Cast", "input", to=TensorProto.FLOAT) if kind == TensorProto.INT8 else "input"
    path = net.save(tmp_path / "net.onnx", net.conv(net.add("Div", source, np.array(64.0)), 3, 4, binary=False))
    module = blendir.from_onnx(path)
    assert input_type(module).element_type == (si8 if kind == TensorProto.INT8 else f64)
    x: Any = FRAMES.numpy()
    np.testing.assert_allclose(blendir.run(module, x), blendir.run(blendir.lower(module, "folded"), x), 1e-9, 1e-9)
