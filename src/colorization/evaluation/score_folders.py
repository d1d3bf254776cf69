"""Score folders of coloured pictures of any method beside the baselines, photograph by photograph.

Everything is scored from 8-bit RGB. The scores lie in ``scores.jsonl`` as they come: the same call
goes on where it was interrupted.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from colorization.color import LabBatch, from_uint8, is_near_gray, rgb_to_lab
from colorization.data.everyday import Hashes, hash_picture
from colorization.data.folders import list_photographs
from colorization.data.photographs import (
    UnusablePhotographError,
    digest,
    read_ahead,
    read_photograph,
)
from colorization.errors import InputError
from colorization.evaluation.datasets import Track, read_lightness
from colorization.evaluation.features import FeatureFile
from colorization.evaluation.folders import (
    MAX_PIXELS,
    Folders,
    compare_lightness,
    read_prediction,
)
from colorization.evaluation.measures import ChosenMeasures
from colorization.evaluation.protocols import Protocol
from colorization.evaluation.regions import index_places, sum_errors
from colorization.evaluation.rows import GRAY, OWN_MEAN, TRUTH
from colorization.evaluation.scoring import to_lab
from colorization.files.atomic import write_text
from colorization.metrics.auc import CLASSES, class_shares, class_weights, rarity
from colorization.metrics.measures import Measure, Pair
from colorization.models.baselines import fit_baselines
from colorization.reports.progress import shown

log = logging.getLogger(__name__)

FITTED_AT = 128  # px of the squares that tables are fitted on
FIT_BATCH = 16
WRAPPED = "psnr_wrapped"
MODEL = "model "  # in front of the names of models
WHOLE = Track(None)  # baselines are painted as whole photographs are

Predictor = Callable[[Tensor, Tensor], Tensor]
"""From the true L (1,1,H,W) and uint8 RGB of its gray picture (1,3,H,W) to uint8 RGB."""


class Survey:
    """Which photographs are scored, and what baselines and weights need to know of them all."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.digests: list[str] = []
        self.near_gray: list[str] = []
        self.trained_on: list[str] = []
        self.unusable: dict[str, str] = {}
        self.total = torch.zeros(2, dtype=torch.float64)
        self.shares = torch.zeros(CLASSES, dtype=torch.float64)

    @property
    def mean_ab(self) -> Tensor:
        """Mean ab (1,2,1,1) over the photographs."""
        return (self.total / len(self.keys)).float()[None, :, None, None]


def survey(folders: Folders, protocol: Protocol, trained_on: Path | None) -> Survey:
    """Read every true photograph once.

    Args:
        trained_on: folder of training photographs, whose near-duplicates are left out.

    Raises:
        InputError: if none is left.
    """
    found = Survey()
    known = Hashes() if trained_on else None
    if known and trained_on:
        known.add_folder(trained_on, MAX_PIXELS)

    def look(key: str) -> Any:
        try:
            rgb = read_truth(folders, key, protocol)
        except UnusablePhotographError as error:
            return str(error)
        looks = hash_picture(Image.fromarray(rgb[0].permute(1, 2, 0).numpy())) if known else ""
        ab = rgb_to_lab(from_uint8(rgb)).ab
        area = class_shares(ab)
        mean = ab.double().mean(dim=(0, 2, 3))
        return bool(is_near_gray(ab)), digest(rgb), looks, mean, area

    keys = sorted(folders.true_names)
    for key, seen in zip(shown(keys, "true photographs"), read_ahead(look, keys), strict=True):
        if isinstance(seen, str):
            found.unusable[key] = seen
            continue
        is_gray, pixels, looks, mean, area = seen
        if known and known.has_alike(looks):
            found.trained_on.append(key)
        elif is_gray and protocol.near_gray == "left out":
            found.near_gray.append(key)
        else:
            found.keys.append(key)
            found.digests.append(pixels)
            found.total += mean
            found.shares += area
    if not found.keys:
        raise InputError(
            f"no photograph of {folders.truth} can be scored: {len(found.near_gray)} are "
            f"near-gray, {len(found.trained_on)} were trained on, {len(found.unusable)} unusable"
        )
    return found


def read_truth(folders: Folders, key: str, protocol: Protocol) -> Tensor:
    """Read a true photograph as a protocol scores it, uint8 (1,3,H,W)."""
    path = folders.truth / folders.true_names[key]
    return read_photograph(path, protocol.square, MAX_PIXELS)[None]


def fit_tables(folder: Path) -> dict[str, Predictor]:
    """Fit the trivial baselines to a folder of training photographs, gray left out."""

    def batches() -> Iterator[LabBatch]:
        names = list_photographs(folder)

        def read(name: str) -> Tensor | None:
            try:
                return read_photograph(folder / name, FITTED_AT, MAX_PIXELS)[None]
            except UnusablePhotographError as error:
                log.warning("left out %s: %s", name, error)
                return None

        held: list[Tensor] = []
        for rgb in shown(read_ahead(read, names), f"fitting tables to {folder}", len(names)):
            held += [] if rgb is None else [rgb]
            if len(held) == FIT_BATCH:
                yield rgb_to_lab(from_uint8(torch.cat(held)))
                held = []
        if held:
            yield rgb_to_lab(from_uint8(torch.cat(held)))

    fitted = fit_baselines(batches())
    return {
        f"{name} of {folder.name}": partial(show_ab, table)
        for name, table in fitted.items()
        if name != GRAY
    }


def show_ab(predict: Callable[[Tensor], Tensor], L: Tensor, gray: Tensor) -> Tensor:
    """Predict ab from L and paint it as uint8 RGB."""
    return WHOLE.show(L, predict(L).expand(-1, -1, *L.shape[2:]))


