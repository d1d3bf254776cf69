"""The documentation: links lead somewhere, commands exist, and the site builds."""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs import settings

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ROOT / "results" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
SNIPPET = re.compile(r'--8<-- "([^":]+)')
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?<!from )\bcolorization +([a-z][\w-]*)|\bpython -m src\.([a-z]\w*)")
BENCHMARK = re.compile(r"\bbenchmarks\.(\w+)")
TARGET = re.compile(r"\bmake ([a-z-]+)")


def code() -> Iterator[tuple[Path, str]]:
    """Every block and span of code, with its page."""
    for page in PAGES:
        for found in CODE.finditer(page.read_text()):
            yield page, found[0]


def commands() -> set[str]:
    """What ``python -m src.NAME`` runs."""
    doors = (ROOT / "src").glob("*.py")
    return {door.stem for door in doors if "__main__" in door.read_text()}


def test_the_reference_of_settings_is_as_the_code_has_them() -> None:
    text = settings.PAGE.read_text()
    assert text == settings.page(), "run python -m docs.settings"
    assert "| `network.width` | whole number | `24` | 8 to 512 | filters of the first level" in text
    assert "- `augmentation=light` (default): Keeps the sky up and faces upright. Sets `fl" in text
    cells = [line.split(" | ")[-1] for line in text.splitlines() if line.startswith("| `")]
    assert len(cells) > 80
    assert all(cell.removesuffix("|").strip() for cell in cells)  # each says what it means


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_every_relative_link_and_picture_exists() -> None:
    links = [
        (page, link.partition("#")[0])
        for page in PAGES
        for link in LINK.findall(page.read_text())
        if "://" not in link and not link.startswith("#")
    ]
    assert any(link.endswith("photographs.jpg") for _, link in links)
    missing = [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()]
    assert not missing


def test_every_file_that_a_page_includes_exists() -> None:
    included = [name for page in PAGES for name in SNIPPET.findall(page.read_text())]
    assert "CHANGELOG.md" in included
    assert not [name for name in included if not (ROOT / name).is_file()]


def test_every_picture_is_shown() -> None:
    shown = "".join(page.read_text() for page in PAGES)
    pictures = list((ROOT / "docs" / "pictures").iterdir())
    assert pictures
    assert not [picture.name for picture in pictures if f"/{picture.name})" not in shown]


def test_every_named_command_exists() -> None:
    named = {
        (subcommand or door).replace("-", "_"): f"{page.name}: {text}"
        for page, text in code()
        for subcommand, door in COMMAND.findall(text)
    }
    assert {"train", "colorize", "sweep_report"} <= named.keys()
    assert not {name: where for name, where in named.items() if name not in commands()}


def test_every_named_recipe_exists() -> None:
    named = {name for _, text in code() for name in re.findall(r"\bladder/(\w+)", text)}
    assert "paper" in named
    assert not [
        name for name in named if not (ROOT / f"conf/experiment/ladder/{name}.yaml").exists()
    ]


def test_every_named_benchmark_and_target_exists() -> None:
    benchmarks = {name for _, text in code() for name in BENCHMARK.findall(text)}
    targets = {name for _, text in code() for name in TARGET.findall(text)}
    assert "training_step" in benchmarks
    assert "train" in targets
    assert not benchmarks - {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    makefile = (ROOT / "Makefile").read_text()
    assert not [name for name in targets if not re.search(f"^{name}:", makefile, re.MULTILINE)]


def test_every_named_result_exists() -> None:
    named = {name for _, text in code() for name in re.findall(r"(?<!\w/)\bresults/[\w/.]+", text)}
    assert "results/paper_runs.csv" in named
    assert not [name for name in named if not (ROOT / name).exists()]


def test_every_result_file_is_in_the_index() -> None:
    index = (ROOT / "results" / "README.md").read_text()
    files = [path.name for path in (ROOT / "results").iterdir() if path.name != "README.md"]
    assert files
    assert not [name for name in files if f"]({name}" not in index]


@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="needs mkdocs")
def test_site_builds_without_a_warning(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert "Getting started" in (tmp_path / "index.html").read_text()
