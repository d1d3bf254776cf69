"""How long a hint takes to be seen on the page: from the choice of its colour to the new picture.

    python -m benchmarks.hint [--model default] [--rounds 9] [--output FILE]

The photograph is rendered, 640 x 480 px. What the browser does, and the way there, are left out.
Medians over the rounds.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from colorization.cli import command
from colorization.data.synthetic import SyntheticScenes
from colorization.files.arrays import picture_from
from colorization.files.atomic import write_text
from colorization.reports.tables import markdown
from colorization.settings.machine import cores
from colorization.web.session import Session
from colorization.web.studio import PageOptions, Studio

SIZES = (128, 256)  # px, the shorter side of what the network sees
COUNTS = (1, 10, 50)  # hints that there are in the end
TALL, WIDE = 480, 640


def seconds(studio: Studio, options: PageOptions, count: int, rounds: int) -> float:
    """Until the last of so many hints is in the picture."""
    scene = SyntheticScenes("page", WIDE, 1, 1, 1, 0)
    pixels = scene.read(scene.names("test")[0], None).permute(1, 2, 0).numpy()[:TALL]
    session = Session("scene.png", "scene.png", picture_from(np.ascontiguousarray(pixels)))
    random = np.random.default_rng(0)
    for _ in range(count - 1):
        session.point([random.uniform((0, 0), (WIDE - 1, TALL - 1)).tolist()], 4)
        session.choose("#c83232", 4)
    studio.view(session, options)
    times = []
    for _ in range(rounds):
        session.point([random.uniform((0, 0), (WIDE - 1, TALL - 1)).tolist()], 4)
        start = time.perf_counter()
        session.choose("#3264c8", 4)
        studio.view(session, options)
        studio.colors(session, options)  # which the page shows together
        times.append(time.perf_counter() - start)
        session.undo()
    return statistics.median(times)


def measure(model: str, rounds: int) -> str:
    """The table as Markdown."""
    rows = []
    for size in SIZES:
        studio = Studio({"size": size}, WIDE * TALL)
        found = [seconds(studio, PageOptions(model), count, rounds) for count in COUNTS]
        rows.append([f"{size} px", *(f"{value:.2f}" for value in found)])
    header = ["the network sees", *(f"{count} hints, s" for count in COUNTS)]
    return f"{cores()} CPU cores, model {model}\n\n{markdown(header, rows)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--output", type=Path)
    words = parser.parse_args()
    table = measure(words.model, words.rounds)
    print(table)
    if words.output:
        write_text(table, words.output)


if __name__ == "__main__":
    with command.one_line_errors():
        main()