class Scored(NamedTuple):
    """What is known of one photograph: scores by row, notes by method, weight of its colours.

    ``errors`` has the error of each row by hue and region, ``areas`` the share of each of them.
    """

    key: str
    stamp: str
    rows: dict[str, dict[str, float]]
    notes: dict[str, dict[str, Any]]
    rarity: float
    errors: dict[str, list[float]]
    areas: list[float]


class FolderScorer(NamedTuple):
    """Scores the pictures of one photograph after another."""

    folders: Folders
    protocol: Protocol
    measures: Mapping[str, Measure]
    weights: Tensor
    predictors: Mapping[str, Predictor]
    features: FeatureFile | None = None

    def score(self, key: str) -> Scored:
        """Score every row on a photograph."""
        true_rgb = read_truth(self.folders, key, self.protocol)
        truth = to_lab(true_rgb)
        places, areas = index_places(truth)
        pictures, notes = {TRUTH: true_rgb}, {}
        L = read_lightness(true_rgb)
        gray = WHOLE.show(L, torch.zeros_like(truth.ab))
        for name, predict in self.predictors.items():
            pictures[name] = predict(L, gray)
        path = self.folders.truth / self.folders.true_names[key]
        for name in self.folders.methods:
            own = self.folders.find(name, key)
            found = read_prediction(own, path, true_rgb, self.protocol.square)
            notes[name] = found.notes
            if found.rgb is not None:
                pictures[name] = found.rgb
        if self.features:
            self.features.add(key, pictures)
        rows, errors = {}, {}
        for name, rgb in list(pictures.items())[1:]:
            lab = to_lab(rgb)
            rows[name] = self.measure(Pair(lab.ab, rgb, truth, true_rgb), lab)
            errors[name] = sum_errors(lab.ab, truth.ab, places)
            if name in notes:
                notes[name] |= compare_lightness(rgb, true_rgb, lab.L, truth.L)
        weight = rarity(truth.ab, self.weights).item()
        return Scored(key, self.folders.stamp(key), rows, notes, weight, errors, areas)

    def measure(self, pair: Pair, lab: LabBatch) -> dict[str, float]:
        """Measure a picture beside the truth; its Lab is computed once for all metrics."""
        both = torch.cat(lab, dim=1), torch.cat(pair.truth, dim=1)
        found = {
            name: float((m.compare(*both) if m.space == "lab" else m(pair))[0])
            for name, m in self.measures.items()
        }
        found[WRAPPED] = wrapped_psnr(pair.rgb, pair.true_rgb)
        return found


def wrapped_psnr(rgb: Tensor, true_rgb: Tensor) -> float:
    """Return the PSNR that a program prints which subtracts and squares in 8 bits: a known mistake.

    Values above 255 start again at 0, so that it is far too high.
    """
    difference = rgb - true_rgb
    mean = (difference * difference).double().mean().item()
    return 10 * float(np.log10(255**2 / mean)) if mean else float("inf")


def score_all(
    scorer: FolderScorer, about: Mapping[str, Any], keys: Sequence[str], path: Path
) -> list[Scored]:
    """Score photographs, and keep each in a file as it is done.

    Args:
        about: what the scores depend on; what is in the file of the same is not scored again.
        path: of the file.

    Raises:
        InputError: if the file holds scores of another evaluation.
    """
    wanted = set(keys)
    known = {
        k: s
        for k, s in read_scored(path, about).items()
        if k in wanted
        and scorer.folders.stamp(k) == s.stamp
        and (scorer.features is None or scorer.features.has(k))
    }
    lines = [json.dumps({"about": about}), *(json.dumps(s._asdict()) for s in known.values())]
    write_text("".join(f"{line}\n" for line in lines), path)
    left = [key for key in keys if key not in known]
    if known:
        log.info("%d of %d photographs were scored before", len(known), len(keys))
    with path.open("a", encoding="utf-8") as file, one_thread():
        found = read_ahead(scorer.score, left)
        for key in shown(left, "photographs", len(keys), done=len(known)):
            known[key] = next(found)
            file.write(json.dumps(known[key]._asdict()) + "\n")
            file.flush()
    return [known[key] for key in keys]


def read_scored(path: Path, about: Mapping[str, Any]) -> dict[str, Scored]:
    """Read what was scored before; a last line that was cut off is left out."""
    if not path.is_file():
        return {}
    first, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    try:
        if json.loads(first) != {"about": json.loads(json.dumps(about))}:
            raise ValueError
    except ValueError as error:
        raise InputError(f"{path} is of another evaluation; set another --output") from error
    found = {}
    for line in lines:
        try:
            scored = Scored(**json.loads(line))
        except (ValueError, TypeError):
            continue
        found[scored.key] = scored
    return found


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch use one thread a photograph: several are scored at a time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(before)


def make_scorer(
    folders: Folders,
    protocol: Protocol,
    surveyed: Survey,
    chosen: ChosenMeasures,
    more: Mapping[str, Predictor],
) -> FolderScorer:
    """Put together what is scored: gray, best constant, other predictors, and the folders.

    Raises:
        InputError: if a folder has the name of another row.
    """
    weights = class_weights(surveyed.shares)
    mean = surveyed.mean_ab
    baselines: dict[str, Predictor] = {
        GRAY: lambda L, gray: gray,
        OWN_MEAN: partial(show_ab, lambda L: mean),
    }
    predictors = {**baselines, **more}
    for name in folders.methods:
        if name in predictors:
            raise InputError(f"a folder is named {name}, as another row is; give it another name")
    return FolderScorer(folders, protocol, chosen.rebalance(weights), weights, predictors)
