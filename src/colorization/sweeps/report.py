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
    find_best_baseline,
    get_photographs,
    make_titles,
    measure_error_removed,
)
from colorization.reports.page import render
from colorization.reports.tables import Table, escaped, markdown, print_table, visible
from colorization.sweeps.charts import draw_curves, draw_paths
from colorization.sweeps.runs import Run, is_place, list_varied, read_jobs, read_runs

TEMPLATE = Path(__file__).with_name("page.html")
SCORES = ["val MSE", "test MSE", "test PSNR", "best baseline", "removed", "best epoch", "images/s"]
TERMINAL = ["val MSE", "test MSE", "removed"]


class Sweep(NamedTuple):
    """A sweep's runs, the best first, and what all of them have in common."""

    folder: Path
    runs: list[Run]
    common: list[str]


def report_sweep(folder: Path) -> Sweep:
    """Print a sweep's table, and write ``sweep.md`` and ``sweep.html`` into its folder.

    Raises:
        InputError: if the folder is not a sweep's.
    """
    jobs = read_jobs(folder)
    varied = {name for found in list_varied(jobs).values() for name in found}
    words = dict.fromkeys(word for job in jobs.values() for word in job)
    common = [w for w in words if w.partition("=")[0] not in varied and not is_place(w)]
    sweep = Sweep(folder, read_runs(folder), common)
    show_sweep(sweep)
    table = list_runs(sweep.runs)
    about = "\n\n".join(
        map(escaped, (make_heading(sweep), describe_common(sweep), summarize(sweep)))
    )
    write_text(f"# {about}\n\n{markdown(*table[1:])}", folder / "sweep.md")
    write_text(format_page(sweep, table), folder / "sweep.html")
    return sweep


def show_sweep(sweep: Sweep) -> None:
    """Print the runs, narrow enough for a terminal, then what went wrong, then what is best."""
    names = list(sweep.runs[0].settings) if sweep.runs else []
    rows = []
    for run in sweep.runs:
        scores = dict(zip(SCORES, format_columns(run), strict=True))
        kept = [scores[name] for name in TERMINAL]
        rows.append([str(run.number), *run.settings.values(), *kept, run.state])
    print_table(Table(make_heading(sweep), ["run", *names, *TERMINAL, "state"], rows))
    console = get_console()
    for number, error in list_failures(sweep):
        console.print(visible(f"run {number} failed: {error}"), highlight=False, markup=False)
    console.print(visible(summarize(sweep)), highlight=False, markup=False)
    page = sweep.folder / "sweep.html"
    console.print(f"page: {page}", soft_wrap=True, highlight=False, markup=False)


def list_failures(sweep: Sweep) -> list[tuple[int, str]]:
    """Numbers of the runs that failed, and why."""
    failed = [run for run in sweep.runs if run.state == "failed"]
    return [(run.number, run.outcome["error"]) for run in sorted(failed)]


def make_heading(sweep: Sweep) -> str:
    return f"Sweep {sweep.folder.name}"


def describe_common(sweep: Sweep) -> str:
    return f"All runs: {' '.join(sweep.common) or 'defaults'}."


def summarize(sweep: Sweep) -> str:
    """How many runs there are of each state, and which is the best."""
    states = [run.state for run in sweep.runs]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    text = f"{len(states)} runs: {counted}."
    finished = [run for run in sweep.runs if run.is_finished]
    if not finished:
        return text
    if len(group_by_photographs(finished)) > 1:
        text += " Not all are of the same photographs, so their errors cannot be compared."
    best = finished[0]
    share = measure_error_removed(best.outcome)
    worth = f"removes {share:.1%} of" if share > 0 else f"has {1 - share:.2f} times"
    words = f" ({join_words(best)})" if join_words(best) else ""
    return (
        f"{text} The best on validation photographs is run {best.number}{words}: "
        f"val MSE {best.outcome['val']['mse']:.6f}, test MSE "
        f"{best.outcome['test']['network']['mse']:.6f}; it {worth} the error of the best baseline, "
        f"{find_best_baseline(best.outcome)}."
    )


def join_words(run: Run) -> str:
    return " ".join(f"{name}={value}" for name, value in run.settings.items() if value)


def list_runs(runs: Sequence[Run]) -> Table:
    """Every run: the settings that differ, scores beside the best baseline, and its state."""
    names = list(runs[0].settings) if runs else []
    rows = [
        [str(run.number), *run.settings.values(), *format_columns(run), describe_state(run)]
        for run in runs
    ]
    best = [str(run.number) for run in runs[:1] if run.is_finished]
    return Table("Every run, the best first", ["run", *names, *SCORES, "state"], rows, best)


def format_columns(run: Run) -> list[str]:
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
        f"{test[find_best_baseline(found)]['mse']:.6f}",
        f"{measure_error_removed(found):.1%}",
        f"{found['best_epoch']} of {found['epochs']}",
        f"{found['images_per_second']:.0f}",
    ]


def describe_state(run: Run) -> str:
    """A run's state, with what is to be said of it."""
    if "error" in run.outcome:
        return f"failed: {run.outcome['error']}"
    if "pruned" in run.outcome:
        return str(run.outcome["pruned"])
    return run.state if not run.curve or run.is_finished else f"{run.state}, epoch {len(run.curve)}"


def format_page(sweep: Sweep, table: Table) -> str:
    """The HTML page."""
    finished = [run for run in sweep.runs if run.is_finished]
    varied = bool(finished and finished[0].settings)
    return render(
        TEMPLATE,
        heading=make_heading(sweep),
        said=describe_common(sweep),
        summary=summarize(sweep),
        table=table,
        baselines=[
            list_baselines(title, run.outcome)
            for title, run in group_by_photographs(finished).items()
        ],
        paths=draw_paths(sweep.runs) if varied else None,
        curves=draw_curves(sweep.runs) if any(run.curve for run in sweep.runs) else None,
        failed=list_failures(sweep),
    )


def group_by_photographs(runs: Sequence[Run]) -> dict[str, Run]:
    """The first run on the same photographs, by what those are."""
    found: dict[Photographs, Run] = {}
    for run in runs:
        found.setdefault(get_photographs(run.outcome), run)
    return {title: found[photographs] for photographs, title in make_titles(found).items()}


def list_baselines(title: str, outcome: Mapping[str, Any]) -> Table:
    """What needs no training, and the best run, on the same test photographs."""
    header = ["predictor", *(MEASURES[metric].label for metric in EVERY_EPOCH)]
    test = outcome["test"]
    rows = [[name, *format_scores(test[name])] for name in BASELINES if name in test]
    rows.append(["the best run", *format_scores(test["network"])])
    return Table(title, header, rows, ["the best run"])
