"""Colour photographs: ``python -m src.colorize input=PATH output=PATH``."""

import hydra
from omegaconf import DictConfig

from colorization.cli import command
from colorization.errors import interruptible
from colorization.inference.album import AlbumResult, colorize_album
from colorization.settings.commands import Colorize
from colorization.settings.compose import CONF, checked, plain


@interruptible()
def colorize(settings: Colorize) -> AlbumResult:
    """Colour what ``settings`` name; errors are those of :func:`colorize_album`."""
    words = plain(settings)
    return colorize_album(**words | {"device": words.pop("accelerator")})


@hydra.main(version_base="1.3", config_path=CONF, config_name="colorize")
def run(config: DictConfig) -> None:
    with command.one_line_errors():
        settings = checked(config)
        colored, failed = colorize(settings)
    if colored or not failed:
        print(f"coloured: {colored}, in {settings.output}")
    if failed:
        lines = [f"  {path}: {reason}" for path, reason in failed.items()]
        raise SystemExit("\n".join([f"failed: {len(failed)}", *lines]))


def main() -> None:
    """Run the command that was typed."""
    command.run(run, Colorize)
