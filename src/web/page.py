"""How the page looks, and what follows from what is done on it."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before Gradio is read

import gradio as gr

from src.errors import InputError
from src.imaging.hints import read_hints
from src.imaging.pictures import UnreadableError
from src.web.studio import Options, Session, Studio

Change = Callable[[Any, Options, Any, gr.EventData], Session]
"""What is done with a session, by what is set, given and pointed at."""

HERE = Path(__file__).parent
THEME = gr.themes.Default(  # fonts of the visitor's own machine: nothing is fetched
    font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
)
CSS = "#palette, #canvas { font-size: 1rem; } footer { display: none !important; }"
KEPT = 3600  # s: how long a visitor's files and photograph are kept
GUIDE = (
    "Colours are guesses. Where one is wrong, **click or draw in the photograph and choose the "
    "colour**; *Suggest where* marks the places where the model is least sure."
)
START = "Click a place in the photograph, or draw a stroke, and choose its colour here."
CHOOSE = "Choose the colour of the spot: first those that the model finds likely."
NOTHING = "choose a photograph or an example first"


def made_page(studio: Studio, models: Sequence[str], examples: Sequence[Path]) -> Any:
    """The page, Gradio's Blocks, not yet served.

    Args:
        models: names or paths, the first of which is chosen at first.
        examples: photographs to try.
    """
    with gr.Blocks(title="Colour photographs", delete_cache=(KEPT, KEPT)) as page:
        session = gr.State(None, time_to_live=KEPT)
        gr.Markdown("# Colour photographs\n" + GUIDE)
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                canvas = part("canvas", None)
                colors = part("palette", {"say": "", "likely": [], "all": []})
                with gr.Row():
                    suggest = gr.Button("Suggest where", variant="primary", min_width=120)
                    undo = gr.Button("Undo", min_width=80)
                    clear = gr.Button("Clear", min_width=80)
            with gr.Column(scale=2, min_width=320):
                upload = gr.File(label="Photograph (JPEG, PNG, WebP, TIFF)", height=130)
                names = [path.name for path in examples]
                example = gr.Dropdown(names, value=None, label="Or an example")
                size = gr.Slider(1, 15, 4, step=0.5, label="Size of spots, %")
                saturation = gr.Slider(0, 2, 1, step=0.05, label="Saturation")
                temperature = gr.Slider(0.1, 1, 1, step=0.05, label="Temperature (less: livelier)")
                model = gr.Dropdown(titled(models), value=models[0], label="Model")
                with gr.Row():
                    save = gr.Button("Download picture", min_width=150)
                    save_hints = gr.Button("Download hints", min_width=150)
                load_hints = gr.UploadButton("Load hints from a file", file_types=[".json"])
                command = gr.Textbox(label="The same from a command line", buttons=["copy"])
                ready = gr.DownloadButton(visible="hidden", elem_id="ready")
        options = [model, saturation, temperature, size]

        def on(event: Any, change: Change, given: Any = session, opens: bool = False) -> None:
            """Have something done, and its result shown."""
            inputs, outputs = [session, *options, given], [session, canvas, colors, command]
            act = shown_after(change, studio, opens)
            event(act, inputs, outputs, show_progress="hidden", api_visibility="private")

        photographs = {path.name: path for path in examples}
        on(upload.upload, lambda *a: studio.open(Path(a[2]), Path(a[2]).name), upload, True)
        on(example.input, lambda *a: studio.open(photographs[a[2]], a[2]), example, True)
        on(load_hints.upload, lambda found, *a: found.take(read_hints(Path(a[1]))), load_hints)
        on(canvas.select, lambda found, chosen, _, event: found.point(event.points, chosen.size))
        on(colors.select, lambda found, _, __, event: found.choose(event.color))
        on(suggest.click, lambda found, chosen, *_: studio.suggest(found, chosen))
        on(undo.click, lambda found, *_: found.undo())
        on(clear.click, lambda found, *_: found.clear())
        for event in (saturation.release, temperature.release, model.input):
            on(event, lambda found, *_: found)
        for button, write in ((save, studio.save), (save_hints, studio.save_hints)):
            act = written_by(write)
            written = button.click(act, [session, *options], ready, api_visibility="private")
            written.success(None, js="() => document.querySelector('#ready').click()")
    return page


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
            changed = change(session, options, given, event)
            view, colors = studio.view(changed, options), studio.colors(changed, options)
        say = CHOOSE if changed.waiting else START
        return changed, view, {"say": say, **colors}, changed.command(options)

    return act


def written_by(write: Callable[[Session, Options, Path], Path]) -> Callable[..., str]:
    """What Gradio calls to have a file written for a visitor: its path."""

    def act(session: Session | None, *options: Any) -> str:
        with said():
            if session is None:
                raise InputError(NOTHING)
            return str(write(session, Options(*options), Path(tempfile.mkdtemp())))

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
    try:
        page.queue().launch(
            server_name=host,
            server_port=port,
            max_file_size=f"{max_upload}mb",
            theme=THEME,
            css=CSS,
            footer_links=[],
            ssr_mode=False,
            share=False,
            enable_monitoring=False,
        )
    except OSError as error:
        raise InputError(f"no page on {host}:{port}: {error}") from error
