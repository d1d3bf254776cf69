"""The page's tab for films: lay it out, and connect it."""

from typing import Any, NamedTuple

import gradio as gr

from colorization.errors import InputError
from colorization.hints.file import Hints
from colorization.web.desk import (
    IN_TURN,
    Desk,
    get_uploaded_path,
    show_session,
    showing_errors,
)
from colorization.web.films import PREVIEW, Films, correct
from colorization.web.layout import Parts
from colorization.web.studio import PageOptions

GUIDE = (
    "Choose a film and colour a preview. Each shot has a key frame, its first picture. If you do "
    "not like one, open it as a photograph, add hints, come back and take them for the shot. Model "
    "and saturation are those of the photograph."
)
ALONE: dict[str, Any] = {**IN_TURN, "concurrency_id": "film", "trigger_mode": "once"}
"""Of events that take minutes: one at a time; photographs go on beside."""
LEFT = "stopped: the visitor has left"


class FilmParts(NamedTuple):
    """The parts of the tab, each a component of Gradio."""

    upload: Any
    about: Any
    preview: Any
    whole: Any
    shot: Any
    open_key: Any
    take_hints: Any
    shown: Any
    keys: Any
    ready: Any


def lay_out_films(page: Any, parts: Parts, desk: Desk) -> None:
    """Create, place and connect the parts of the tab; ``page`` is Gradio's Blocks."""
    gr.Markdown(GUIDE)
    with gr.Row():
        with gr.Column(scale=2, min_width=280):
            upload = gr.File(label="Film (MP4, MKV, MOV, AVI)", height=130, elem_id="film")
            about = gr.Markdown(elem_id="film-about")
            with gr.Row():
                preview = gr.Button(f"Preview of {PREVIEW} s", variant="primary", min_width=120)
                whole = gr.Button("Colour the whole film", min_width=120)
            shot = gr.Number(1, label="Shot", minimum=1, precision=0, elem_id="shot")
            with gr.Row():
                open_key = gr.Button("Open its key frame", min_width=120)
                take_hints = gr.Button("Take hints for the shot", min_width=120)
            ready = gr.File(label="Coloured film", interactive=False, elem_id="film-ready")
        with gr.Column(scale=3, min_width=280):
            shown = gr.Video(label="Preview", interactive=False, elem_id="film-preview")
            keys = gr.Gallery(
                label="Key frames", columns=4, interactive=False, buttons=[], elem_id="film-keys"
            )
    films = Films(desk.studio.settings, desk.shelf, desk.studio.max_pixels)
    mine = FilmParts(
        *(upload, about, preview, whole, shot, open_key, take_hints, shown, keys, ready)
    )
    connect_coloring(page, mine, parts, films, desk)
    connect_correcting(mine, parts, films, desk)


def connect_coloring(page: Any, mine: FilmParts, parts: Parts, films: Films, desk: Desk) -> None:
    """Connect opening a film, its preview, and colouring the whole of it."""

    def open_film(request: gr.Request, given: Any) -> tuple[Any, ...]:
        with showing_errors():
            about = films.open(str(request.session_hash), get_uploaded_path(given))
        return about, None, None, None

    def color(seconds: float | None, request: gr.Request, sent: Any, bar: Any) -> tuple[Any, ...]:
        visit = str(request.session_hash)

        def tell(number: int, total: int | None, what: str) -> None:
            if not is_here(page, visit):
                raise InputError(LEFT)
            bar((number, total), desc=what, unit="frames")

        with showing_errors():
            options = PageOptions(*sent).validate(desk.models)
            film = films.find(visit)
            path = films.colorize(film, options.model, options.saturation, seconds, tell)
        return str(path), [(str(key), f"shot {key.stem[-4:]}") for key in film.key_frames]

    def color_preview(request: gr.Request, *sent: Any, bar: Any = gr.Progress()) -> Any:  # noqa: B008
        return color(PREVIEW, request, sent, bar)

    def color_whole(request: gr.Request, *sent: Any, bar: Any = gr.Progress()) -> Any:  # noqa: B008
        return color(None, request, sent, bar)

    opened = [mine.about, mine.shown, mine.keys, mine.ready]
    done = mine.upload.upload(open_film, mine.upload, opened, **ALONE)
    for after in (done.success, done.failure):  # ready for the next one
        after(lambda: None, None, mine.upload, **IN_TURN)
    mine.preview.click(color_preview, parts.options, [mine.shown, mine.keys], **ALONE)
    mine.whole.click(color_whole, parts.options, [mine.ready, mine.keys], **ALONE)


def connect_correcting(mine: FilmParts, parts: Parts, films: Films, desk: Desk) -> None:
    """Connect opening a key frame as a photograph, and taking its hints for the shot."""

    def open_key(request: gr.Request, *sent: Any) -> tuple[Any, ...]:
        visit, (*settings, shot) = str(request.session_hash), sent
        with showing_errors():
            options = PageOptions(*settings).validate(desk.models)
            path = films.find(visit).key_frame(shot)
            return show_session(desk.studio.open(path, path.name, path.name), options, desk, visit)

    def take_hints(request: gr.Request, shot: Any) -> str:
        visit = str(request.session_hash)
        with showing_errors():
            session, film = desk.visits.find(visit), films.find(visit)
            if session.name != film.key_frame(shot).name:
                raise InputError(f"open the key frame of shot {shot} and give hints there first")
            correct(film, shot, Hints(*session.size, tuple(session.hints)))
        return f"Shot {shot} has {len(session.hints)} hints. Colour the film again."

    shown = [parts.canvas, parts.colors, parts.command]
    opened = mine.open_key.click(open_key, [*parts.options, mine.shot], shown, **IN_TURN)
    opened.success(None, js="() => document.querySelector('button[role=tab]').click()")
    mine.take_hints.click(take_hints, mine.shot, mine.about, **IN_TURN)


def is_here(page: Any, visit: str) -> bool:
    """Tell whether a visitor still waits for an answer of Gradio's queue."""
    jobs = [job for jobs in page._queue.active_jobs if jobs for job in jobs]
    return any(job.alive for job in jobs if job.session_hash == visit)
