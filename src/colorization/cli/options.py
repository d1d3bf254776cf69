"""Options that several file commands have."""

from typing import Annotated, Literal

from typer import Option

from colorization.settings.fields import PIXELS

Device = Annotated[
    Literal["auto", "cpu", "gpu"],
    Option(help="Where the model runs; auto: the GPU if there is one."),
]
Precision = Annotated[
    Literal["auto", "32-true", "bf16-mixed", "16-mixed"],
    Option(help="Of the model's numbers; auto: half where that is fast."),
]
Size = Annotated[
    int | None,
    Option(help="Shorter side of what the model sees, px. (default: its own)"),
]
Model = Annotated[
    str, Option(help="Name of a shipped model, or path of a checkpoint, bundle or ONNX file.")
]
DataDir = Annotated[str, Option(help="Folder with faces/, dogs/ and scenes/.")]
MaxPixels = Annotated[int, Option(min=1, max=PIXELS["within"][1], help="Refuse larger pictures.")]
