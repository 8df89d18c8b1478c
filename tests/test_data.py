"""
Data sets from disk: what is read, and one line that names the file for each that is incomplete, damaged or malicious.
"""

import io
import pickle  # noqa: TID251  (CIFAR comes pickled)
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blendir.tools.data import load_images, load_splits

FRAMES = np.random.default_rng(0).integers(0, 256, (6, 3, 6, 6), np.uint8)
NUMBERS = np.arange(6) % 3


@contextmanager
def refused(path: Path, *words: str) -> Iterator[None]:
    """
    A ValueError of one line that begins with the path and has these words.
    """
    with pytest.raises(ValueError, match=r"\S") as caught:
        yield
    message = str(caught.value)
    assert message.startswith(f"{path}: "), message
    assert len(message.splitlines()) == 1, message
    for word in words:
        assert word in message


def picture(value: int, size: tuple[int, int] = (6, 6), mode: str = "RGB", kind: str = "png") -> bytes:
    """
    An image of one colour; size is width and height.
    """
    file = io.BytesIO()
    Image.new(mode, size, value if mode == "L" else (value, 1, 2)).save(file, kind)
    return file.getvalue()


def noise(kind: str) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


CLASS_FOLDERS = {
    "test/b/1.png": picture(11),
    "test/a/2.png": picture(12),
    "test/a/1.png": picture(13),
    "train/a/1.png": picture(14),
    "train/b/1.png": picture(15),
}


