"""
Weights from disk: safetensors only, checked in full before a module is touched.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

PICKLE_SUFFIXES = frozenset({".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth", ".tar"})
PICKLE_MAGIC = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def load_weights(module: nn.Module, path: str | Path) -> None:
    """
    Load the safetensors file `path` into `module`: the same keys, the same shapes, finite values.

    Anything else is a ValueError of one line that names the file and the key; `module` is then unchanged.
    """
    path = Path(path)
    tensors = read_tensors(path)
    expected: dict[str, Tensor] = module.state_dict()
    _refuse_keys(path, "lacks", expected.keys() - tensors.keys())
    _refuse_keys(path, "has unexpected", tensors.keys() - expected.keys())
    for key, tensor in tensors.items():
        _check_tensor(path, key, tensor, expected[key])
    module.load_state_dict(tensors, strict=True)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """
    The tensors of a safetensors file, by key.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    if path.suffix.lower() in PICKLE_SUFFIXES or _is_pickle(data):
        raise ValueError(
            f"{path}: a pickled checkpoint is refused, because loading one executes code that it contains; "
            "where you trust it, convert it with safetensors.torch.save_file(model.state_dict(), ...)"
        )
    try:
        return load(data)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path}: truncated, or not a safetensors file: {reason}") from None


def _is_pickle(data: bytes) -> bool:
    """
    A safetensors file begins with the length of its header, 8 bytes, which may look like a magic number;
    its header is JSON.
    """
    return data.startswith(PICKLE_MAGIC) and data[8:9] != b"{"


def _refuse_keys(path: Path, verb: str, keys: set[str]) -> None:
    if keys:
        shown = ", ".join(sorted(keys)[:4]) + (", ..." if len(keys) > 4 else "")
        raise ValueError(f"{path}: {verb} {len(keys)} key{'s' * (len(keys) > 1)}: {shown}")


def _check_tensor(path: Path, key: str, tensor: Tensor, expected: Tensor) -> None:
    if tensor.shape != expected.shape:
        found, wanted = tuple(tensor.shape), tuple(expected.shape)
        raise ValueError(f"{path}: {key} has shape {found}, but the model has {wanted}")
    if tensor.is_floating_point() != expected.is_floating_point():
        raise ValueError(f"{path}: {key} has type {tensor.dtype}, but the model has {expected.dtype}")
    bad = int((~torch.isfinite(tensor)).sum())
    if bad:
        raise ValueError(f"{path}: {key} has {bad} of {tensor.numel()} values that are not finite")
    if key.endswith("running_var") and bool((tensor < 0).any()):
        raise ValueError(f"{path}: {key} has a negative variance")
