"""
Importing PyTorch models: the imported module computes what PyTorch computes in float64.
"""

import copy
import warnings
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map
from xdsl.dialects.builtin import ModuleOp

from blendir.dialects.blend import BlendOp, ConstantOp, PadModeAttr
from blendir.frontend import UnsupportedModelError, from_torch
from blendir.interpreter import run_module
from blendir.numerics import PadMode

Function = Callable[[Tensor], Tensor]


class Lambda(nn.Module):
    def __init__(self, function: Function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class SignFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sign()

    @staticmethod
    def backward(ctx, grad):
        return grad


class WhereFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))

    @staticmethod
    def backward(ctx, grad):
        return grad


def reactnet(x: Tensor) -> Tensor:
    """
    A sign with a piecewise quadratic surrogate.
    """
    forward = torch.sign(x)
    below, negative, small = x < -1, x < 0, x < 1
    one = -1 * below.type(torch.float32) + (x * x + 2 * x) * (1 - below.type(torch.float32))
    two = one * negative.type(torch.float32) + (-x * x + 2 * x) * (1 - negative.type(torch.float32))
    three = two * small.type(torch.float32) + 1 * (1 - small.type(torch.float32))
    return forward.detach() - three.detach() + three


SIGNS: dict[str, Function] = {
    "sign": torch.sign,
    "sgn": torch.sgn,
    "in_place": lambda x: x.clone().sign_(),
    "where_scalars": lambda x: torch.where(x >= 0, 1.0, -1.0),
    "where_tensors": lambda x: torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x)),
    "where_greater": lambda x: torch.where(x > 0, torch.tensor(1.0), torch.tensor(-1.0)),
    "where_less": lambda x: torch.where(x < 0, torch.full_like(x, -1.0), 1.0),
    "where_less_equal": lambda x: torch.where(x <= 0, -1.0, 1.0),
    "flipped_where": lambda x: -torch.where(x >= 0, -1.0, 1.0),
    "cast": lambda x: 2 * (x >= 0).float() - 1,
    "cast_to_type": lambda x: (x >= 0).to(x.dtype) * 2 - 1,
    "type_as": lambda x: (x > 0).type_as(x).mul(2).sub(1),
    "no_cast": lambda x: (x >= 0) * 2.0 - 1.0,
    "integers": lambda x: ((x >= 0).int() * 2 - 1).float(),
    "not": lambda x: 1 - 2 * torch.logical_not(x >= 0).float(),
    "invert": lambda x: (~(x < 0)).float() * 2 - 1,
    "autograd_sign": SignFunction.apply,
    "autograd_where": WhereFunction.apply,
    "detach_difference": lambda x: (torch.sign(x) - x).detach() + x,
    "add_detached": lambda x: x + (torch.sign(x) - x).detach(),
    "subtract_detached": lambda x: x - (x - torch.sign(x)).detach(),
    "detach_each": lambda x: torch.sign(x).detach() - x.detach() + x,
    "clip": lambda x: (torch.sign(x) - torch.clip(x, -1, 1)).detach() + torch.clip(x, -1, 1),
    "clip_first": lambda x: x.clamp(-1, 1) + (x.sign() - x.clamp(-1, 1)).detach(),
    "hardtanh": lambda x: F.hardtanh(x) - F.hardtanh(x).detach() + x.sign().detach(),
    "tanh": lambda x: (torch.sign(x) - torch.tanh(3 * x)).detach() + torch.tanh(3 * x),
    "no_detach": lambda x: (torch.sign(x) - x) + x,
    "compare_detached": lambda x: ((x >= 0).float() * 2 - 1 - x).detach() + x,
    "reactnet": reactnet,
}

