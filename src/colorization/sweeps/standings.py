"""The leaderboard's tables: recipes over seeds beside the baselines, and over training sets."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator

from colorization.metrics.measures import MEASURES, format_scores
from colorization.models.baselines import BASELINES
from colorization.models.results import (
    PAPER_MSE,
    Results,
    Tests,
    find_best_baseline,
    measure_share_removed,
)
from colorization.reports.tables import escaped, markdown

METRICS = ("mse", "psnr", "ciede2000", "colorfulness", "colorfulness_shift")
HAS_SEEN = ("dogs",)
"""Datasets whose photographs are part of ImageNet."""
SEEN = "*"
MARK = escaped(SEEN)

INTRODUCTION = """Made by `python -m src.leaderboard`. Scores of the test photographs, as mean ±
standard deviation over seeds; everything was chosen on other photographs, val. The mean squared
error is of ab/128; `removed` is the share of the best baseline's that a recipe removes; `shift` the
difference of its colourfulness to the truth's. Every recipe is a file of conf/experiment/, and the
results of every run are in runs.jsonl beside this file.
"""
NOTE = f"""
{MARK} Its classifier was trained on ImageNet, in colour and with labels, and these photographs are
part of ImageNet: it has seen them, those of the test split too.
"""


class Standing(NamedTuple):
    """Results by experiment, one for each seed, on ``train`` photographs of a dataset."""

    dataset: str
    train: int
    found: Mapping[str, Sequence[Mapping[str, Any]]]


class Summary(NamedTuple):
    """A value over seeds."""

    values: Sequence[float]

    def text(self, form: str) -> str:
        spread = f" ± {form.format(stdev(self.values))}" if len(self.values) > 1 else ""
        return form.format(mean(self.values)) + spread.replace("± +", "± ")


def check_metrics(test: Tests) -> Tests:
    """Raise ValueError unless every metric of every row is there."""
    for name in (*BASELINES, "network"):
        if missing := set(METRICS) - test.get(name, {}).keys():
            raise ValueError(f"{name} has no {', '.join(sorted(missing))}")
    return test


class Ranked(Results):
    """What the tables show of a run."""

    test: Annotated[Tests, AfterValidator(check_metrics)]


def format_tables(standings: Sequence[Standing]) -> str:
    """Format a table for every training set, then one over the training sets of a dataset."""
    text = INTRODUCTION + "".join(map(format_standing, standings))
    for dataset in dict.fromkeys(standing.dataset for standing in standings):
        several = sorted((s for s in standings if s.dataset == dataset), key=lambda s: s.train)
        shared = [name for name in several[0].found if all(name in s.found for s in several)]
        if len(several) > 1 and shared:
            text += compare_sizes(dataset, several, shared)
    return text


def format_standing(standing: Standing) -> str:
    """Format baselines, the paper's own figure and the recipes on one training set."""
    heading = f"\n### {escaped(standing.dataset)}, {standing.train} photographs\n\n"
    header = ["recipe", "seeds", *(MEASURES[m].label for m in METRICS), "removed"]
    header += ["parameters", "minutes", "images seen"]
    runs = list_ended(standing)
    if not runs:
        failed = [
            f"- {escaped(f'{name} {list_errors(found)}')}\n"
            for name, found in standing.found.items()
            if found
        ]
        return heading + "No run has ended yet.\n" + "".join(failed)
    empty = [""] * (len(header) - 3)
    rows = []
    for name in BASELINES:
        rows.append([name, "", *format_scores(runs[0]["test"][name], METRICS), "", "", "", ""])
    gray = runs[0]["test"]["gray"]
    truth = {"colorfulness": gray["colorfulness"] - gray["colorfulness_shift"]}
    rows.append(["truth", "", *format_scores(truth, METRICS), "", "", "", ""])
    if standing.dataset in PAPER_MSE:
        paper = f"{PAPER_MSE[standing.dataset]:.7f}"
        rows.append(["the paper, on its own photographs", "", paper, *empty])
    best = find_least_error(runs[0])
    for name, found in standing.found.items():
        rows.append([mark_name(name, standing), *format_cells(found, best, len(header) - 1)])
    marked = any(has_seen(name, standing) for name in standing.found)
    bold = [mark_name(name, standing) for name in standing.found]
    notes = (NOTE if marked else "") + describe_begun(standing)
    return heading + markdown(header, rows, bold) + notes


