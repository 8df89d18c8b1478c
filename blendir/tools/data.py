"""
Labelled images from disk: CIFAR-10's python archive, folders or zips of class folders, and .npz files.
"""

from __future__ import annotations

import io
import pickle  # noqa: TID251  (restricted below to arrays, text and containers)
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Images: TypeAlias = tuple[Array, NDArray[np.int64], list[str]]
Reader: TypeAlias = Callable[[], bytes]

SUFFIXES = (".jpg", ".jpeg", ".png")
CIFAR_SHAPE = (3, 32, 32)
CIFAR_PARTS = {"test": ("test_batch",), "train": tuple(f"data_batch_{i}" for i in range(1, 6))}
CIFAR_NAMES = "batches.meta"
MAX_ENTRY = 1 << 28
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"): ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"): ("numpy", "ndarray"),
    ("numpy", "dtype"): ("numpy", "dtype"),
    ("_codecs", "encode"): ("_codecs", "encode"),
}
"""The only names that a pickle may use: what an array of numbers and the bytes of Python 2 are made with."""


class ArrayUnpickler(pickle.Unpickler):
    """
    Reads a pickle of containers, text, numbers and arrays; anything that could run code is refused.
    """

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        allowed = ALLOWED.get((module_name, global_name))
        if allowed is None:
            raise pickle.UnpicklingError(f"it uses {module_name}.{global_name}, which is refused")
        return super().find_class(*allowed)


def load_images(path: Path, split: str = "test") -> Images:
    """
    Images [N, C, H, W] (uint8; an .npz file may hold floats), their labels, and the names of the classes.

    Raises ValueError or OSError with one line that names the file.
    """
    if path.is_dir():
        files: dict[str, Reader] = {
            p.relative_to(path).as_posix(): p.read_bytes for p in sorted(path.rglob("*")) if p.is_file()
        }
        return from_files(path, files, split)
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder")
    try:
        if path.suffix == ".npz":
            return from_npz(path)
        if zipfile.is_zipfile(path):
            return from_zip(path, split)
        if tarfile.is_tarfile(path):
            return from_tar(path, split)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ValueError(f"{path}: truncated or damaged: {error}") from None
    kinds = "CIFAR-10's python archive, a folder or zip of class folders, or an .npz file with x and y"
    raise ValueError(f"{path}: not a data set that blendir reads ({kinds}), or truncated")


