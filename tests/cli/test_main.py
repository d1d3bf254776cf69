"""The command itself: help, exit statuses, older words, and what an installed wheel holds."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

import colorization
from colorization.cli.main import commands, make_options, run_command
from tests.support.command_line import ROOT, environment

COMMANDS = (
    *("colorize", "app", "export", "report", "sweep-report", "train", "evaluate"),
    *("score", "judge"),
)


def run(code: str, *words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter."""
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_how_to_use_a_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"colorization {command}" in shown
    assert "--help" in shown


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from colorization.cli.main import run_command\n"
        "statuses = [run_command([name, '--help']) for name in sys.argv[1:]]\n"
        "heavy = {'torch', 'hydra', 'omegaconf', 'numpy', 'gradio'} & {*sys.modules}\n"
        "print(statuses, heavy, file=sys.stderr)"
    )
    done = run(code, *COMMANDS)
    assert done.stderr == f"{[0] * len(COMMANDS)} set()\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["colorize"], "error: Missing argument 'input'."),
        (["colorize", "a.png"], "error: Missing option '--output' / '-o'."),
        (["colorize", "absent.png", "-o", "b.png"], "error: no "),
        (
            ["colorize", "a.png", "-o", "b.png", "--format", "bmp"],
            "error: Invalid value for '--form",
        ),
        (["nonsense"], "error: No such command 'nonsense'."),
        (["app", "--root-path", "a b"], "error: root_path is 'a b'; it must be a path as /colour"),
        (["app", "--host", ""], "error: host is empty"),
        (["app", "--max-disk", "1"], "error: max_disk is 1; it must be at least 64, twice max_upl"),
        (["app", "--port", "0"], "error: Invalid value for '--port'"),
        (["score", "--truth", "x"], "error: Missing argument 'NAME=FOLDER"),
        (["score", "a", "--truth", "x"], "error: 'a' is not NAME=FOLDER"),
        (["score", "model=absent", "--truth", "x"], "error: no folder absent of model"),
        (
            ["evaluate", "--predictions", "a=absent", "--truth", "x", "--protocol", "no"],
            "error: no protocol no; known: ade20k, as_is, coco, ",
        ),
        (["judge", "--predictions", "a=absent"], "error: no folder absent of a"),
        (["judge"], "error: one folder alone cannot be judged"),
        (["sweep-report", "absent"], "error: absent is not the folder of a sweep"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    words: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(words) == 2
    error = capsys.readouterr().err
    assert error.startswith(line)
    assert error.count("\n") == 1


def test_older_words_are_options_now() -> None:
    from typer.main import get_group

    group = get_group(commands)
    words = ["colorize", "input=a=b.jpg", "output=x", "tiles=true", "side_by_side=false"]
    words += ["flip_average=false", "accelerator=cpu", "size=null", "quality=80", "odd=1"]
    assert make_options(words, group) == [
        *("colorize", "a=b.jpg", "--output", "x", "--tiles", "--no-flip-average"),
        *("--device", "cpu", "--quality", "80", "odd=1"),
    ]
    assert make_options(["report", "runs=[a,b]", "output=c"], group)[1:] == [
        "a",
        "b",
        "--output",
        "c",
    ]
    assert make_options(["train", "seed=1"], group) == ["train", "seed=1"]


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--version"]) == 0
    assert capsys.readouterr().out == f"colorization {colorization.__version__}\n"


def test_every_public_name_is_there_and_documented() -> None:
    for name in colorization.__all__:
        assert name == "__version__" or getattr(colorization, name).__doc__
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = colorization.nothing


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel installs, in a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def test_a_wheel_colours_a_photograph_and_trains_outside_the_repository(
    installed: Path, tmp_path: Path
) -> None:
    assert (installed / "colorization" / "py.typed").is_file()
    Image.linear_gradient("L").resize((60, 40)).save(tmp_path / "old.png")
    code = f"import sys; sys.path.insert(0, {str(installed)!r}); sys.argv[0] = 'colorization'\n"
    code += "import colorization; print(colorization.__file__)\n"
    code += "from colorization.cli.main import main; main()"
    first = run(code, "colorize", "old.png", "-o", "new.png", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith(str(installed))
    assert Image.open(tmp_path / "new.png").mode == "RGB"
    small = ["dataset.size=16", "dataset.train=4", "dataset.val=2", "dataset.test=2"]
    words = ["train", *small, "trainer.max_epochs=1", "trainer=cpu", "hydra.run.dir=run"]
    second = run(code, *words, cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert (tmp_path / "run" / "results.json").is_file()
