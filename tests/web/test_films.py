"""The tab for films in a browser: a preview, a key frame that is corrected, the whole film."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from selenium.webdriver.common.by import By

from tests.support.serving import Program, Server
from tests.web.test_page import Visitor, address, visitor

pytest.importorskip("av")
from tests.video.conftest import Film, render_film
from tests.video.test_film import chroma_of, luma, sound, stamps

__all__ = ["address", "visitor"]  # fixtures

UPLOAD = "#film input[type=file]"


def show_tab(one: Visitor, name: str) -> None:
    tab = f"//button[@role='tab'][contains(., '{name}')]"
    one.until(lambda: one.chrome.find_element(By.XPATH, tab)).click()


def fetch(one: Visitor, selector: str, name: str, to: Path) -> Path:
    """Fetch a file that the page shows, as a program of the same visitor would."""
    url = one.until(lambda: one.find(selector).get_attribute(name))
    assert url.startswith(one.address)
    with urlopen(url) as answer:  # the page's own address
        to.write_bytes(answer.read())
    return to


def test_a_film_is_previewed_corrected_and_colored(
    visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    slow = [18000 * number for number in range(24)]  # 5 frames a second
    source = render_film(tmp_path / "old.mp4", Film(24, (128, 96), slow, cut=15))
    one = visitor()
    show_tab(one, "Film")
    one.until(lambda: one.find(UPLOAD)).send_keys(str(source))
    one.until(lambda: "128 x 96 px" in one.find("#film-about").text)
    one.button("Preview of 3 s").click()
    preview = fetch(one, "#film-preview video", "src", tmp_path / "preview.mp4")
    assert len(stamps(preview)) == 15
    assert chroma_of(preview, 10) > 3
    one.until(lambda: len(one.chrome.find_elements(By.CSS_SELECTOR, "#film-keys img")) == 1)

    one.button("Open its key frame").click()
    one.until(lambda: one.find("#canvas img.color").is_displayed())
    one.point(0.5, 0.3)
    one.choose(6)
    show_tab(one, "Film")
    one.until(lambda: one.button("Take hints for the shot")).click()
    one.until(lambda: "has 1 hints" in one.find("#film-about").text)

    one.button("Colour the whole film").click()
    whole = fetch(one, "#film-ready a[download]", "href", tmp_path / "whole.mp4")
    assert stamps(whole) == stamps(source)
    assert sound(whole) == sound(source)
    one.until(lambda: len(one.chrome.find_elements(By.CSS_SELECTOR, "#film-keys img")) == 2)
    difference = np.abs(luma(whole)[3].astype(int) - luma(source)[3])
    assert difference.mean() < 3
    assert not one.asked_elsewhere()
    assert not one.errors()


def test_what_is_no_film_is_told(page: Server, tmp_path: Path) -> None:
    program = Program(page.address)
    (tmp_path / "text.mp4").write_text("no film " * 100)
    options = ["default", 1, 1, 4]
    asked = {
        "session_hash": program.visit,
        "fn_index": program.number("Preview of 3 s", "click"),
        "data": options,
        "event_data": None,
        "trigger_id": program.parts["Preview of 3 s"],
    }
    assert program.send(asked)["error"] == "choose a film first"
    opened = asked | {
        "fn_index": program.number("film", "upload"),
        "data": [program.upload(tmp_path / "text.mp4")],
        "trigger_id": program.parts["film"],
    }
    told = json.dumps(program.send(opened))
    assert "text.mp4 is not a film that can be read" in told
    assert str(page.files) not in told
