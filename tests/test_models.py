"""
The zoo: geometry, determinism, training, and what a checkpoint may be.
"""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from blendir.models import ZOO, blendnet8, blendnet20, load, load_weights
from blendir.models.binary import BinaryConv2d, Sign
from blendir.models.blendnet import BLENDNET20_CHECKPOINT, BlendNetConfig
from blendir.models.checkpoint import read_tensors

FLAGS = ["alpha", "bn_m", "main_tail_bn", "shared_slope", "stem_act", "norm_affine", "relu", "concat_skip"]


def forward(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return model(x)


def test_blendnet20_has_the_parameters_of_the_paper():
    model = blendnet20()
    assert sum(parameter.numel() for parameter in model.parameters()) == 273_146
    assert sum(m.weight.numel() for m in model.modules() if isinstance(m, BinaryConv2d)) == 267_264
    assert len(model.blocks) == 18


@pytest.mark.parametrize("name", sorted(ZOO))
def test_zoo_entries_run_on_their_example(name: str):
    """
    Large networks run once, on one frame, with the weights that PyTorch draws.
    """
    entry = ZOO[name]
    model = entry.make().eval()
    large = sum(parameter.numel() for parameter in model.parameters()) > 10**6
    if not large:
        model = load(name)
    frames = 1 if large else 3
    x = entry.example(frames)
    assert x.dtype == torch.uint8
    assert x.shape == (frames, *entry.input_shape)
    assert int(x.max()) <= entry.pixel_max
    assert not model.training
    y = forward(model, x)
    assert y.shape == (frames, entry.classes)
    assert torch.isfinite(y).all()
    if not large:
        assert torch.equal(y, forward(model, x))
        assert torch.equal(y, forward(model, x.float()))
    assert entry.pretrained == (entry.accuracy is not None) == (entry.accuracy_on is not None)
    assert entry.card is None or entry.card.is_file()


def test_zoo_names_what_it_has():
    with pytest.raises(ValueError, match=r"no network named 'x' in the zoo; there are: .*blendnet20, blendnet8"):
        load("x")


def test_sign_is_plus_one_at_zero():
    x = torch.tensor([-1.0, -0.0, 0.0, 1e-30, 3.0])
    assert Sign()(x).tolist() == [-1, 1, 1, 1, 1]


def test_binary_weights_are_signs_times_the_mean_magnitude():
    conv = BinaryConv2d(4, 2, 3, 1, 1)
    conv.weight.data[0, 0, 0, 0] = 0.0
    impulses = torch.eye(36).view(36, 4, 3, 3)
    centre = forward(conv, impulses)[:, :, 1, 1].T.reshape(2, 4, 3, 3)
    alpha = conv.weight.detach().abs().mean(dim=(1, 2, 3), keepdim=True)
    signs = torch.where(conv.weight.detach() >= 0, 1.0, -1.0)
    assert torch.equal(centre, signs * alpha)


def test_the_shipped_checkpoint_is_what_pretrained_loads():
    model = blendnet20(pretrained=True)
    tensors = read_tensors(BLENDNET20_CHECKPOINT)
    state = model.state_dict()
    assert state.keys() == tensors.keys()
    assert all(torch.equal(state[key], tensor) for key, tensor in tensors.items())


def test_pretrained_is_refused_where_there_is_no_checkpoint():
    with pytest.raises(ValueError, match="blendnet8 has no checkpoint"):
        blendnet8(pretrained=True)
    with pytest.raises(ValueError, match="trained without flags"):
        blendnet20(pretrained=True, bn_m=False)


def test_a_configuration_needs_a_mean_and_a_scale_per_channel():
    with pytest.raises(ValueError, match="3 input channels need as many means and scales, not 1 and 3"):
        BlendNetConfig((3, 8, 8), (1,), (1, 1, 1), (16,), 1)
    with pytest.raises(ValueError, match="at least one stage"):
        BlendNetConfig((1, 8, 8), (1,), (1,), (), 1)


def test_a_seed_decides_everything_and_the_global_generator_stays():
    before = torch.get_rng_state()
    first, again, other = (blendnet20(seed=seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["blocks.0.conv.weight"], other["blocks.0.conv.weight"])
    assert not torch.equal(first["blocks.17.norm.running_mean"], other["blocks.17.norm.running_mean"])


@pytest.mark.parametrize("factory", [blendnet20, blendnet8])
def test_random_statistics_are_plausible(factory):
    """
    Activations neither die nor explode, and there are scales of either sign.
    """
    model = factory(seed=1)
    shares: list[float] = []
    for module in model.modules():
        if isinstance(module, Sign):
            module.register_forward_hook(lambda _, __, bits: shares.append(float((bits > 0).float().mean())))
    y = forward(model, ZOO[factory.__name__].example(8, seed=5))
    assert shares
    assert all(0.2 < share < 0.8 for share in shares)
    assert y.abs().max() < 50
    gammas = torch.cat([block.bn.weight.detach() for block in model.blocks])
    assert (gammas < 0).any()
    assert (gammas > 0).any()


@pytest.mark.parametrize("flag", FLAGS)
def test_flags_change_the_network_and_it_still_runs(flag: str):
    default = getattr(BlendNetConfig((1, 8, 8), (1,), (1,), (16,), 1), flag)
    model = blendnet8(**{flag: not default})
    y = forward(model, ZOO["blendnet8"].example(2))
    assert y.shape == (2, 10)
    assert not torch.equal(y, forward(blendnet8(), ZOO["blendnet8"].example(2)))


def test_the_gradient_reaches_every_parameter():
    model = blendnet8().train()
    loss = functional.cross_entropy(model(ZOO["blendnet8"].example(16)), torch.arange(16) % 10)
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_compiled_signs_keep_their_gradient():
    """
    A cast that changes nothing after `where` made PyTorch 2.11 drop it without a word.
    """
    conv = BinaryConv2d(2, 3, 3, 1, 1)
    model = nn.Sequential(Sign(), conv)
    x = torch.linspace(-1, 1, 2 * 2 * 16).reshape(2, 2, 4, 4).requires_grad_()
    torch.compile(model, backend="eager")(x).square().sum().backward()
    assert conv.weight.grad is not None
    assert x.grad is not None
    compiled = conv.weight.grad.clone(), x.grad.clone()
    conv.weight.grad = x.grad = None
    model(x).square().sum().backward()
    assert bool(compiled[0].any())
    assert torch.equal(compiled[0], conv.weight.grad)
    assert torch.equal(compiled[1], x.grad)


def test_straight_through_slopes():
    x = torch.tensor([-1.5, -0.5, 0.0, 0.25, 2.0], requires_grad=True)
    Sign()(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0, 1, 2, 1.5, 0]


def test_images_of_other_channels_are_refused():
    with pytest.raises(ValueError, match="the network takes images of 3 channels, got 1"):
        forward(blendnet20(), torch.zeros(1, 1, 32, 32))


# What a checkpoint may be.


def good() -> dict[str, Tensor]:
    return {key: value.clone() for key, value in blendnet8().state_dict().items()}


def refused(path: Path, message: str) -> None:
    """
    Loading `path` is one line that names the file, and leaves the module alone.
    """
    model = blendnet8(seed=9)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=message) as caught:
        load_weights(model, path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_a_good_checkpoint_loads(tmp_path: Path):
    path = tmp_path / "w.safetensors"
    save_file(good(), path)
    model = blendnet8(seed=9)
    load_weights(model, path)
    x = ZOO["blendnet8"].example(2)
    assert torch.equal(forward(model, x), forward(blendnet8(), x))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("fc.bias", torch.zeros(11), r"fc\.bias has shape \(11,\), but the model has \(10,\)"),
        ("fc.bias", torch.zeros(10, dtype=torch.int64), r"fc\.bias has type torch\.int64"),
        ("fc.bias", torch.full((10,), float("nan")), r"fc\.bias has 10 of 10 values that are not finite"),
        ("stem.1.running_var", torch.full((16,), -1.0), r"stem\.1\.running_var has a negative variance"),
        ("fc.extra", torch.zeros(1), r"has unexpected 1 key: fc\.extra"),
        ("fc.bias", None, r"lacks 1 key: fc\.bias"),
    ],
)
def test_wrong_tensors_are_named(tmp_path: Path, key: str, value: Tensor | None, message: str):
    tensors = good()
    if value is None:
        del tensors[key]
    else:
        tensors[key] = value
    path = tmp_path / "w.safetensors"
    save_file(tensors, path)
    refused(path, message)


