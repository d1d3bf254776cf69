"""Evaluate the colouring of films whose true colours are known, by two protocols.

``first``: the first frame's true colours are given. ``nothing``: no colours are given.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from colorization import __version__
from colorization.color import from_uint8, rgb_to_lab
from colorization.errors import InputError
from colorization.files.atomic import write_text
from colorization.files.painting import Floats, Pixels, paint
from colorization.files.pictures import SUFFIXES, UnreadableError
from colorization.files.reading import read_rgb
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.metrics.ciede2000 import ciede2000
from colorization.metrics.colorfulness import colorfulness
from colorization.settings.installation import read_commit
from colorization.video.carrying import Link, Linker, reduce, warp
from colorization.video.keyframes import as_lightness
from colorization.video.scores import (
    Histograms,
    color_distribution_consistency,
    histograms,
    warp_error,
)
from colorization.video.shot_colorizer import ShotColorizer

MOST_PIXELS = 20_000_000
LEAST_FRAMES = 6
CIEDE_EVERY = 8  # frames: it takes long
PUBLISHED = {
    "ColorMNet (Yang et al. 2024)": {
        "psnr": 35.77,
        "cdc": 0.00376,
        "differs": "its own list of DAVIS clips and size, an exemplar frame, PSNR as its code has",
    }
}


class Clip(NamedTuple):
    """A film as frames: L (H,W) in 0..100, ab (H,W,2) and uint8 RGB (H,W,3) of each."""

    name: str
    L: list[Floats]
    ab: list[Floats]
    rgb: list[Pixels]


def find_clips(folder: Path, names: Sequence[str]) -> list[Path]:
    """Find the clips, folders of frames, below a folder; ``names`` chooses some.

    Raises:
        InputError: if one is not there.
    """
    found = [path for path in sorted(folder.glob("*")) if path.is_dir()]
    chosen = [path for path in found if not names or path.name in names]
    missing = set(names) - {path.name for path in chosen}
    if missing or not chosen:
        raise InputError(f"no clips {', '.join(sorted(missing))} in {folder}: folders of frames")
    return chosen


def read_clip(folder: Path, most: int | None = None) -> Clip:
    """Read a clip's frames, by name; at ``most`` so many.

    Raises:
        InputError: if there are too few, or one cannot be read.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)[:most]
    if len(paths) < LEAST_FRAMES:
        raise InputError(f"{folder} has {len(paths)} frames; {LEAST_FRAMES} are the least")
    clip = Clip(folder.name, [], [], [])
    for path in paths:
        try:
            rgb = np.array(read_rgb(path, MOST_PIXELS))
        except (UnreadableError, OSError) as error:
            raise InputError(f"{path} cannot be read: {error}") from error
        L, ab = rgb_to_lab(from_uint8(torch.from_numpy(rgb).permute(2, 0, 1)[None]))
        clip.rgb.append(rgb)
        clip.L.append(L[0, 0].numpy())
        clip.ab.append(reduce(np.ascontiguousarray(ab[0].permute(1, 2, 0).numpy())))
    return clip


Scores = dict[str, float]
Row = Callable[[Clip, list[Floats], PhotoColorizer], list[Floats]]
"""Colours a clip, of which it sees L, also reduced, and the first frame's ab; returns ab."""


def color_gray(clip: Clip, small: list[Floats], colorizer: PhotoColorizer) -> list[Floats]:
    """Leave every frame gray."""
    return [np.zeros((*L.shape, 2), np.float32) for L in small]


def color_each(clip: Clip, small: list[Floats], colorizer: PhotoColorizer) -> list[Floats]:
    """Colour each frame by itself."""
    shots = ShotColorizer(colorizer)
    return [shots.predict(L) for L in small]


def keep_first(clip: Clip, small: list[Floats], colorizer: PhotoColorizer) -> list[Floats]:
    """Leave the first frame's colours where they are."""
    return [clip.ab[0]] * len(small)


def follow_flow(clip: Clip, small: list[Floats], colorizer: PhotoColorizer) -> list[Floats]:
    """Carry the first frame's colours along optical flow, whatever it finds."""
    colors, linker = [clip.ab[0]], Linker()
    for earlier, later in pairwise(small):
        colors.append(warp(colors[-1], linker(earlier, later).back))
    return colors


def color_from_first(clip: Clip, small: list[Floats], colorizer: PhotoColorizer) -> list[Floats]:
    """Colour a clip whose first frame is given."""
    return list(ShotColorizer(colorizer).colorize(small, {0: clip.ab[0]}))


def color_alone(clip: Clip, small: list[Floats], colorizer: PhotoColorizer) -> list[Floats]:
    """Colour a clip of which nothing is given."""
    return list(ShotColorizer(colorizer).colorize(small, {}))


PROTOCOLS: Mapping[str, Mapping[str, Row]] = {
    "": {"gray": color_gray},
    "first": {
        "first frame's colours left": keep_first,
        "flow alone": follow_flow,
        "ours": color_from_first,
    },
    "nothing": {"model on each frame": color_each, "ours": color_alone},
}