def folder_of(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def zip_of(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(f"top/{name}", data)
    return path


def tar_of(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"top/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def batch(labels: list[int], key: str = "labels", first: int = 0) -> bytes:
    """
    One frame per label; the bytes of all frames count up from `first`.
    """
    data = (np.arange(len(labels) * 3072) + first).astype(np.uint8).reshape(-1, 3072)
    return pickle.dumps({b"data": data, key.encode(): labels, b"batch_label": b"one"}, 2)


def cifar10() -> dict[str, bytes]:
    files = {f"data_batch_{i}": batch([i, 9], first=i) for i in range(1, 6)}
    names = {b"label_names": [f"c{i}".encode() for i in range(10)]}
    return files | {"test_batch": batch([0, 1, 2]), "batches.meta": pickle.dumps(names, 2)}


def cifar100() -> dict[str, bytes]:
    names = {b"fine_label_names": [f"f{i}".encode() for i in range(100)], b"coarse_label_names": [b"animal"]}
    files = {split: batch([7, 99], "fine_labels", first) for split, first in (("train", 5), ("test", 0))}
    return files | {"meta": pickle.dumps(names, 2)}


# what is read


def test_class_folders_and_zip(tmp_path: Path):
    folder = folder_of(tmp_path / "data", CLASS_FOLDERS)
    for path in (folder, zip_of(tmp_path / "data.zip", CLASS_FOLDERS)):
        x, y, names = load_images(path)
        assert (x.shape, x.dtype, names) == ((3, 3, 6, 6), np.uint8, ["a", "b"])
        assert x[:, 0, 0, 0].tolist() == [13, 12, 11]
        assert x[0, :, 3, 3].tolist() == [13, 1, 2]
        assert y.tolist() == [0, 0, 1]
        train, test = load_splits(path)
        assert (train[0][:, 0, 0, 0].tolist(), train[1].tolist()) == ([14, 15], [0, 1])
        assert np.array_equal(test[0], x)
    for path in folder.rglob("*.png"):
        path.write_bytes(picture(7, mode="L"))
    assert load_images(folder)[0].shape == (3, 1, 6, 6)


def test_hidden_files_are_no_images(tmp_path: Path):
    folder = folder_of(tmp_path, CLASS_FOLDERS | {"test/a/._1.png": b"a resource fork", "test/.trash/1.png": b""})
    assert (len(load_images(folder)[0]), load_images(folder)[2]) == (3, ["a", "b"])


def test_cifar10_archive(tmp_path: Path):
    folder = folder_of(tmp_path / "cifar-10-batches-py", cifar10())
    for path in (folder, tmp_path, tar_of(tmp_path / "cifar.tar.gz", cifar10())):
        train, (x, y, names) = load_splits(path)
        assert (x.shape, y.tolist(), names[2]) == ((3, 3, 32, 32), [0, 1, 2], "c2")
        assert x[0, 1, 2, 3] == (1024 + 2 * 32 + 3) % 256
        assert train[1].tolist() == [1, 9, 2, 9, 3, 9, 4, 9, 5, 9]
        assert train[0][::2, 0, 0, 0].tolist() == [1, 2, 3, 4, 5]
    (folder / "data_batch_3").unlink()
    assert len(load_images(folder)[0]) == 3
    with refused(folder, "lacks data_batch_3"):
        load_images(folder, "train")


def test_cifar100_archive(tmp_path: Path):
    folder = folder_of(tmp_path / "cifar-100-python", cifar100())
    for path in (folder, tmp_path, tar_of(tmp_path / "cifar.tar.gz", cifar100())):
        train, (x, y, names) = load_splits(path)
        assert (x.shape, y.tolist(), len(names), names[7]) == ((2, 3, 32, 32), [7, 99], 100, "f7")
        assert x[1, 2, 3, 4] == (3072 + 2 * 1024 + 3 * 32 + 4) % 256
        assert train[0][0, 0, 0, 0] == 5
    (folder / "train").unlink()
    with refused(folder, "lacks train"):
        load_splits(folder)


def test_npz(tmp_path: Path):
    path = tmp_path / "d.npz"
    np.savez(path, x=FRAMES, y=NUMBERS)
    x, y, names = load_images(path)
    assert (y.tolist(), names) == ([0, 1, 2, 0, 1, 2], ["0", "1", "2"])
    assert np.array_equal(x, FRAMES)
    for load in (load_splits, lambda path: load_images(path, "train")):
        with refused(path, "holds x, y, but train needs x_train and y_train"):
            load(path)
    np.savez(path, x_train=FRAMES, y_train=NUMBERS)
    with refused(path, "test needs x_test and y_test, or x and y"):
        load_splits(path)
    np.savez(path, x_train=FRAMES[2:], y_train=NUMBERS[2:], x_test=FRAMES[:2], y_test=NUMBERS[:2], x=x, y=y)
    train, test = load_splits(path)
    assert np.array_equal(train[0], FRAMES[2:])
    assert np.array_equal(test[0], FRAMES[:2])
    assert (train[1].tolist(), test[1].tolist()) == ([2, 0, 1, 2], [0, 1])
    assert train[2] == test[2] == ["0", "1", "2"]


# what is refused


def test_no_data_set(tmp_path: Path):
    with refused(tmp_path / "nowhere", "no such file or folder"):
        load_images(tmp_path / "nowhere")
    np.save(tmp_path / "x.npy", FRAMES)
    with refused(tmp_path / "x.npy", "not a data set that blendir reads"):
        load_images(tmp_path / "x.npy")
    (tmp_path / "empty").mkdir()
    with refused(tmp_path / "empty", "test/<class>/"):
        load_images(tmp_path / "empty")


def cut(data: bytes, count: int = 60) -> list[bytes]:
    """
    The beginnings of data, of lengths evenly spread, and those that lack little or hold little.
    """
    lengths = {len(data) * i // count for i in range(count)} | {*range(6), *range(len(data) - 12, len(data))}
    return [data[:length] for length in sorted(lengths)]


@pytest.mark.parametrize("name", ["cifar.tar.gz", "folders.tar.gz", "stored.zip", "deflated.zip", "d.npz", "small.npz"])
def test_truncated_archives(tmp_path: Path, name: str):
    path = tmp_path / name
    match name:
        case "cifar.tar.gz":
            tar_of(path, cifar100())
        case "folders.tar.gz":
            tar_of(path, CLASS_FOLDERS)
        case "stored.zip":
            zip_of(path, CLASS_FOLDERS)
        case "deflated.zip":
            zip_of(path, cifar10(), zipfile.ZIP_DEFLATED)
        case _:
            save = np.savez if name == "d.npz" else np.savez_compressed
            save(path, x_train=FRAMES, y_train=NUMBERS, x_test=FRAMES, y_test=NUMBERS)
    load_splits(path)
    for part in cut(path.read_bytes()):
        path.write_bytes(part)
        with refused(path, "truncated"):
            load_splits(path)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_file_over_the_limit_is_named(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    large = CLASS_FOLDERS | {"test/a/scan.png": noise("png")}
    limit = len(large["test/a/scan.png"]) - 1
    path = (zip_of if kind == "zip" else tar_of)(tmp_path / f"d.{kind}", large)
    monkeypatch.setattr("blendir.tools.data.MAX_ENTRY", limit)
    with refused(path, f"test/a/scan.png has {limit + 1:,} bytes, more than the {limit:,} of one file: remove it"):
        load_images(path)
    monkeypatch.setattr("blendir.tools.data.MAX_ENTRY", limit + 1)
    with refused(path, "test/a/scan.png has 16x16 pixels"):
        load_images(path)


def test_truncated_tar(tmp_path: Path):
    """
    The padding after the end may lack; nothing else, although tarfile itself takes a cut between two files for the end.
    """
    whole = tar_of(tmp_path / "whole.tar", CLASS_FOLDERS, "w").read_bytes()
    path = tmp_path / "cut.tar"
    end = 512 * 2 * len(CLASS_FOLDERS)
    for length in [*range(0, end + 1, 256), end + 511]:
        path.write_bytes(whole[:length])
        with refused(path, "truncated"):
            load_splits(path)
    path.write_bytes(whole[: end + 512])
    assert len(load_images(path)[0]) == 3


def test_checksums_are_read(tmp_path: Path):
    """
    One bit of the pixels is turned, or, in the compressed archive, of the checksum, which comes last but four bytes.
    """
    pixels = tmp_path / "d.npz"
    np.savez(pixels, x=FRAMES, y=NUMBERS)
    stored = zip_of(tmp_path / "d.zip", {"test": cifar100()["test"], "meta": cifar100()["meta"]})
    packed = tar_of(tmp_path / "d.tar.gz", CLASS_FOLDERS)
    for path, place in ((pixels, 500), (stored, 2000), (packed, -6)):
        load_images(path)
        data = bytearray(path.read_bytes())
        data[place] ^= 1
        path.write_bytes(data)
        with refused(path, "CRC"):
            load_images(path)


@pytest.mark.parametrize(
    ("method", "marker", "offset", "change"),
    [
        pytest.param(zipfile.ZIP_DEFLATED, b"1.png", 5, b"\xff", id="a kind of block that deflate does not have"),
        pytest.param(zipfile.ZIP_LZMA, b"1.png", 14, b"\xff", id="an LZMA stream that does not begin with 0"),
        pytest.param(zipfile.ZIP_STORED, b"PK\1\2", 8, b"\x01", id="encrypted"),
        pytest.param(zipfile.ZIP_STORED, b"PK\1\2", 10, b"\x63", id="unknown compression"),
    ],
)
def test_damaged_zip(tmp_path: Path, method: int, marker: bytes, offset: int, change: bytes):
    path = zip_of(tmp_path / "d.zip", {"test/a/1.png": picture(1)}, method)
    load_images(path)
    data = bytearray(path.read_bytes())
    place = data.index(marker) + offset
    data[place : place + 1] = change
    path.write_bytes(data)
    with refused(path, "damaged", "replace it"):
        load_images(path)


class Evil:
    def __reduce__(self):
        return print, ("code runs",)


@pytest.mark.parametrize("name", ["test", "meta"])
def test_bad_pickles(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str):
    path, files = tmp_path / "cifar.tar.gz", cifar100()
    evil = [pickle.dumps(Evil()), pickle.dumps({b"data": Evil()}, 0), b"cos\nsystem\n(S'echo code runs'\ntR."]
    for content in (*evil, *cut(files[name], 20), pickle.dumps([1]), pickle.dumps({})):
        tar_of(path, files | {name: content})
        with refused(path, name, "refused" if content in evil else "", "download"):
            load_images(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_class_in_one_split_only(tmp_path: Path, kind: str):
    def data(files: dict[str, bytes]) -> Path:
        return zip_of(tmp_path / "d.zip", files) if kind == "zip" else folder_of(tmp_path / str(len(files)), files)

    ten = {f"train/class{i}/1.png": picture(i) for i in range(10)}
    nine = {f"test/class{i}/1.png": picture(i) for i in range(10) if i != 4}
    path = data(ten | nine)
    with refused(path, "test lacks the class class4"):
        load_splits(path)
    path = data(ten | nine | {"test/class4/1.png": picture(4), "test/extra/1.png": picture(5)})
    with refused(path, "train lacks the class extra"):
        load_splits(path)


def test_splits_of_different_shapes(tmp_path: Path):
    folder = folder_of(tmp_path, {"train/a/1.png": picture(1), "test/a/1.png": picture(1, (8, 6))})
    with refused(folder, "train have shape [3, 6, 6], of test [3, 6, 8]"):
        load_splits(folder)
    path = tmp_path / "d.npz"
    np.savez(path, x_train=FRAMES, y_train=NUMBERS, x_test=FRAMES[:, :1], y_test=NUMBERS)
    with refused(path, "train have shape [3, 6, 6], of test [1, 6, 6]"):
        load_splits(path)


def test_empty_class_folders(tmp_path: Path):
    folder = folder_of(tmp_path / "d", CLASS_FOLDERS)
    (folder / "test/c").mkdir()
    for path in (folder, zip_of(tmp_path / "d.zip", CLASS_FOLDERS | {"test/c/": b""})):
        with refused(path, "images in test/c"):
            load_images(path)
    with tarfile.open(tmp_path / "d.tar.gz", "w:gz") as archive:
        archive.add(folder)
    with refused(tmp_path / "d.tar.gz", "images in test/c"):
        load_images(tmp_path / "d.tar.gz")
    (folder / "test/c/notes.txt").write_text("no image")
    with refused(folder, "images in test/c"):
        load_images(folder)


def test_bad_images(tmp_path: Path):
    folder = folder_of(tmp_path, CLASS_FOLDERS)
    bad = [noise(kind)[: len(noise(kind)) * i // 8] for kind in ("png", "jpeg") for i in range(8)]
    for data in (*bad, b"these are no pixels", noise("gif")):
        (folder / "test/a/1.png").write_bytes(data)
        with refused(folder, "test/a/1.png is truncated, or no JPEG or PNG image"):
            load_images(folder)
    (folder / "test/a/1.png").write_bytes(picture(1, (8, 6)))
    with refused(folder, "test/a/2.png has 6x6 pixels, but the first image 6x8"):
        load_images(folder)


def test_labels_out_of_range(tmp_path: Path):
    for files, part, key, label in (
        (cifar10(), "test_batch", "labels", 10),
        (cifar10(), "test_batch", "labels", -1),
        (cifar100(), "test", "fine_labels", 100),
        (cifar100(), "test", "fine_labels", "seven"),
    ):
        folder = folder_of(tmp_path / f"{part}{label}", files | {part: batch([0, label], key)})
        with refused(folder, part, f"the label {label}", f"0..{len(load_images(folder, 'train')[2]) - 1}"):
            load_images(folder)
    path = tmp_path / "d.npz"
    for labels in ([0, -1], [0, 1 << 16], np.array([0, (1 << 64) - 1], np.uint64)):
        np.savez(path, x=FRAMES[:2], y=np.array(labels))
        with refused(path, "y has labels"):
            load_images(path)


def test_bad_arrays(tmp_path: Path):
    path = tmp_path / "d.npz"
    for x, y, word in (
        (FRAMES, np.zeros(4, int), "should be 4 frames"),
        (NUMBERS, NUMBERS, "x has shape [6]"),
        (FRAMES, np.zeros(6), "y has shape [6] of float64"),
        (FRAMES, NUMBERS[:, None], "y has shape [6, 1]"),
        (FRAMES[:0], NUMBERS[:0], "N integer labels"),
        (np.array([FRAMES[0], None], object), np.zeros(2, int), "x is damaged or no array of numbers"),
    ):
        np.savez(path, x=x, y=y)
        with refused(path, word):
            load_images(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", b"no array")
        archive.writestr("y", b"no array")
    with refused(path, "y is damaged or no array of numbers"):
        load_images(path)
