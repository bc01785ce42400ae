"""A report as one HTML file: its plots, styles and data stand in it, and nothing is loaded from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

from smiledet import __version__
from smiledet.sessions.report.curves import curves
from smiledet.sessions.report.gather import Gathered
from smiledet.sessions.report.parts import cards, drops, heat_map, labels, sessions
from smiledet.sessions.report.people import time_line
from smiledet.sessions.report.text import moment, shown

HERE = Path(__file__).parent
VENDOR = HERE.parents[1] / "web" / "static" / "vendor"

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""What the page may load: what stands in it."""

EXPORT = "export { uPlot as default };"
"""The end of uPlot's module, which stands in the page's own."""


def report_page(found: Gathered) -> str:
    """The page.

    Args:
        found: What it says.
    """
    sources = ", ".join(sorted(found.sources)) or "-"
    period = f"read {moment(found.begin)}" if found.stills else f"{moment(found.begin)} to {moment(found.end)}"
    data = {"x": [], "plots": []} if found.stills else curves(found)
    plots = "".join(
        f"<section><h2>{shown(plot['title'])} over time</h2><div class=plot role=img "
        f'aria-label="{shown(plot["title"])} over time" data-plot="{number}"></div></section>'
        for number, plot in enumerate(data["plots"])
    )
    hint = (
        "<p class='note screen'>Drag across a plot to zoom in, double-click to zoom out; click a name to hide it.</p>"
    )
    damaged = f"<p class=damaged>{shown(str(found.damaged))}</p>" if found.damaged.count else ""
    body = [
        f"<header><h1>What was seen</h1><p>{shown(sources)}<br>{period}</p></header>",
        cards(found),
        damaged,
        plots + (hint if plots else ""),
        "" if found.stills else time_line(found),
        heat_map(found),
        labels(found),
        sessions(found),
        drops(found),
        f"<footer>smiledet {__version__}, from {shown(found.path.name)}. Labels are what a network reads from faces; "
        "they are no feelings, and they err.</footer>",
    ]
    script = (VENDOR / "uplot.js").read_text(encoding="utf-8").replace(EXPORT, "return uPlot;")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="content-security-policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light">'
        f"<title>smiledet: {shown(sources)}</title>"
        f"<style>{(VENDOR / 'uplot.css').read_text(encoding='utf-8')}\n{_own('report.css')}</style></head>"
        f"<body>{''.join(body)}"
        f'<script type="application/json" id="data">{_embedded(data)}</script>'
        f'<script type="module">const uPlot = (() => {{{script}}})();\n{_own("report.js")}</script></body></html>\n'
    )


def _own(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _embedded(data: object) -> str:
    """JSON that cannot end the element that it stands in."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
