"""Reports as self-contained HTML pages."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from functools import singledispatch
from html import escape
from importlib import resources

from . import document as doc
from .format import UNKNOWN, count, number
from .inline import spans

#: With more sections than this, a page begins with a list of them.
_MANY_SECTIONS = 3
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def render(document: doc.Document) -> str:
    """Render a document as one page: light and dark, for phones, desktops and paper; no scripts, nothing is fetched."""
    parts = [f"<header><h1>{escape(document.title)}</h1>"]
    if document.summary:
        parts.append(f'<p class="summary">{inline(document.summary)}</p>')
    parts.append("</header>")
    sections = [block for block in document.blocks if isinstance(block, doc.Section)]
    if len(sections) > _MANY_SECTIONS:
        entries = "".join(
            f'<li><a href="#{_anchor(section)}">{escape(section.title)}</a>{_badge(section.badge)}</li>'
            for section in sections
        )
        parts.append(f'<nav aria-label="Contents"><ul>{entries}</ul></nav>')
    parts.append(f"<main>\n{_blocks(document.blocks, 2)}\n</main>")
    if document.metadata:
        rows = "".join(
            f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in document.metadata.items()
        )
        parts.append(f'<footer><dl class="metadata">{rows}</dl></footer>')
    style = resources.files(__package__ or "").joinpath("style.css").read_text("utf-8")
    return _PAGE.format(title=escape(document.title), style=style, body="\n".join(parts))


def inline(text: str) -> str:
    """Render the inline markup of a text."""
    html = []
    for span in spans(text):
        words = escape(span.text)
        if span.style == "link":
            html.append(f'<a href="{escape(span.url)}">{words}</a>')
        else:
            html.append(
                {"plain": words, "bold": f"<strong>{words}</strong>", "code": f"<code>{words}</code>"}[span.style]
            )
    return "".join(html)


def _blocks(blocks: Sequence[doc.Block], level: int) -> str:
    return "\n".join(_block_at(block, level) for block in blocks)


def _block_at(block: doc.Block, level: int) -> str:
    """A block whose sections get headings from ``level`` on."""
    if isinstance(block, doc.Section):
        heading = f"h{min(level, 6)}"
        title = f"<{heading}>{escape(block.title)}{_badge(block.badge)}</{heading}>"
        return f'<section id="{_anchor(block)}">{title}\n{_blocks(block.blocks, level + 1)}\n</section>'
    if isinstance(block, doc.Details):
        return f"<details><summary>{escape(block.title)}</summary>\n{_blocks(block.blocks, level)}\n</details>"
    if isinstance(block, doc.Row):
        return (
            '<div class="columns">'
            + "".join(f"<div>{_block_at(part, level)}</div>" for part in block.blocks)
            + "</div>"
        )
    return _block(block)


@singledispatch
def _block(block: doc.Block) -> str:
    raise TypeError(f"no HTML for a {type(block).__name__}")


@_block.register
def _text(block: doc.Text) -> str:
    return f'<p class="{block.tone.value}">{inline(block.text)}</p>'


@_block.register
def _bullets(block: doc.Bullets) -> str:
    return "<ul>" + "".join(f"<li>{inline(item)}</li>" for item in block.items) + "</ul>"


@_block.register
def _definitions(block: doc.Definitions) -> str:
    return "<dl>" + "".join(f"<dt>{escape(term)}</dt><dd>{inline(text)}</dd>" for term, text in block.items) + "</dl>"


@_block.register
def _table(block: doc.Table) -> str:
    head = "".join(f'<th scope="col" class="{column.align}">{escape(column.name)}</th>' for column in block.columns)
    rows = []
    for row in block.rows:
        cells = [
            _cell(cell, column, header=block.row_headers and i == 0)
            for i, (cell, column) in enumerate(zip(row, block.columns))
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    caption = f"<caption>{inline(block.caption)}</caption>" if block.caption else ""
    label = escape(block.caption or block.columns[0].name)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table>{caption}'
        f"<thead><tr>{head}</tr></thead>\n"
        f"<tbody>{chr(10).join(rows)}</tbody></table></div>"
    )


def _cell(cell: doc.Cell, column: doc.Column, *, header: bool) -> str:
    if isinstance(cell, doc.Toned):
        content = f'<span class="{cell.tone.value}">{escape(cell.text)}</span>'
    else:
        content = escape(cell_text(cell))
    return f'<th scope="row">{content}</th>' if header else f'<td class="{column.align}">{content}</td>'


def cell_text(cell: doc.Cell) -> str:
    """A table cell as text."""
    if isinstance(cell, doc.Toned):
        return cell.text
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return count(cell)
    return UNKNOWN if cell is None or cell == "" else number(cell) if isinstance(cell, float) else cell


@_block.register
def _figure(block: doc.Figure) -> str:
    caption = f"<figcaption>{inline(block.caption)}</figcaption>" if block.caption else ""
    width = f' style="max-width:{block.width}px"' if block.width else ""
    if isinstance(block.image, str):
        image = f'<div class="svg" role="img" aria-label="{escape(block.alt)}">{block.image}</div>'
    else:
        image = f'<img src="{data_uri(block.image)}" alt="{escape(block.alt)}">'
        if block.dark is not None:
            dark = f'<source media="(prefers-color-scheme: dark)" srcset="{data_uri(block.dark)}">'
            image = f"<picture>{dark}{image}</picture>"
    return f"<figure{width}>{image}{caption}</figure>"


def data_uri(image: bytes) -> str:
    """A PNG, JPEG or WebP file as a data URI."""
    kind = "png" if image.startswith(b"\x89PNG") else "webp" if image[8:12] == b"WEBP" else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


@_block.register
def _note(block: doc.Note) -> str:
    return f'<p class="note {block.tone.value}">{inline(block.text)}</p>'


def _badge(badge: doc.Badge | None) -> str:
    return f' <span class="badge {badge.tone.value}">{escape(badge.text)}</span>' if badge else ""


@_block.register
def _badge_block(block: doc.Badge) -> str:
    return f"<p>{_badge(block).strip()}</p>"


@_block.register
def _code(block: doc.Code) -> str:
    return f'<pre tabindex="0"><code>{escape(block.text)}</code></pre>'


@_block.register
def _metrics(block: doc.Metrics) -> str:
    items = "".join(
        f'<div><dt>{escape(item.label)}</dt><dd class="{item.tone.value}">{escape(item.value)}'
        f"{f'<small>{escape(item.note)}</small>' if item.note else ''}</dd></div>"
        for item in block.items
    )
    return f'<dl class="metrics">{items}</dl>'


@_block.register
def _gallery(block: doc.Gallery) -> str:
    tiles = []
    for tile in block.tiles:
        image = f'<img src="{data_uri(tile.image)}" alt="{escape(tile.alt or tile.caption)}">'
        caption = f"<figcaption>{inline(tile.caption)}</figcaption>" if tile.caption else ""
        tiles.append(f'<figure style="width:{block.size}px">{image}{caption}</figure>')
    return f'<div class="gallery">{"".join(tiles)}</div>'


@_block.register
def _interval_chart(block: doc.IntervalChart) -> str:
    start, end = block.scale()

    def place(value: float) -> float:
        return min(100.0, max(0.0, 100 * (value - start) / (end - start)))

    rows = []
    for row in block.rows:
        marks = [f'<s style="left:{place(block.reference):.2f}%"></s>'] if block.reference is not None else []
        if row.chance is not None:
            marks.append(f'<em style="left:{place(0.0):.2f}%;width:{place(row.chance) - place(0.0):.2f}%"></em>')
        if row.low is not None and row.high is not None:
            marks.append(f'<i style="left:{place(row.low):.2f}%;width:{place(row.high) - place(row.low):.2f}%"></i>')
        if row.value is not None:
            marks.append(f'<u class="{"hollow" if row.hollow else ""}" style="left:{place(row.value):.2f}%"></u>')
        rows.append(_chart_row("row", row, "".join(marks), row.note))
    ticks = "".join(
        f'<b style="left:{place(value):.2f}%">{label}</b>'
        for value, label in axis_ticks(start, end, is_percent=block.is_percent)
    )
    rows.append(
        f'<div class="row axes"><span></span><div class="axis" aria-hidden="true">{ticks}</div><span></span></div>'
    )
    return _chart(block, rows)


def axis_ticks(start: float, end: float, *, is_percent: bool = True, most: int = 7) -> list[tuple[float, str]]:
    """Positions and labels of round numbers between two ends, ``most`` at most."""
    magnitude = 10.0 ** math.floor(math.log10((end - start) / most))
    step = next(step for factor in (1, 2, 5, 10, 20) if (end - start) / (step := factor * magnitude) < most)
    values = [i * step for i in range(math.ceil(start / step - 1e-9), math.floor(end / step + 1e-9) + 1)]
    scale = 100.0 if is_percent else 1.0
    digits = max(0, -math.floor(math.log10(step * scale) + 1e-9))
    return [(value, f"{value * scale:.{digits}f}") for value in values]


@_block.register
def _bar_chart(block: doc.BarChart) -> str:
    low = min([0.0, *(bar.value for bar in block.bars)])
    high = max([0.0, *(bar.value for bar in block.bars)])
    span = (high - low) or 1.0
    rows = []
    for bar in block.bars:
        left = 100 * (min(bar.value, 0.0) - low) / span
        color = f";background:{escape(bar.color)}" if bar.color else ""
        mark = f'<i style="left:{left:.2f}%;width:{100 * abs(bar.value) / span:.2f}%{color}"></i>'
        rows.append(_chart_row("row bars", bar, mark))
    return _chart(block, rows)


def _chart_row(kind: str, row: doc.Estimate | doc.Bar, marks: str, note: str = "") -> str:
    label, text = escape(row.label), escape(row.text)
    below = f"<small>{escape(note)}</small>" if note else ""
    track = f'<div class="track {row.tone.value}" role="img" aria-label="{label}: {text}">{marks}</div>'
    return f'<div class="{kind}"><b>{label}{below}</b>{track}<span class="num">{text}</span></div>'


def _chart(block: doc.IntervalChart | doc.BarChart, rows: Sequence[str]) -> str:
    title = f"<figcaption>{escape(block.title)}</figcaption>" if block.title else ""
    caption = f'<p class="key">{inline(block.caption)}</p>' if block.caption else ""
    return f'<figure class="chart">{title}{"".join(rows)}{caption}</figure>'


def _anchor(section: doc.Section) -> str:
    return escape(section.anchor or re.sub(r"\W+", "-", section.title.lower()).strip("-"))
