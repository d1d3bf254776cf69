"""Gather photographs of many kinds from public git repositories, and split them by content."""

import hashlib
import json
import logging
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from scipy.fft import dctn

from colorization.color import from_uint8, is_near_gray, rgb_to_lab
from colorization.data.folders import PhotographFolder, deal, list_photographs
from colorization.data.photographs import (
    UnusablePhotographError,
    read_ahead,
    read_photograph,
)
from colorization.errors import InputError
from colorization.files.atomic import replacing, write_text
from colorization.reports.progress import shown, telling

log = logging.getLogger(__name__)

SHORT_SIDE = 256  # px
QUALITY = 92  # of the JPEG files that are kept
VAL, TEST = 15, 45  # of 1,000 photographs of a source: below VAL val, from there below TEST test
SEARCHED = 48  # px; side of the picture that is looked at for tone and white
ONE_HUE = 3.0  # CIE units of ab that lightness does not explain; a toned picture has less
ON_WHITE = 0.5  # share of white pixels, from which a picture is a drawing or a product
ALIKE = 5  # bits of 64 in which the perceptual hashes of near-duplicates differ, at most


class GitSource(NamedTuple):
    """A public repository with photographs.

    Attributes:
        repository, commit: on GitHub, as OWNER/NAME; 40 hexadecimal digits.
        paths: regular expression of the files to take.
        pictures: how many there are; fewer say that something is wrong.
        shows, terms: for the record and the model's card.
        is_open: whether the terms allow any use.
        most: photographs to keep, the first by the hash of their content; None is all.
        is_test: whether all of them are for testing only.
    """

    repository: str
    commit: str
    paths: str
    pictures: int
    shows: str
    terms: str
    is_open: bool = False
    most: int | None = None
    is_test: bool = False