def format_cells(found: Sequence[Mapping[str, Any]], best: float, count: int) -> list[str]:
    """Format a recipe's row: mean and deviation over the seeds that ended well."""
    runs = [run for run in found if "error" not in run]
    if not runs:
        return ["0", list_errors(found), *[""] * (count - 2)]
    networks = [run["test"]["network"] for run in runs]
    scores = [Summary([n[m] for n in networks]).text(MEASURES[m].form) for m in METRICS]
    removed = Summary([measure_share_removed(network["mse"], best) for network in networks]).text(
        "{:.1%}"
    )
    seeds = (
        f"{len(runs)} of {len(found)}, {list_errors(found)}"
        if list_errors(found)
        else str(len(runs))
    )
    minutes = Summary([run["minutes"] for run in runs]).text("{:.1f}")
    seen = f"{mean(run['images_seen'] for run in runs):,.0f}"
    return [seeds, *scores, removed, f"{runs[0]['parameters']:,}", minutes, seen]


def list_ended(standing: Standing, name: str | None = None) -> list[Mapping[str, Any]]:
    """List the runs of one recipe, or of all, that ended well."""
    chosen = standing.found.values() if name is None else [standing.found.get(name, [])]
    return [run for runs in chosen for run in runs if "error" not in run]


def list_errors(found: Sequence[Mapping[str, Any]]) -> str:
    """Say why a recipe's runs failed, if one did."""
    errors = dict.fromkeys(run["error"] for run in found if "error" in run)
    return "failed: " + "; ".join(errors) if errors else ""


def find_least_error(run: Mapping[str, Any]) -> float:
    """Find the smallest error that a baseline has on test."""
    return float(run["test"][find_best_baseline(run)]["mse"])


def has_seen(name: str, standing: Standing) -> bool:
    """Tell whether a recipe's classifier was trained on the photographs that it is tested on."""
    configs = [run["config"] for run in standing.found[name] if "error" not in run]
    classifiers = [
        c
        for config in configs
        for c in (config.get("network", {}).get("encoder"), config.get("perceptual"))
    ]
    is_trained = any(c and c["weights"] != "random" for c in classifiers)
    return standing.dataset in HAS_SEEN and is_trained


def describe_begun(standing: Standing) -> str:
    """Say which recipes began with a trained model, if one did."""
    begun = {
        escaped(name): run["config"]["finetune"]
        for name in standing.found
        for run in list_ended(standing, name)
        if run["config"].get("finetune")
    }
    return "".join(
        f"\n{name} began with the model {escaped(model)}, which has learned from other photographs "
        "before; they are not counted as seen.\n"
        for name, model in begun.items()
    )


def mark_name(name: str, *standings: Standing) -> str:
    return name + (SEEN if any(has_seen(name, standing) for standing in standings) else "")


def compare_sizes(dataset: str, several: Sequence[Standing], shared: Sequence[str]) -> str:
    """Format the error by the number of training photographs."""
    heading = f"\n### {escaped(dataset)}: MSE ab/128 by the number of training photographs\n\n"
    best = []
    for standing in several:
        runs = list_ended(standing)
        best.append(find_least_error(runs[0]) if runs else None)
    rows = [["the best baseline", *(f"{error:.6f}" if error else "" for error in best)]]
    for name in shared:
        row = [mark_name(name, *several)]
        for standing, baseline in zip(several, best, strict=True):
            values = [run["test"]["network"]["mse"] for run in list_ended(standing, name)]
            removed = (
                f" ({measure_share_removed(mean(values), baseline):.1%})"
                if values and baseline
                else ""
            )
            row.append(Summary(values).text("{:.6f}") + removed if values else "")
        rows.append(row)
    marked = any(has_seen(name, standing) for name in shared for standing in several)
    bold = [row[0] for row in rows[1:]]
    table = markdown(["recipe", *(str(s.train) for s in several)], rows, bold)
    return heading + table + (NOTE if marked else "")
