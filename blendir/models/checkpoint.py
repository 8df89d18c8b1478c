"""
Weights from disk, safetensors or PyTorch's own files without their code, checked in full before a module is touched.
"""

import copy
import io
import pickle  # noqa: TID251  (its error, which torch.load raises)
import re
import warnings
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from blendir.dialects.blend.base import REPAIR

WRAPPERS = ("model.", "_orig_mod.", "module.", "_orig_mod.", "model.")
COUNTER = "num_batches_tracked"
STATES = ("state_dict", "model_state_dict", "model_state", "model", "net")
"""
Where a file of a trainer holds the tensors of the model.
"""
PICKLE_SUFFIXES = frozenset({".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth", ".tar"})
PICKLE_MAGIC = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def load_weights(module: nn.Module, path: str | Path) -> None:
    """
    Load the file `path` into `module`: the same keys, the same shapes, finite values.

    The file is safetensors, or a `.pt`, `.pth` or `.ckpt` file of tensors that PyTorch reads without running code; the
    tensors may lie in it under `state_dict` or `model`, as trainers save them. Keys may have the prefixes that
    DataParallel, torch.compile and Lightning give them, and counters of batches, which only training reads, may lack.
    Keys that a layer makes when it is loaded, as the scales of Brevitas, are its own affair.
    Anything else is a ValueError of one line that names the file and the key; `module` is then unchanged.
    """
    path = Path(path)
    expected: dict[str, Tensor] = module.state_dict()
    tensors = without_wrappers(read_tensors(path), expected)
    for key, tensor in tensors.items():
        _check_tensor(path, key, tensor, expected.get(key, tensor))
    try:
        left = copy.deepcopy(module).load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise ValueError(f"{path}: does not fit the model: {' '.join(str(error).split())}") from None
    _refuse_keys(path, "lacks", left.missing_keys)
    _refuse_keys(path, "has unexpected", left.unexpected_keys)
    module.load_state_dict(tensors, strict=False)


def without_wrappers(tensors: Mapping[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """
    The tensors by their keys, without a prefix that a wrapper around the model gave to all keys.
    """
    found = dict(tensors)
    for prefix in WRAPPERS:
        if found and all(k.startswith(prefix) for k in found) and not any(k.startswith(prefix) for k in expected):
            found = {key.removeprefix(prefix): tensor for key, tensor in found.items()}
    return found


def read_tensors(path: Path) -> dict[str, Tensor]:
    """
    The tensors of a file, by key, in the order of their keys (safetensors' own order is random).
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    if path.suffix.lower() in PICKLE_SUFFIXES or _is_pickle(data):
        return dict(sorted(_read_pickle(path, data).items()))
    try:
        return dict(sorted(load(data).items()))
    except KeyError as error:
        raise ValueError(
            f"{path}: has tensors of type {error.args[0]}, which PyTorch lacks: save them as F32"
        ) from None
    except (SafetensorError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path}: truncated, or not a safetensors file: {reason}") from None


def _read_pickle(path: Path, data: bytes) -> dict[str, Tensor]:
    """
    The tensors of a file that torch.save wrote, read without running code.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load_tensors = torch.load  # noqa: TID251  (of tensors only, which runs no code)
            found: Any = load_tensors(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path}: holds more than tensors{_blamed(str(error))}, and reading that would run code; "
            "save model.state_dict() instead of the model"
        ) from None
    except Exception as error:
        reason = str(error).partition(". ")[0] if isinstance(error, RuntimeError) else type(error).__name__
        raise ValueError(f"{path}: truncated, or not a file of torch.save: {reason}") from None
    for name in STATES:
        if isinstance(found, Mapping) and isinstance(cast(Mapping[Any, Any], found).get(name), Mapping):
            found = cast(Mapping[Any, Any], found)[name]
    if not isinstance(found, Mapping):
        raise ValueError(f"{path}: holds {type(found).__name__}, not the tensors of a model by name")
    state = cast(Mapping[Any, Any], found)
    others = [str(key) for key, value in state.items() if not isinstance(value, Tensor) and not _is_extra(key)]
    if others or not state:
        shown = ", ".join(sorted(others)[:4]) or "nothing"
        raise ValueError(f"{path}: holds {shown} beside tensors by name; save model.state_dict()")
    return {str(key): value for key, value in state.items() if isinstance(value, Tensor)}


def _is_extra(key: object) -> bool:
    """
    What a module saves beside tensors, such as the versions of observers.
    """
    return str(key).rpartition(".")[2] in ("_extra_state", "_metadata")


def _blamed(message: str) -> str:
    """
    The class that a file asks for, as PyTorch names it.
    """
    found = re.search(r"GLOBAL (\S+)", message)
    return f" ({found[1]})" if found else ""


def _is_pickle(data: bytes) -> bool:
    """
    A safetensors file begins with the length of its header, 8 bytes, which may look like a magic number;
    its header is JSON.
    """
    return data.startswith(PICKLE_MAGIC) and data[8:9] != b"{"


def _refuse_keys(path: Path, verb: str, keys: Iterable[str]) -> None:
    named = sorted(key for key in keys if key.rpartition(".")[2] != COUNTER)
    if named:
        shown = ", ".join(named[:4]) + (", ..." if len(named) > 4 else "")
        count = f"{len(named)} key{'s' * (len(named) > 1)}"
        raise ValueError(f"{path}: {verb} {count}: {shown} (is it of another model, or of other options?)")


def _check_tensor(path: Path, key: str, tensor: Tensor, expected: Tensor) -> None:
    if tensor.shape != expected.shape:
        found, wanted = tuple(tensor.shape), tuple(expected.shape)
        raise ValueError(f"{path}: {key} has shape {found}, but the model has {wanted}")
    if tensor.is_floating_point() != expected.is_floating_point():
        raise ValueError(f"{path}: {key} has type {tensor.dtype}, but the model has {expected.dtype}")
    if tensor.layout is not torch.strided or tensor.is_meta:
        raise ValueError(f"{path}: {key} is {'a meta' if tensor.is_meta else 'a sparse'} tensor: save plain ones")
    bad = int((~torch.isfinite(tensor.double())).sum())
    if bad:
        raise ValueError(f"{path}: {key} has {bad} of {tensor.numel()} values that are not finite; {REPAIR}")
    if key.endswith("running_var") and bool((tensor.double() < 0).any()):
        raise ValueError(f"{path}: {key} has a negative variance; {REPAIR}")