class EverydayPhotographs(PhotographFolder):
    """Photographs of public repositories, gathered once below ``root``, each source in a folder.

    A source is recorded in ``root/SOURCE.json``: its photographs with their split and perceptual
    hash, and how many were left out for which reason. The split of a photograph depends on its
    content alone. Near-duplicates of photographs of earlier sources, and of ``avoid``, are left
    out, and so are near-gray and toned pictures, and drawings and products on white.

    Args:
        sources: arguments of each :class:`GitSource`, by the name of its folder; those for testing
            come first, so that no near-duplicate of theirs is trained on.
        clones: folder of git directories (OWNER+NAME) to read instead of the network.
        avoid: folders of photographs whose near-duplicates are left out; missing ones are skipped.
        only_open: take only sources whose terms allow any use.
        settings: of :class:`PhotographFolder`; ``train``, ``val`` and ``test`` draw that many.
    """

    def __init__(
        self,
        sources: Mapping[str, Mapping[str, Any]],
        clones: str | None,
        avoid: Sequence[str],
        only_open: bool,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        every = {name: GitSource(**source) for name, source in sources.items()}
        self.sources = {n: of for n, of in every.items() if of.is_open or not only_open}
        self.clones = Path(clones) if clones else None
        self.avoid = [Path(folder) for folder in avoid]
        if not self.sources:
            raise InputError("dataset.only_open leaves no source; set it to false")

    def prepare(self) -> None:
        """Gather the sources that are not there yet.

        Raises:
            InputError: naming a source that cannot be had, or has fewer pictures than recorded.
            OSError: if the disk is full; what was gathered stays, and the same command goes on.
        """
        missing = [name for name in self.sources if not self.record(name).is_file()]
        if not missing:
            return
        known = Hashes()
        for folder in self.avoid:
            records = sorted(folder.glob("*.json"))
            for record in records:
                known.add(read_record(record)["photographs"].values())
            if not records and folder.is_dir():
                known.add_folder(folder, self.max_pixels)
        for name in self.sources:
            if name in missing:
                gather(name, self.sources[name], self.root, self.clones, known)
            else:
                known.add(read_record(self.record(name))["photographs"].values())

    def record(self, name: str) -> Path:
        """Return the path of a source's record."""
        return self.root / f"{name}.json"

    def make_split(self) -> dict[str, list[str]]:
        """Return the names of each split; all of them, or as many as the settings ask for."""
        found: dict[str, list[str]] = {"train": [], "val": [], "test": []}
        for source in self.sources:
            photographs = read_record(self.record(source))["photographs"]
            for name, (split, _) in photographs.items():
                found[split].append(f"{source}/{name}")
        counts = {split: self.counts[split] or len(names) for split, names in found.items()}
        return {
            split: deal(names, {split: counts[split]}, self.split_seed, self.root)[split]
            for split, names in found.items()
        }

    def names(self, split: str) -> list[str]:
        """Return the names of a split, or of ``all``."""
        if split == "all":
            return sorted(name for names in self.split.values() for name in names)
        return self.split[split]


class Hashes:
    """Perceptual hashes of photographs that are known, and whether another is much like one."""

    def __init__(self) -> None:
        self.known = np.zeros(0, np.uint64)

    def add(self, found: Any) -> None:
        """Add the hashes of a record's photographs: pairs of split and hash."""
        more = np.array([int(text, 16) for _, text in found], np.uint64)
        self.known = np.concatenate([self.known, more])

    def add_folder(self, folder: Path, max_pixels: int) -> None:
        """Add the photographs of a folder; unusable ones are skipped.

        Raises:
            InputError: if there are none.
        """
        names = list_photographs(folder)

        def look(name: str) -> str | None:
            try:
                rgb = read_photograph(folder / name, None, max_pixels)
            except UnusablePhotographError:
                return None
            return hash_picture(Image.fromarray(rgb.permute(1, 2, 0).numpy()))

        found = shown(read_ahead(look, names), f"hashing {folder}", len(names))
        self.add([("", text) for text in found if text])

    def has_alike(self, text: str) -> bool:
        """Whether a known photograph's hash differs in a few bits at most."""
        differing = np.bitwise_count(self.known ^ np.uint64(int(text, 16)))
        return bool((differing <= ALIKE).any())


def hash_picture(picture: Image.Image) -> str:
    """Hash an RGB picture by the signs of its 64 lowest frequencies, as 16 hexadecimal digits.

    As Zauner 2010 ("pHash"), on 32 x 32 px of luma.
    """
    luma = np.asarray(picture.convert("L").resize((32, 32), Image.Resampling.BOX), np.float64)
    low = dctn(luma, norm="ortho")[:8, :8].ravel()
    is_high = low > np.median(low[1:])
    return f"{int.from_bytes(np.packbits(is_high).tobytes()):016x}"


def find_fault(picture: Image.Image) -> str | None:
    """Say why an RGB picture is no photograph to learn from, or None.

    It is near-gray; toned, if a parabola of L explains a and b; on white.
    """
    import torch

    small = picture.resize((SEARCHED, SEARCHED), Image.Resampling.BOX)
    rgb = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None]
    lab = rgb_to_lab(from_uint8(rgb))
    if bool(is_near_gray(lab.ab)[0]):
        return "near-gray"
    L, ab = lab.L.flatten().double().numpy(), lab.ab[0].flatten(1).double().numpy().T
    if np.mean((L > 96) & (np.hypot(*ab.T) < 4)) > ON_WHITE:
        return "on white"
    powers = np.vander(L / 50 - 1, 3)
    rest = ab - powers @ np.linalg.lstsq(powers, ab, rcond=None)[0]
    return "of one hue" if np.sqrt((rest**2).sum(axis=1).mean()) < ONE_HUE else None


def gather(name: str, source: GitSource, root: Path, clones: Path | None, known: Hashes) -> None:
    """Gather one source: its photographs into ``root/name``, then its record beside them.

    Pictures that are there from an interrupted gathering are not made again.
    """
    repository = find_clone(source, clones) if clones else fetch_clone(name, source, root)
    files = list_files(repository, source, name)
    left: Counter[str] = Counter()
    kept: dict[str, tuple[str, str]] = {}
    pictures = read_ahead(lambda file: take_picture(*file), read_blobs(repository, files), depth=16)
    for file, picture in shown(pictures, f"gathering {name}", len(files)):
        if isinstance(picture, str):
            left[picture] += 1
            continue
        digest, text, small = picture
        if known.has_alike(text):
            left["near-duplicates"] += 1
            continue
        kept[file] = (choose_split(digest, source.is_test), text)
        known.add([kept[file]])
        target = root / name / file
        if not target.is_file():
            with replacing(target) as beside:
                beside.write_bytes(small)
        if len(kept) == source.most:
            break
    log.info("%s: kept %d photographs; left out %s", name, len(kept), dict(left))
    record = {**source._asdict(), "left_out": dict(left), "photographs": kept}
    write_text(json.dumps(record, indent=1) + "\n", root / f"{name}.json")
    if not clones:
        shutil.rmtree(repository)


def choose_split(digest: bytes, is_test: bool) -> str:
    """Choose the split of a photograph by the hash of its file's content."""
    place = int.from_bytes(digest) % 1000
    return "test" if is_test or VAL <= place < TEST else "val" if place < VAL else "train"