ELEMENTWISE: dict[str, Function] = {
    "normalize": lambda x: (x - torch.tensor([0.5, 1.0, 2.0, 3.0]).view(4, 1, 1)) / 0.25,
    "right_minus": lambda x: 1 - x,
    "rsub_tensor": lambda x: torch.ones(1, 4, 1, 1) - x,
    "times": lambda x: 3 * x * torch.arange(4.0).view(1, 4, 1, 1),
    "negative": lambda x: -x,
    "add_alpha": lambda x: x.add(x.relu(), alpha=2),
    "sub_alpha": lambda x: x.sub(3, alpha=2),
    "subtract": lambda x: x.relu() - x,
    "along_width": lambda x: x + torch.arange(4.0),
    "in_place": lambda x: x.sign().add_(0.5).relu_(),
    "clamp_low": lambda x: x.clamp(min=0.25),
    "clamp_zero": lambda x: x.clamp(min=0),
    "clamp_high": lambda x: x.clamp(max=0.25),
    "clamp_tensors": lambda x: torch.clamp(x, torch.tensor(-0.5), torch.tensor(0.5)),
    "clamp_crossed": lambda x: torch.clamp(x, 1.0, -1.0),
    "clamp_twice": lambda x: x.clamp(-0.5, 0.5).clamp(0.25, 2.0) + x.clamp(max=0.5).clamp(min=0.75),
    "maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
    "minimum": lambda x: torch.minimum(torch.tensor(0.5), x),
    "relu6": lambda x: F.relu6(4 * x),
    "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
    "mask": lambda x: (x > 0.5).double(),
    "threshold_per_channel": lambda x: (x >= torch.arange(4.0).view(4, 1, 1) / 4).float(),
    "constant_left": lambda x: torch.where(torch.tensor(0.25) < x, 3.0, -2.0),
    "choice_per_channel": lambda x: torch.where(x > 0.1, torch.arange(4.0).view(4, 1, 1), -1.0),
    "mixed_signs": lambda x: x.sign() * torch.tensor([1.0, -1.0, -1.0, 1.0]).view(4, 1, 1),
    "where_above": lambda x: torch.where(x > 0.5, 0.5, x),
    "where_below": lambda x: torch.where(x < -0.25, torch.tensor(-0.25), x),
    "where_kept": lambda x: torch.where(x <= 0.5, x, 0.5) + torch.where(x > 0.25, x, 0.25),
    "where_relu": lambda x: torch.where(x >= 0, x, 0.0),
    "constant_type_as": lambda x: x * (-2 * torch.ones(1)).type_as(x).abs(),
    "dropout": lambda x: F.dropout(x, 0.5, False) + 0,
    "casts": lambda x: x.half().float().double().contiguous().clone(),
}

SHAPES: dict[str, Function] = {
    "mean": lambda x: x.mean((2, 3)),
    "mean_keepdim": lambda x: x.mean([-1, -2], keepdim=True),
    "mean_twice": lambda x: x.mean(-1).mean(-1),
    "mean_width": lambda x: x.mean(3, keepdim=True),
    "sum": lambda x: x.sum((2, 3)),
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, 1),
    "adaptive_divides": lambda x: F.adaptive_avg_pool2d(x, (2, 4)),
    "avg_pool_padded": lambda x: F.avg_pool2d(x, 3, 1, 1),
    "avg_pool_divisor": lambda x: F.avg_pool2d(x, 2, divisor_override=3, ceil_mode=True),
    "avg_pool_uncounted": lambda x: F.avg_pool2d(x, 2, count_include_pad=False),
    "max_pool": lambda x: F.max_pool2d(x, 3, 2, 1),
    "max_pool_indices": lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
    "flatten": lambda x: x.flatten(1),
    "view": lambda x: x.view(x.size(0), -1),
    "reshape": lambda x: x.reshape(-1, 8, 2, 4),
    "squeeze": lambda x: F.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(2),
    "unsqueeze": lambda x: x.mean(3).unsqueeze(-1),
    "cat": lambda x: torch.cat([x, x.relu(), x.sign()], dim=-3),
    "cat_bits": lambda x: torch.cat([x.sign(), (-x).sign()], 1),
    "transpose": lambda x: x.transpose(1, 3),
    "permute": lambda x: x.permute(0, -2, 3, 1),
    "same_order": lambda x: x.permute(0, 1, 2, 3) + 1,
    "whole_slice": lambda x: x[:, :, 0:4].expand(-1, 4, -1, -1) + 1,
}


