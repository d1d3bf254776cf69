"""Nothing in silence: every file of a folder is counted, whatever it is."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorization.inference.album import colorize_album
from colorization.inference.plan import plan_album
from colorization.inference.stream import COLORED, OWN, TONED, PhotoResult
from colorization.inference.summary import AlbumResult, summarize, write_report
from tests.support.command_line import python


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with links, hidden files, what systems leave, and pictures of several formats."""
    root = tmp_path / "photos"
    pixels = np.linspace(20, 230, 24 * 30).reshape(24, 30).astype(np.uint8)
    for name in ("a.jpg", "b.bmp", "b.gif", "deep/c.png", ".hidden/d.jpg", "@eaDir/a.jpg",
                 "deep/__MACOSX/c.png", "._a.jpg"):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / name)
    (root / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (root / "notes.txt").write_text("box 3")
    (root / "scan.nef").write_bytes(b"II*\0")
    (root / "again.jpg").symlink_to("a.jpg")
    (root / "gone.jpg").symlink_to("nowhere.jpg")
    (root / "twin").symlink_to("deep")
    (root / "deep" / "up").symlink_to(root)
    return root


@pytest.mark.parametrize("where", ["notes.txt/run.json", "deep"])
def test_a_report_that_cannot_be_written_is_told_before_anything_is_coloured(
    folder: Path, tmp_path: Path, where: str
) -> None:
    with pytest.raises(OSError, match=r"(Not a directory|File exists|Is a directory): .*photos"):
        colorize_album(str(folder / "a.jpg"), str(tmp_path / "a.jpg"), report=str(folder / where))
    assert not (tmp_path / "a.jpg").exists()
    assert not list(folder.rglob(".writing*"))


def test_each_name_gets_its_result_and_the_rest_is_passed_over(
    folder: Path, tmp_path: Path
) -> None:
    plan = plan_album(str(folder), str(tmp_path / "out"), None)
    found = {str(t.source.relative_to(folder)): t.target for t in plan.tasks}
    out = tmp_path / "out"
    assert found == {
        "a.jpg": out / "a.jpg",
        "again.jpg": out / "again.jpg",
        "b.bmp": out / "b.bmp.png",
        "b.gif": out / "b.gif.png",
        "deep/c.png": out / "deep" / "c.png",
        "gone.jpg": out / "gone.jpg",
        "scan.nef": out / "scan.png",
        "twin/c.png": out / "twin" / "c.png",
    }
    assert {str(path.relative_to(folder)) for path in plan.passed} == {
        "._a.jpg", ".hidden/d.jpg", "@eaDir/a.jpg", "Thumbs.db", "notes.txt",
        "deep/__MACOSX/c.png", "twin/__MACOSX/c.png",
    }  # fmt: skip


def test_the_command_counts_every_file(folder: Path, checkpoint: Path, tmp_path: Path) -> None:
    words = ["src.colorize", f"input={folder}", "output=out", f"model={checkpoint}"]
    done = python(*words, "report=run.json", cwd=tmp_path)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[-1] == (
        "in all 15: 6 coloured, 0 in their own colours, 0 left, 2 failed, 7 passed over"
    )
    assert any(line.startswith("written as png, for their own formats are") for line in lines)
    assert any(line.startswith("passed over, no pictures: 7 (") for line in lines)
    assert "gone.jpg: No such file or directory" in done.stderr
    assert "scan.nef: a camera's raw file; develop it first" in done.stderr
    found = json.loads((tmp_path / "run.json").read_text())
    assert found["counts"]["files"] == len(found["files"]) == 15
    again = python(*words, "report=run.json", "existing=skip", cwd=tmp_path)
    assert "0 coloured, 0 in their own colours, 6 left, 2 failed, 7 passed over" in again.stdout
    assert json.loads((tmp_path / "run.json").read_text())["counts"]["left"] == 6


def test_every_page_gets_a_result_if_it_is_asked_for(tmp_path: Path) -> None:
    pages = [Image.new("L", (30, 20), value) for value in (50, 100, 150)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "b.tif")
    names = {t.target.name for t in plan_album(str(tmp_path), "out", None, "all").tasks}
    assert names == {"a-1.tif", "a-2.tif", "a-3.tif", "b.tif"}
    (second,) = plan_album(str(tmp_path / "a.tif"), "out", None, "2").tasks
    assert (second.page, second.target.name) == (1, "a.tif")


def test_the_summary_names_what_is_not_as_usual(tmp_path: Path) -> None:
    tasks = plan_album(__file__.replace("test_summary.py", "../files/cases"), "out", None).tasks
    kinds = dict(zip(tasks, (COLORED, TONED, OWN, ""), strict=False))
    results = [PhotoResult(t, error="" if kind else "bad", outcome=kind) for t, kind in
               kinds.items()]  # fmt: skip
    album = AlbumResult.of(results, tasks[4:6], [Path("notes.txt")])
    assert (album.colored, len(album.failed)) == (2, 1)
    text = "\n".join(summarize(album, "out"))
    for said in (
        f"toned, taken as gray: 1 ({tasks[1].source.name})",
        f"own colours: 1 ({tasks[2].source.name}); --recolor",
        "in all 7: 2 coloured, 1 in their own colours, 2 left, 1 failed, 1 passed over",
    ):
        assert said in text
    write_report(album, {}, tmp_path / "run.json")
    assert json.loads((tmp_path / "run.json").read_text())["counts"] == {
        "coloured": 1, "toned": 1, "own colours": 1, "left": 2, "failed": 1, "passed over": 1,
        "files": 7,
    }  # fmt: skip
