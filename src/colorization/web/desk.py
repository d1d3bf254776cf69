"""What stands behind the page, and what all its events share."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from colorization.errors import InputError, in_words
from colorization.files.pictures import UnreadableError
from colorization.web.session import Session
from colorization.web.studio import PageOptions, Studio
from colorization.web.visits import NOTHING, Shelf, Visits

IN_TURN: dict[str, Any] = {
    "concurrency_id": "page",
    "concurrency_limit": 1,
    "api_visibility": "private",
    "preprocess": False,  # what is sent is checked here: Gradio's own checks print tracebacks
}
"""Of all events: one at a time, and none for programs."""
START = "Click a place in the photograph, or draw a stroke, and choose its colour here."
CHOOSE = "Choose the colour of the spot"
FIRST = ": first those that the model finds likely"
CORRECT = "Click the next place; or choose another colour for the last one."


class Desk(NamedTuple):
    """Everything behind the page: the studio, models, examples, visits and their files."""

    studio: Studio
    models: Sequence[str]
    examples: Mapping[str, Path]
    visits: Visits
    shelf: Shelf


def show_session(session: Session, options: PageOptions, desk: Desk, visit: str) -> tuple[Any, ...]:
    """Keep a visitor's session; return what the canvas, the palette and the command show."""
    studio = desk.studio
    view, colors = studio.view(session, options), studio.colors(session, options)
    desk.visits.keep(visit, session)
    choose = f"{CHOOSE}{FIRST if colors['likely'] else ''}."
    say = choose if session.waiting else CORRECT if session.hints else START
    return view, {"say": say, **colors}, studio.command(session, options)


def get_uploaded_path(given: Any) -> Path:
    """Return the path of an uploaded file; it stays, because visitors may share it."""
    if given is None:
        raise InputError(NOTHING)
    return Path(given["path"])


@contextmanager
def showing_errors() -> Iterator[None]:
    """Show bad input as a message on the page."""
    try:
        yield
    except (InputError, UnreadableError, OSError, MemoryError) as error:
        text = in_words(error) if isinstance(error, OSError) else str(error)
        raise gr.Error(escape(text), duration=None, print_exception=False) from error
