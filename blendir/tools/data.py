"""
Labelled images from disk: the python archives of CIFAR-10 and CIFAR-100, folders or zips of class folders, .npz files.
"""

from __future__ import annotations

import io
import lzma
import pickle  # noqa: TID251  (restricted below to arrays, text and containers)
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from blendir.tools.terminal import one_line

Array = NDArray[Any]
Labels = NDArray[np.int64]
Images: TypeAlias = tuple[Array, Labels, list[str]]
Reader: TypeAlias = Callable[[], bytes]
Files: TypeAlias = Mapping[str, Reader]
"""Files by name; the name of a folder ends in `/`, so that an empty one is known too."""
Split: TypeAlias = Literal["train", "test"]


@dataclass(frozen=True)
class Cifar:
    """
    The pickles of an archive [N, 3072], and their keys.
    """

    parts: Mapping[Split, Sequence[str]]
    meta: str
    labels: str
    names: str


CIFARS = (
    Cifar(
        {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]},
        "batches.meta",
        "labels",
        "label_names",
    ),
    Cifar({"train": ["train"], "test": ["test"]}, "meta", "fine_labels", "fine_label_names"),
)
"""CIFAR-10 and CIFAR-100, each recognised by its meta file."""

CIFAR_SHAPE = (3, 32, 32)
NPZ_ARRAYS: Mapping[Split, Sequence[tuple[str, str]]] = {
    "train": [("x_train", "y_train")],
    "test": [("x_test", "y_test"), ("x", "y")],
}
SUFFIXES = (".jpg", ".jpeg", ".png")
MAX_CLASSES = 1 << 16
"""A larger label is a mistake, and would make a list of names of that length."""
MAX_ENTRY = 1 << 28
DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
)
"""What the readers of archives raise; a RuntimeError where a zip is encrypted or its compression unknown."""
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


def load_images(path: Path, split: Split = "test") -> Images:
    """
    Images [N, C, H, W] (uint8; an .npz file may hold floats), their labels [N], and the names of the classes.

    Raises ValueError or OSError with one line that names the file.
    """
    return read_splits(path, [split])[0]


def load_splits(path: Path) -> tuple[Images, Images]:
    """
    The images for training and those for testing, each as `load_images` gives them.

    Raises ValueError also where their classes or the shapes of their images differ.
    """
    train, test = read_splits(path, ["train", "test"])
    for split, here, there in (("train", train, test), ("test", test, train)):
        if missing := set(there[2]).difference(here[2]):
            classes = ", ".join(sorted(missing))
            raise ValueError(f"{path}: {split} lacks the class {classes}: add its images, or remove it from both")
    if train[0].shape[1:] != test[0].shape[1:]:
        shapes = [list(x.shape[1:]) for x, _, _ in (train, test)]
        raise ValueError(f"{path}: images of train have shape {shapes[0]}, of test {shapes[1]}: make them alike")
    return train, test


def read_splits(path: Path, splits: Sequence[Split]) -> list[Images]:
    """
    The images of each split; an archive is opened once.
    """
    if path.is_dir():
        files: dict[str, Reader] = {}
        for entry in path.rglob("*"):
            name = entry.relative_to(path).as_posix()
            files |= {f"{name}/": bytes} if entry.is_dir() else {name: entry.read_bytes}
        return from_files(path, files, splits)
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder; give the path of a data set")
    with path.open("rb") as file:
        is_zip = file.read(4) in (b"PK\3\4", b"PK\5\6")
    try:
        if is_zip:
            return from_npz(path, splits) if path.suffix == ".npz" else from_zip(path, splits)
        if tarfile.is_tarfile(path):
            return from_tar(path, splits)
    except DAMAGED as error:
        reason = one_line(str(error))
        raise ValueError(f"{path}: truncated or damaged ({reason}): replace it by a whole copy") from None
    kinds = "CIFAR's python archive, a folder or zip of class folders, or an .npz file"
    raise ValueError(f"{path}: truncated, or not a data set that blendir reads ({kinds})")


