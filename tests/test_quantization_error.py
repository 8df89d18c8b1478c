"""
What fixed point costs: the figures of a layer, that they are its own, and what bounds them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bounds import SLOPE
from click.testing import CliRunner
from modules import Net, Reals, frames, input_of
from networks import random_network
from torch import Tensor, nn
from torch.nn import functional
from xdsl.dialects.builtin import ModuleOp

import blendir
from blendir.backends.folder import read_stage
from blendir.dialects import blend
from blendir.dialects.blend import BlendOp, ConstantOp, FixedType, constant_value, is_real, tensor_type
from blendir.functions import FLAT
from blendir.interpreter import run_module
from blendir.interpreter.run import interpreter_of
from blendir.passes.quantize.quantization_error import Forced, Row, exact_values, is_bad, layer_errors, pairs
from blendir.tools.cli import cli
from blendir.tools.designs import errors_against, quantization_warnings


def rows_of(module: ModuleOp, fixed: ModuleOp, x: Reals) -> dict[str, Row]:
    return {row["layer"]: row for row in layer_errors(blendir.lower(module, "folded"), fixed, x)[0]}


def fmt_of(op: BlendOp) -> Any:
    kind = tensor_type(op.results[0]).element_type
    assert isinstance(kind, FixedType)
    return kind.format


def by_layer(module: ModuleOp, layer: str) -> BlendOp:
    return next(op for op in module.walk() if isinstance(op, BlendOp) and op.layer_name == layer)


def scaled(shape: tuple[int, ...] = (4,)) -> tuple[ModuleOp, Reals]:
    """
    `1.7 * x` and its sign.
    """
    net = Net(shape)
    y = net.add(blend.LinearOp(net.input, *net.reals(1.7 * np.eye(4), np.zeros(4)), "scale"))
    y = net.add(blend.BitsToValueOp(net.add(blend.SignOp(net.add(blend.AddOp(y, net.input, "sum")), "sign")), "value"))
    return net.module(y), frames(shape, 40)


@pytest.mark.parametrize("bits", [6, 12])
def test_a_row_by_hand(bits: int) -> None:
    module, x = scaled()
    fixed = blendir.lower(module, "fixed", x, quantize_bits=bits, quantize_skip_bits=bits)
    found = rows_of(module, fixed, x)["scale"]
    argument = tensor_type(input_of(fixed)).element_type
    assert isinstance(argument, FixedType)
    source, result = argument.format, fmt_of(by_layer(fixed, "scale"))
    weight = by_layer(fixed, "scale").operands[1]
    factor = float(constant_value(weight)[0, 0]) * tensor_type(weight).element_type.format.lsb  # pyright: ignore
    operands = np.clip(np.rint(x / source.lsb), source.low, source.high) * source.lsb
    got = np.clip(np.floor(operands * factor / result.lsb + 0.5), result.low, result.high)
    want = 1.7 * x / result.lsb
    error = got - want
    assert found["snr_db"] == pytest.approx(10 * np.log10((want**2).sum() / (error**2).sum()), abs=0.01)
    assert found["max_error_lsb"] == pytest.approx(np.abs(error).max(), abs=1e-3)


def test_flips_are_those_of_the_operand() -> None:
    """
    Bits count as +-1, so a share f of flips is -10 log10(4 f) dB.
    """
    module, x = scaled()
    fixed = blendir.lower(module, "fixed", x, quantize_bits=2, quantize_skip_bits=2)
    found = rows_of(module, fixed, x)["sign"]
    total = by_layer(fixed, "sum")
    units = np.rint(2.7 * x / fmt_of(total).lsb)
    share = ((units >= 0) != (x >= 0)).mean()
    assert share > 0
    assert found["snr_db"] == pytest.approx(-10 * np.log10(4 * share), abs=0.01)
    assert found["max_error_lsb"] == 1


def test_the_end_of_a_function_is_no_saturation() -> None:
    """
    A sigmoid of large numbers is almost 1, which a format of numbers below 1 holds to a unit.
    """
    x = np.full((4, 4), 16.0)
    module = blendir.from_torch(nn.Sequential(nn.Sigmoid()).eval(), torch.from_numpy(x[:1]))
    (row,) = rows_of(module, blendir.lower(module, "fixed", x - np.eye(4) * 17), x).values()
    assert row["max_error_lsb"] > 0.5
    assert row["saturated"] == 0


def test_saturation_and_waste_on_other_frames() -> None:
    module, x = scaled()
    fixed = blendir.lower(module, "fixed", x)
    fmt = fmt_of(by_layer(fixed, "scale"))
    wide = rows_of(module, fixed, 4 * x)["scale"]
    beyond = (4 * 1.7 * x > (fmt.high + 1) * fmt.lsb) | (4 * 1.7 * x < (fmt.low - 1) * fmt.lsb)
    assert wide["saturated"] == beyond.mean() > 0.01
    assert is_bad(wide)
    assert "calibrate with more frames" in quantization_warnings([wide])[0]
    assert rows_of(module, fixed, x)["scale"]["saturated"] == 0
    largest = round(1.7 * np.abs(x / 64).max() / fmt.lsb)
    assert rows_of(module, fixed, x / 64)["scale"]["wasted_bits"] == fmt.width - largest.bit_length() - 1 >= 6
    assert quantization_warnings([rows_of(module, fixed, x)["scale"]]) == []


class Chain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(6, 6) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.c(torch.sign(self.b(functional.gelu(self.a(x)))) + x)


def chain() -> nn.Module:
    torch.manual_seed(0)
    return Chain().eval()


def test_an_error_shows_in_its_own_layer_alone() -> None:
    """
    A format that clips one layer changes no other row, though every layer behind computes something else.
    """
    x = frames((6,), 64)
    module = blendir.from_torch(chain(), x)
    folded = blendir.lower(module, "folded")
    fixed = blendir.lower(folded, "fixed", x)
    right, _ = layer_errors(folded, fixed, x)
    broken = fixed.clone()
    layer = by_layer(broken, "a")
    weight = ConstantOp.from_numpy(constant_value(layer.operands[1]) // 2, tensor_type(layer.operands[1]).element_type)
    layer.parent.insert_op_before(weight, layer)  # pyright: ignore[reportOptionalMemberAccess]
    layer.operands[1] = weight.result
    wrong, _ = layer_errors(folded, broken, x)
    assert [r["layer"] for r, w in zip(right, wrong, strict=True) if r != w] == ["a"]
    assert np.abs(run_module(broken, x) - run_module(fixed, x)).max() > 0.1


class Gates(nn.Module):
    """
    The operations that random networks do not draw.
    """

    def __init__(self) -> None:
        super().__init__()
        self.a, self.norm = nn.Linear(6, 8), nn.LayerNorm(8)
        self.b = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.a(x))
        gates = [f(y) for f in (torch.sigmoid, torch.tanh, functional.gelu, functional.silu, functional.hardswish)]
        return self.b(sum(gates[1:], gates[0]) * y).clamp(-1, 1.3)


def bound(op: BlendOp, operands: list[Reals], whole: BlendOp) -> float:
    """
    The bound of docs/semantics.md, in units of the last place of the result, on exact results of rounded operands.
    """
    unit = fmt_of(op).lsb
    match op:
        case blend.FixedConv2dOp() | blend.FixedLinearOp():
            fmt = tensor_type(op.weight).element_type.format  # pyright: ignore
            taps = int(np.prod(tensor_type(op.weight).get_shape()[1:]))
            return 0.5 + (taps + 1) * np.abs(operands[0]).max() * fmt.lsb / 2 / unit
        case blend.PiecewiseLinearOp():
            return 0.5 + 1 / 8
        case blend.LookupOp():
            assert isinstance(whole, blend.ActivationOp)
            index = fmt_of(op.input.owner).lsb if isinstance(op.input.owner, blend.RequantizeOp) else 0.0  # pyright: ignore
            return 0.5 + (SLOPE[whole.function.data] * index / 2 + FLAT) / unit
        case blend.FixedLayerNormOp():
            assert isinstance(whole, blend.LayerNormOp)
            largest = np.sqrt(tensor_type(op.input).get_shape()[op.axis.value.data])
            fmt = tensor_type(op.gamma).element_type.format  # pyright: ignore
            gamma = np.abs(constant_value(whole.gamma)).max()
            rounded = fmt_of(op.input.owner).lsb if isinstance(op.input.owner, blend.RequantizeOp) else 0.0  # pyright: ignore
            assert rounded == 0
            return 0.5 + (largest * fmt.lsb / 2 + gamma * (largest + 1) * 2.0**-16) / unit
        case blend.AddOp() | blend.MultiplyOp() | blend.ClampOp():
            return 0.5
        case blend.AvgPool2dOp() | blend.MaxPool2dOp() | blend.BitsToValueOp() | blend.ArgmaxOp():
            return 0.0
        case blend.RequantizeOp() | blend.MultiThresholdOp():
            return 0.5
        case _:
            assert isinstance(op, blend.ReshapeOp | blend.TransposeOp | blend.TakeOp | blend.ConcatOp), op.name
            return 0.5 if isinstance(op, blend.ConcatOp) else 0.0


def reals_of(values: list[tuple[Any, Reals]], wanted: list[Any]) -> list[Reals]:
    """
    Operands as [folded] takes them: fixed point as real numbers where floats are wanted.
    """
    found: list[Reals] = []
    for (value, data), want in zip(values, wanted, strict=True):
        kind = tensor_type(value).element_type
        found.append(kind.format.decode(data) if isinstance(kind, FixedType) and is_real(want) else data)
    return found


NETWORKS: list[Any] = [*range(12), "gates"]


@pytest.mark.filterwarnings("ignore:all calibration frames")
@pytest.mark.parametrize("bits", [6, 16])
@pytest.mark.parametrize("seed", NETWORKS)
def test_every_layer_has_a_bound(seed: Any, bits: int) -> None:
    if seed == "gates":
        torch.manual_seed(0)
        model, x = Gates().eval(), frames((6,), 64).astype(np.float32)
        sample = torch.from_numpy(x[:1])
    else:
        network = random_network(seed)
        model, sample, x = network.model, network.frames[:1], network.frames.numpy()
    folded = blendir.lower(blendir.from_torch(model, sample), "folded")
    fixed = blendir.lower(folded, "fixed", x, quantize_bits=bits, quantize_skip_bits=bits)
    twins, exact = dict(pairs(folded, fixed)), exact_values(folded, x)
    forced, interpreter = Forced(fixed, x, twins, exact), interpreter_of(folded)
    for op, whole in twins.items():
        if whole is None or not is_real(whole.results[0]):
            continue
        data = [(source, forced.operand(source)) for source in sources(op, twins)]
        variables = [v for v in whole.operands if not isinstance(v.owner, ConstantOp)]
        operands = reals_of(data, variables)
        given = iter(operands)
        args = [constant_value(v) if isinstance(v.owner, ConstantOp) else next(given) for v in whole.operands]
        (result,) = interpreter.run_op(whole, tuple(args))
        fmt = fmt_of(op)
        units = np.ldexp(result, fmt.frac).clip(fmt.low, fmt.high)
        error = np.abs(forced.run(op) - units).max(initial=0.0)
        assert error <= bound(op, operands, whole) + 1e-6, f"{op.name} ({op.layer_name})"


def sources(op: BlendOp, twins: Any) -> list[Any]:
    """
    The operands of an operation, and where one was only brought to another format, what it was brought from.
    """
    found: list[Any] = []
    for value in op.operands:
        owner = value.owner
        if isinstance(owner, blend.RequantizeOp) and twins.get(owner, owner) is None:
            value = owner.input
        if not isinstance(value.owner, ConstantOp):
            found.append(value)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A design with its frames and a factory beside it.
    """
    place = tmp_path_factory.mktemp("against")
    x = frames((6,), 20)
    np.save(place / "x.npy", x)
    np.save(place / "wide.npy", 100 * x)
    (place / "chain_model.py").write_text("from test_quantization_error import chain, other\n")
    blendir.compile(blendir.from_torch(chain(), x), place / "design", calibration=x)
    return place


