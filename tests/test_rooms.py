"""The layout of the package: few rooms, each described, and imports that run one way."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "colorization"


def test_rooms_import_those_below_them_only() -> None:
    # In a process of its own: import-linter sets up the log anew.
    lint = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "1 kept, 0 broken" in done.stdout


def test_there_are_few_rooms_and_each_says_what_it_is_for() -> None:
    entries = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 20
    design = (ROOT / "docs" / "design.md").read_text()
    for room in (path for path in entries if path.is_dir()):
        assert (room / "__init__.py").read_text().startswith('"""'), f"{room.name} has no docstring"
        assert f"| `{room.name}/` |" in design
