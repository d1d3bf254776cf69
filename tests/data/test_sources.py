"""Faces and dogs: found where they lie, or fetched, resumed, checked and unpacked as a whole."""

import contextlib
import errno
import hashlib
import http.server
import io
import os
import struct
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from colorization.data import download, sources
from colorization.data.cache import load_split
from colorization.data.download import fetch, unpack
from colorization.data.sources import Faces, StanfordDogs
from colorization.errors import InputError

CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT with ranges; /refused answers 403; /endless never ends."""

    ranges: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        if self.path.startswith("/refused"):
            self.send_error(403)
            return
        if self.path == "/beyond" and self.headers.get("Range"):
            self.send_error(416)
            return
        if self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):  # until the other side has enough
                while True:
                    self.wfile.write(CONTENT)
        asked = self.headers.get("Range")
        self.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start:])

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.ranges = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_fetches_and_leaves_nothing_beside(server: str, tmp_path: Path) -> None:
    fetch(f"{server}/a", tmp_path / "a", len(CONTENT), SHA256)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_goes_on_where_a_broken_download_stopped(server: str, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(CONTENT[:1000])
    fetch(f"{server}/a", tmp_path / "a", len(CONTENT), SHA256)
    assert Handler.ranges == ["bytes=1000-"]
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_whole_part_is_not_fetched_again(server: str, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(CONTENT)
    fetch(f"{server}/a", tmp_path / "a", len(CONTENT), SHA256)
    assert Handler.ranges == []


def test_wrong_checksum_is_refused_and_deleted(server: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has SHA-256 .* instead of 00; it was deleted"):
        fetch(f"{server}/a", tmp_path / "a", len(CONTENT), "00")
    assert list(tmp_path.iterdir()) == []


def test_short_download_is_kept_to_go_on_from(server: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="broke off; the same command goes on"):
        fetch(f"{server}/a", tmp_path / "a", len(CONTENT) + 1, SHA256)
    assert (tmp_path / "a.part").is_file()


def test_part_of_something_else_is_deleted(server: str, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(CONTENT * 2)
    with pytest.raises(InputError, match=r"was no part of .*it was deleted, try again"):
        fetch(f"{server}/beyond", tmp_path / "a")
    fetch(f"{server}/beyond", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_refusal_says_where_to_put_the_file(server: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"HTTP 403.*put it at .*/a$"):
        fetch(f"{server}/refused", tmp_path / "a")


def test_no_network_says_where_to_put_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"could not fetch .*put it at .*/a$"):
        fetch("http://127.0.0.1:9/a", tmp_path / "a")


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_an_answer_that_does_not_end_is_cut_off(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    monkeypatch.setattr(download, "MOST_BYTES", 3 * download.CHUNK)
    most = size or download.MOST_BYTES
    message = rf"/endless sends more than {most:,} bytes; .*get it by other means and put it at"
    with pytest.raises(InputError, match=message):
        fetch(f"{server}/endless", tmp_path / "a", size)
    assert list(tmp_path.iterdir()) == []


def pack_tar(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def test_archive_that_reaches_outside_is_refused(tmp_path: Path) -> None:
    pack_tar(tmp_path / "a.tar", {"../evil": b"x"})
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpack(tmp_path / "a.tar", "Images", tmp_path / "to", list)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar"]
    assert not (tmp_path.parent / "evil").exists()


def test_damaged_archive_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"no archive" * 100)
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpack(tmp_path / "a.tar", "Images", tmp_path / "to", list)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar"]


def test_what_an_archive_says_that_it_holds_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("Images/a", "Images/b"):
            archive.writestr(name, bytes(1_000_000))
    assert (tmp_path / "a.zip").stat().st_size < 10_000
    pack_tar(tmp_path / "a.tar", {f"Images/{name}": bytes(1_000_000) for name in "ab"})
    for limit, value in (("MOST_FILES", 1), ("MOST_BYTES", 1_999_999)):
        with monkeypatch.context() as patch:
            patch.setattr(download, limit, value)
            for path in (tmp_path / "a.zip", tmp_path / "a.tar"):
                with pytest.raises(InputError, match=r"unpacked: 2 files of 2,000,000 bytes are"):
                    unpack(path, "Images", tmp_path / "to", list)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar", "a.zip"]
    for path in (tmp_path / "a.zip", tmp_path / "a.tar"):
        unpack(path, "Images", tmp_path / f"of_{path.suffix}", Path.iterdir)
        assert (tmp_path / f"of_{path.suffix}" / "b").read_bytes() == bytes(1_000_000)


def test_a_packed_tar_which_may_hold_anything_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w:gz") as archive:
        entry = tarfile.TarInfo("Images/a")
        entry.size = 1_000
        archive.addfile(entry, io.BytesIO(bytes(1_000)))
    with pytest.raises(InputError, match=r"a\.tar cannot be unpacked: "):
        unpack(tmp_path / "a.tar", "Images", tmp_path / "to", list)


def changed_zip(path: Path, flags: int = 0, method: int = 0) -> None:
    """A zip archive whose one member claims to be encrypted, or packed in another way."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("face_images/a.jpg", b"x" * 100)
    whole = bytearray(path.read_bytes())
    central = whole.index(b"PK\x01\x02")
    for start in (6, central + 8):
        struct.pack_into("<HH", whole, start, flags, method)
    path.write_bytes(whole)


