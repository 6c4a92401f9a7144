"""Matplotlib figures as inline SVG: with the page's text colour and fonts, and no external references."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Drawing:
    """An inline drawing with its caption; a wide one gets a row of the page to itself."""

    svg: Markup
    caption: str
    wide: bool


MANY = 1500
"""Collections of more points than this become a bitmap inside the SVG, which is smaller."""

_numbers = count()


def drawing(figure: Figure, caption: str, tints: Mapping[str, str] | None = None) -> Drawing:
    """Converts a figure and adds a caption; arguments as `as_svg`."""
    width, height = figure.get_size_inches()
    wide = bool(width > 2.2 * height)
    return Drawing(Markup(as_svg(figure, caption, tints)), caption, wide)  # nosec B704  # matplotlib escapes


def as_svg(figure: Figure, label: str, tints: Mapping[str, str] | None = None) -> str:
    """Converts a figure to an `<svg>` element.

    Black becomes the page's text colour, and the areas of figure and axes become transparent, so that one
    figure serves a light and a dark page.

    Args:
        figure: any figure; it is changed.
        label: what it shows, for readers who cannot see it.
        tints: further colours to replace: `#rrggbb` → a CSS colour.
    """
    figure.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)
        legend = axes.get_legend()
        if legend:
            legend.get_frame().set_alpha(0)
        for collection in axes.collections:
            if isinstance(collection, PathCollection):
                collection.set_rasterized(np.shape(collection.get_offsets())[0] > MANY)
        for line in axes.lines:
            line.set_rasterized(
                line.get_marker() not in ("", "None", None) and np.shape(line.get_xydata())[0] > MANY / 10
            )
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "popdanceset"}):
        FigureCanvasSVG(figure)
        figure.savefig(
            buffer, format="svg", dpi=160, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    return _inline(buffer.getvalue(), label, {"#000000": "currentColor", **(tints or {})})


def _inline(document: str, label: str, tints: Mapping[str, str]) -> str:
    text = document[document.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    head, rest = text.split(">", 1)
    size = re.search(r'viewBox="([^"]*)"', head)
    box = size[1] if size else "0 0 1 1"
    # Ids must be unique in the page, so each figure gets a prefix of its own.
    prefix = f"f{next(_numbers)}-"
    rest = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}", rest)
    for colour, tint in tints.items():
        rest = rest.replace(colour, tint)
    rest = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", rest)
    rest = re.sub(r"font-family: [^;\"]*;?", "", rest)
    width = float(box.split()[2]) * 4 / 3
    return (
        f'<svg class="figure" role="img" aria-label="{html.escape(label, quote=True)}" viewBox="{box}" '
        f'style="--natural:{width:.0f}px" fill="currentColor">{rest.strip()}'
    )
