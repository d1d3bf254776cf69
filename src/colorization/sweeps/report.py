"""A sweep's report: one table, in the terminal, as Markdown and on an HTML page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich import get_console

from colorization.files.atomic import write_text
from colorization.metrics.measures import EVERY_EPOCH, MEASURES, format_scores
from colorization.models.baselines import BASELINES
from colorization.models.results import (
    Photographs,
    best_baseline,
    error_removed,
    photographs_of,
    titles,
)
from colorization.reports.page import render
from colorization.reports.tables import Table, escaped, markdown, print_table, visible
from colorization.sweeps.charts import parallel_coordinates, validation_curves
from colorization.sweeps.folder import is_place, read_jobs, settings
from colorization.sweeps.runs import Run, read_runs

TEMPLATE = Path(__file__).with_name("page.html")
SCORES = ["val MSE", "test MSE", "test PSNR", "best baseline", "removed", "best epoch", "images/s"]
TERMINAL = ["val MSE", "test MSE", "removed"]


class Sweep(NamedTuple):
    """A sweep's runs, the best first, and what all of them have in common."""

    folder: Path
    runs: list[Run]
    common: list[str]


def report(folder: Path) -> Sweep:
    """Print a sweep's table, and write ``sweep.md`` and ``sweep.html`` into its folder.

    Raises:
        InputError: if the folder is not a sweep's.
    """
    jobs = read_jobs(folder)
    varied = {name for found in settings(jobs).values() for name in found}
    words = dict.fromkeys(word for job in jobs.values() for word in job)
    common = [w for w in words if w.partition("=")[0] not in varied and not is_place(w)]
    sweep = Sweep(folder, read_runs(folder), common)
    show(sweep)
    table = runs_table(sweep.runs)
    about = "\n\n".join(map(escaped, (heading(sweep), said(sweep), summary(sweep))))
    write_text(f"# {about}\n\n{markdown(*table[1:])}", folder / "sweep.md")
    write_text(page(sweep, table), folder / "sweep.html")
    return sweep


def show(sweep: Sweep) -> None:
    """Print the runs, narrow enough for a terminal, then what went wrong, then what is best."""
    names = list(sweep.runs[0].settings) if sweep.runs else []
    rows = []
    for run in sweep.runs:
        scores = dict(zip(SCORES, score_columns(run), strict=True))
        kept = [scores[name] for name in TERMINAL]
        rows.append([str(run.number), *run.settings.values(), *kept, run.state])
    print_table(Table(heading(sweep), ["run", *names, *TERMINAL, "state"], rows))
    console = get_console()
    for number, error in failures(sweep):
        console.print(visible(f"run {number} failed: {error}"), highlight=False, markup=False)
    console.print(visible(summary(sweep)), highlight=False, markup=False)
    page = sweep.folder / "sweep.html"
    console.print(f"page: {page}", soft_wrap=True, highlight=False, markup=False)


def failures(sweep: Sweep) -> list[tuple[int, str]]:
    """Numbers of the runs that failed, and why."""
    failed = [run for run in sweep.runs if run.state == "failed"]
    return [(run.number, run.outcome["error"]) for run in sorted(failed)]


def heading(sweep: Sweep) -> str:
    return f"Sweep {sweep.folder.name}"


def said(sweep: Sweep) -> str:
    return f"All runs: {' '.join(sweep.common) or 'defaults'}."


def summary(sweep: Sweep) -> str:
    """How many runs there are of each state, and which is the best."""
    states = [run.state for run in sweep.runs]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    text = f"{len(states)} runs: {counted}."
    finished = [run for run in sweep.runs if run.is_finished]
    if not finished:
        return text
    if len(by_data(finished)) > 1:
        text += " Not all are of the same photographs, so their errors cannot be compared."
    best = finished[0]
    share = error_removed(best.outcome)
    worth = f"removes {share:.1%} of" if share > 0 else f"has {1 - share:.2f} times"
    words = f" ({words_of(best)})" if words_of(best) else ""
    return (
        f"{text} The best on validation photographs is run {best.number}{words}: "
        f"val MSE {best.outcome['val']['mse']:.6f}, test MSE "
        f"{best.outcome['test']['network']['mse']:.6f}; it {worth} the error of the best baseline, "
        f"{best_baseline(best.outcome)}."
    )


def words_of(run: Run) -> str:
    return " ".join(f"{name}={value}" for name, value in run.settings.items() if value)


def runs_table(runs: Sequence[Run]) -> Table:
    """Every run: the settings that differ, scores beside the best baseline, and its state."""
    names = list(runs[0].settings) if runs else []
    rows = [
        [str(run.number), *run.settings.values(), *score_columns(run), note(run)] for run in runs
    ]
    best = [str(run.number) for run in runs[:1] if run.is_finished]
    return Table("Every run, the best first", ["run", *names, *SCORES, "state"], rows, best)


def score_columns(run: Run) -> list[str]:
    """Cells of SCORES, as far as a run has them."""
    found = run.outcome
    if run.state == "given up":
        return [f"{found['val']['mse']:.6f}", *[""] * (len(SCORES) - 1)]
    if not run.is_finished:
        return [""] * len(SCORES)
    test = found["test"]
    return [
        f"{found['val']['mse']:.6f}",
        f"{test['network']['mse']:.6f}",
        *format_scores(test["network"], ["psnr"]),
        f"{test[best_baseline(found)]['mse']:.6f}",
        f"{error_removed(found):.1%}",
        f"{found['best_epoch']} of {found['epochs']}",
        f"{found['images_per_second']:.0f}",
    ]


def note(run: Run) -> str:
    """A run's state, with what is to be said of it."""
    if "error" in run.outcome:
        return f"failed: {run.outcome['error']}"
    if "pruned" in run.outcome:
        return str(run.outcome["pruned"])
    return run.state if not run.curve or run.is_finished else f"{run.state}, epoch {len(run.curve)}"


def page(sweep: Sweep, table: Table) -> str:
    """The HTML page."""
    finished = [run for run in sweep.runs if run.is_finished]
    varied = bool(finished and finished[0].settings)
    return render(
        TEMPLATE,
        heading=heading(sweep),
        said=said(sweep),
        summary=summary(sweep),
        table=table,
        baselines=[baselines_table(title, run.outcome) for title, run in by_data(finished).items()],
        paths=parallel_coordinates(sweep.runs) if varied else None,
        curves=validation_curves(sweep.runs) if any(run.curve for run in sweep.runs) else None,
        failed=failures(sweep),
    )


def by_data(runs: Sequence[Run]) -> dict[str, Run]:
    """The first run on the same photographs, by what those are."""
    found: dict[Photographs, Run] = {}
    for run in runs:
        found.setdefault(photographs_of(run.outcome), run)
    return {title: found[photographs] for photographs, title in titles(found).items()}


def baselines_table(title: str, outcome: Mapping[str, Any]) -> Table:
    """What needs no training, and the best run, on the same test photographs."""
    header = ["predictor", *(MEASURES[metric].label for metric in EVERY_EPOCH)]
    test = outcome["test"]
    rows = [[name, *format_scores(test[name])] for name in BASELINES if name in test]
    rows.append(["the best run", *format_scores(test["network"])])
    return Table(title, header, rows, ["the best run"])