NARROW = (torch.float16, torch.bfloat16, torch.float32)


class Wide(TorchFunctionMode):
    """
    Every float is a float64: casts to less do not round.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (Tensor.float, Tensor.half, Tensor.bfloat16):
            func = Tensor.double
        if args and isinstance(args[0], Tensor):
            args, kwargs = tree_map(
                lambda a: torch.float64 if isinstance(a, torch.dtype) and a in NARROW else a, (args, kwargs)
            )
        result = func(*args, **kwargs)
        wide = isinstance(result, Tensor) and result.dtype in NARROW
        return result.double() if wide else result


def expected(model: nn.Module, x: Tensor) -> np.ndarray:
    """
    What PyTorch computes in float64.
    """
    model = copy.deepcopy(model).double().eval()
    x = x if x.dtype == torch.uint8 else x.double()
    with torch.no_grad(), Wide():
        return model(x).double().numpy()


def check(model: nn.Module, x: Tensor) -> ModuleOp:
    """
    Imports a model and compares it with PyTorch on a batch.
    """
    module = from_torch(model.eval(), x)
    want = expected(model, x)
    got = run_module(module, x.numpy())
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)
    layers = [op.layer_name for op in operations(module)]
    assert len(set(layers)) == len(layers)
    return module


def operations(module: ModuleOp) -> list[BlendOp]:
    return [op for op in module.walk() if isinstance(op, BlendOp) and not isinstance(op, ConstantOp)]


def names(module: ModuleOp) -> list[str]:
    return [op.name.removeprefix("blend.") for op in operations(module)]


def image(*shape: int) -> Tensor:
    return torch.randn(3, *(shape or (4, 4, 4)), generator=torch.Generator().manual_seed(1))


def refused(model: nn.Module, x: Tensor) -> UnsupportedModelError:
    with pytest.raises(UnsupportedModelError) as caught:
        from_torch(model.eval(), x)
    return caught.value


def randomized(model: nn.Module) -> nn.Module:
    """
    Random statistics and parameters, gamma of either sign.
    """
    generator = torch.Generator().manual_seed(7)
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_floating_point():
            values = torch.randn(tensor.shape, generator=generator)
            tensor.data = values.abs() + 0.5 if name.endswith("var") else values
    return model


@pytest.mark.parametrize("name", SIGNS)
def test_sign_spellings_become_bits(name: str):
    module = check(Lambda(SIGNS[name]), image())
    assert names(module) in (["sign", "bits_to_value"], ["threshold", "bits_to_value"])


@pytest.mark.parametrize("name", SIGNS)
def test_sign_spellings_of_weights_are_exact(name: str):
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(5, 4, 3, 3) * 0.3)

        def forward(self, x):
            return F.conv2d(torch.sign(x), SIGNS[name](self.weight), padding=1)

    module = check(Lambda(Layer()), image())
    assert names(module) == ["sign", "binary_conv2d", "affine"]


@pytest.mark.parametrize("name", ["where_scalars", "sign", "detach_difference", "reactnet"])
def test_zero_becomes_plus_one(name: str):
    module = from_torch(Lambda(SIGNS[name]).eval(), image())
    np.testing.assert_array_equal(run_module(module, np.zeros((1, 4, 4, 4))), np.ones((1, 4, 4, 4)))


def test_strict_comparison_stays_strict():
    module = from_torch(Lambda(lambda x: torch.where(x > 0.5, 1.0, -1.0)).eval(), image(2))
    x = np.array([[0.5, np.nextafter(0.5, 1)]])
    np.testing.assert_array_equal(run_module(module, x), [[-1.0, 1.0]])


def test_law_needs_a_gradient_trick():
    module = check(Lambda(lambda x: (x.relu() - x) + x), image())
    assert names(module) == ["relu", "affine", "add", "add"]
    module = check(Lambda(lambda x: (x.relu() - x).detach() + x), image())
    assert names(module) == ["relu"]


def test_law_keeps_what_does_not_cancel():
    module = check(Lambda(lambda x: (x.sign() - x).detach() + 2 * x), image())
    assert names(module).count("add") == 2


def test_random_values_do_not_cancel():
    model = Lambda(lambda x: (x.sign() - torch.rand_like(x)).detach() + torch.rand_like(x))
    assert len(refused(model, image()).operations) == 2


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(name: str):
    check(Lambda(ELEMENTWISE[name]), image())


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str):
    check(Lambda(SHAPES[name]), image())


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 5, 3),
        nn.Conv2d(4, 5, (3, 1), stride=(2, 1), padding=(1, 0), bias=False),
        nn.Conv2d(4, 5, 3, padding="same"),
        nn.Conv2d(4, 5, 2, padding="valid"),
        nn.BatchNorm2d(4),
        nn.BatchNorm2d(4, affine=False),
        nn.PReLU(),
        nn.PReLU(4),
        nn.ReLU(),
        nn.ReLU6(),
        nn.LeakyReLU(0.3),
        nn.Hardtanh(-2, 0.5),
        nn.AvgPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(),
        nn.Identity(),
        nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(4, 5, 3, padding=1)),
        nn.Sequential(nn.ConstantPad2d((1, 1, 2, 2), 0.5), nn.Conv2d(4, 5, 5)),
        nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.BatchNorm1d(5), nn.PReLU(5), nn.Linear(5, 2, bias=False)),
    ],
    ids=str,
)
def test_modules(layer: nn.Module):
    check(randomized(nn.Sequential(nn.Identity(), layer, nn.Dropout())), image())


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w, b: F.linear(x, w, b),
        lambda x, w, b: x @ w.t() + b,
        lambda x, w, b: torch.addmm(b, x, w.t(), beta=0.5, alpha=2),
        lambda x, w, b: torch.mm(x, w.T),
        lambda x, w, b: F.linear(x.sign(), torch.sign(w) * w.abs().mean(1, keepdim=True), b),
    ],
)
def test_linear_forms(function: Callable[..., Tensor]):
    w, b = torch.randn(5, 6), torch.randn(5)
    check(Lambda(lambda x: function(x, w.to(x.dtype), b.to(x.dtype))), image(6))


@pytest.mark.parametrize(("fill", "mode"), [(1.0, PadMode.PLUS_ONE), (-1.0, PadMode.MINUS_ONE)])
def test_border_of_bits(fill: float, mode: PadMode):
    weight = torch.randn(5, 4, 3, 3).sign()
    model = Lambda(lambda x: F.conv2d(F.pad(x.sign(), (1, 1, 1, 1), value=fill), weight.to(x.dtype)))
    module = check(model, image())
    conv = operations(module)[1]
    assert conv.properties["pad_mode"] == PadModeAttr(mode)


class WeightStandardized(nn.Conv2d):
    def forward(self, x):
        w = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        w = w / w.std((1, 2, 3), keepdim=True)
        alpha = self.weight.abs().mean((1, 2, 3), keepdim=True)
        return F.conv2d(x.sign(), alpha * torch.sign(w), self.bias, self.stride, self.padding)


class Block(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.move = nn.Parameter(torch.randn(1, channels, 1, 1))
        self.conv = WeightStandardized(channels, channels, 3, padding=1)
        self.bn = nn.BatchNorm2d(channels)
        self.act = nn.PReLU(channels)

    def forward(self, x):
        return self.act(self.bn(self.conv(x + self.move))) + x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(8) for _ in range(3)))
        self.head = nn.Linear(8, 10)
        self.register_buffer("mean", torch.tensor([120.0, 110.0, 100.0]).view(3, 1, 1), persistent=False)

    def forward(self, x):
        x = (x.to(self.mean.dtype) - self.mean) / 64
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


def test_network_on_pixels():
    x = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    module = check(randomized(Net()), x)
    assert "tensor<1x3x8x8xui8>" in str(module).splitlines()[1]
    assert names(module)[:2] == ["affine", "affine"]
    layers = {op.layer_name: op.name for op in operations(module)}
    assert layers["blocks.1.conv.sign"] == "blend.sign"
    assert layers["blocks.1.bn"] == "blend.batch_norm"
    assert layers["blocks.2.add.1"] == "blend.add"


def test_layers_are_unique_and_modules_keep_their_path():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 1)
            self.add = nn.ReLU()

        def forward(self, x):
            return self.add(self.conv(self.conv(x)) + x)

    module = check(Shared(), image())
    assert [op.layer_name for op in operations(module)] == ["conv", "conv.1", "add.1", "add"]


def test_module_of_one_operation_gives_its_path():
    class Sign(nn.Module):
        def forward(self, x):
            return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    module = check(nn.Sequential(Sign(), nn.ReLU()), image())
    assert [op.layer_name for op in operations(module)] == ["0", "0.where", "1"]


def test_pixels_are_compared_as_integers():
    x = torch.arange(256, dtype=torch.uint8).view(1, 4, 8, 8)
    check(Lambda(lambda x: (x > 100.5).float() + (x.float() <= 7).float()), x)


def test_pixel_arithmetic_wraps_and_is_refused():
    error = refused(Lambda(lambda x: (x - 128).float()), torch.zeros(1, 4, 4, 4, dtype=torch.uint8))
    assert "wraps around" in error.operations[0][1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_precision_of_the_model_does_not_matter(dtype: torch.dtype):
    model = randomized(nn.Sequential(nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5), Lambda(lambda x: x.float() * 0.1)))
    check(model.to(dtype), image())


def test_model_is_not_changed():
    model = randomized(Net()).train()
    before = copy.deepcopy(model.state_dict())
    with pytest.warns(UserWarning, match="training mode"):
        from_torch(model, np.zeros((2, 3, 8, 8), np.uint8))
    assert all(module.training for module in model.modules())
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_zero_weights_are_reported():
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([[0.0, -1.0], [2.0, 0.0]]))

        def forward(self, x):
            return F.linear(x, torch.sign(self.weight))

    with pytest.warns(UserWarning, match="fc: 2 weights are exactly 0 and taken as \\+1"):
        module = from_torch(nn.Sequential(OrderedDict(fc=Layer())).eval(), image(2))
    np.testing.assert_allclose(run_module(module, np.array([[1.0, 10.0]])), [[-9.0, 11.0]])


def test_parameters_must_be_finite():
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)).eval()
    model[1].running_var[2] = float("nan")
    with pytest.raises(ValueError, match=r"parameter 1.running_var has 1 value that are not finite"):
        from_torch(model, image())


def test_all_unsupported_operations_are_listed_at_once():
    model = nn.Sequential(nn.Conv2d(4, 4, 3, groups=2), nn.ELU(), Lambda(lambda x: x.exp() / x), nn.Softmax(1))
    error = refused(model, image())
    assert error.operations == (
        ("0", "aten.conv2d.default with groups = 2"),
        ("1", "aten.elu.default"),
        ("2.exp", "aten.exp.default"),
        ("2.div", "aten.div.Tensor by a value"),
        ("3", "aten.softmax.int"),
    )
    assert str(error).startswith("5 operations of the model cannot be translated:\n  0: aten.conv2d.default with")
    assert "BatchNorm2d" in str(error)
    assert "aten.conv2d, " in str(error)


UNSUPPORTED: dict[str, tuple[Function, str]] = {
    "batch mean": (lambda x: x - x.mean(0, keepdim=True), "leading dimension, the batch"),
    "batch cat": (lambda x: torch.cat([x, x]), "leading dimension, the batch"),
    "batch view": (lambda x: x.view(4, 16), "the batch, the leading dimension"),
    "batch transpose": (lambda x: x.transpose(0, 1), "leading dimension, the batch"),
    "batch squeeze": (lambda x: x.mean((2, 3), keepdim=True).squeeze(), r"use flatten\(1\)"),
    "dilation": (lambda x: F.conv2d(x, torch.ones(1, 4, 2, 2), dilation=2), "dilation = 2"),
    "pool dilation": (lambda x: F.max_pool2d(x, 2, dilation=2), "dilation"),
    "ceil": (lambda x: F.avg_pool2d(x, 3, ceil_mode=True), "ceil_mode"),
    "uncounted": (lambda x: F.avg_pool2d(x, 3, padding=1, count_include_pad=False), "count_include_pad"),
    "adaptive": (lambda x: F.adaptive_avg_pool2d(x, 3), "does not divide"),
    "even same": (lambda x: F.conv2d(x, torch.ones(1, 4, 2, 2), padding="same"), "even kernel"),
    "big padding": (lambda x: F.conv2d(x, torch.ones(1, 4, 1, 1), padding=1), "smaller than the kernel"),
    "lone pad": (lambda x: F.relu(F.pad(x, (1, 1))), "not followed by a convolution"),
    "reflect": (lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"), "mode reflect"),
    "lopsided": (lambda x: F.conv2d(F.pad(x, (1, 0)), torch.ones(1, 4, 1, 2)), "not symmetric"),
    "two values": (lambda x: torch.where(x > 0, x, 0.1 * x), "chooses between values"),
    "no bound": (lambda x: torch.where(x > 0.5, x, 0.25), "a value and a constant, and is no bound"),
    "map": (lambda x: (x > torch.arange(16.0).view(4, 4)).float(), "vary along dimensions"),
    "per element": (lambda x: x.clamp(torch.arange(4.0), 5.0 + torch.arange(4.0)), "not one number"),
    "part": (lambda x: x[:, :, 1:], "aten.slice.Tensor"),
    "chunk": (lambda x: x.chunk(2, 2)[1], "aten.split.Tensor"),
    "indices": (lambda x: F.max_pool2d(x, 2, return_indices=True)[1].float(), "result 1"),
    "infinite": (lambda x: x / 0, "not finite"),
    "truncated": (lambda x: x.int().float(), "from float32 to int32"),
    "features": (lambda x: F.linear(x, torch.ones(4)), "with weights"),
    "statistics": (lambda x: F.batch_norm(x, None, None, training=True), "batch_norm"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported(name: str):
    function, message = UNSUPPORTED[name]
    with pytest.raises(UnsupportedModelError, match=message):
        from_torch(Lambda(function).eval(), image())


class Two(nn.Module):
    def forward(self, image, mask):
        return image * mask


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Two(), r"the model has 2 inputs \(image, mask\)"),
        (Lambda(lambda x: (x.relu(), x.sign())), r"the model has 2 outputs \(relu, sign\)"),
        (Lambda(lambda x: torch.ones(1, 3)), "does not depend on its input"),
        (Lambda(lambda x: x if x.sum() > 0 else -x), "PyTorch cannot trace the model on an example of shape"),
        (nn.Conv2d(3, 4, 1), r"on an example of shape \[1, 4, 4, 4\], float32"),
    ],
)
def test_models_that_do_not_fit(model: nn.Module, message: str):
    with pytest.raises(ValueError, match=message):
        from_torch(model.eval(), image())


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (np.zeros((0, 3)), "at least one frame"),
        (np.zeros(3), "at least one frame"),
        (np.zeros((1, 3), np.int64), "floats or uint8"),
    ],
)
def test_examples_that_do_not_fit(example: np.ndarray, message: str):
    with pytest.raises(ValueError, match=message):
        from_torch(nn.ReLU().eval(), example)


def test_import_of_a_clean_model_warns_about_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_torch(randomized(Net()).eval(), np.zeros((2, 3, 8, 8), np.uint8))
