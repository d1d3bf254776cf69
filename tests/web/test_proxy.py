"""The page below a path of another site, behind a real reverse proxy."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.support.browser import programs
from tests.support.serving import PATIENCE, Program, serving
from tests.web.test_guard import photograph, refusal
from tests.web.test_page import Visitor

PREFIX = "/colour"


@contextmanager
def proxy(
    target: str, takes_off: bool, names: Callable[[Request], dict[str, str]]
) -> Iterator[str]:
    """A server that hands on what is below a path; the rest is another site's."""
    client = httpx.AsyncClient(base_url=target, timeout=None)

    async def hand_on(request: Request) -> Response:
        path = request.url.path
        headers = dict(request.headers) | names(request)
        sent = client.build_request(
            request.method,
            httpx.URL(
                path=path.removeprefix(PREFIX) if takes_off else path,
                query=request.url.query.encode(),
            ),
            headers=headers,
            content=request.stream() if request.method == "POST" else None,
        )
        answer = await client.send(sent, stream=True)
        return StreamingResponse(
            answer.aiter_raw(),
            answer.status_code,
            dict(answer.headers),
            background=BackgroundTask(answer.aclose),
        )

    async def elsewhere(request: Request) -> Response:
        return Response("another site", 404)

    app = Starlette(
        routes=[
            Route(PREFIX + "/{path:path}", hand_on, methods=["GET", "POST"]),
            Route("/{path:path}", elsewhere, methods=["GET", "POST"]),
        ]
    )
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}{PREFIX}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


def forwarded(request: Request) -> dict[str, str]:
    """As most proxies are set up: the page is told by what name and path it is asked for."""
    return {"x-forwarded-host": request.headers["host"], "x-forwarded-prefix": PREFIX}


def renamed(request: Request) -> dict[str, str]:
    """As nginx does without a word: the page is asked for by its inner name."""
    return {"host": "127.0.0.1"}


def test_the_page_works_below_a_proxys_path(tmp_path: Path) -> None:
    programs()
    photo = photograph(tmp_path / "photo.png")
    (tmp_path / "server").mkdir()
    with serving(tmp_path / "server", f"root_path={PREFIX}") as server:
        for takes_off in (True, False):
            with proxy(server.address, takes_off, forwarded) as address:
                downloads = tmp_path / f"downloads_{takes_off}"
                downloads.mkdir()
                visitor = Visitor(address + "/", downloads)
                try:
                    visitor.open(photo)
                    visitor.point(0.5, 0.5)
                    visitor.choose(6)
                    assert visitor.download("Download picture", ".png").stat().st_size
                    # Gradio's page names two files by absolute paths; it does without them.
                    root = address.removesuffix(PREFIX)
                    missed = {f"{root}/favicon.ico", f"{root}/manifest.json"}
                    assert visitor.asked_elsewhere() <= missed
                    assert all(any(m in e for m in missed) for e in visitor.errors())
                finally:
                    visitor.chrome.quit()
        plain = httpx.get(server.address + PREFIX)
        assert (plain.status_code, plain.headers["location"]) == (307, PREFIX + "/")
        assert "Traceback" not in server.err.read_text()


def test_a_proxy_that_hides_its_name_needs_the_whole_address(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    photo = photograph(tmp_path / "photo.png")
    public = "https://page.example" + PREFIX
    with (
        serving(tmp_path / "server", f"root_path={public}") as server,
        proxy(server.address, True, renamed) as address,
    ):
        program = Program(address, origin="https://page.example")
        assert program.config["root"] == public
        program.open(photo)
        saved = program.send(program.asked("Download picture", "click"))
        url = saved["data"][0]["url"]
        assert url.startswith(public + "/gradio_api/file=")
        assert program.http.get(url.removeprefix(public)).content.startswith(b"\x89PNG")
        assert refusal(address, "/gradio_api/upload", "POST", Origin="https://evil.example") == 403
