"""The page, served: what follows from what is done on it."""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from src.errors import InputError, in_words
from src.imaging.hints import read_hints
from src.imaging.pictures import UnreadableError
from src.web.layout import KEPT, Parts, laid_out, temperature_slider
from src.web.session import Session
from src.web.studio import Options, Studio

Change = Callable[[Any, Options, Any, gr.EventData], Session]
"""What is done with a session, by what is set, given and pointed at."""

THEME = gr.themes.Default(  # fonts of the visitor's own machine: nothing is fetched
    font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
)
CSS = "#palette, #canvas { font-size: 1rem; } footer { display: none !important; }"
IN_TURN: dict[str, Any] = {"concurrency_id": "page", "api_visibility": "private"}
"""Of all events: one at a time, and none for programs."""
START = "Click a place in the photograph, or draw a stroke, and choose its colour here."
CHOOSE = "Choose the colour of the spot: first those that the model finds likely."
CORRECT = "Click the next place; or choose another colour for the last one."
NOTHING = "choose a photograph or an example first"


def made_page(studio: Studio, models: Sequence[str], examples: Sequence[Path]) -> Any:
    """The page, Gradio's Blocks, not yet served.

    Args:
        models: names or paths, the first of which is chosen at first.
        examples: photographs to try.
    """
    with gr.Blocks(title="Colour photographs", delete_cache=(KEPT, KEPT)) as page:
        parts = laid_out(studio, models, [path.name for path in examples])
        connect_files(parts, studio, {path.name: path for path in examples})
        connect_hints(parts, studio)
        connect_options(parts, studio)
    return page


def connect(
    event: Any,
    change: Change,
    parts: Parts,
    studio: Studio,
    given: Any = None,
    opens: bool = False,
    mode: str = "multiple",
) -> Any:
    """Have something done on an event, and its result shown.

    Args:
        given: a component whose value is handed on; None is the session.
        opens: whether it makes a new session, and needs none.
        mode: Gradio's ``trigger_mode``, of events that come while another is under way.
    """
    inputs = [parts.session, *parts.options, parts.session if given is None else given]
    outputs = [parts.session, parts.canvas, parts.colors, parts.command]
    how = {"show_progress": "hidden", "trigger_mode": mode, **IN_TURN}
    return event(shown_after(change, studio, opens), inputs, outputs, **how)


def connect_files(parts: Parts, studio: Studio, examples: Mapping[str, Path]) -> None:
    """What is opened, loaded and handed out."""

    def open_upload(_: Any, __: Options, path: str, event: gr.EventData) -> Session:
        return studio.open(Path(path), Path(path).name, Path(path).name)

    def open_example(_: Any, __: Options, name: str, event: gr.EventData) -> Session:
        return studio.open(examples[name], name, os.path.relpath(examples[name]))

    def load_hints(session: Session, _: Options, path: str, event: gr.EventData) -> Session:
        return session.take(read_hints(Path(path), Path(path).name))

    upload, example, hints = parts.upload, parts.example, parts.load_hints
    for event, change, given, opens in (
        (upload.upload, open_upload, upload, True),
        (example.input, open_example, example, True),
        (hints.upload, load_hints, hints, False),
    ):
        done = connect(event, change, parts, studio, given, opens)
        for after in (done.success, done.failure):  # ready for the next one
            after(lambda: None, None, given, **IN_TURN)
    for button, write in ((parts.save, studio.save), (parts.save_hints, studio.save_hints)):
        inputs = [parts.session, *parts.options]
        written = button.click(written_by(write), inputs, parts.ready, **IN_TURN)
        written.success(None, js="() => document.querySelector('#ready').click()")


def connect_hints(parts: Parts, studio: Studio) -> None:
    """What gives and takes back hints."""
    changes: dict[Any, Change] = {
        parts.canvas.select: lambda found, set_, _, event: found.point(event.points, set_.size),
        parts.colors.select: lambda found, set_, _, event: found.choose(event.color, set_.size),
        parts.suggest.click: lambda found, set_, *_: studio.suggest(found, set_),
        parts.undo.click: lambda found, *_: found.undo(),
        parts.clear.click: lambda found, *_: found.clear(),
    }
    for event, change in changes.items():
        connect(event, change, parts, studio)


def connect_options(parts: Parts, studio: Studio) -> None:
    """What changes how everything is coloured."""
    for slider in (parts.saturation, parts.temperature):
        connect(slider.change, lambda found, *_: found, parts, studio, mode="always_last")

    def set_temperature(model: str) -> Any:
        with said():
            return temperature_slider(studio, model)

    chosen = parts.model.input(set_temperature, parts.model, parts.temperature, **IN_TURN)

    def forget(session: Session, *_: Any) -> Session:
        return session.without_suggestions()

    connect(chosen.then, forget, parts, studio, mode="always_last")


def shown_after(change: Change, studio: Studio, opens: bool) -> Callable[..., tuple[Any, ...]]:
    """What Gradio calls for ``change``: the session, canvas, palette and command after it.

    Args:
        opens: whether it makes a new session, and needs none.
    """

    def act(
        session: Session | None,
        model: str,
        saturation: float,
        temperature: float,
        size: float,
        given: Any,
        event: gr.EventData,
    ) -> tuple[Any, ...]:
        options = Options(model, saturation, temperature, size)
        with said():
            if given is None or not (session or opens):
                raise InputError(NOTHING)
            if None in options:
                raise InputError("a number beside the photograph is missing")
            changed = change(session, options, given, event)
            view, colors = studio.view(changed, options), studio.colors(changed, options)
        say = CHOOSE if changed.waiting else CORRECT if changed.hints else START
        return changed, view, {"say": say, **colors}, studio.command(changed, options)

    return act


def written_by(write: Callable[[Session, Options], Path]) -> Callable[..., str]:
    """What Gradio calls to have a file written for a visitor: its path."""

    def act(session: Session | None, *options: Any) -> str:
        with said():
            if session is None:
                raise InputError(NOTHING)
            return str(write(session, Options(*options)))

    return act


@contextmanager
def said() -> Iterator[None]:
    """Say on the page what is wrong, and go on."""
    try:
        yield
    except (InputError, UnreadableError, OSError) as error:
        text = in_words(error) if isinstance(error, OSError) else str(error)
        raise gr.Error(escape(text), duration=None, print_exception=False) from error


def served(page: Any, host: str, port: int, max_upload: int) -> None:
    """Serve the page until it is interrupted; ``max_upload`` is in MB.

    Raises:
        InputError: if the port is taken.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
        except OSError as error:
            raise InputError(f"no page on host={host} port={port}: {error.strerror}") from error
    logging.getLogger("httpx").setLevel(logging.WARNING)  # of Gradio, asking itself
    print(f"http://{host}:{port}  (Ctrl-C ends it)", flush=True)
    page.queue(default_concurrency_limit=1).launch(
        server_name=host,
        server_port=port,
        max_file_size=f"{max_upload}mb",
        theme=THEME,
        css=CSS,
        footer_links=[],
        quiet=True,
        ssr_mode=False,
        share=False,
        enable_monitoring=False,
    )
