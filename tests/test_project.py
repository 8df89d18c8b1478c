"""
Writing the folder of a design: what was there stays, unless the new one is complete.
"""

from pathlib import Path

import pytest

from blendir.backends.folder import GENERATOR, check_destination, write_folder

REPORT = f'{{"generator": "{GENERATOR}"}}'


def contents(text: str) -> dict[str, str | bytes]:
    return {"report.json": REPORT, "src/top.cpp": text}


def test_a_design_is_replaced(tmp_path: Path) -> None:
    """
    Also behind a link, which stays one.
    """
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "design")
    for text in ("first", "second"):
        write_folder(link, contents(text))
        assert (tmp_path / "design" / "src" / "top.cpp").read_text() == text
    assert link.is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"design", "link"}


@pytest.mark.parametrize("present", [False, True])
def test_a_failure_leaves_the_design_that_was_there(
    present: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "design"
    if present:
        write_folder(out, contents("first"))
    rename = Path.rename

    def fails(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError("no room")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(OSError, match="no room"):
        write_folder(out, contents("second"))
    assert out.exists() == present
    if present:
        assert (out / "src" / "top.cpp").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == present


@pytest.mark.parametrize("out", [".", "..", "../here", "../../designs"])
def test_the_current_directory_is_refused(out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "designs" / "here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    with pytest.raises(ValueError, match=r"is the current directory or holds it, .*; give another folder$"):
        check_destination(Path(out))
    check_destination(Path("new"))
