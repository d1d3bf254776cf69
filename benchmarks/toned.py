"""How well gray and toned pictures are told from coloured ones, on photographs that a script tones.

    python -m benchmarks.toned FOLDER... [--photographs 500] [--output FILE]

Every photograph is read as it is, and once gray, or toned in a way drawn by chance: sepia, one hue,
yellowed paper, faded print, two tints; with noise of up to 1% in each channel; as JPEG of quality
75 to 95.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from colorization.cli import command
from colorization.errors import InputError
from colorization.files.atomic import write_text
from colorization.files.reading import read_picture
from colorization.reports.tables import markdown

ANY_SIZE = 10**9
SEPIA = np.array([1.351, 1.203, 0.937])
Values = NDArray[np.float64]


def one_hue(x: Values, chance: np.random.Generator) -> Values:
    middle = chance.uniform((0.5, 0.35, 0.15), (0.8, 0.55, 0.35))
    return np.where(x < 0.5, 2 * x * middle, middle + (2 * x - 1) * (1 - middle))


def faded(x: Values, chance: np.random.Generator) -> Values:
    dark = np.array([0.25, 0.2, 0.15]) * chance.uniform(0.5, 1)
    return dark + x * (np.array([1, 0.95, 0.8]) - dark)


TONES: dict[str, Callable[[Values, np.random.Generator], Values]] = {
    "gray": lambda x, chance: x * np.ones(3),
    "sepia": lambda x, chance: x * SEPIA,
    "one hue": one_hue,
    "yellowed": lambda x, chance: x * chance.uniform((1, 0.88, 0.65), (1, 0.97, 0.88)),
    "faded": faded,
    "blue": lambda x, chance: x ** np.array([1.15, 1, 0.85]),
    "two tints": lambda x, chance: x ** np.array([0.9, 1, 1.1]) + [0, 0, 0.06] * (1 - x),
}
"""Gray (H,W,1) in 0..1 to RGB (H,W,3)."""


def toned(image: Image.Image, kind: str, chance: np.random.Generator) -> Image.Image:
    """A photograph in gray or toned, with a little noise."""
    gray = np.asarray(image.convert("L"), np.float64)[..., None] / 255
    rgb = TONES[kind](gray, chance)
    rgb = rgb + chance.normal(0, chance.uniform(0, 0.01), rgb.shape)
    return Image.fromarray(np.rint(rgb.clip(0, 1) * 255).astype(np.uint8))


def measure(folders: Sequence[Path], count: int) -> str:
    """The table as Markdown: what is taken as what, by folder and kind."""
    chance = np.random.default_rng(0)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "toned.jpg"
        for folder in folders:
            files = sorted(folder.rglob("*.jpg"))
            if not files:
                raise InputError(f"no photographs (.jpg) in {folder}")
            files = [files[i] for i in chance.permutation(len(files))[:count]]
            found: Counter[tuple[str, bool]] = Counter()
            for file in track(files, folder.name, transient=True):
                found["as they are", read_picture(file, ANY_SIZE).tone == "coloured"] += 1
                kind = str(chance.choice(list(TONES)))
                image = Image.open(file).convert("RGB")
                toned(image, kind, chance).save(path, quality=int(chance.integers(75, 96)))
                found[kind, read_picture(path, ANY_SIZE).tone == "coloured"] += 1
            kinds = ["as they are", *TONES]
            counts = {kind: found[kind, True] + found[kind, False] for kind in kinds}
            counts["all gray and toned"] = sum(counts[kind] for kind in TONES)
            found["all gray and toned", True] = sum(found[kind, True] for kind in TONES)
            for kind, number in counts.items():
                share = f"{100 * found[kind, True] / number:.1f}%" if number else "-"
                rows.append([folder.name, kind, f"{number:,}", share])
    return markdown(["photographs", "kind", "number", "taken as coloured"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--photographs", type=int, default=500, help="of each folder")
    parser.add_argument("--output", type=Path, help="Markdown file for the table")
    options = parser.parse_args()
    with command.one_line_errors():
        text = measure(options.folders, options.photographs)
    print(text)
    if options.output:
        write_text(text, options.output)


if __name__ == "__main__":
    main()
