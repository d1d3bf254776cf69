"""Lay out the parts of the page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from colorization.web.studio import LIMITS, Studio

HERE = Path(__file__).parent
GUIDE = (
    "Colours are guesses. Where one is wrong, **click or draw in the photograph and choose the "
    "colour**{}."
)
SUGGEST = "; *Suggest where* marks the places where a hint should help most"


class Parts(NamedTuple):
    """The parts of the page, each a component of Gradio."""

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
        """In the order of :class:`PageOptions`."""
        return [self.model, self.saturation, self.temperature, self.size]


def lay_out(studio: Studio, models: Sequence[str], examples: Sequence[str]) -> Parts:
    """Create and place all parts; call it inside ``gr.Blocks``."""
    unsure = studio.says_unsure
    gr.Markdown("# Colour photographs\n" + GUIDE.format(SUGGEST if unsure else ""))
    with gr.Row():
        with gr.Column(scale=3, min_width=280):
            canvas = make_part("canvas", None)
            colors = make_part("palette", {"say": "", "likely": [], "all": []})
            with gr.Row():
                suggest = gr.Button(
                    "Suggest where", variant="primary", min_width=120, visible=unsure
                )
                undo = gr.Button("Undo", min_width=80)
                clear = gr.Button("Clear", min_width=80)
        with gr.Column(scale=2, min_width=280):
            kinds = "Photograph (JPEG, PNG, WebP, TIFF)"
            upload = gr.File(label=kinds, height=130, elem_id="upload")
            example = gr.Dropdown(list(examples), value=None, label="Or an example")
            size = gr.Slider(*LIMITS["size"], 4, step=0.5, label="Size of spots, %")
            saturation = gr.Slider(*LIMITS["saturation"], 1, step=0.05, label="Saturation")
            temperature = make_temperature_slider(studio, models[0])
            model = gr.Dropdown(list_titles(models), value=models[0], label="Model")
            with gr.Row():
                save = gr.Button("Download picture", min_width=150)
                save_hints = gr.Button("Download hints", min_width=150)
            load_hints = gr.UploadButton("Load hints", file_types=[".json"], elem_id="load")
            command = gr.Textbox(
                label="The same from a command line", buttons=["copy"], elem_id="command"
            )
            ready = gr.DownloadButton(visible="hidden", elem_id="ready")
    return Parts(
        *(canvas, colors, suggest, undo, clear, upload, example, size, saturation),
        *(temperature, model, save, save_hints, load_hints, command, ready),
    )


def make_temperature_slider(studio: Studio, model: str) -> Any:
    """Make the slider at the model's own temperature; it is disabled if the model has none.

    Without PyTorch, no model's can be set, and the slider is hidden.

    Raises:
        InputError: if the model cannot be loaded.
    """
    trained = studio.temperature(model)
    label = "Temperature (less: livelier)" if trained else "Temperature (not of this model)"
    limits, can_be_set = LIMITS["temperature"], trained is not None
    shown = studio.says_unsure
    return gr.Slider(
        *limits, trained or 1, step=0.01, label=label, interactive=can_be_set, visible=shown
    )


def list_titles(models: Sequence[str]) -> list[tuple[str, str]]:
    """Return a short title, the end of its path, and the name of each model."""
    return [("/".join(Path(model).parts[-3:]), model) for model in models]


def make_part(name: str, value: Any) -> Any:
    """Make a part of the page from our own HTML, CSS and JavaScript files."""
    html, css, js = ((HERE / f"{name}.{kind}").read_text() for kind in ("html", "css", "js"))
    return gr.HTML(value, html_template=html, css_template=css, js_on_load=js, elem_id=name)
