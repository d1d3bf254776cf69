"""Commands whose settings Hydra composes from conf/: training, evaluation and the leaderboard."""

import sys
from importlib import import_module

import typer

from colorization.settings.installation import CONF

DOORS = "src."
NOT_CHOSEN = {
    "hydra",
    "sweep",
    "protocol",
    "signature",
}  # folders of conf/ that are no part of a training


def list_choices() -> str:
    """List the groups of conf/ and their choices, for a command's help."""
    lines = ["Groups and their choices, as GROUP=CHOICE:"]
    for folder in sorted(path for path in CONF.iterdir() if path.is_dir()):
        if folder.name in NOT_CHOSEN:
            continue
        names = sorted(str(p.relative_to(folder).with_suffix("")) for p in folder.rglob("*.yaml"))
        lines.append(f"{folder.name}: {', '.join(names)}")
    return "\n\n".join(lines)


def run(command: str, context: typer.Context) -> None:
    """Hand words on to Hydra, in the module of the command."""
    module = import_module(f"colorization.cli.{command}")
    here = sys.modules["__main__"]
    if not str(getattr(here.__spec__, "name", "")).startswith(DOORS):
        here.__spec__ = module.__spec__  # what Lightning's other processes run with these words
    sys.argv[1:] = context.args
    module.main()


def train(context: typer.Context) -> None:
    """Fit a colorizer, then test it beside the trivial baselines.

    colorization train                              rendered scenes, nothing to download

    colorization train dataset=faces                or dogs, scenes

    colorization train dataset=folder dataset.root=PATH

    colorization train -m optimizer.lr=1e-3,3e-4    a sweep; the same command goes on with it

    colorization train resume=RUN/checkpoints/last.ckpt

    colorization train --from RUN                   repeat a run with all its settings

    colorization train --cfg job                    show every setting
    """
    run("train", context)


def evaluate(context: typer.Context) -> None:
    """Score models and trivial baselines on datasets, and write a report.

    colorization evaluate checkpoint=RUN/checkpoints/best.ckpt

    colorization evaluate checkpoint=PATH 'datasets=[dogs,faces,scenes]'

    colorization evaluate --predictions NAME=FOLDER --truth FOLDER     as colorization score

    colorization evaluate --cfg job                 show every setting
    """
    run("evaluate", context)


def leaderboard(context: typer.Context) -> None:
    """Train recipes over several seeds, skip what is there already, and write the tables.

    colorization leaderboard jobs=2                 two runs at a time

    colorization leaderboard train=false            tables of the runs there are
    """
    run("leaderboard", context)