def score(clip: Clip, small: list[Floats], links: list[Link], colors: list[Floats]) -> Scores:
    """Score colours ab of a clip; the first frame, which may be given, is left out of PSNR.

    Args:
        small: L (h,w) of each frame, reduced.
        links: of the true frames, each with the next.
    """
    found: dict[str, list[float]] = {"psnr": [], "ciede2000": [], "colorfulness": [], "warp": []}
    seen: list[Histograms] = []
    for index, (L, ab, rgb) in enumerate(zip(clip.L, colors, clip.rgb, strict=True)):
        pixels = paint(as_lightness(L), np.ascontiguousarray(ab.transpose(2, 0, 1)))
        seen.append(histograms(pixels))
        if index:
            squares = np.square(pixels.astype(np.float32) - rgb).mean()
            found["psnr"].append(float(10 * np.log10(255**2 / max(squares, 1e-6))))
            found["warp"].append(warp_error(colors[index - 1], ab, links[index - 1]))
        if index % CIEDE_EVERY == CIEDE_EVERY // 2:
            found["colorfulness"].append(measure_colorfulness(pixels))
            lightness = torch.from_numpy(small[index])[None, None]
            pair = (torch.cat([lightness, as_planes(of)], dim=1) for of in (ab, clip.ab[index]))
            found["ciede2000"].append(float(ciede2000(*pair)))
    means = {name: float(np.mean(values)) for name, values in found.items()}
    return means | {"cdc": color_distribution_consistency(seen)}


def measure_colorfulness(rgb: Pixels) -> float:
    """Measure the colourfulness of uint8 (H,W,3)."""
    return float(colorfulness(torch.from_numpy(rgb).permute(2, 0, 1)[None]))


def as_planes(ab: Floats) -> torch.Tensor:
    """Turn ab (h,w,2) into a tensor (1,2,h,w)."""
    return torch.from_numpy(np.ascontiguousarray(ab.transpose(2, 0, 1)))[None]


def evaluate_films(
    folder: Path,
    colorizer: PhotoColorizer,
    about: Mapping[str, Any],
    names: Sequence[str] = (),
    protocols: Sequence[str] = tuple(PROTOCOLS),
    frames: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Score rows on clips; yield one result a clip, protocol and row, the truth's own first.

    Args:
        protocols: whose rows are scored.
        frames: of the beginning of each clip; None is all.
    """
    for path in find_clips(folder, names):
        clip = read_clip(path, frames)
        small = [reduce(L) for L in clip.L]
        linker = Linker()
        links = [linker(*pair) for pair in pairwise(small)]
        common = {**about, "clip": clip.name, "frames": len(small)}
        yield {**common, "protocol": "", "row": "truth", **score_truth(clip, links)}
        for protocol in protocols:
            for name, row in PROTOCOLS[protocol].items():
                scores = score(clip, small, links, row(clip, small, colorizer))
                yield {**common, "protocol": protocol, "row": name, **scores}


def score_truth(clip: Clip, links: list[Link]) -> Scores:
    """Score the truth: its CDC, its warp error and its colourfulness."""
    parts = zip(clip.ab[:-1], clip.ab[1:], links, strict=True)
    warps = [warp_error(*part) for part in parts]
    rich = [measure_colorfulness(rgb) for rgb in clip.rgb[CIEDE_EVERY // 2 :: CIEDE_EVERY]]
    cdc = color_distribution_consistency([histograms(rgb) for rgb in clip.rgb])
    return {"cdc": cdc, "warp": float(np.mean(warps)), "colorfulness": float(np.mean(rich))}


def average(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Average results over clips; name the clip with the lowest PSNR of each row."""
    rows: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for each in found:
        rows.setdefault((each["protocol"], each["row"]), []).append(each)
    table = []
    for (protocol, row), results in rows.items():
        names = [name for name, value in results[0].items() if isinstance(value, float)]
        means = {name: float(np.mean([each[name] for each in results])) for name in names}
        worst = min(results, key=lambda each: float(each.get("psnr", 0.0)))
        lowest = {"worst": worst["clip"]} if "psnr" in worst else {}
        table.append({"protocol": protocol, "row": row, **means, **lowest})
    return table


def format_mean(mean: Mapping[str, Any]) -> str:
    """Format a row of :func:`average` as a line of text."""
    values = "  ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in mean.items()
        if name not in ("protocol", "row")
    )
    return f"{mean['protocol'] or '-':8} {mean['row']:28} {values}"


def describe_call(command: str, model: str, tuned_on: Sequence[str]) -> dict[str, Any]:
    """Return what results depend on: command, version, commit, model, clips of tuning."""
    return {
        "command": command,
        "version": __version__,
        "commit": read_commit() or "",
        "model": model,
        "tuned_on": list(tuned_on),
    }


def write_results(found: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write results as JSON, one a line."""
    write_text("".join(json.dumps(each) + "\n" for each in found), path)