@pytest.mark.parametrize(
    ("flags", "method", "reason"), [(1, 0, "is encrypted, password"), (0, 97, "compression method")]
)
def test_an_encrypted_or_unknown_zip_is_told_in_a_line(
    tmp_path: Path, flags: int, method: int, reason: str
) -> None:
    changed_zip(tmp_path / "a.zip", flags, method)
    message = rf"a\.zip cannot be unpacked: .*{reason}.*; delete it and try again"
    with pytest.raises(InputError, match=message):
        unpack(tmp_path / "a.zip", "face_images", tmp_path / "to", list)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_names_that_cannot_be_are_told_in_a_line(tmp_path: Path) -> None:
    pack_tar(tmp_path / "twice.tar", {"Images/a": b"x", "Images/a/b": b"x"})
    pack_tar(tmp_path / "long.tar", {f"Images/{'a' * 300}": b"x"})
    for path in (tmp_path / "twice.tar", tmp_path / "long.tar"):
        with pytest.raises(InputError, match=rf"{path.name} cannot be unpacked: "):
            unpack(path, "Images", tmp_path / "to", list)


def test_a_full_disk_is_not_the_fault_of_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    pack_tar(tmp_path / "a.tar", {"Images/a": b"x"})
    monkeypatch.setattr(tarfile.TarFile, "extract", full)
    with pytest.raises(OSError, match="No space left on device"):
        unpack(tmp_path / "a.tar", "Images", tmp_path / "to", list)


SETTINGS: dict[str, Any] = {
    "name": "x",
    "size": 16,
    "val": 2,
    "test": None,
    "split_seed": 0,
    "max_pixels": 10**7,
}


def picture(shade: int) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(shade).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "JPEG")
    return file.getvalue()


def test_faces_put_in_place_as_an_archive(tmp_path: Path, monkeypatch: Any) -> None:
    root = tmp_path / "faces"
    root.mkdir()
    with zipfile.ZipFile(root / "faces.zip", "w") as archive:
        for index in range(10):
            archive.writestr(f"Repo-cc2638e/face_images/image{index}.jpg", picture(index))
    faces = Faces(root=str(root), train=4, **SETTINGS)
    with pytest.raises(InputError, match="are not the ones expected"):
        faces.prepare()
    assert not (root / "face_images").exists()
    monkeypatch.setattr(sources, "FACES_DIGEST", "set below")
    monkeypatch.setattr(sources, "digest_of_folder", lambda folder: "set below")
    faces.prepare()
    assert len(load_split(faces, "train").names) == 4
    assert (root / "faces.zip").exists()


def test_fetched_archive_that_is_not_the_portraits_is_not_kept(
    tmp_path: Path, server: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sources, "FACES_URL", f"{server}/a")
    with pytest.raises(InputError, match="cannot be unpacked"):
        Faces(root=str(tmp_path / "faces"), train=4, **SETTINGS).prepare()
    assert list((tmp_path / "faces").iterdir()) == []


def test_damaged_list_is_named(dogs: StanfordDogs) -> None:
    dogs.prepare()
    dogs.list_file("train").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"train_list.mat is not a list of Stanford Dogs"):
        load_split(dogs, "train")


PORTRAITS = Path(__file__).resolve().parents[2] / "data" / "faces" / "face_images"


@pytest.mark.skipif(not PORTRAITS.is_dir(), reason="the portraits are not in data/faces")
def test_digest_is_that_of_the_real_portraits() -> None:
    Faces.verify(PORTRAITS)


def test_digest_depends_on_names_and_contents(tmp_path: Path) -> None:
    digests = set()
    for number, (name, content) in enumerate([("a", "x"), ("a", "y"), ("b", "x")]):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / name).write_text(content)
        digests.add(download.digest_of_folder(tmp_path / str(number)))
    assert len(digests) == 3


def mat_list(names: list[str]) -> bytes:
    file = io.BytesIO()
    rows = np.empty((len(names), 1), dtype=object)
    rows[:, 0] = names
    savemat(file, {"file_list": rows})
    return file.getvalue()


@pytest.fixture
def dogs(tmp_path: Path, server: str, monkeypatch: Any) -> StanfordDogs:
    """The official layout in two archives, in place; one listed photograph is not there."""
    root = tmp_path / "dogs"
    root.mkdir()
    names = [f"n0-breed/n0_{index}.jpg" for index in range(12)]
    images = {f"Images/{name}": picture(i) for i, name in enumerate(names)}
    pack_tar(root / "images.tar", images)
    lists = {"train_list.mat": [*names[:9], "n0-breed/absent.jpg"], "test_list.mat": names[9:]}
    pack_tar(root / "lists.tar", {name: mat_list(rows) for name, rows in lists.items()})
    monkeypatch.setattr(sources, "DOGS_URL", f"{server}/refused?")
    return StanfordDogs(root=str(root), train=5, **SETTINGS)


def test_dogs_keep_to_the_official_lists(dogs: StanfordDogs) -> None:
    dogs.prepare()
    dogs.prepare()
    split = dogs.split
    assert {name: len(part) for name, part in split.items()} == {"train": 5, "val": 2, "test": 3}
    assert split["test"] == sorted(f"n0-breed/n0_{index}.jpg" for index in (9, 10, 11))
    assert not set(split["train"]) & set(split["val"])
    assert len(load_split(dogs, "test").names) == 3


def test_dogs_ask_for_what_is_missing(dogs: StanfordDogs) -> None:
    (dogs.root / "images.tar").unlink()
    with pytest.raises(InputError, match=r"could not fetch .*put it at .*images\.tar"):
        dogs.prepare()


def test_dogs_refuse_more_than_the_list_has(dogs: StanfordDogs) -> None:
    dogs.prepare()
    dogs.counts["train"] = 50
    with pytest.raises(
        InputError, match=r"dataset.val=2, dataset.train=50 do not fit the 9 photographs"
    ):
        dogs.make_split()
