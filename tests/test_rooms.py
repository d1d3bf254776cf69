"""The layout of the package: few rooms, each described, and imports that run one way."""

from pathlib import Path

from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "colorization"


def test_rooms_import_those_below_them_only() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_there_are_few_rooms_and_each_says_what_it_is_for() -> None:
    entries = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 20
    design = (ROOT / "docs" / "design.md").read_text()
    for room in (path for path in entries if path.is_dir()):
        assert (room / "__init__.py").read_text().startswith('"""'), f"{room.name} has no docstring"
        assert f"| `{room.name}/` |" in design
