"""Photographs of public repositories: gathered once, checked, split by content."""

import hashlib
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorization.data.everyday import (
    EverydayPhotographs,
    choose_split,
    find_fault,
    hash_picture,
    read_record,
)
from colorization.errors import InputError
from colorization.settings.compose import build, dataset_settings

COUNT = 40


def draw(seed: int, side: int = 300) -> Image.Image:
    """Draw coloured blobs, which are no near-duplicates of those of another seed."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side * 4 // 3, side), Image.Resampling.BICUBIC)


def jpeg(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=90)
    return written.getvalue()


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of one git directory, that of ``someone/pictures``."""
    whole = tmp_path_factory.mktemp("clones")
    folder = whole / "someone+pictures"
    (folder / "photos" / "ü b").mkdir(parents=True)
    for seed in range(COUNT):
        (folder / "photos" / "ü b" / f"{seed}.jpg").write_bytes(jpeg(draw(seed)))
    gray = np.asarray(draw(100).convert("L"))
    sepia = gray[..., None] / 255 * np.array([250, 220, 170])
    more = {
        "gray.jpg": Image.fromarray(gray).convert("RGB"),
        "sepia.jpg": Image.fromarray(sepia.astype(np.uint8)),
        "white.jpg": Image.new("RGB", (400, 300), "white"),
        "again.jpg": draw(0).resize((380, 290)),  # a near-duplicate
    }
    more["white.jpg"].paste(draw(101).resize((150, 150)), (100, 100))
    for name, picture in more.items():
        (folder / "photos" / name).write_bytes(jpeg(picture))
    (folder / "photos" / "damaged.jpg").write_bytes(b"no picture")
    (folder / "photos" / "same.jpg").write_bytes(jpeg(draw(1)))  # the same blob as 1.jpg
    (folder / "elsewhere.jpg").write_bytes(jpeg(draw(102)))
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "pictures")
    git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    return whole


def make(root: Path, clones: Path | None, commit: str, **changes: Any) -> EverydayPhotographs:
    source = {
        "repository": "someone/pictures",
        "commit": commit,
        "paths": r"photos/.*\.jpg$",
        "pictures": COUNT + 5,
        "shows": "blobs",
        "terms": "MIT",
        "is_open": True,
    }
    source |= {name: changes.pop(name) for name in source.keys() & changes.keys()}
    source |= {name: changes.pop(name) for name in ("most", "is_test") if name in changes}
    settings: dict[str, Any] = {
        "name": "everyday",
        "root": str(root),
        "size": 32,
        "train": None,
        "val": None,
        "test": None,
        "split_seed": 0,
        "max_pixels": 10**8,
        "avoid": [],
        "only_open": False,
    }
    clones_text = None if clones is None else str(clones)
    return EverydayPhotographs(
        sources={"blobs": source}, clones=clones_text, **(settings | changes)
    )


@pytest.fixture(scope="module")
def commit(clones: Path) -> str:
    return git(clones / "someone+pictures", "rev-parse", "HEAD")


def test_gathers_what_is_a_photograph_once(tmp_path: Path, clones: Path, commit: str) -> None:
    dataset = make(tmp_path, clones, commit)
    dataset.prepare()
    record = read_record(tmp_path / "blobs.json")
    left = record["left_out"]
    assert left == {
        "near-gray": 1,
        "of one hue": 1,
        "on white": 1,
        "unreadable": 1,
        "near-duplicates": 1,
    }
    names = dataset.names("all")
    assert len(names) == len(record["photographs"]) == COUNT
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jpg")}
    assert files == set(names)
    with Image.open(tmp_path / names[0]) as small:
        assert min(small.size) == 256
    assert dataset.read(names[0], 32).shape == (3, 32, 32)


def test_the_split_depends_on_the_content_alone(tmp_path: Path, clones: Path, commit: str) -> None:
    dataset = make(tmp_path, clones, commit)
    dataset.prepare()
    for name, (split, _) in read_record(tmp_path / "blobs.json")["photographs"].items():
        content = (clones / "someone+pictures" / name).read_bytes()
        digest = hashlib.blake2b(content, digest_size=8).digest()
        place = int.from_bytes(digest, "big") % 1000
        assert split == ("val" if place < 15 else "test" if place < 45 else "train")
        assert f"blobs/{name}" in dataset.names(split)
    assert choose_split(bytes(8), is_test=True) == "test"


def test_counts_draw_from_each_split(tmp_path: Path, clones: Path, commit: str) -> None:
    whole = make(tmp_path, clones, commit)
    whole.prepare()
    few = make(tmp_path, clones, commit, train=5)
    assert len(few.names("train")) == 5
    assert set(few.names("train")) < set(whole.names("train"))
    assert few.names("test") == whole.names("test")
    with pytest.raises(InputError, match=r"dataset.train=500 do not fit the \d+ photographs"):
        make(tmp_path, clones, commit, train=500).names("train")


