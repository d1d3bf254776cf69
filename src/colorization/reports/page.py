"""One HTML file out of a template, tables and charts."""

import base64
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def render(template: Path, **values: Any) -> str:
    """Fill a template, which extends ``base.html`` and may import from ``tables.html``."""
    environment = Environment(
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(**values)


def plain_legend(axes: Axes | Figure, lines: Mapping[str, Artist], **options: Any) -> None:
    """Draw a legend of lines by label; labels are text, in which dollars begin no formula."""
    legend = axes.legend(list(lines.values()), list(lines), frameon=False, **options)
    for text in legend.get_texts():
        text.set_parse_math(False)


def as_svg(figure: Figure) -> str:
    """A figure as a data URI."""
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