def from_npz(path: Path, splits: Sequence[Split]) -> list[Images]:
    """
    Frames x [N, ..], with channels before height and width, and labels y [N]; see NPZ_ARRAYS.

    The classes are numbered up to the largest label of all sets.
    """
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        held = archive.files
        found = {
            split: next((pair for pair in pairs if set(pair) <= set(held)), None) for split, pairs in NPZ_ARRAYS.items()
        }
        labels = {split: npz_labels(path, archive, pair[1]) for split, pair in found.items() if pair is not None}
        images: list[Images] = []
        for split in splits:
            if (pair := found[split]) is None:
                needed = ", or ".join(" and ".join(pair) for pair in NPZ_ARRAYS[split])
                raise ValueError(f"{path}: holds {', '.join(held) or 'nothing'}, but {split} needs {needed}")
            x, y = npz_array(path, archive, pair[0]), labels[split]
            if x.ndim < 2 or len(x) != len(y):
                raise ValueError(f"{path}: {pair[0]} has shape {list(x.shape)}, but should be {len(y)} frames")
            names = [str(i) for i in range(1 + max(int(y.max()) for y in labels.values()))]
            images.append((x, y, names))
        return images


def npz_labels(path: Path, archive: NpzFile, name: str) -> Labels:
    """
    An array of labels.
    """
    y = npz_array(path, archive, name)
    if y.ndim != 1 or not y.size or y.dtype.kind not in "iu":
        raise ValueError(f"{path}: {name} has shape {list(y.shape)} of {y.dtype}, but should be N integer labels")
    if y.min() < 0 or y.max() >= MAX_CLASSES:
        raise ValueError(f"{path}: {name} has labels {y.min()}..{y.max()}, but classes are numbered from 0")
    return y.astype(np.int64)


def npz_array(path: Path, archive: NpzFile, name: str) -> Array:
    """
    An array of numbers.
    """
    try:
        array: Any = archive[name]
    except DAMAGED:
        raise
    except Exception as error:  # numpy reads the header as a Python expression, which may be any
        reason = one_line(str(error))
        raise ValueError(f"{path}: {name} is damaged or no array of numbers ({reason}): save it again") from None
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path}: {name} is damaged or no array of numbers: save it again")
    return cast(Array, array)


