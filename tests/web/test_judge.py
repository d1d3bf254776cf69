"""The page that asks people: questions, votes that are kept, and what they say."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.optimize import minimize
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from colorization.errors import InputError
from colorization.evaluation.preferences import (
    Vote,
    estimate_share,
    fit_strengths,
    read_votes,
)
from colorization.web.ballots import GRAY, TRUTH, Ballots
from colorization.web.judge import sum_up
from tests.support.browser import chrome, programs
from tests.support.command_line import ROOT, environment, take_interrupts

SHADES = {"truth": 250, "a": 150, "b": 60}  # of red, which tells the folders apart


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("judged")
    for name, red in SHADES.items():
        (root / name).mkdir()
        for index in range(4):
            pixels = np.full((32, 48, 3), (red, 100, 20 * index), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


@pytest.fixture(scope="module")
def address(folders: Path) -> Iterator[str]:
    """The page, served by the command as a user types it; its votes lie among the folders."""
    process = serve(folders, folders)
    assert process.stdout
    yield process.stdout.readline().split()[2].rstrip(",")
    process.send_signal(signal.SIGINT)
    process.wait(10)


def serve(folders: Path, tmp_path: Path) -> "subprocess.Popen[str]":
    words = ["judge", "--predictions", f"a={folders / 'a'}", f"b={folders / 'b'}"]
    words += ["--truth", str(folders / "truth"), "--port", "0", "--votes", str(tmp_path / "v.db")]
    return subprocess.Popen(
        [sys.executable, "-m", "colorization.cli.main", *words],
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
        cwd=ROOT,
        preexec_fn=take_interrupts,
    )


def ask(address: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
    kind = {"Content-Type": "application/json"} if body else {}
    request = urllib.request.Request(address + path, body, kind | headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        read: bytes = answer.read()
    return read


def test_a_judge_answers_in_a_browser(address: str, folders: Path) -> None:
    programs()
    browser = chrome()
    try:
        browser.get(address)
        wait = WebDriverWait(browser, 20, 0.05)
        for answered in range(6):
            wait.until(lambda b, n=str(answered): b.find_element(By.ID, "count").text == n)
            wait.until(lambda b: "?" in b.find_element(By.ID, "question").text)
            shown = browser.execute_script(
                "return [...document.images].map(i => [i.naturalWidth, i.naturalHeight, i.src])"
            )
            assert [size[:2] for size in shown] == [[48, 32]] * 2
            assert not any(name in src for *_, src in shown for name in ("/a/", "/b/", "truth"))
            if answered % 2:
                browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ARROW_LEFT)
            else:
                browser.find_element(By.ID, "right").click()
        wait.until(lambda b: b.find_element(By.ID, "count").text == "6")
        assert browser.get_log("browser") == []
    finally:
        browser.quit()
    votes = Ballots(folders / "v.db", {"a": ["0"], "b": ["0"]}).votes()
    assert len(votes) == 6
    assert len({vote.judge for vote in votes}) == 1


def test_votes_outlive_a_kill_and_many_judges_at_once(folders: Path, tmp_path: Path) -> None:
    process = serve(folders, tmp_path)
    assert process.stdout
    address = process.stdout.readline().split()[2].rstrip(",")

    def answer(judge: int) -> None:
        for _ in range(5):
            asked = json.loads(ask(address, f"/next?judge=j{judge}"))
            body = json.dumps({"token": asked["token"], "side": "left"}).encode()
            ask(address, "/vote", body)
            with pytest.raises(urllib.error.HTTPError, match="409"):  # twice is once
                ask(address, "/vote", body)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(answer, range(6)))
    process.kill()
    process.wait(10)
    votes = Ballots(tmp_path / "v.db", {"a": ["0"], "b": ["0"]}).votes()
    assert Counter(vote.judge for vote in votes) == {f"j{judge}": 5 for judge in range(6)}
    tables, lines = sum_up(tmp_path / "v.db")
    assert any("judges" in table.title for table in tables) or lines


def test_pictures_are_those_of_the_question_without_metadata(
    address: str, folders: Path, tmp_path: Path
) -> None:
    asked = json.loads(ask(address, "/next?judge=me"))
    data = ask(address, f"/picture/{asked['token']}/left")
    (tmp_path / "x.png").write_bytes(data)
    question = Ballots(folders / "v.db", {"a": ["0"], "b": ["0"]}).find(asked["token"])
    assert question
    with Image.open(tmp_path / "x.png") as picture:
        red, green, _ = np.asarray(picture)[0, 0]
        assert picture.info == {}
    names = {TRUTH: 250, "a": 150, "b": 60}
    assert red == green if question.left == GRAY else red == names[question.left]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/", None, {"Host": "evil.example"}, "403"),
        ("/vote", b'{"token": "x", "side": "left"}', {"Content-Type": "text/plain"}, "400"),
        ("/vote", b"[1", {}, "400"),
        ("/vote", b'{"token": "x", "side": "left"}', {}, "409"),
        ("/next?judge=../x", None, {}, "400"),
        ("/picture/x/left", None, {}, "404"),
        ("/etc/passwd", None, {}, "404"),
    ],
)
def test_other_requests_are_refused(
    address: str, path: str, body: bytes | None, headers: dict[str, str], status: str
) -> None:
    with pytest.raises(urllib.error.HTTPError, match=status):
        ask(address, path, body, **headers)


def test_sides_kinds_and_checks_are_mixed(tmp_path: Path) -> None:
    keys = [str(index) for index in range(5)]
    ballots = Ballots(tmp_path / "v.db", {"a": keys, "b": keys, TRUTH: keys})
    asked = [ballots.ask("me") for _ in range(150)]
    kinds = Counter(question.kind for question in asked)
    assert kinds["real"] > kinds["prefer"] > kinds["check"] > 5
    left = sum(question.left == TRUTH for question in asked if question.kind == "real")
    assert 0.2 < left / kinds["real"] < 0.8
    assert all(GRAY in (q.left, q.right) for q in asked if q.kind == "check")


def test_strengths_are_those_of_logistic_regression() -> None:
    wins = np.array([[0, 30, 40], [10, 0, 25], [5, 15, 0]], float)

    def loss(free: np.ndarray) -> float:
        s = np.append(free, -free.sum())
        return float((wins * np.log1p(np.exp(s[None] - s[:, None]))).sum())

    best = minimize(loss, np.zeros(2), tol=1e-10).x
    assert fit_strengths(wins, prior=0) == pytest.approx([*best, -best.sum()], abs=1e-4)


def test_votes_say_what_was_put_in() -> None:
    random = np.random.default_rng(0)
    votes = []
    for judge in range(20):
        for _ in range(30):
            good = random.random() < 0.8
            votes.append(Vote(str(judge), "prefer", *("ab" if good else "ba")))
            fooled = random.random() < 0.3
            votes.append(Vote(str(judge), "real", *(("a", TRUTH) if fooled else (TRUTH, "a"))))
    careless = [Vote("bot", "check", TRUTH, GRAY)] * 3 + [Vote("bot", "prefer", "b", "a")] * 500
    found = read_votes([*votes, *careless], GRAY, TRUTH)
    assert found.careless == ["bot"]
    share, low, high = found.fooling["a"]
    assert low < 0.3 < high
    assert share == pytest.approx(0.3, abs=0.05)
    won = sum(vote.chosen == "a" and vote.kind == "prefer" for vote in votes)
    strength, low, high = found.strengths["a"]
    assert strength == pytest.approx(np.log(won / (600 - won)) / 2, abs=0.01)
    # The delta method, of independent votes: a log odds has the variance 1/won + 1/lost.
    reach = 1.96 * np.sqrt(1 / won + 1 / (600 - won)) / 2
    assert (high - low) / 2 == pytest.approx(reach, rel=0.4)
    assert low < strength < high


def test_share_has_wilsons_interval() -> None:
    assert estimate_share(5, 10) == pytest.approx((0.5, 0.2366, 0.7634), abs=1e-4)


def test_folders_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no photograph has pictures in two folders"):
        Ballots(tmp_path / "v.db", {"a": ["1"], "b": ["2"]})
    (tmp_path / "no.db").write_text("this is no database, but text that is long enough" * 9)
    with pytest.raises(InputError, match="is no file of votes"):
        Ballots(tmp_path / "no.db", {"a": ["1"], "b": ["1"]})
    with pytest.raises(InputError, match="serve the page first"):
        sum_up(tmp_path / "absent.db")
