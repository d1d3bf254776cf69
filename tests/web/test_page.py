"""The page in a browser: a photograph, hints, files; nothing asked of anybody else."""

import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.browser import chrome, programs
from tests.support.command_line import python
from tests.support.serving import PATIENCE, Server

UPLOAD = "#upload input[type=file]"


@pytest.fixture
def address(page: Server) -> str:
    programs()
    return page.address


class Visitor:
    """A browser of its own on the page."""

    def __init__(self, address: str, downloads: Path) -> None:
        self.chrome = chrome(downloads)
        self.address = address
        self.downloads = downloads
        self.chrome.get(address)
        self.until(lambda: self.find("#canvas .stage"))

    def until(self, found: Callable[[], Any]) -> Any:
        return WebDriverWait(self.chrome, PATIENCE, 0.05, (Exception,)).until(lambda _: found())

    def find(self, selector: str) -> WebElement:
        return self.chrome.find_element(By.CSS_SELECTOR, selector)

    def button(self, text: str) -> WebElement:
        return self.chrome.find_element(By.XPATH, f"//button[contains(., '{text}')]")

    def open(self, path: Path) -> None:
        before = self.url()
        self.until(lambda: self.find(UPLOAD)).send_keys(str(path))
        self.until(lambda: self.url() != before)

    def load(self, hints: Path) -> None:
        self.chrome.find_elements(By.CSS_SELECTOR, "input[type=file]")[-1].send_keys(str(hints))

    def url(self) -> str:
        """The coloured photograph as it is shown."""
        return self.find("#canvas img.color").get_attribute("src") or ""

    def picture(self) -> np.ndarray:
        """The same, decoded by the browser: (H,W,3)."""
        shown = self.chrome.execute_script(
            "const i = document.querySelector('#canvas img.color');"
            "const c = new OffscreenCanvas(i.naturalWidth, i.naturalHeight).getContext('2d');"
            "c.drawImage(i, 0, 0);"
            "return [i.naturalHeight, i.naturalWidth, Array.from(c.getImageData(0, 0,"
            " i.naturalWidth, i.naturalHeight).data)];"
        )
        height, width, values = shown
        return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]

    def point(self, x: float, y: float, *more: tuple[float, float]) -> None:
        """Click at shares of the width and height, or draw on to others; wait for colours."""
        stage = self.find("#canvas .stage")
        width, height = stage.size["width"], stage.size["height"]

        def offset(x: float, y: float) -> tuple[int, int]:
            return round((x - 0.5) * width), round((y - 0.5) * height)

        actions = ActionChains(self.chrome)
        actions.move_to_element_with_offset(stage, *offset(x, y)).click_and_hold()
        for place in more:
            actions.move_to_element_with_offset(stage, *offset(*place))
        actions.release().perform()
        self.until(lambda: self.find("#canvas .marks polyline[stroke='#fff8']"))
        self.until(lambda: "Choose" in self.find("#palette .say").text)

    def choose(self, number: int) -> str:
        """Take one of all colours, and wait until it is seen; returns it."""
        before = self.url()
        self.until(lambda: self.find("#canvas .marks polyline[stroke='#fff8']"))
        swatch = self.chrome.find_elements(By.CSS_SELECTOR, "#palette .all button")[number]
        color = swatch.get_attribute("title") or ""
        swatch.click()
        self.until(lambda: self.url() != before)
        return color

    def download(self, text: str, suffix: str) -> Path:
        known = set(self.downloads.iterdir())
        self.until(lambda: self.button(text)).click()
        return self.until(
            lambda: next(p for p in set(self.downloads.iterdir()) - known if p.suffix == suffix)
        )

    def command(self) -> str:
        """The command that the page shows."""
        return str(self.find("#command textarea, #command input").get_property("value"))

    def told(self) -> str:
        """What the page says is wrong, which is then put away."""
        said = self.until(lambda: self.find(".toast-body.error").text)
        self.find(".toast-close").click()
        self.until(lambda: not self.chrome.find_elements(By.CSS_SELECTOR, ".toast-body.error"))
        return str(said)

    def errors(self) -> list[str]:
        """What the browser complained of."""
        return [e["message"] for e in self.chrome.get_log("browser") if e["level"] == "SEVERE"]

    def asked_elsewhere(self) -> set[str]:
        """Addresses outside of the page that the browser asked for something."""
        messages = [json.loads(e["message"])["message"] for e in self.chrome.get_log("performance")]
        sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        urls = {params["request"]["url"] for params in sent}
        inside = (self.address, "data:", "blob:", "chrome")
        return {url for url in urls if not url.startswith(inside)}