@pytest.mark.parametrize(
    ("value", "message"),
    [(torch.eye(10)[0].to_sparse(), r"fc\.bias is a sparse tensor"), (torch.zeros(10, device="meta"), r"is a meta")],
)
def test_tensors_without_numbers_of_their_own_are_named(tmp_path: Path, value: Tensor, message: str):
    path = tmp_path / "w.pth"
    torch.save(good() | {"fc.bias": value}, path)
    refused(path, message)


def test_types_that_pytorch_lacks_are_named(tmp_path: Path):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(2)}, path)
    path.write_bytes(path.read_bytes().replace(b'"F32","shape":[2]', b'"F4","shape":[16]'))
    refused(path, "has tensors of type F4, which PyTorch lacks")


def test_weights_of_eight_bits_are_loaded(tmp_path: Path):
    path = tmp_path / "w.safetensors"
    save_file(good() | {"fc.bias": torch.arange(10.0).to(torch.float8_e4m3fn)}, path)
    model = blendnet8(seed=9)
    load_weights(model, path)
    assert torch.equal(model.state_dict()["fc.bias"], torch.arange(10.0))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_prefixes_of_wrappers_are_taken_off(tmp_path: Path, prefix: str):
    path = tmp_path / "w.safetensors"
    save_file({prefix + key: value for key, value in good().items()}, path)
    model = blendnet8(seed=9)
    load_weights(model, path)
    assert all(torch.equal(value, good()[key]) for key, value in model.state_dict().items())