def from_zip(path: Path, splits: Sequence[Split]) -> list[Images]:
    """
    A zip of either kind.
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        for entry in entries:
            require_small(path, entry.filename, entry.file_size)
        files: dict[str, Reader] = {e.filename: lambda e=e: archive.read(e) for e in entries}
        return from_files(path, files, splits)


def require_small(path: Path, name: str, size: int) -> None:
    """
    Refuses a file in an archive that would fill the memory.
    """
    if size > MAX_ENTRY:
        raise ValueError(f"{path}: {name} has {size:,} bytes, more than the {MAX_ENTRY:,} of one file: remove it")


def from_tar(path: Path, splits: Sequence[Split]) -> list[Images]:
    """
    A tar archive, compressed or not; it is read once from end to end, and never unpacked to disk.
    """
    files: dict[str, Reader] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isdir():
                files[f"{member.name}/"] = bytes
                continue
            require_small(path, member.name, member.size)
            if (stream := archive.extractfile(member)) is not None:
                files[member.name] = lambda data=stream.read(): data
        # tarfile takes a header that is damaged or cut for the end, which really is a block of zeros, and leaves the
        # checksum after it unread.
        assert archive.fileobj is not None
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise EOFError("its end is missing")
        while archive.fileobj.read(tarfile.RECORDSIZE):
            pass
    return from_files(path, files, splits)


def from_files(path: Path, files: Files, splits: Sequence[Split]) -> list[Images]:
    """
    CIFAR's batches or class folders among named files.
    """
    for kind in CIFARS:
        folders = [name.removesuffix(kind.meta) for name in files if name.split("/")[-1] == kind.meta]
        if folders:
            return [from_batches(path, files, min(folders), kind, split) for split in splits]
    return [from_class_folders(path, files, split) for split in splits]


def from_batches(path: Path, files: Files, folder: str, kind: Cifar, split: Split) -> Images:
    """
    CIFAR's pickled batches.
    """
    found = unpickled(path, files, folder + kind.meta).get(kind.names)
    if not isinstance(found, list) or not found:
        raise ValueError(f"{path}: {kind.meta} should hold {kind.names}: download the archive again")
    names = [n.decode(errors="replace") if isinstance(n, bytes) else str(n) for n in cast(list[Any], found)]
    images: list[Array] = []
    labels: list[int] = []
    for part in kind.parts[split]:
        batch = unpickled(path, files, folder + part)
        data, found = batch.get("data"), batch.get(kind.labels)
        if not isinstance(data, np.ndarray) or not isinstance(found, list):
            raise ValueError(f"{path}: {part} should hold data and {kind.labels}: download the archive again")
        rows, numbers = cast(Array, data), cast(list[Any], found)
        if rows.dtype != np.uint8 or not numbers or rows.shape != (len(numbers), 3072):
            shape = list(rows.shape)
            raise ValueError(f"{path}: {part} holds {shape} of {rows.dtype} for {len(numbers)} labels")
        if wrong := [n for n in numbers if not isinstance(n, int) or not 0 <= n < len(names)]:
            raise ValueError(f"{path}: {part} has the label {wrong[0]}, but labels are 0..{len(names) - 1}")
        images.append(rows.reshape(-1, *CIFAR_SHAPE))
        labels += numbers
    return np.concatenate(images), np.array(labels, np.int64), names


def unpickled(path: Path, files: Files, name: str) -> dict[str, Any]:
    """
    The dictionary of a pickle, its keys as text.
    """
    if name not in files:
        raise ValueError(f"{path}: lacks {name}: download or unpack it again")
    data = files[name]()
    try:
        found: Any = ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()
    except Exception as error:
        reason = one_line(str(error)) or type(error).__name__
        raise ValueError(f"{path}: {name} is no whole pickle of arrays ({reason}): download it again") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path}: {name} should be a dictionary, got {type(found).__name__}: download it again")
    items = cast(dict[Any, Any], found).items()
    return {key.decode(errors="replace") if isinstance(key, bytes) else str(key): value for key, value in items}


def from_class_folders(path: Path, files: Files, split: Split) -> Images:
    """
    Images `<split>/<class>/<file>`, perhaps below other folders; classes in alphabetical order, hidden files left out.
    """
    classes: dict[str, list[str]] = {}
    for name in sorted(files):
        *folders, base = name.split("/")
        hidden = any(part.startswith(".") for part in (*folders[-1:], base))
        if len(folders) >= 2 and folders[-2] == split and not hidden:
            members = classes.setdefault(folders[-1], [])
            if base.lower().endswith(SUFFIXES):
                members.append(name)
    if not classes:
        raise ValueError(f"{path}: needs folders {split}/<class>/ with images, or the files of CIFAR's python archive")
    if empty := [name for name, members in classes.items() if not members]:
        kinds = " or ".join(SUFFIXES)
        raise ValueError(f"{path}: no {kinds} images in {split}/{empty[0]}: add some, or remove the folder")
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
        data = read()
        try:
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
                frames.append(np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB")))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            raise ValueError(f"{path}: {name} is truncated, or no JPEG or PNG image: replace or remove it") from None
        if frames[-1].shape[:2] != frames[0].shape[:2]:
            size, first = ("x".join(map(str, f.shape[:2])) for f in (frames[-1], frames[0]))
            raise ValueError(f"{path}: {name} has {size} pixels, but the first image {first}: resize to one size")
    if all(frame.ndim == 2 for frame in frames):
        return np.stack(frames)[:, None]
    coloured = [f if f.ndim == 3 else np.repeat(f[..., None], 3, axis=2) for f in frames]
    return np.stack(coloured).transpose(0, 3, 1, 2)