def test_a_share_and_a_source_for_testing(tmp_path: Path, clones: Path, commit: str) -> None:
    dataset = make(tmp_path, clones, commit, most=7, is_test=True)
    dataset.prepare()
    assert len(dataset.names("test")) == len(dataset.names("all")) == 7


def test_near_duplicates_of_avoided_folders_are_left_out(
    tmp_path: Path, clones: Path, commit: str
) -> None:
    (tmp_path / "known").mkdir()
    draw(3).resize((310, 240)).save(tmp_path / "known" / "a.png")
    avoid = [str(tmp_path / "known"), str(tmp_path / "not there")]
    dataset = make(tmp_path / "everyday", clones, commit, avoid=avoid)
    dataset.prepare()
    assert read_record(tmp_path / "everyday" / "blobs.json")["left_out"]["near-duplicates"] == 2
    assert "blobs/photos/ü b/3.jpg" not in dataset.names("all")


def test_an_interrupted_gathering_goes_on(tmp_path: Path, clones: Path, commit: str) -> None:
    make(tmp_path, clones, commit).prepare()
    (tmp_path / "blobs.json").unlink()  # it is written last
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jpg")}
    gone = sorted(before)[0]
    gone.unlink()
    dataset = make(tmp_path, clones, commit)
    dataset.prepare()
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jpg")}
    assert {path for path in after if after[path] != before[path]} == {gone}
    shutil.rmtree(tmp_path / "blobs")
    dataset.prepare()  # the record is there: nothing is gathered
    assert not (tmp_path / "blobs").exists()


def test_fetches_one_commit_where_there_are_no_clones(
    tmp_path: Path, clones: Path, commit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = tmp_path / "served" / "someone" / "pictures"
    shutil.copytree(clones / "someone+pictures", served)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{tmp_path / 'served'}/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    dataset = make(tmp_path / "everyday", None, commit)
    dataset.prepare()
    assert len(dataset.names("all")) == COUNT
    assert not (tmp_path / "everyday" / "blobs.git").exists()
    with pytest.raises(InputError, match=r"source blobs: .* at 0000.* cannot be fetched \(.*~data"):
        make(tmp_path / "other", None, "0" * 40).prepare()


def test_what_is_missing_is_named(tmp_path: Path, clones: Path, commit: str) -> None:
    with pytest.raises(InputError, match=r"no git directory with commit 0000.* of someone/pict"):
        make(tmp_path, clones, "0" * 40).prepare()
    with pytest.raises(InputError, match=r"no git directory .* of no/one in .*no\+one; clone it"):
        make(tmp_path, clones, commit, repository="no/one").prepare()
    with pytest.raises(InputError, match=r"source blobs has 45 pictures of the 99 that it had"):
        make(tmp_path, clones, commit, pictures=99).prepare()
    assert not (tmp_path / "blobs.json").exists()
    (tmp_path / "blobs.json").write_text("{}")
    with pytest.raises(InputError, match=r"blobs.json is no record of a source; delete it"):
        make(tmp_path, clones, commit).names("train")


def test_only_open_leaves_sources_out(tmp_path: Path, clones: Path, commit: str) -> None:
    with pytest.raises(InputError, match=r"dataset.only_open leaves no source"):
        make(tmp_path, clones, commit, is_open=False, only_open=True)


@pytest.mark.parametrize("change", ["smaller", "brighter", "compressed"])
def test_near_duplicates_have_near_hashes(change: str) -> None:
    picture = draw(7)
    other = {
        "smaller": lambda: picture.resize((160, 120)),
        "brighter": lambda: picture.point(lambda value: min(255, value + 25)),
        "compressed": lambda: Image.open(io.BytesIO(jpeg(picture))),
    }[change]()
    one, two, far = (int(hash_picture(p.convert("RGB")), 16) for p in (picture, other, draw(8)))
    assert (one ^ two).bit_count() <= 5
    assert (one ^ far).bit_count() > 10


def test_a_dark_or_one_coloured_scene_is_told_from_a_toned_one() -> None:
    assert find_fault(draw(9)) is None
    assert find_fault(draw(9).point(lambda value: value // 4)) is None


def test_the_shipped_list_is_whole() -> None:
    settings = dataset_settings("everyday", "data")
    dataset = build(settings)
    assert len(dataset.sources) >= 20
    for name, source in dataset.sources.items():
        assert len(source.commit) == 40, name
        int(source.commit, 16)
        assert source.terms
    tested = [name for name, source in dataset.sources.items() if source.is_test]
    assert tested == list(dataset.sources)[: len(tested)]  # before those that are trained on
    assert {s.terms.split()[0] for s in dataset.sources.values() if s.is_open} <= {
        "MIT",
        "CC0",
        "Apache-2.0",
    }
    json.dumps(settings)
