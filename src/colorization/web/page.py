"""The page, served: what follows from what is done on it."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import gradio as gr
import uvicorn
from starlette.applications import Starlette

from colorization.errors import InputError
from colorization.files.atomic import GB
from colorization.hints.file import read_hints
from colorization.web.desk import (
    IN_TURN,
    Desk,
    get_uploaded_path,
    show_session,
    showing_errors,
)
from colorization.web.guard import Guard
from colorization.web.layout import Parts, lay_out, make_temperature_slider
from colorization.web.session import Session
from colorization.web.settings import PageSettings
from colorization.web.studio import PageOptions
from colorization.web.visits import MB, NOTHING, estimate_memory

Change = Callable[[Any, PageOptions, Any], Session]
"""A change of a session, from the options and the value or event of the page."""

THEME = gr.themes.Default(  # fonts of the visitor's own machine: nothing is fetched
    font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
)
CSS = "#palette, #canvas { font-size: 1rem; } footer { display: none !important; }"
SURE_CSS = "#canvas .toggle, #palette .likely { display: none; }"  # where no model is unsure
LIGHT = (
    "This is the light installation. `pip install 'colorization[train]'` adds suggested places and "
    "likely colours for hints, a view of where the model is unsure, and a slider for temperature."
)
NO_FILMS = "`pip install 'colorization[video]'` adds films."
WAITING = 32  # events at a time; more are refused
STATES = 8  # visits whose parts Gradio remembers too, which nothing here asks it for
CONNECTIONS = 1000  # at a time
GRACE = 2  # s: what is under way when the page ends has so long


def build_page(desk: Desk) -> Any:
    """Build the page (Gradio's Blocks) without serving it; the first model is preselected."""
    with gr.Blocks(title="Colour photographs") as page:
        if lay_out_films := find_films():
            with gr.Tabs():
                with gr.Tab("Photograph", render_children=True):
                    parts = lay_out(desk.studio, desk.models, list(desk.examples))
                with gr.Tab("Film", render_children=True):
                    lay_out_films(page, parts, desk)
        else:
            parts = lay_out(desk.studio, desk.models, list(desk.examples))
            gr.Markdown(NO_FILMS if desk.studio.says_unsure else f"{LIGHT} {NO_FILMS}")
        connect_files(parts, desk)
        connect_hints(parts, desk)
        connect_options(parts, desk)
    page.state_session_capacity = STATES
    return page.queue(max_size=WAITING, api_open=False)


def find_films() -> Callable[[Any, Parts, Desk], None] | None:
    """Return what lays out the tab for films; None without the packages that films need."""
    try:
        from colorization.web.film_tab import lay_out_films
    except ImportError:
        return None
    return lay_out_films


def connect(
    event: Any,
    change: Change,
    parts: Parts,
    desk: Desk,
    given: Any = None,
    opens: bool = False,
    mode: str = "multiple",
) -> Any:
    """Run a change on an event, and show the result.

    Args:
        given: a component whose value is handed on.
        opens: whether it makes a new session, and needs none.
        mode: Gradio's ``trigger_mode``, of events that come while another is under way.
    """
    inputs = [*parts.options, *([] if given is None else [given])]
    outputs = [parts.canvas, parts.colors, parts.command]
    how = {"show_progress": "hidden", "trigger_mode": mode, **IN_TURN}
    return event(make_handler(change, desk, opens), inputs, outputs, **how)


def connect_files(parts: Parts, desk: Desk) -> None:
    """Connect opening, loading and downloading files."""
    studio = desk.studio

    def open_upload(_: Any, __: PageOptions, given: Any) -> Session:
        path = get_uploaded_path(given)
        return studio.open(path, path.name, path.name)

    def open_example(_: Any, __: PageOptions, name: Any) -> Session:
        if name not in desk.examples:
            raise InputError(NOTHING)
        return studio.open(desk.examples[name], name, os.path.relpath(desk.examples[name]))

    def load_hints(session: Session, _: PageOptions, given: Any) -> Session:
        path = get_uploaded_path(given)
        return session.take(read_hints(path, path.name))

    upload, example, hints = parts.upload, parts.example, parts.load_hints
    for event, change, given, opens in (
        (upload.upload, open_upload, upload, True),
        (example.input, open_example, example, True),
        (hints.upload, load_hints, hints, False),
    ):
        done = connect(event, change, parts, desk, given, opens)
        for after in (done.success, done.failure):  # ready for the next one
            after(lambda: None, None, given, **IN_TURN)
    for button, write in ((parts.save, studio.save), (parts.save_hints, studio.save_hints)):
        written = button.click(make_writer(write, desk), parts.options, parts.ready, **IN_TURN)
        written.success(None, js="() => document.querySelector('#ready').click()")


def connect_hints(parts: Parts, desk: Desk) -> None:
    """Connect adding and removing hints."""
    changes: dict[Any, Change] = {
        parts.canvas.select: lambda found, set_, event: found.point(
            getattr(event, "points", None), set_.size
        ),
        parts.colors.select: lambda found, set_, event: found.choose(
            getattr(event, "color", None), set_.size
        ),
        parts.suggest.click: lambda found, set_, _: desk.studio.suggest(found, set_),
        parts.undo.click: lambda found, *_: found.undo(),
        parts.clear.click: lambda found, *_: found.clear(),
    }
    for event, change in changes.items():
        connect(event, change, parts, desk)


def connect_options(parts: Parts, desk: Desk) -> None:
    """Connect the options of colouring."""
    for slider in (parts.saturation, parts.temperature):
        connect(slider.change, lambda found, *_: found, parts, desk, mode="always_last")

    def set_temperature(model: str) -> Any:
        with showing_errors():
            return make_temperature_slider(
                desk.studio, PageOptions(model).validate(desk.models).model
            )

    chosen = parts.model.input(set_temperature, parts.model, parts.temperature, **IN_TURN)

    def forget(session: Session, *_: Any) -> Session:
        return session.drop_suggestions()

    connect(chosen.then, forget, parts, desk, mode="always_last")


def make_handler(change: Change, desk: Desk, opens: bool) -> Callable[..., tuple[Any, ...]]:
    """Return the function that Gradio calls for ``change``; it returns canvas, palette, command.

    Args:
        opens: whether it makes a new session, and needs none.
    """

    def act(request: gr.Request, event: gr.EventData, *sent: Any) -> tuple[Any, ...]:
        with showing_errors():
            if opens and sent[-1] is None:
                raise InputError(NOTHING)
            options = PageOptions(*sent[: len(PageOptions._fields)]).validate(desk.models)
            given = sent[-1] if len(sent) > len(options) else event
            before = None if opens else desk.visits.find(str(request.session_hash))
            session = change(before, options, given)
            return show_session(session, options, desk, str(request.session_hash))

    return act


def make_writer(
    write: Callable[[Session, PageOptions, Path], Path], desk: Desk
) -> Callable[..., str]:
    """Return the function that Gradio calls to write a file for a visitor; it returns a path."""

    def act(request: gr.Request, *sent: Any) -> str:
        with showing_errors():
            session = desk.visits.find(str(request.session_hash))
            options = PageOptions(*sent).validate(desk.models)
            with desk.shelf.room(session.unpacked + MB):
                return str(write(session, options, Path(mkdtemp(dir=desk.shelf.folder))))

    return act


def serve_page(desk: Desk, settings: PageSettings) -> None:
    """Serve the page until it is interrupted.

    Raises:
        InputError: if the port is taken.
    """
    host, port = settings.host, settings.port
    page = build_page(desk)
    app: Any = gr.mount_gradio_app(
        Starlette(lifespan=partial(tidying, desk)),
        page,
        "/",
        root_path=settings.root_path or None,
        max_file_size=f"{settings.max_upload}mb",
        theme=THEME,
        css=CSS if desk.studio.says_unsure else CSS + SURE_CSS,
        footer_links=[],
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
    )
    largest = settings.max_upload * MB
    guard = Guard(app, page, desk.shelf, largest, host, settings.hosts, settings.root_path or "")
    how = uvicorn.Config(
        guard,
        log_level="critical",
        ws="none",
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=GRACE,
    )
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(f"no page on host={host} port={port}: {error.strerror}") from error
    memory = estimate_memory(desk.visits.memory, desk.studio.max_pixels) / GB
    print(f"http://{host}:{port}  (Ctrl-C ends it; at most {memory:.1f} GB of memory)", flush=True)
    uvicorn.Server(how).run(sockets=[listening])


@asynccontextmanager
async def tidying(desk: Desk, _: Any) -> AsyncIterator[None]:
    """Drop old sessions and files every minute while the page is served."""

    async def tidy() -> None:
        while True:
            await asyncio.sleep(60)
            desk.visits.drop_old()
            await asyncio.to_thread(desk.shelf.drop_old)

    task = asyncio.create_task(tidy())
    yield
    task.cancel()