def test_a_prefix_that_only_some_keys_have_stays(tmp_path: Path):
    path = tmp_path / "w.safetensors"
    save_file(good() | {"module.fc.bias": torch.zeros(10)}, path)
    refused(path, r"has unexpected 1 key: module\.fc\.bias")


def test_a_model_with_such_a_prefix_of_its_own_keeps_it(tmp_path: Path):
    def net() -> torch.nn.Module:
        return torch.nn.ModuleDict({"module": torch.nn.Linear(2, 2)})

    path = tmp_path / "w.safetensors"
    save_file(net().state_dict(), path)
    load_weights(net(), path)


def test_counters_of_batches_may_lack(tmp_path: Path):
    path = tmp_path / "w.safetensors"
    save_file({key: value for key, value in good().items() if not key.endswith("num_batches_tracked")}, path)
    model = blendnet8(seed=9)
    load_weights(model, path)
    assert torch.equal(model.state_dict()["fc.bias"], good()["fc.bias"])


def test_many_missing_keys_make_one_short_line(tmp_path: Path):
    path = tmp_path / "w.safetensors"
    save_file({"fc.bias": torch.zeros(10)}, path)
    refused(path, r"lacks \d+ keys: blocks\.0\.act\.weight, .*, \.\.\. \(is it of another")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".safetensors"])
@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_torch_save_load(tmp_path: Path, suffix: str, zipped: bool):
    path = tmp_path / f"w{suffix}"
    torch.save(good(), path, _use_new_zipfile_serialization=zipped)
    model = blendnet8(seed=9)
    load_weights(model, path)
    assert all(torch.equal(value, good()[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", ["state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "model.", "module.", "model.module.", "model._orig_mod."])
def test_states_of_trainers_load(tmp_path: Path, name: str, prefix: str):
    state = {prefix + key: value for key, value in good().items()}
    torch.save({"epoch": 3, name: state, "optimizer_states": [{"lr": 0.1}]}, tmp_path / "w.ckpt")
    model = blendnet8(seed=9)
    load_weights(model, tmp_path / "w.ckpt")
    assert all(torch.equal(value, good()[key]) for key, value in model.state_dict().items())


class Hostile:
    """
    Runs code when a pickle of it is read in full.
    """

    def __reduce__(self):
        return print, ("code ran",)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Hostile(), r"holds more than tensors \(\S*print\), and reading that would run code; save model\.state_dict"),
        (nn.Linear(2, 2), r"holds more than tensors \(torch\.nn\.modules\.linear\.Linear\), and reading that would"),
        ([torch.zeros(1)], "holds list, not the tensors of a model by name"),
        ({"lr": 0.1, "epoch": 2}, r"holds epoch, lr beside tensors by name; save model\.state_dict\(\)"),
        ({}, "holds nothing beside tensors by name"),
    ],
)
def test_pickles_of_more_than_tensors_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: object, message: str, zipped: bool
):
    torch.save(content, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    refused(tmp_path / "w.pt", message)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("keep", [0, 5, 900, -1000])
def test_truncated_files_of_torch_save_are_refused(tmp_path: Path, keep: int):
    torch.save(good(), tmp_path / "w.pth")
    (tmp_path / "w.pth").write_bytes((tmp_path / "w.pth").read_bytes()[:keep])
    refused(tmp_path / "w.pth", "truncated, or not a file of torch.save: ")


def test_a_header_that_looks_like_a_pickle_is_none(tmp_path: Path):
    """
    The first bytes of a safetensors file are a length: 0x280 reads as the start of a pickle.
    """
    header = b'{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(0x280)
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    assert path.read_bytes().startswith(b"\x80\x02")
    assert read_tensors(path)["x"].tolist() == [0]


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_truncated_files_are_refused(tmp_path: Path, keep: int):
    path = tmp_path / "w.safetensors"
    save_file(good(), path)
    path.write_bytes(path.read_bytes()[:keep])
    refused(path, "truncated, or not a safetensors file")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path):
    refused(tmp_path / "none.safetensors", "cannot be read: No such file or directory")
    refused(tmp_path, "cannot be read: Is a directory")
