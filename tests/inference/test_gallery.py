"""The page to look through an album, in Chromium: 500 pictures, a slider, keys and notes."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By

from colorization.inference.album import colorize_album
from colorization.inference.gallery import write_gallery
from colorization.inference.plan import PhotoTask
from tests.support.browser import chrome

COUNT = 500
AWKWARD = "it's <b>100% & #1.png"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    coarse = np.random.default_rng(0).integers(0, 256, (COUNT, 3, 4, 3), dtype=np.uint8)
    tasks = []
    for index, pixels in enumerate(coarse):
        name = AWKWARD if index == 0 else f"{index:03d}.png"
        image = Image.fromarray(pixels).resize((160, 120), Image.Resampling.BICUBIC)
        image.save(folder / name, compress_level=1)
        tasks.append((PhotoTask(Path("scans") / name, folder / name), "coloured"))
    write_gallery(tasks, folder, folder / "gallery.html")
    return folder / "gallery.html"


@pytest.fixture
def browser(page: Path, tmp_path: Path) -> Iterator[Chrome]:
    found = chrome(tmp_path)
    found.get(page.as_uri())
    yield found
    found.quit()


def shown(browser: Chrome) -> int:
    return len(browser.find_elements(By.CSS_SELECTOR, ".colored[src]"))


def wait_for(condition: object, seconds: float = 5) -> None:
    patience = time.monotonic() + seconds
    while not condition() and time.monotonic() < patience:  # type: ignore[operator]
        time.sleep(0.05)


def test_five_hundred_pictures_load_as_they_come_into_view(browser: Chrome) -> None:
    figures = browser.find_elements(By.CSS_SELECTOR, "figure")
    assert len(figures) == COUNT
    wait_for(lambda: shown(browser))
    assert 0 < shown(browser) < 60, "those in view and near it"
    last = figures[-1].find_element(By.CSS_SELECTOR, ".colored")
    assert last.get_attribute("src") is None
    browser.execute_script("arguments[0].scrollIntoView()", last)
    wait_for(lambda: last.get_attribute("src"))
    wait_for(lambda: browser.execute_script("return arguments[0].naturalWidth", last))
    assert browser.execute_script("return arguments[0].naturalWidth", last) == 160
    assert shown(browser) < 60, "those far away are let go"
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    asked = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = {
        event["params"]["request"]["url"].partition(":")[0]
        for event in asked
        if event["method"] == "Network.requestWillBeSent"
    }
    assert urls <= {"file", "data"}


def test_slider_keys_names_and_notes(browser: Chrome, page: Path, tmp_path: Path) -> None:
    first, second = browser.find_elements(By.CSS_SELECTOR, "figure")[:2]
    link = first.find_element(By.CSS_SELECTOR, "a")
    assert link.text == AWKWARD
    decoded = "return decodeURIComponent(new URL(arguments[0].href).pathname)"
    path = browser.execute_script(decoded, link)
    assert Path(path) == page.with_name(AWKWARD)
    command = first.find_element(By.CSS_SELECTOR, "code").text
    assert command == """colorization app 'scans/it'"'"'s <b>100% & #1.png'"""
    ActionChains(browser).send_keys(Keys.ARROW_DOWN).perform()
    for _ in range(10):
        ActionChains(browser).send_keys(Keys.ARROW_RIGHT).perform()
    pair = first.find_element(By.CSS_SELECTOR, ".pair")
    split = "return getComputedStyle(arguments[0]).getPropertyValue('--split')"
    assert browser.execute_script(split, pair) == "60%"
    for keys in (Keys.ARROW_DOWN, "n", "sky too red"):
        ActionChains(browser).send_keys(keys).perform()
    assert second.find_element(By.CSS_SELECTOR, "textarea").get_attribute("value") == "sky too red"
    browser.refresh()
    second = browser.find_elements(By.CSS_SELECTOR, "figure")[1]
    assert second.find_element(By.CSS_SELECTOR, "textarea").get_attribute("value") == "sky too red"
    browser.find_element(By.ID, "save").click()
    notes = tmp_path / "notes.txt"
    wait_for(notes.is_file)
    assert notes.read_text() == "001.png: sky too red\n  colorization app scans/001.png\n"


def test_the_command_writes_the_page_beside_the_results(
    checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.png", "deep/b.tif"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        gray = np.linspace(20, 230, 24 * 30).reshape(24, 30).astype(np.uint8)
        Image.fromarray(gray).save(tmp_path / "in" / name)
    words = (str(tmp_path / "in"), str(tmp_path / "out"))
    colorize_album(*words, model=str(checkpoint), gallery=True)
    once = (tmp_path / "out" / "gallery.html").read_text()
    assert once.count('class="picture"') == 2
    assert '"href": "deep/b.tif"' in once
    colorize_album(*words, model=str(checkpoint), gallery=True, existing="skip")
    again = (tmp_path / "out" / "gallery.html").read_text()
    assert again.count('"outcome": "left"') == 2
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "c.png").write_bytes(b"cut")
    caplog.clear()
    colorize_album(str(tmp_path / "bad"), str(tmp_path / "none"), gallery=True)
    assert "no gallery.html is written: there is no result to show" in caplog.text
    assert not (tmp_path / "none").exists()
