"""The report in a browser: whole, without a complaint, and without asking for anything."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.support.browser import chrome

LABEL = "small/run"


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    opened = chrome()
    yield opened
    opened.quit()


def test_report_shows_every_section_and_asks_for_nothing(
    browser: Chrome, evaluated: tuple[Path, dict[str, Any]]
) -> None:
    folder, found = evaluated
    browser.get((folder / "report.html").as_uri())
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert {url.partition(":")[0] for url in asked} == {"file", "data"}
    assert sum(url.startswith("file:") for url in asked) == 1

    titles = [title.text for title in browser.find_elements(By.CSS_SELECTOR, "h2, h3, h4")]
    for dataset in found["datasets"]:
        assert dataset in titles
        assert f"{LABEL} on {dataset}" in titles
    for title in ("Overview", "How good is it", "Do its mistakes make sense", "How to read it"):
        assert title in titles
    for part in ("best", "median", "worst"):
        assert any(title.startswith(f"{part}: gray, predicted, true") for title in titles)
    pictures = browser.find_elements(By.TAG_NAME, "img")
    assert all(picture.get_property("naturalWidth") > 0 for picture in pictures)
    # Two charts a dataset; both photographs of one, and two of each third of the other seven.
    assert len(pictures) == 2 * 2 + 2 + 3 * 2
    rows = browser.find_elements(By.CSS_SELECTOR, "tr.network")
    assert all(row.text.startswith(LABEL) for row in rows)
    assert len(rows) >= 6


def test_report_prints(browser: Chrome, evaluated: tuple[Path, dict[str, Any]]) -> None:
    browser.get((evaluated[0] / "report.html").as_uri())
    pages = base64.b64decode(browser.print_page())
    assert pages.startswith(b"%PDF")
    assert len(re.findall(rb"/Type ?/Page\b", pages)) >= 3
