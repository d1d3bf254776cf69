"""The page without PyTorch: photographs and hints; what needs more is hidden, and named."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.cli.test_light_install import NO_PAGE
from tests.support.browser import programs
from tests.support.light import WITHOUT
from tests.support.serving import Program, serving
from tests.web.test_page import Visitor, photograph

NEEDS_PYTORCH = ("Suggest where", "Temperature", "show where the model is unsure", "Film")


def test_a_photograph_is_coloured_with_hints_without_pytorch(tmp_path: Path) -> None:
    programs()
    photo = photograph(tmp_path / "photo.png")
    for name in ("server", "downloads"):
        (tmp_path / name).mkdir()
    with serving(tmp_path / "server", light=True) as server:
        one = Visitor(server.address, tmp_path / "downloads")
        try:
            one.open(photo)
            automatic, before = one.url(), one.picture().astype(int)
            assert np.ptp(before, axis=2).mean() > 5, "it has colours"
            one.point(0.25, 0.5)
            color = one.choose(6)
            spotted = one.url()
            wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
            place = (slice(97, 103), slice(72, 78))
            after = one.picture()[place].mean(axis=(0, 1))
            assert np.abs(after - wanted).max() < 25
            assert np.abs(after - before[place].mean(axis=(0, 1))).max() > 20

            one.point(0.7, 0.3, (0.75, 0.4), (0.8, 0.45))  # a stroke
            one.choose(0)
            hinted = one.url()
            (saturation,) = one.chrome.find_elements(By.CSS_SELECTOR, "input[type=range][max='2']")
            saturation.send_keys(Keys.ARROW_LEFT)
            one.until(lambda: "--saturation 0.95" in one.command() and one.url() != hinted)
            hints = one.download("Download hints", ".json")
            assert [len(h["points"]) for h in json.loads(hints.read_text())["hints"]] == [1, 3]
            saved = np.asarray(Image.open(one.download("Download picture", ".png")))
            assert np.array_equal(saved, colour_by_command(one.command(), photo, hints))

            saturation.send_keys(Keys.ARROW_RIGHT)
            one.until(lambda: "saturation" not in one.command() and one.url() == hinted)
            for expected in (spotted, automatic):
                one.button("Undo").click()
                one.until(lambda expected=expected: one.url() == expected)

            text = " ".join(one.find("body").text.split())
            assert "pip install 'colorization[train]' adds suggested places" in text
            assert not [word for word in NEEDS_PYTORCH if word in text]
            assert not one.find("#palette .likely").is_displayed()
            assert one.errors() == []
            assert one.asked_elsewhere() == set()
        finally:
            one.chrome.quit()
        program = Program(server.address)
        program.open(photo)
        assert "pip install" in str(program.send(program.asked("Suggest where", "click")))
        assert server.err.read_text() == ""


def colour_by_command(command: str, photo: Path, hints: Path) -> np.ndarray:
    """What the page's command makes of the files, without PyTorch too."""
    folder = photo.parent / "again"
    folder.mkdir()
    for path in (photo, hints):
        (folder / path.name).write_bytes(path.read_bytes())
    words = shlex.split(command)
    assert words[0] == "colorization"
    subprocess.run([sys.executable, "-c", WITHOUT, *words[1:]], cwd=folder, check=True)
    (made,) = folder.glob("*_colored.png")
    return np.asarray(Image.open(made))


def test_without_gradio_the_extra_is_named(tmp_path: Path) -> None:
    without = WITHOUT.replace("block()", "block('gradio')")
    done = subprocess.run(
        [sys.executable, "-c", without, "app"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, NO_PAGE)