def other() -> nn.Module:
    """
    The same layers with other weights.
    """
    torch.manual_seed(1)
    return Chain().eval()


def run_cli(monkeypatch: pytest.MonkeyPatch, place: Path, *arguments: str) -> Any:
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.chdir(place)
    return CliRunner().invoke(cli, arguments)


def test_verify_against_a_model(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    against = ("verify", "design", "--against", "chain_model:chain")
    result = run_cli(monkeypatch, folder, *against, "--data", "x.npy", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["mismatches"] == 0
    assert {"layer", "snr_db", "max_error_lsb", "saturated", "wasted_bits"} == set(found["layers"][0])
    assert all(row["snr_db"] is None or row["snr_db"] > 30 for row in found["layers"])
    assert found["end_to_end"]["correlation"] > 0.99
    table = run_cli(monkeypatch, folder, *against, "--data", "wide.npy")
    assert table.exit_code == 0, table.output
    assert "% saturated" in table.stderr
    assert "fixed point against chain_model:chain" in table.stdout


def test_verify_against_another_model(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    result = run_cli(monkeypatch, folder, "verify", "design", "--data", "x.npy", "--against", "chain_model:other")
    assert result.exit_code == 1
    assert "computes something else than chain_model:other in floats already" in result.stderr


class NearlyZero(nn.Module):
    """
    The sign of what is 0 for an input of 1, and -2**-54 in float64.
    """

    def forward(self, x: Tensor) -> Tensor:
        y = 0.3 - (0.1 * x + 0.2)
        return torch.where(y >= 0, 1.0, -1.0)


def test_frames_with_ties_are_counted(tmp_path: Path) -> None:
    x = np.array([[0.5, 2.0, -3.0], [1.0, 0.0, 5.0], [7.0, 1.0, 1.0], [2.0, 3.0, 4.0]])
    module = blendir.from_torch(NearlyZero().eval(), x)
    build = blendir.compile(module, tmp_path / "design", calibration=x)
    fixed = read_stage(build.path, "fixed")
    assert errors_against(build.path, fixed, module, "NearlyZero", x)["ties"] == 2
    assert errors_against(build.path, fixed, module, "NearlyZero", x[[0, 3]])["ties"] == 0


def test_compile_says_which_layer_is_worst(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    compile = ("compile", "chain_model:chain", "-o", "again", "--calibrate", "x.npy")
    result = run_cli(monkeypatch, folder, *compile)
    report = json.loads((folder / "again" / "report.json").read_text())
    assert result.exit_code == 0, result.output
    assert f"quantization: worst layer {report['worst_layer']}: " in result.stdout
    assert "warning" not in result.stderr
    few = run_cli(monkeypatch, folder, *compile, "--option", "quantize.bits=2", "--option", "quantize.skip-bits=2")
    assert "give it more bits" in few.stderr


def test_without_calibration_nothing_is_measured(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="no calibration data"):
        build = blendir.compile(blendir.from_torch(chain(), frames((6,), 1)), tmp_path / "design")
    assert build.report["quantization"] == []
    assert build.report["worst_layer"] is None
