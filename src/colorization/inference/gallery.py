"""A page to look through an album: gray and coloured under a slider, in one file, without a net."""

import base64
import json
import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyvips

from colorization.files.atomic import open_text, replacing
from colorization.inference.plan import PhotoTask

TEMPLATE = Path(__file__).with_name("gallery.html")
GAP = "<!-- PICTURES -->\n"
LONGEST = 512  # px
QUALITY = 78


def write_gallery(tasks: Iterable[tuple[PhotoTask, str]], root: Path, path: Path) -> None:
    """Write a page with every result that is there, a picture at a time.

    Args:
        tasks: photographs with what became of them.
        root: folder that the results' names start at.
        path: of the page; links to results are relative to it.
    """
    before, _, after = TEMPLATE.read_text(encoding="utf-8").partition(GAP)
    with replacing(path) as beside, open_text(beside) as page:
        page.write(before)
        for task, outcome in tasks:
            if task.target.is_file():
                about = json.dumps(describe(task, outcome, root, path)).replace("<", "\\u003c")
                page.write(f'<script type="application/json" class="picture">{about}</script>\n')
        page.write(after)


def describe(task: PhotoTask, outcome: str, root: Path, page: Path) -> dict[str, Any]:
    """Describe a picture for the page, with small copies of it, gray and coloured."""
    data = task.target.read_bytes()
    small = pyvips.Image.thumbnail_buffer(data, LONGEST, height=LONGEST, size="down")
    if small.hasalpha():
        small = small.flatten(background=255 if small.format == "uchar" else 65535)
    small = small.colourspace("srgb").copy_memory()
    gray = (small.colourspace("lab") * [1, 0, 0]).copy(interpretation="lab").colourspace("srgb")
    options = {"Q": QUALITY, "keep": "none"}
    return {
        "name": os.path.relpath(task.target, root),
        "href": quote(os.path.relpath(task.target, page.parent)),
        "outcome": outcome,
        "width": small.width,
        "height": small.height,
        "command": f"colorization app {shlex.quote(str(task.source))}",
        "gray": as_uri(gray[1].copy(interpretation="b-w").jpegsave_buffer(**options)),
        "colored": as_uri(small.jpegsave_buffer(**options)),
    }


def as_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
