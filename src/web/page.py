"""How the page looks, and what follows from what is done on it."""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before Gradio is read

import gradio as gr

from src.errors import InputError
from src.imaging.hints import Hints, read_hints
from src.imaging.pictures import UnreadableError
from src.web.session import Session
from src.web.studio import Options, Studio

Change = Callable[[Any, Options, Any, gr.EventData], Session]
"""What is done with a session, by what is set, given and pointed at."""

HERE = Path(__file__).parent
THEME = gr.themes.Default(  # fonts of the visitor's own machine: nothing is fetched
    font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
)
CSS = "#palette, #canvas { font-size: 1rem; } footer { display: none !important; }"
IN_TURN: dict[str, Any] = {"concurrency_id": "page", "api_visibility": "private"}
"""Of all events: one at a time, and none for programs."""
KEPT = 3600  # s: how long a visitor's files and photograph are kept
GUIDE = (
    "Colours are guesses. Where one is wrong, **click or draw in the photograph and choose the "
    "colour**; *Suggest where* marks the places where the model is least sure."
)
START = "Click a place in the photograph, or draw a stroke, and choose its colour here."
CHOOSE = "Choose the colour of the spot: first those that the model finds likely."
CORRECT = "Click the next place; or choose another colour for the last one."
NOTHING = "choose a photograph or an example first"


class Parts(NamedTuple):
    """What the page is put together of; each is a component of Gradio."""

    session: Any
    canvas: Any
    colors: Any
    suggest: Any
    undo: Any
    clear: Any
    upload: Any
    example: Any
    size: Any
    saturation: Any
    temperature: Any
    model: Any
    save: Any
    save_hints: Any
    load_hints: Any
    command: Any
    ready: Any

    @property
    def options(self) -> list[Any]:
        """In the order of :class:`Options`."""
        return [self.model, self.saturation, self.temperature, self.size]


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


def laid_out(studio: Studio, models: Sequence[str], examples: Sequence[str]) -> Parts:
    """Where everything is."""
    session = gr.State(None, time_to_live=KEPT)
    gr.Markdown("# Colour photographs\n" + GUIDE)
    with gr.Row():
        with gr.Column(scale=3, min_width=280):
            canvas = part("canvas", None)
            colors = part("palette", {"say": "", "likely": [], "all": []})
            with gr.Row():
                suggest = gr.Button("Suggest where", variant="primary", min_width=120)
                undo = gr.Button("Undo", min_width=80)
                clear = gr.Button("Clear", min_width=80)
        with gr.Column(scale=2, min_width=280):
            kinds = "Photograph (JPEG, PNG, WebP, TIFF)"
            upload = gr.File(label=kinds, height=130, elem_id="upload")
            example = gr.Dropdown(list(examples), value=None, label="Or an example")
            size = gr.Slider(1, 15, 4, step=0.5, label="Size of spots, %")
            saturation = gr.Slider(0, 2, 1, step=0.05, label="Saturation")
            temperature = temperature_slider(studio, models[0])
            model = gr.Dropdown(titled(models), value=models[0], label="Model")
            with gr.Row():
                save = gr.Button("Download picture", min_width=150)
                save_hints = gr.Button("Download hints", min_width=150)
            load_hints = gr.UploadButton("Load hints", file_types=[".json"], elem_id="load")
            command = gr.Textbox(
                label="The same from a command line", buttons=["copy"], elem_id="command"
            )
            ready = gr.DownloadButton(visible="hidden", elem_id="ready")
    return Parts(
        *(session, canvas, colors, suggest, undo, clear, upload, example, size, saturation),
        *(temperature, model, save, save_hints, load_hints, command, ready),
    )


def connect(
    event: Any, change: Change, parts: Parts, studio: Studio, given: Any = None, **more: Any
) -> Any:
    """Have something done on an event, and its result shown.

    Args:
        given: a component whose value is handed on; None is the session.
    """
    inputs = [parts.session, *parts.options, parts.session if given is None else given]
    outputs = [parts.session, parts.canvas, parts.colors, parts.command]
    how = {"show_progress": "hidden", "trigger_mode": "multiple", **IN_TURN, **more}
    opens = given is not None and given is not parts.load_hints
    return event(shown_after(change, studio, opens), inputs, outputs, **how)


def connect_files(parts: Parts, studio: Studio, examples: Mapping[str, Path]) -> None:
    """What is opened, loaded and handed out."""

    def open_upload(_: Any, __: Options, path: str, event: gr.EventData) -> Session:
        return studio.open(Path(path), Path(path).name, Path(path).name)

    def open_example(_: Any, __: Options, name: str, event: gr.EventData) -> Session:
        return studio.open(examples[name], name, os.path.relpath(examples[name]))

    def load_hints(session: Session, _: Options, path: str, event: gr.EventData) -> Session:
        return session.take(hints_in(path))

    upload, example, hints = parts.upload, parts.example, parts.load_hints
    for event, change, given in (
        (upload.upload, open_upload, upload),
        (example.input, open_example, example),
        (hints.upload, load_hints, hints),
    ):
        done = connect(event, change, parts, studio, given)
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
    last = {"trigger_mode": "always_last"}
    for slider in (parts.saturation, parts.temperature):
        connect(slider.change, lambda found, *_: found, parts, studio, **last)
    chosen = parts.model.input(
        lambda name: temperature_slider(studio, name), parts.model, parts.temperature, **IN_TURN
    )
    connect(chosen.then, lambda found, *_: found.without_suggestions(), parts, studio, **last)


def temperature_slider(studio: Studio, model: str) -> Any:
    """At what a model was trained with; of no use where it predicts no distribution."""
    with said():
        trained = studio.temperature(model)
    label = "Temperature (less: livelier)" if trained else "Temperature (not of this model)"
    return gr.Slider(0.05, 1, trained or 1, step=0.01, label=label, interactive=trained is not None)


def hints_in(path: str) -> Hints:
    """Hints of an uploaded file, called by its name alone if something is wrong."""
    try:
        return read_hints(Path(path))
    except InputError as error:
        raise InputError(str(error).replace(path, Path(path).name)) from error


def titled(models: Sequence[str]) -> list[tuple[str, str]]:
    """What models are called on the page: the end of a path."""
    return [("/".join(Path(model).parts[-3:]), model) for model in models]


def part(name: str, value: Any) -> Any:
    """A piece of the page that is our own, from its three files."""
    html, css, js = ((HERE / f"{name}.{kind}").read_text() for kind in ("html", "css", "js"))
    return gr.HTML(value, html_template=html, css_template=css, js_on_load=js, elem_id=name)


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
        raise gr.Error(escape(str(error)), duration=None, print_exception=False) from error


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
