"""An SVG file made fit to stand inside a page, beside others."""

from __future__ import annotations

import re
from html import escape
from typing import Final

from choreo_pipelines.plots import INK, MODALITY_COLOURS, PAPER

# The page's own colours, so that a figure follows it into dark mode.
_EXCHANGED: Final = {INK: "var(--ink)", PAPER: "var(--paper)", MODALITY_COLOURS["motion"]: "var(--blue)"}


def inline_svg(svg: str, name: str, alt: str) -> str:
    """The `svg` element alone, as wide as its place, with `alt` as its text and ids that begin with `name`.

    matplotlib numbers its ids from 1 in every file; two figures on one page would take each other's clip paths.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    for colour, variable in _EXCHANGED.items():
        body = re.sub(re.escape(colour), variable, body, flags=re.IGNORECASE)
    head, rest = body.split(">", 1)
    head = re.sub(r'\s(?:width|height)="[^"]*"', "", head)
    return f'{head} role="img" aria-label="{escape(alt, quote=True)}">{rest}'.strip()
