"""What the page answers to programs, to other sites, and to what makes no sense."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from colorization.files.atomic import GB
from tests.support.serving import Program, Server, serving

DROPPED = "your photograph was put away to make room for others; choose it again"
NOWHERE = [{"points": points} for points in (None, 7, "a", [], [[]], [[1]], [[1, 2, 3]], {}, [{}])]
NUMBERS = (float("nan"), float("inf"), -float("inf"), 1e308, -1, 10**400, True, None, "1", [1], {})


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A page behind a proxy, with little room."""
    settings = ("max_pixels=4000000", "max_memory=60", "max_upload=1", "max_disk=20")
    proxied = ("hosts=[page.example]", "root_path=/colour")
    with serving(tmp_path_factory.mktemp("tight"), *settings, *proxied) as server:
        yield server


def photograph(path: Path, side: int = 60) -> Path:
    Image.linear_gradient("L").resize((side, side)).save(path)
    return path


def refusal(address: str, path: str = "/", method: str = "GET", **headers: str) -> int:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(method, address + path, headers=names).status_code


def test_only_the_page_itself_is_answered(page: Server) -> None:
    """No other name (DNS rebinding), no other site's requests, no doors for programs."""
    local = page.address.removeprefix("http://")
    port = local.partition(":")[2]
    for host, status in {
        local: 200,
        f"localhost:{port}": 200,
        f"[::1]:{port}": 200,
        "evil.example": 421,
        f"evil.example:{port}": 421,
        "localhost.evil.example": 421,
        "192.168.0.7": 421,
        "": 421,
        "[": 421,
    }.items():
        assert refusal(page.address, Host=host) == status, host
    assert refusal(page.address, X_Forwarded_Host="evil.example") == 421
    for path in ("/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/cancel"):
        for origin in (
            "http://evil.example",
            "null",
            f"http://localhost:{int(port) + 1}",
            "http://[",
        ):
            assert refusal(page.address, path, "POST", Origin=origin) in (400, 403), origin
        for site in ("cross-site", "same-site"):
            assert refusal(page.address, path, "POST", Sec_Fetch_Site=site) == 403
    assert refusal(page.address, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate") == 200
    assert refusal(page.address, "/config", Sec_Fetch_Site="cross-site") == 403
    for door in (
        "run/0",
        "api/0",
        "call/0",
        "call/v2/0",
        "component_server",
        "stream/0",
        "reset/x",
    ):
        assert refusal(page.address, f"/gradio_api/{door}", "POST") == 404, door
    for door in (
        *(
            "gradio_api/file=http://127.0.0.1/x",
            "gradio_api/proxy=http://a.hf.space/x",
            "monitoring",
        ),
        *(
            "gradio_api/custom_component/a/server/b/c",
            "gradio_api/vibe-code",
            "docs",
            "openapi.json",
        ),
    ):
        assert refusal(page.address, f"/{door}") == 404, door
    for path in ("/etc/passwd", __file__, str(page.err)):
        assert refusal(page.address, f"/gradio_api/file={path}") in (403, 404), path


def test_every_answer_has_headers_against_frames_and_guesses(page: Server) -> None:
    for path in ("/", "/config", "/nothing", "/gradio_api/file=/etc/passwd"):
        headers = httpx.get(page.address + path).headers
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


def test_strokes_of_a_program_have_the_limits_of_a_file(page: Server, tmp_path: Path) -> None:
    program = Program(page.address)
    program.open(photograph(tmp_path / "photo.png", 32))
    start = time.monotonic()
    assert "5001 points; 5000 are the most" in program.point(*[[1, 1]] * 5001)["error"]
    with pytest.raises(httpx.HTTPStatusError, match="413"):
        program.point(*[[1, 1]] * 300_000)
    zigzag = [[0, 0], [31, 31]] * 2500
    assert "data" in program.point(*zigzag)
    assert "data" in program.choose("#c83232")
    assert "5001 points" in program.point([3, 3])["error"]
    assert time.monotonic() - start < 30


def test_what_makes_no_sense_leaves_no_traceback(page: Server, tmp_path: Path) -> None:
    program = Program(page.address)
    file = program.upload(photograph(tmp_path / "photo.png"))
    program.open(tmp_path / "photo.png")
    sound = program.asked("canvas", "select", about={"points": [[1, 1]]})
    broken: list[Any] = [
        *(None, 7, "a", [], {}, [sound]),
        *(
            {**sound, name: value}
            for name in sound
            for value in (None, -1, 10**9, "x", [], {}, [[]])
        ),
        *({key: value for key, value in sound.items() if key != name} for name in sound),
        *({**sound, "event_data": about} for about in NOWHERE),
        *({**sound, "event_data": {"points": [[n, 1], [1, n]]}} for n in NUMBERS),
        *({**sound, "data": ["default", n, n, n]} for n in NUMBERS),
        *({**sound, "data": [n, 1, 1, 4]} for n in ("/etc/passwd", "../..", *NUMBERS)),
        *({**sound, "session_hash": name} for name in ("", "a/b", "x" * 65, "\u00e9", "nobody")),
        *(program.asked("upload", "upload", value) for value in (None, 7, "a", [], {}, [file])),
        *(
            program.asked("upload", "upload", {**file, "path": path})
            for path in (
                "/etc/passwd",
                "",
                ".",
                "/",
                "\0",
                7,
                "http://127.0.0.1:1/x",
                file["path"] * 99,
            )
        ),
        *(program.asked("Or an example", "input", name) for name in (None, 7, "../README.md", [])),
        *({**sound, "fn_index": number} for number in range(len(program.config["dependencies"]))),
        *(
            program.asked("palette", "select", about={"color": n})
            for n in (*NUMBERS, "red", "#c8323g")
        ),
    ]
    for asked in broken:
        body = json.dumps(asked)
        answer = program.http.post("/gradio_api/queue/join", content=body)
        assert answer.status_code in (200, 400), (asked, answer.text)
        if answer.status_code == 400:
            assert answer.json()["detail"]
    for body in (b"", b"{", b"\xff", b"[" * 100_000, b'{"data":' * 9_999):
        assert program.http.post("/gradio_api/queue/join", content=body).status_code == 400
    for kind in ("", "text/plain", "multipart/form-data", "multipart/form-data; boundary=x"):
        headers = {"Content-Type": kind}
        for body in (b"", b"x", b"--x\r\n\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\n"):
            answer = program.http.post("/gradio_api/upload", content=body, headers=headers)
            assert answer.status_code in (200, 400), (kind, body)
    for name in ("../../x.png", "a" * 999 + ".png", "\0.png", "", ".", "-- x\n.png"):
        files = {"files": (name, (tmp_path / "photo.png").read_bytes())}
        assert program.http.post("/gradio_api/upload", files=files).status_code in (200, 400)
    for query in ("", "session_hash=stranger", "session_hash=" + "a" * 9999):
        assert program.http.get(f"/gradio_api/queue/data?{query}").status_code == 404
    other = Program(page.address)
    assert "choose a photograph" in other.point([1, 1])["error"]
    assert "data" in program.open(tmp_path / "photo.png")  # and goes on
    assert "data" in program.point([1, 1])
    said = page.err.read_text()
    assert "Traceback" not in said, said[said.index("Traceback") :][:3000]


def test_a_visitor_whose_photograph_was_put_away_is_told(tight: Server, tmp_path: Path) -> None:
    photo = photograph(tmp_path / "photo.png", 2000)  # 8 MB of memory
    first, *others = (Program(tight.address) for _ in range(9))
    assert "data" in first.open(photo)
    assert "data" in first.point([1, 1])
    for other in others:
        assert "data" in other.open(photo)
    assert first.point([1, 1])["error"] == DROPPED
    assert "data" in others[-1].point([1, 1])
    assert "data" in first.open(photo)


def test_uploads_are_bounded_each_and_together(tight: Server) -> None:
    program = Program(tight.address)
    noise = np.random.default_rng(0).bytes(900_000)
    for index in range(60):
        program.http.post("/gradio_api/upload", files={"files": (f"{index}.png", noise)})
    assert sum(path.stat().st_size for path in tight.files.rglob("*") if path.is_file()) <= 20e6
    several = [("files", (f"{index}.png", noise)) for index in range(20)]
    large = noise * 20
    for files in (several, {"files": ("large.png", large)}):
        assert program.http.post("/gradio_api/upload", files=files).status_code == 413
    assert sum(path.stat().st_size for path in tight.files.rglob("*") if path.is_file()) <= 20e6
    assert "Traceback" not in tight.err.read_text()


def test_files_are_gone_after_sigterm(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        program = Program(server.address)
        program.open(photograph(tmp_path / "photo.png"))
        program.send(program.asked("Download picture", "click"))
        program.upload(tmp_path / "photo.png")
        assert [path for path in server.files.rglob("*") if path.is_file()]
        assert server.end() == 130
    assert list(server.files.iterdir()) == []
    assert server.err.read_text() == ""


def stated(server: Server) -> float:
    """Bytes of memory that the page says it takes at the most."""
    found = re.search(r"at most ([\d.]+) GB of memory", server.out.read_text())
    assert found
    return float(found[1]) * GB


def peak_of_visits(server: Server, visits: int, photo: Path) -> float:
    """The most memory in bytes that its process has, while visitors open a photograph each."""
    process = psutil.Process(server.process.pid)
    most = 0.0
    for index in range(visits):
        program = Program(server.address)
        if index % 2:
            assert "data" in program.open(photo)
        else:  # it never asks for the answer
            asked = program.asked("upload", "upload", program.upload(photo))
            program.http.post("/gradio_api/queue/join", json=asked).raise_for_status()
        most = max(most, process.memory_info().rss)
    return most


@pytest.mark.slow
def test_thirty_visits_stay_below_the_stated_memory(tight: Server, tmp_path: Path) -> None:
    """Of 30 x 8 MB no more than 60 MB are kept; the allocator has a share of its own."""
    photo = photograph(tmp_path / "photo.png", 2000)
    before = peak_of_visits(tight, 16, photo)  # as a peak too: the allocator gives back and takes
    after = peak_of_visits(tight, 30, photo)
    assert after < stated(tight)
    assert after - before < 120e6


@pytest.mark.slow
def test_200_visits_of_large_pictures_stay_below_the_stated_memory(tmp_path: Path) -> None:
    """200 x 200 MB: kept without a bound, they are 40 GB."""
    photo = tmp_path / "large.png"
    Image.new("L", (9999, 9999)).save(photo)
    with serving(tmp_path) as server:
        assert peak_of_visits(server, 200, photo) < stated(server) < 6 * GB
