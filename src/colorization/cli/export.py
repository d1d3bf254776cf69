"""``colorization export``: a trained model as a bundle to share, or as an ONNX file."""

from typing import Annotated, Literal

import typer
from typer import Argument, Option

from colorization.cli.options import DataDir


def export(
    context: typer.Context,
    checkpoint: Annotated[
        str, Argument(help="RUN/checkpoints/best.ckpt, a bundle, or a shipped model's name.")
    ],
    output: Annotated[
        str | None, Option("--output", "-o", help="(default: in the run's folder)")
    ] = None,
    format: Annotated[
        Literal["bundle", "onnx", "onnx_rgb"],
        Option(help="onnx: L to ab; onnx_rgb: 8-bit gray to ab and RGB."),
    ] = "bundle",
    name: Annotated[
        str | None, Option(help="In the description and card. (default: of its dataset)")
    ] = None,
    precision: Annotated[Literal["half", "single"], Option(help="Of a bundle's weights.")] = "half",
    light: Annotated[
        bool, Option("--light", help="A bundle that is run without PyTorch too.")
    ] = False,
    size: Annotated[
        int | None, Option(help="Its own, px. (default: of its training photographs)")
    ] = None,
    temperature: Annotated[
        float | None, Option(help="Of the annealed mean, 0.01 to 1. (default: its own)")
    ] = None,
    evaluation: Annotated[
        str | None, Option(help="results.json of evaluate, or scores by kind, for the card.")
    ] = None,
    data_dir: DataDir = "data",
) -> None:
    """Write a trained model as a bundle (weights, description, card, checksums) or as ONNX.

    colorization export RUN/checkpoints/best.ckpt

    colorization export default --format onnx -o default.onnx
    """
    from colorization.cli.main import show_log
    from colorization.models.export import export_model

    show_log()
    print(f"written: {export_model(**context.params)}")
