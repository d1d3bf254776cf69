"""What is coloured and where it goes: files, folders, patterns, resumption."""

import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorization.errors import InputError
from colorization.files.atomic import beside_prefix
from colorization.inference.journal import JOURNAL, Journal, clear_leftovers
from colorization.inference.plan import PhotoTask, plan_album, select_outstanding


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """photos/ with a.jpg, deep/b.PNG, deep/c.tif, and what is passed over."""
    for name in ("a.jpg", "deep/b.PNG", "deep/c.tif", ".hidden.jpg", ".trash/d.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(path)
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    return tmp_path / "photos"


def names(works: list[PhotoTask], output: Path) -> dict[str, str]:
    return {work.source.name: str(work.target.relative_to(output)) for work in works}


def test_folder_keeps_its_structure_and_formats(folder: Path, tmp_path: Path) -> None:
    works = plan_album(str(folder), str(tmp_path / "out"), None).tasks
    found = {"a.jpg": "a.jpg", "b.PNG": "deep/b.PNG", "c.tif": "deep/c.tif"}
    assert names(works, tmp_path / "out") == found
    converted = plan_album(str(folder), str(tmp_path / "out"), "png").tasks
    found = {"a.jpg": "a.png", "b.PNG": "deep/b.PNG", "c.tif": "deep/c.png"}
    assert names(converted, tmp_path / "out") == found


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("photos/*.jpg", {"a.jpg": "a.jpg"}),
        ("photos/**/*.tif", {"c.tif": "deep/c.tif"}),
        ("*/deep/*", {"b.PNG": "photos/deep/b.PNG", "c.tif": "photos/deep/c.tif"}),
    ],
)
def test_pattern_keeps_the_structure_from_where_it_starts(
    folder: Path, tmp_path: Path, pattern: str, found: dict[str, str]
) -> None:
    works = plan_album(str(tmp_path / pattern), str(tmp_path / "out"), None).tasks
    assert names(works, tmp_path / "out") == found


def test_file_goes_to_a_file_or_into_a_folder(folder: Path, tmp_path: Path) -> None:
    source = folder / "a.jpg"
    (work,) = plan_album(str(source), str(tmp_path / "new.webp"), None).tasks
    assert work == PhotoTask(source, tmp_path / "new.webp")
    (work,) = plan_album(str(source), str(tmp_path / "out"), None).tasks
    assert work.target == tmp_path / "out" / "a.jpg"
    (work,) = plan_album(str(source), str(tmp_path / "out"), "tiff").tasks
    assert work.target == tmp_path / "out" / "a.tif"


def test_results_below_the_input_are_no_inputs(folder: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "deep" / "result.png")
    works = plan_album(str(folder), str(folder / "deep"), None).tasks
    assert [work.source.name for work in works] == ["a.jpg"]


@pytest.mark.parametrize(
    ("source", "output", "form", "message"),
    [
        ("none", "out", None, "no file, folder or pattern .*none"),
        ("none/*.jpg", "out", None, r"no photographs \(\.avif, \.bmp, .*\) in .*none/\*\.jpg"),
        (
            "photos",
            "photos",
            None,
            "output is the folder of the input, .*; set it",
        ),
        ("photos", "photos", "png", "output is the folder of the input"),
        ("photos/a.jpg", "out.bmp", None, r"out\.bmp has no known format: \.avif, \.jfif"),
        ("photos/a.jpg", "photos/a.jpg", None, "is an input too"),
        ("photos/a.jpg", "photos/../photos/a.jpg", None, "is an input too"),
        ("photos/notes.txt", "out", None, r"notes\.txt has no known format: \.avif, \.bmp"),
        ("photos/a.jpg", "b.png", "jpeg", r"output is .*b\.png, but format is jpeg; leave one"),
        ("photos", "photos/a.jpg", None, r"output is .*, a file; it must be a folder"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    folder: Path, tmp_path: Path, source: str, output: str, form: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        plan_album(str(tmp_path / source), str(tmp_path / output), form)


def test_two_photographs_with_one_result_are_refused(folder: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "a.png")
    with pytest.raises(InputError, match=r"a\.jpg and .*a\.png would both become .*out/a\.png"):
        plan_album(str(folder), str(tmp_path / "out"), "png")


def test_existing_results_are_refused_skipped_or_replaced(folder: Path, tmp_path: Path) -> None:
    works = plan_album(str(folder), str(tmp_path), None).tasks
    (tmp_path / "a.jpg").write_bytes(b"old")
    with pytest.raises(
        InputError, match=r"1 of 3 results are there already, such as .*--existing skip"
    ):
        select_outstanding(works, "refuse")
    assert select_outstanding(works, "skip") == works[1:]
    assert select_outstanding(works, "overwrite") == works
    assert select_outstanding(works[1:], "refuse") == works[1:]


def test_journal_knows_what_an_interrupted_command_has_made(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    works = plan_album(str(folder), str(out), None).tasks
    out.mkdir()
    works[0].target.write_bytes(b"from before")
    os.utime(works[0].target, (1, 1))
    journal = Journal(out, {"saturation": 1, "workers": 2})
    assert journal.done(works) == set()
    journal.open()
    time.sleep(0.02)
    works[1].target.parent.mkdir()
    works[1].target.write_bytes(b"made")
    assert Journal(out, {"saturation": 1, "workers": 1}).done(works) == {works[1]}
    assert Journal(out, {"saturation": 2, "workers": 2}).done(works) == set(), "another command"
    journal.open()
    assert journal.done(works) == {works[1]}, "opened once more"
    journal.close()
    assert not (out / JOURNAL).exists()
    assert journal.done(works) == set()


def test_leftovers_of_a_killed_command_are_cleared_and_those_of_others_are_not(
    folder: Path, tmp_path: Path
) -> None:
    works = plan_album(str(folder), str(tmp_path), None).tasks
    gone, _ = (process := subprocess.Popen(["true"])).pid, process.wait()
    names = {
        f"{beside_prefix('a.jpg')}{gone}": False,
        f"{beside_prefix('a.jpg')}{os.getpid()}": True,
        f"{beside_prefix('other.jpg')}{gone}": True,
    }
    for name in names:
        (tmp_path / name).write_bytes(b"half")
    clear_leftovers(works)
    assert {name: (tmp_path / name).exists() for name in names} == names


def test_links_in_a_circle_are_followed_once(folder: Path, tmp_path: Path) -> None:
    (folder / "deep" / "loop").symlink_to(folder)
    works = plan_album(f"{folder}/**/*.jpg", str(tmp_path / "out"), None).tasks
    assert names(works, tmp_path / "out") == {"a.jpg": "a.jpg"}