def take_picture(file: str, data: bytes) -> tuple[str, str | tuple[bytes, str, bytes]]:
    """Make a photograph small and hash it, or say why it is left out."""
    try:
        picture = Image.open(BytesIO(data))
        picture.draft("RGB", (2 * SHORT_SIDE, 2 * SHORT_SIDE))
        rgb = picture.convert("RGB")
    except Exception:  # damaged bytes can raise anything
        return file, "unreadable"
    if fault := find_fault(rgb):
        return file, fault
    scale = SHORT_SIDE / min(rgb.size)
    if scale < 1:
        size = (round(rgb.width * scale), round(rgb.height * scale))
        rgb = rgb.resize(size, Image.Resampling.LANCZOS)
    written = BytesIO()
    rgb.save(written, "JPEG", quality=QUALITY)
    digest = hashlib.blake2b(data, digest_size=8).digest()
    return file, (digest, hash_picture(rgb), written.getvalue())


def read_record(path: Path) -> dict[str, Any]:
    """Read what :func:`gather` recorded of a source.

    Raises:
        InputError: if the file is missing or damaged.
    """
    if not path.is_file():
        raise InputError(f"the photographs of {path.stem} are not gathered yet: no {path}")
    try:
        record: dict[str, Any] = json.loads(path.read_text())
        return {**record, "photographs": dict(record["photographs"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no record of a source; delete it and try again") from error


def run_git(repository: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in a git directory."""
    return subprocess.run(["git", f"--git-dir={repository}", *words], capture_output=True)


def find_clone(source: GitSource, clones: Path) -> Path:
    """Find the git directory of a source below a folder of clones.

    Raises:
        InputError: if it is not there, or has not the source's commit.
    """
    folder = clones / source.repository.replace("/", "+")
    heads = sorted(folder.rglob("HEAD"), key=lambda path: len(path.parts))
    found = next((head.parent for head in heads if (head.parent / "objects").is_dir()), None)
    if not found or run_git(found, "cat-file", "-e", f"{source.commit}^{{tree}}").returncode:
        raise InputError(
            f"no git directory with commit {source.commit[:12]} of {source.repository} in "
            f"{folder}; clone it there, or set dataset.clones to null to fetch it"
        )
    return found


def fetch_clone(name: str, source: GitSource, root: Path) -> Path:
    """Fetch one commit of a source's repository, without its history.

    Raises:
        InputError: if git is missing, or the repository or commit cannot be had.
    """
    repository = root / f"{name}.git"
    url = f"https://github.com/{source.repository}"
    if not shutil.which("git"):
        raise InputError("dataset=everyday is fetched by git, which is not installed; install it")
    log.info("fetching %s for %s", url, name)
    repository.mkdir(parents=True, exist_ok=True)
    run_git(repository, "init", "--quiet", "--bare")
    with telling(lambda: f"fetching {name}"):
        done = run_git(repository, "fetch", "--quiet", "--depth=1", url, source.commit)
    if done.returncode:
        said = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason"])[-1]
        raise InputError(
            f"source {name}: {url} at {source.commit[:12]} cannot be fetched ({said}); try again, "
            f"leave it out with ~dataset.sources.{name}, or set dataset.clones"
        )
    return repository


def list_files(repository: Path, source: GitSource, name: str) -> list[tuple[str, str]]:
    """List blob and name of each picture of a source once, by the blob.

    Raises:
        InputError: if there are fewer than recorded.
    """
    words = ("-c", "core.quotePath=false", "ls-tree", "-r", "-z", source.commit)
    lines = run_git(repository, *words).stdout.decode(errors="surrogateescape").split("\0")
    entries = [line.split("\t", 1) for line in lines if line]
    wanted = re.compile(source.paths, re.IGNORECASE)
    blobs = {about.split()[2]: path for about, path in entries if wanted.search(path)}
    if len(blobs) < source.pictures:
        raise InputError(
            f"source {name} has {len(blobs)} pictures of the {source.pictures} that it had; "
            f"delete {repository} and try again, or leave it out with ~dataset.sources.{name}"
        )
    return sorted((blob, str(Path(path).with_suffix(".jpg"))) for blob, path in blobs.items())


def read_blobs(repository: Path, files: Sequence[tuple[str, str]]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each file; missing ones have none."""
    command = ["git", f"--git-dir={repository}", "cat-file", "--batch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin
        assert reader.stdout
        for blob, name in files:
            reader.stdin.write(f"{blob}\n".encode())
            reader.stdin.flush()
            head = reader.stdout.readline().split()
            if head[-1] == b"missing":
                yield name, b""
            else:
                yield name, reader.stdout.read(int(head[2]))
                reader.stdout.read(1)
        reader.stdin.close()
