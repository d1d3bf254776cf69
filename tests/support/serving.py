"""The page in a process of its own, and a program that talks to it as the page itself does."""

import json
import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

import httpx

from tests.support.command_line import PREPARED, ROOT, run_module
from tests.support.light import block

PATIENCE = 60  # s, for a machine that does much else


class Server(NamedTuple):
    address: str
    process: BaseProcess
    files: Path
    out: Path
    err: Path

    def end(self, number: int = signal.SIGTERM) -> int | None:
        """Send it a signal, and return its status at its end."""
        os.kill(self.process.pid or 0, number)
        self.process.join(PATIENCE)
        return self.process.exitcode


@contextmanager
def serving(folder: Path, *settings: str, light: bool = False) -> Iterator[Server]:
    """The page, as it is served by the command, with a folder of its own for files.

    If it is ``light``, its process has no more packages than the light installation.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out, err, files = (folder / name for name in ("out", "err", "files"))
    files.mkdir()
    words = ("src.app", f"port={port}", *settings)
    context = get_context("spawn") if light else PREPARED
    process = context.Process(target=serve, args=(words, files, out, err, light))
    process.start()
    server = Server(f"http://127.0.0.1:{port}", process, files, out, err)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.is_alive():
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                break
        time.sleep(0.1)
    try:
        yield server
    finally:
        if process.is_alive():
            server.end()


def serve(words: tuple[str, ...], files: Path, out: Path, err: Path, light: bool) -> None:
    """In a new process: be the page."""
    if light:
        block()
    tempfile.tempdir = str(files)
    run_module(words, ROOT, out, err)


class Program:
    """Talks to the page as its own scripts do, in a visit of its own."""

    def __init__(self, address: str, **headers: str) -> None:
        self.http = httpx.Client(base_url=address, headers=headers, timeout=PATIENCE)
        self.visit = token_hex(6)
        self.config = self.http.get("/config").json()
        parts = self.config["components"]
        self.parts = {p["props"].get("elem_id") or p["props"].get("value"): p["id"] for p in parts}
        self.parts |= {p["props"].get("label"): p["id"] for p in parts if p["props"].get("label")}

    def number(self, part: str, event: str) -> int:
        """Of an event of a part, which is called by its id, value or label."""
        target = [self.parts[part], event]
        return next(d["id"] for d in self.config["dependencies"] if target in d["targets"])

    def upload(self, path: Path) -> dict[str, Any]:
        with path.open("rb") as file:
            answer = self.http.post("/gradio_api/upload", files={"files": (path.name, file)})
        answer.raise_for_status()
        return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}

    def asked(self, part: str, event: str, *given: Any, about: Any = None) -> dict[str, Any]:
        """An event as it is sent; its answer is for :meth:`send`."""
        options = ["default", 1, 1, 4]
        number = self.number(part, event)
        return {
            "session_hash": self.visit,
            "fn_index": number,
            "data": [*options, *given],
            "event_data": about,
            "trigger_id": self.parts[part],
        }

    def send(self, asked: Any) -> dict[str, Any]:
        """The page's answer: what it shows, or what it says is wrong."""
        joined = self.http.post("/gradio_api/queue/join", json=asked)
        joined.raise_for_status()
        done: dict[str, Any] = {}
        query = {"session_hash": self.visit}
        with self.http.stream("GET", "/gradio_api/queue/data", params=query) as stream:
            for line in stream.iter_lines():
                found = json.loads(line.removeprefix("data: ")) if line else {}
                if found.get("msg") == "process_completed":
                    done = found["output"]
        return done

    def open(self, path: Path) -> dict[str, Any]:
        return self.send(self.asked("upload", "upload", self.upload(path)))

    def point(self, *points: Any) -> dict[str, Any]:
        return self.send(self.asked("canvas", "select", about={"points": points}))

    def choose(self, color: Any) -> dict[str, Any]:
        return self.send(self.asked("palette", "select", about={"color": color}))