@pytest.fixture
def visitor(address: str, tmp_path: Path) -> Iterator[Callable[..., Visitor]]:
    visitors: list[Visitor] = []

    def come() -> Visitor:
        downloads = tmp_path / f"downloads_{len(visitors)}"
        downloads.mkdir()
        visitors.append(Visitor(address, downloads))
        return visitors[-1]

    yield come
    for each in visitors:
        each.chrome.quit()


def photograph(path: Path, seed: int = 0, size: tuple[int, int] = (300, 200)) -> Path:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7), dtype=np.uint8)
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


def by_command(one: Visitor, photo: Path, hints: Path) -> np.ndarray:
    """What the command that the page shows makes of the files."""
    folder = photo.parent / "again"
    folder.mkdir()
    shutil.copy(photo, folder)
    shutil.copy(hints, folder)
    words = shlex.split(one.command())
    assert words[:2] == ["colorization", "colorize"]
    done = python("src.colorize", *words[2:], cwd=folder)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*_colored.png")
    return np.asarray(Image.open(made))


def test_hints_change_the_picture_there_and_the_files_do_the_same(
    visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    one = visitor()
    photo = photograph(tmp_path / "old photo.png")
    one.open(photo)
    before = one.picture()
    one.point(0.25, 0.5)
    likely = one.chrome.find_elements(By.CSS_SELECTOR, "#palette .likely button")
    assert 1 <= len(likely) <= 6
    color = one.choose(6)
    after = one.picture().astype(int)
    height, width = after.shape[:2]
    place = (slice(height // 2 - 3, height // 2 + 3), slice(width // 4 - 3, width // 4 + 3))
    wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
    assert np.abs(after[place].mean(axis=(0, 1)) - wanted).max() < 25
    change = np.abs(after - before).mean(axis=2)
    assert change[place].mean() > 10

    one.point(0.7, 0.3, (0.75, 0.4), (0.8, 0.45))  # a stroke
    one.choose(0)
    hints = one.download("Download hints", ".json")
    result = one.download("Download picture", ".png")
    found = json.loads(hints.read_text())
    assert [len(hint["points"]) for hint in found["hints"]] == [1, 3]
    assert found["hints"][0]["color"] == color
    assert Image.open(result).size == (300, 200)
    assert np.array_equal(np.asarray(Image.open(result)), by_command(one, photo, hints))
    assert one.errors() == []
    assert one.asked_elsewhere() == set()


@pytest.mark.slow
def test_sliders_work_from_the_keyboard_and_the_command_knows(
    visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    one = visitor()
    photo = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # upright is a quarter turn to the right
    Image.open(photograph(tmp_path / "flat.png")).save(photo, exif=exif)
    one.open(photo)
    for place, steps in ((1, 6), (2, 20)):  # saturation, temperature
        before = one.url()
        ranges = one.chrome.find_elements(By.CSS_SELECTOR, "input[type=range]")
        sliders = [each for each in ranges if each.get_attribute("max") in ("15", "2", "1")]
        sliders[place].send_keys(*[Keys.ARROW_LEFT] * steps)
        one.until(lambda before=before: one.url() != before)
    one.point(0.4, 0.6)
    one.choose(7)
    one.until(lambda: "--hints " in one.command())
    hints = one.download("Download hints", ".json")
    result = np.asarray(Image.open(one.download("Download picture", ".png")))
    assert result.shape == (300, 200, 3)
    assert " --saturation 0.7 --temperature 0.3 " in f"{one.command()} "
    assert np.array_equal(result, by_command(one, photo, hints))


@pytest.mark.slow
def test_undo_clear_suggestions_and_a_file_of_hints(
    visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    one = visitor()
    one.open(photograph(tmp_path / "photo.png"))
    automatic = one.url()
    one.button("Suggest where").click()
    one.until(lambda: len(one.chrome.find_elements(By.CSS_SELECTOR, ".marks text")) == 3)
    one.until(lambda: one.find("#palette .all button"))
    one.choose(3)
    one.until(lambda: len(one.chrome.find_elements(By.CSS_SELECTOR, ".marks text")) == 2)
    hinted = one.url()
    hints = one.download("Download hints", ".json")
    one.choose(8)  # the next one waits already
    for _ in range(3):  # quickly: the one that waits, then both
        one.button("Undo").click()
    one.until(lambda: one.url() == automatic)
    one.load(hints)
    one.until(lambda: one.url() == hinted)
    one.button("Clear").click()
    one.until(lambda: one.url() == automatic)
    assert one.errors() == []


def test_the_keyboard_and_a_small_window_will_do(
    visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    one = visitor()
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    one.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert one.chrome.execute_script("return window.innerWidth") == 390
    one.open(photograph(tmp_path / "photo.png"))
    width = one.chrome.execute_script("return document.documentElement.scrollWidth")
    assert width <= one.chrome.execute_script("return window.innerWidth")
    stage = one.find("#canvas .stage")
    stage.send_keys(Keys.ARROW_LEFT, Keys.ARROW_UP, Keys.ENTER)
    likely = one.until(lambda: one.find("#palette .likely button"))
    assert (likely.get_attribute("aria-label") or "").startswith("likely: #")
    before = one.url()
    one.find("#palette .all button").send_keys(Keys.ENTER)
    one.until(lambda: one.url() != before)
    assert one.errors() == []


@pytest.mark.slow
def test_two_visitors_do_not_see_each_others_photographs(
    visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    one, other = visitor(), visitor()
    one.open(photograph(tmp_path / "one.png", 1))
    assert other.url() == ""
    other.open(photograph(tmp_path / "other.png", 2, (200, 260)))
    shown = other.url()
    one.point(0.5, 0.5)
    one.choose(5)
    assert other.url() == shown
    other.point(0.5, 0.5)
    other.choose(8)
    assert one.picture().shape == (200, 300, 3)
    assert other.picture().shape == (260, 200, 3)
    assert len(json.loads(other.download("Download hints", ".json").read_text())["hints"]) == 1


def test_what_is_wrong_is_said_and_the_page_goes_on(
    visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    one = visitor()
    one.until(lambda: one.button("Suggest where")).click()
    assert "choose a photograph or an example first" in one.told()
    upload = one.find(UPLOAD)
    (tmp_path / "text.jpg").write_text("no picture")
    upload.send_keys(str(tmp_path / "text.jpg"))
    assert "text.jpg cannot be coloured: not a picture" in one.told()
    large = BytesIO()
    Image.fromarray(np.zeros((10, 10), np.uint8)).save(large, "PNG")
    (tmp_path / "large.png").write_bytes(large.getvalue() + bytes(50_000_000))
    one.until(lambda: one.find(UPLOAD)).send_keys(str(tmp_path / "large.png"))
    assert "20" in one.told()
    one.open(photograph(tmp_path / "photo.png"))
    outside = {"color": "#c83232", "size": 9, "points": [[700, 20]]}
    text = json.dumps({"version": 1, "width": 300, "height": 200, "hints": [outside]})
    (tmp_path / "outside.json").write_text(text)
    one.chrome.find_elements(By.CSS_SELECTOR, "input[type=file]")[-1].send_keys(
        str(tmp_path / "outside.json")
    )
    said = one.told()
    assert "outside.json: hint 1 has the point (700, 20), outside the picture" in said
    assert "/" not in said
    one.point(0.5, 0.5)
    one.choose(2)