def from_npz(path: Path) -> Images:
    """
    Arrays x [N, ..] and y [N].
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not {"x", "y"} <= set(archive.files):
                raise ValueError(f"holds {', '.join(archive.files) or 'nothing'}, but should hold x and y")
            x, y = archive["x"], archive["y"]
    except (ValueError, KeyError) as error:
        raise ValueError(f"{path}: {error}") from None
    if x.ndim < 2 or y.shape != x.shape[:1] or not len(y) or y.dtype.kind not in "iu":
        raise ValueError(
            f"{path}: x has shape {list(x.shape)} and y {list(y.shape)} of {y.dtype}, "
            "but they should be N frames and N integer labels"
        )
    labels = y.astype(np.int64)
    return x, labels, [str(i) for i in range(int(labels.max()) + 1)]


def from_zip(path: Path, split: str) -> Images:
    """
    A zip of either kind.
    """
    with zipfile.ZipFile(path) as archive:
        entries = [e for e in archive.infolist() if not e.is_dir() and e.file_size <= MAX_ENTRY]
        files: dict[str, Reader] = {e.filename: lambda e=e: archive.read(e) for e in entries}
        return from_files(path, files, split)


def from_tar(path: Path, split: str) -> Images:
    """
    A tar archive, compressed or not; it is never unpacked to disk.
    """

    def read(member: tarfile.TarInfo) -> bytes:
        stream = archive.extractfile(member)
        assert stream is not None
        data = stream.read()
        if len(data) != member.size:
            raise EOFError(f"{member.name} ends early")
        return data

    with tarfile.open(path) as archive:
        members = [m for m in archive.getmembers() if m.isfile() and m.size <= MAX_ENTRY]
        files: dict[str, Reader] = {m.name: lambda m=m: read(m) for m in members}
        return from_files(path, files, split)


def from_files(path: Path, files: Mapping[str, Reader], split: str) -> Images:
    """
    CIFAR-10's batches or class folders among named files.
    """
    for name in sorted(files):
        folder, _, base = name.rpartition("/")
        if base == CIFAR_PARTS[split][0] or base == CIFAR_NAMES:
            return from_batches(path, files, f"{folder}/" if folder else "", split)
    return from_class_folders(path, files, split)


def from_batches(path: Path, files: Mapping[str, Reader], folder: str, split: str) -> Images:
    """
    CIFAR-10's pickled batches.
    """
    images: list[Array] = []
    labels: list[int] = []
    for part in CIFAR_PARTS[split]:
        batch = unpickled(path, files, folder + part)
        data, found = batch.get("data"), batch.get("labels")
        if not isinstance(data, np.ndarray) or not isinstance(found, list):
            raise ValueError(f"{path}: {part} should hold data and labels")
        rows, numbers = cast(Array, data), cast(list[Any], found)
        if rows.dtype != np.uint8 or rows.shape != (len(numbers), 3072):
            shape = list(rows.shape)
            raise ValueError(f"{path}: {part} holds {shape} of {rows.dtype} for {len(numbers)} labels")
        images.append(rows.reshape(-1, *CIFAR_SHAPE))
        labels += [int(label) for label in numbers]
    names: list[str] = [str(i) for i in range(10)]
    if folder + CIFAR_NAMES in files:
        meta = unpickled(path, files, folder + CIFAR_NAMES)
        names = [n.decode() if isinstance(n, bytes) else str(n) for n in meta.get("label_names", names)]
    return np.concatenate(images), np.array(labels, np.int64), names


def unpickled(path: Path, files: Mapping[str, Reader], name: str) -> dict[str, Any]:
    """
    The dictionary of a pickle, its keys as text.
    """
    if name not in files:
        raise ValueError(f"{path}: lacks {name}")
    data = files[name]()
    try:
        found: Any = ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()
    except Exception as error:
        raise ValueError(f"{path}: {name}: {error or 'truncated'}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path}: {name} should be a dictionary, got {type(found).__name__}")
    items = cast(dict[Any, Any], found).items()
    return {key.decode() if isinstance(key, bytes) else str(key): value for key, value in items}


def from_class_folders(path: Path, files: Mapping[str, Reader], split: str) -> Images:
    """
    Images `<split>/<class>/<file>`, perhaps below other folders; classes in alphabetical order.
    """
    classes: dict[str, list[str]] = {}
    for name in sorted(files):
        folders = name.split("/")[:-1]
        if len(folders) >= 2 and folders[-2] == split:
            classes.setdefault(folders[-1], [])
            if name.lower().endswith(SUFFIXES):
                classes[folders[-1]].append(name)
    if not classes:
        raise ValueError(f"{path}: has no class folders {split}/<class>/ with images, and is not CIFAR-10's archive")
    if empty := [name for name, members in classes.items() if not members]:
        raise ValueError(f"{path}: no {' or '.join(SUFFIXES)} images in {split}/{empty[0]}")
    names = sorted(classes)
    members = [(name, label) for label, kind in enumerate(names) for name in classes[kind]]
    images = decoded(path, ((name, files[name]) for name, _ in members))
    return images, np.array([label for _, label in members], np.int64), names


def decoded(path: Path, files: Iterable[tuple[str, Reader]]) -> NDArray[np.uint8]:
    """
    Images of one size as [N, C, H, W]; C is 1 where all are grey, else 3.
    """
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise ValueError("reading images needs Pillow: pip install pillow") from None

    frames: list[NDArray[np.uint8]] = []
    for name, read in files:
        try:
            with Image.open(io.BytesIO(read())) as image:
                frames.append(np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB")))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            raise ValueError(f"{path}: {name} is truncated, or not an image") from None
        if frames[-1].shape[:2] != frames[0].shape[:2]:
            size, first = ("x".join(map(str, f.shape[:2])) for f in (frames[-1], frames[0]))
            raise ValueError(f"{path}: {name} has {size} pixels, but the first image {first}")
    if all(frame.ndim == 2 for frame in frames):
        return np.stack(frames)[:, None]
    coloured = [f if f.ndim == 3 else np.repeat(f[..., None], 3, axis=2) for f in frames]
    return np.stack(coloured).transpose(0, 3, 1, 2)
