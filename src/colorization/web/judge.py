"""Serve a page that asks people which of two coloured pictures is real, or which they prefer."""

import json
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from PIL import Image

from colorization.errors import InputError, interruptible
from colorization.evaluation.folders import MAX_PIXELS, list_by_name
from colorization.evaluation.preferences import Preferences, describe, read_votes
from colorization.files.pictures import UnreadableError
from colorization.files.reading import read_rgb
from colorization.reports.tables import Table
from colorization.web.ballots import GRAY, TRUTH, Ballots

log = logging.getLogger(__name__)

PAGE = Path(__file__).with_name("judge.html")
LARGEST = 1024  # px a side of the pictures on the page
MOST_BODY = 4096  # bytes
JUDGE = re.compile(r"[\w-]{1,64}", re.ASCII)
PICTURE = re.compile(r"/picture/([\w-]{1,64})/(left|right)", re.ASCII)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEADERS = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class JudgeServer(ThreadingHTTPServer):
    """The page's server: a thread a request."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], ballots: Ballots, folders: Mapping[str, Path]):
        self.ballots = ballots
        self.folders = folders
        self.names = {name: list_by_name(folder) for name, folder in folders.items()}
        self.is_local = address[0] in LOOPBACK
        super().__init__(address, Handler)

    def draw(self, method: str, photograph: str) -> bytes:
        """Draw a picture as PNG without metadata, which could tell whose it is."""
        source = method
        if method == GRAY:
            source = next(name for name, own in self.names.items() if photograph in own)
        path = self.folders[source] / self.names[source][photograph]
        picture = read_rgb(path, MAX_PIXELS)
        if method == GRAY:
            picture = picture.convert("L").convert("RGB")
        picture.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
        plain = Image.new("RGB", picture.size)
        plain.paste(picture)
        written = BytesIO()
        plain.save(written, "PNG")
        return written.getvalue()


class Handler(BaseHTTPRequestHandler):
    """Answers one request: the page, a question, a picture, a vote."""

    server: JudgeServer

    def do_GET(self) -> None:
        if not self.is_ours():
            return
        url = urlsplit(self.path)
        if url.path == "/":
            self.answer(PAGE.read_bytes(), "text/html; charset=utf-8")
        elif url.path == "/next":
            judge = parse_qs(url.query).get("judge", [""])[0]
            if not JUDGE.fullmatch(judge):
                self.send_error(HTTPStatus.BAD_REQUEST, "no such judge")
                return
            asked = self.server.ballots.ask(judge)
            count = self.server.ballots.count(judge)
            found = {"token": asked.token, "kind": asked.kind, "count": count}
            self.answer(json.dumps(found).encode(), "application/json")
        elif match := PICTURE.fullmatch(url.path):
            self.show(match[1], match[2])
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        if not self.is_ours():
            return
        length = self.headers.get("Content-Length", "")
        is_json = self.headers.get("Content-Type") == "application/json"  # no other site sends it
        if self.path != "/vote" or not is_json or not length.isdigit() or int(length) > MOST_BODY:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        try:
            given = json.loads(self.rfile.read(int(length)))
            token, side = str(given["token"]), str(given["side"])
        except (ValueError, KeyError, TypeError):
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        if not self.server.ballots.vote(token, side):
            self.send_error(HTTPStatus.CONFLICT, "answered already, or never asked")
            return
        self.answer(b"{}", "application/json")

    def is_ours(self) -> bool:
        """Refuse names that are not this machine's, while only this machine is served."""
        name = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        if self.server.is_local and name not in LOOPBACK:
            self.send_error(HTTPStatus.FORBIDDEN)
            return False
        return True

    def show(self, token: str, side: str) -> None:
        asked = self.server.ballots.find(token)
        if asked is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        method = asked.left if side == "left" else asked.right
        try:
            self.answer(self.server.draw(method, asked.photograph), "image/png")
        except (UnreadableError, OSError) as error:
            log.warning("%s of %s cannot be shown: %s", asked.photograph, method, error)
            self.send_error(HTTPStatus.NOT_FOUND)

    def answer(self, body: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        for name, value in (
            HEADERS | {"Content-Type": kind, "Content-Length": str(len(body))}
        ).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of requests."""


def open_ballots(
    methods: Mapping[str, Path], truth: Path | None, votes: Path
) -> tuple[Ballots, dict[str, Path]]:
    """Open the votes, and the folders by name; the truth is one of them."""
    if {TRUTH, GRAY} & methods.keys():
        raise InputError(f"no folder may be named {TRUTH} or {GRAY}; give it another name")
    folders = dict(methods) | ({TRUTH: truth} if truth else {})
    if len(folders) < 2:
        raise InputError("one folder alone cannot be judged; give another, or --truth FOLDER")
    votes.parent.mkdir(parents=True, exist_ok=True)
    pictures = {name: list(list_by_name(folder)) for name, folder in folders.items()}
    return Ballots(votes, pictures), folders


@interruptible()
def serve_judges(
    methods: Mapping[str, Path], truth: Path | None, votes: Path, host: str, port: int
) -> None:
    """Serve the page until Ctrl-C or SIGTERM.

    Raises:
        InputError: if the folders do not fit together, or the port is taken.
    """
    ballots, folders = open_ballots(methods, truth, votes)
    try:
        server = JudgeServer((host, port), ballots, folders)
    except OSError as error:
        raise InputError(
            f"{host}:{port} cannot be served on ({error.strerror}); set --port"
        ) from error
    print(f"judge on http://{host}:{server.server_address[1]}, votes go to {votes}", flush=True)
    with server:
        server.serve_forever()


def sum_up(votes: Path) -> tuple[list[Table], list[str]]:
    """Make the tables of all votes so far, and what is worth knowing about them.

    Raises:
        InputError: if there is no such file, or no vote in it.
    """
    if not votes.is_file():
        raise InputError(f"no votes in {votes}; serve the page first, or set --votes")
    ballots = Ballots(votes, {"": ["-"], TRUTH: ["-"]})
    found = read_votes(ballots.votes(), GRAY, TRUTH)
    if not found.votes:
        raise InputError(f"no vote in {votes} counts yet")
    return list_preferences(found), list(describe(found).values())


def list_preferences(found: Preferences) -> list[Table]:
    """Make the tables of fooling rates and strengths."""
    title = f"{found.votes} votes of {found.judges} judges"
    tables = []
    if found.fooling:
        rows = [
            [name, f"{mean:.1%} [{low:.1%}, {high:.1%}]"]
            for name, (mean, low, high) in found.fooling.items()
        ]
        tables.append(Table(f"Taken for real, {title}; 50% is perfect", ["method", "share"], rows))
    if found.strengths:
        best = sorted(found.strengths.items(), key=lambda item: -item[1][0])
        rows = [
            [name, f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"] for name, (mean, low, high) in best
        ]
        header = ["method", "log strength (Bradley-Terry)"]
        tables.append(Table(f"Preferred, {title}", header, rows))
    return tables
