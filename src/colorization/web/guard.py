"""Check every request before Gradio sees it: its host, origin, path, size and contents."""

import asyncio
import json
import logging
import re
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from colorization.errors import InputError
from colorization.web.visits import Shelf

LOCAL = ("localhost", "127.0.0.1", "[::1]")
EVERYBODY = ("0.0.0.0", "::")
WHOLE_BODY = 256 * 1024  # bytes of a request that is no upload: strokes of 5,000 points fit
UPLOAD_SLACK = 64 * 1024  # bytes of an upload that are not the file
UPLOAD_TIME = 600  # s
UNREAD = 64  # answers that wait for visitors to take them, all together
VISIT = re.compile(r"\w{1,64}", re.ASCII)
ASKED = {
    "GET": re.compile(
        r"/|/(config|theme\.css|favicon\.ico|manifest\.json)|/(assets|static)/.+"
        r"|/gradio_api/(info|theme\.css|startup-events|queue/data|upload_progress|heartbeat/\w{1,64}"
        r"|file=(?!\w+:/).+)"
    ),
    "POST": re.compile(r"/gradio_api/(upload|queue/join|cancel|reset)"),
}
"""What the page itself asks for. Gradio has more doors, for programs: they stay closed."""
HEADERS = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """Pass on the requests that the page itself makes; refuse all others in a line.

    Args:
        app: Gradio's, as ASGI.
        page: whose events may be joined.
        shelf: where uploads go.
        max_upload: bytes of a file.
        host: that the page is bound to.
        hosts: more names that the page is reached by, through a proxy say.
        root_path: path, or whole address, of the page behind a proxy.
    """

    def __init__(
        self,
        app: ASGIApp,
        page: Any,
        shelf: Shelf,
        max_upload: int,
        host: str,
        hosts: Sequence[str],
        root_path: str,
    ) -> None:
        public = urlsplit(root_path)
        self.app, self.page, self.shelf, self.max_upload = app, page, shelf, max_upload
        self.prefix = public.path.rstrip("/")
        self.named = {name.lower() for name in (*hosts, public.hostname) if name}
        self.takes_addresses = host in EVERYBODY
        is_local = host in (*LOCAL, *EVERYBODY, "::1") or host.startswith("127.")
        self.names = {*self.named, f"[{host}]" if ":" in host else host.lower()}
        self.names |= set(LOCAL) if is_local else set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the start and end; web sockets are switched off
            await self.app(scope, receive, send)
            return
        started = broken = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started, broken
            broken = broken or message.get("status") == 500  # its error is raised after: see below
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            if not broken:
                started = True
                await send(message)

        try:
            await self.pass_on(scope, receive, send_with_headers)
        except HTTPException as error:
            refusal = JSONResponse({"detail": error.detail}, error.status_code, error.headers)
            await refusal(scope, receive, send_with_headers)
        except Exception as error:
            logging.getLogger(__name__).warning("%r failed: %r", scope["path"], error)
            if not started:
                refusal = JSONResponse({"detail": "this request cannot be answered"}, 400)
                broken = False
                await refusal(scope, receive, send_with_headers)

    async def pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let Gradio answer an allowed request; raise HTTPException for any other."""
        headers = Headers(scope=scope)
        path = scope["path"]
        self.check_host(headers)
        if self.prefix and path == self.prefix:
            await RedirectResponse(self.prefix + "/")(scope, receive, send)
            return
        if self.prefix and path.startswith(self.prefix + "/"):  # a proxy that does not take it off
            path = path.removeprefix(self.prefix)
        self.check_origin(headers, is_link=scope["method"] == "GET" and path == "/")
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if method not in ASKED or not ASKED[method].fullmatch(path):
            raise HTTPException(404, "there is nothing here")
        if path == "/gradio_api/queue/data":
            visit = QueryParams(scope["query_string"]).get("session_hash")
            if visit not in self.page._queue.pending_messages_per_session:
                raise HTTPException(404, "no answer is under way")
        scope = {**scope, "path": path, "raw_path": path.encode(), "root_path": ""}
        if path == "/gradio_api/upload":
            await self.take_upload(scope, receive, send)
        elif method == "POST":
            body = await read_body(receive)
            if path == "/gradio_api/queue/join":
                body = await self.check_event(body)
                about = MutableHeaders(scope=scope)
                about.update({"content-length": str(len(body)), "content-type": "application/json"})
            await self.app(scope, replay(body, receive), send)
        else:
            await self.app(scope, receive, send)

    def check_host(self, headers: Headers) -> None:
        """Raise HTTPException for a host name that is not this page's: another site may use it."""
        for header in ("host", "x-forwarded-host"):
            for value in headers.getlist(header):
                if not self.is_ours(get_hostname(value.partition(",")[0].strip())):
                    raise HTTPException(
                        421, f"this page is not called {value[:80]!r}; hosts=[NAME] lets it be"
                    )
        if "host" not in headers or "x-gradio-server" in headers:  # of Gradio's, with any name
            raise HTTPException(400, "the request does not say whom it is for")

    def is_ours(self, name: str) -> bool:
        return name in self.names or (self.takes_addresses and is_address(name))

    def check_origin(self, headers: Headers, is_link: bool) -> None:
        """Raise HTTPException for requests of other sites' pages, except links to this page."""
        site = headers.get("sec-fetch-site", "none")
        from_elsewhere = site not in ("none", "same-origin")
        if from_elsewhere and not (is_link and headers.get("sec-fetch-mode") == "navigate"):
            raise HTTPException(403, "this page answers no other site")
        if (origin := headers.get("origin")) is not None:
            netloc = urlsplit(origin).netloc.lower()
            known = (headers.get("host"), headers.get("x-forwarded-host"))
            if not netloc or (netloc not in known and get_hostname(netloc) not in self.named):
                raise HTTPException(403, "this page answers no other site")

    async def take_upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let Gradio write one uploaded file, if there is room, within the time for an upload."""
        most = self.max_upload + UPLOAD_SLACK
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:  # Gradio takes what it has of the file away
                raise MultiPartException(f"over the maximum allowed size: {self.max_upload} bytes")
            return message

        try:
            with self.shelf.room(most):
                async with asyncio.timeout(UPLOAD_TIME):
                    await self.app(scope, counted, send)
        except InputError as error:
            raise HTTPException(503, str(error)) from error

    async def check_event(self, body: bytes) -> bytes:
        """Rebuild an event with only the fields that the page sends.

        Raises:
            HTTPException: for a body that is not an event of the page.
        """
        try:
            found = json.loads(body)
            visit, number, data = found["session_hash"], found["fn_index"], found["data"]
            fn = self.page.fns[number] if type(number) is int else None
            event = found.get("event_data")
            is_sound = VISIT.fullmatch(visit) and isinstance(event, dict | None)
            if not is_sound or fn is None or fn.fn is None or len(data) != len(fn.inputs):
                raise ValueError
            values = [self.check_value(*pair) for pair in zip(fn.inputs, data, strict=True)]
        except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
            raise HTTPException(400, "this is no event of the page") from error
        await self.forget_unread()
        trigger = found.get("trigger_id")
        known = {block for block, _ in fn.targets}
        event = {
            "session_hash": visit,
            "fn_index": number,
            "data": values,
            "event_data": event or {},
            "trigger_id": trigger if type(trigger) is int and trigger in known else None,
        }
        return json.dumps(event).encode()

    def check_value(self, part: Any, value: Any) -> Any:
        """Check the value that one part of the page sends; a file must have been uploaded here."""
        if value is None or not isinstance(part, gr.File | gr.UploadButton):
            if not isinstance(value, str | int | float | None):
                raise ValueError
            return value
        path = Path(value["path"]).resolve()
        if not path.is_relative_to(self.shelf.folder) or not path.is_file():
            raise ValueError
        return {"path": str(path), "meta": {"_type": "gradio.FileData"}}

    async def forget_unread(self) -> None:
        """Drop answers that nobody fetches, first those of the visit with the most of them."""
        queue = self.page._queue
        unread = queue.pending_event_ids_session
        while sum(map(len, unread.values())) >= UNREAD:
            visit = max(unread, key=lambda each: len(unread[each]))
            await queue.clean_events(session_hash=visit)
            queue.pending_messages_per_session.pop(visit, None)
            unread.pop(visit, None)


async def read_body(receive: Receive) -> bytes:
    """Read the body of a request that is no upload."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "the request ends early")
        body, more = body + message.get("body", b""), message.get("more_body", False)
        if len(body) > WHOLE_BODY:
            raise HTTPException(413, f"more than {WHOLE_BODY} bytes")
    return body


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a receiver that delivers a body that was read already."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


def get_hostname(netloc: str) -> str:
    """Return HOST of HOST or HOST:PORT; empty if it is neither."""
    found = re.fullmatch(r"(\[[^]]*]|[^:]*)(:\d*)?", netloc.lower())
    return found[1] if found else ""


def is_address(name: str) -> bool:
    try:
        return bool(ip_address(name.strip("[]")))
    except ValueError:
        return False
