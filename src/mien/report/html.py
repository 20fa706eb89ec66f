"""Reports as self-contained HTML pages."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from html import escape
from importlib import resources

from .. import report as doc
from .format import UNKNOWN, count, number, spans

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
        links = (f'<a href="#{_anchor(one)}">{escape(one.title)}</a>{_badge(one.badge)}' for one in sections)
        parts.append(f'<nav aria-label="Contents"><ul>{"".join(f"<li>{link}</li>" for link in links)}</ul></nav>')
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
    forms = {"plain": "{}", "bold": "<strong>{}</strong>", "code": "<code>{}</code>", "link": '<a href="{1}">{0}</a>'}
    return "".join(forms[span.style].format(escape(span.text), escape(span.url)) for span in spans(text))


def _blocks(blocks: Sequence[doc.Block], level: int) -> str:
    return "\n".join(_block(block, level) for block in blocks)


def _block(block: doc.Block, level: int) -> str:  # noqa: PLR0911, PLR0912 - a case for each kind of block
    """A block whose sections get headings from ``level`` on."""
    match block:
        case doc.Section():
            heading = f"h{min(level, 6)}"
            title = f"<{heading}>{escape(block.title)}{_badge(block.badge)}</{heading}>"
            return f'<section id="{_anchor(block)}">{title}\n{_blocks(block.blocks, level + 1)}\n</section>'
        case doc.Details():
            return f"<details><summary>{escape(block.title)}</summary>\n{_blocks(block.blocks, level)}\n</details>"
        case doc.Row():
            columns = (f"<div>{_block(part, level)}</div>" for part in block.blocks)
            return f'<div class="columns">{"".join(columns)}</div>'
        case doc.Text():
            return f'<p class="{block.tone.value}">{inline(block.text)}</p>'
        case doc.Note():
            return f'<p class="note {block.tone.value}">{inline(block.text)}</p>'
        case doc.Code():
            return f'<pre tabindex="0"><code>{escape(block.text)}</code></pre>'
        case doc.Bullets():
            return f"<ul>{''.join(f'<li>{inline(item)}</li>' for item in block.items)}</ul>"
        case doc.Definitions():
            return (
                f"<dl>{''.join(f'<dt>{escape(term)}</dt><dd>{inline(text)}</dd>' for term, text in block.items)}</dl>"
            )
        case doc.Metrics():
            return f'<dl class="metrics">{"".join(map(_metric, block.items))}</dl>'
        case doc.Gallery():
            return f'<div class="gallery">{"".join(_tile(tile, block.size) for tile in block.tiles)}</div>'
        case doc.Figure():
            image = f'<div class="svg" role="img" aria-label="{escape(block.alt)}">{block.image!s}</div>'
            if isinstance(block.image, bytes):
                image = f'<img src="{data_uri(block.image)}" alt="{escape(block.alt)}">'
            return f"<figure>{image}{_tag('figcaption', block.caption)}</figure>"
        case doc.Table():
            return _table(block)
        case doc.IntervalChart():
            return _interval_chart(block)
        case doc.BarChart():
            return _bar_chart(block)


def _tag(name: str, text: str) -> str:
    """A text with markup in a tag; empty without a text."""
    return f"<{name}>{inline(text)}</{name}>" if text else ""


def _metric(item: doc.Metric) -> str:
    note = f"<small>{escape(item.note)}</small>" if item.note else ""
    return f"<div><dt>{escape(item.label)}</dt><dd>{escape(item.value)}{note}</dd></div>"


def _tile(tile: doc.Tile, size: int) -> str:
    image = f'<img src="{data_uri(tile.image)}" alt="{escape(tile.alt or tile.caption)}">'
    return f'<figure style="width:{size}px">{image}{_tag("figcaption", tile.caption)}</figure>'


def data_uri(image: bytes) -> str:
    """A PNG, JPEG or WebP file as a data URI."""
    kind = "png" if image.startswith(b"\x89PNG") else "webp" if image[8:12] == b"WEBP" else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def _badge(badge: doc.Toned | None) -> str:
    return f' <span class="badge {badge.tone.value}">{escape(badge.text)}</span>' if badge else ""


def _table(block: doc.Table) -> str:
    head = "".join(f'<th scope="col" class="{column.align}">{escape(column.name)}</th>' for column in block.columns)
    rows = []
    for row in block.rows:
        cells = [f'<td class="{column.align}">{_cell(cell)}</td>' for cell, column in zip(row, block.columns)]
        if block.row_headers:
            cells[0] = f'<th scope="row" class="{block.columns[0].align}">{_cell(row[0])}</th>'
        rows.append(f"<tr>{''.join(cells)}</tr>")
    label = escape(block.caption or block.columns[0].name)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table>{_tag("caption", block.caption)}'
        f"<thead><tr>{head}</tr></thead>\n"
        f"<tbody>{chr(10).join(rows)}</tbody></table></div>"
    )


def _cell(cell: doc.Cell) -> str:
    text = escape(cell_text(cell))
    return f'<span class="{cell.tone.value}">{text}</span>' if isinstance(cell, doc.Toned) else text


def cell_text(cell: doc.Cell) -> str:
    """A table cell as text."""
    if isinstance(cell, doc.Toned):
        return cell.text
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return count(cell)
    return UNKNOWN if cell is None or cell == "" else number(cell) if isinstance(cell, float) else cell


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
        rows.append(_chart_row("row", row, f"track {row.tone.value}", "".join(marks), row.note))
    ticks = "".join(f'<b style="left:{place(value):.2f}%">{label}</b>' for value, label in axis_ticks(start, end))
    rows.append(
        f'<div class="row axes"><span></span><div class="axis" aria-hidden="true">{ticks}</div><span></span></div>'
    )
    return _chart(block.title, rows, block.caption)


def axis_ticks(start: float, end: float, most: int = 7) -> list[tuple[float, str]]:
    """Round shares between two ends, ``most`` at most, and their labels in percent."""
    magnitude = 10.0 ** math.floor(math.log10((end - start) / most))
    step = next(step for factor in (1, 2, 5, 10, 20) if (end - start) / (step := factor * magnitude) < most)
    values = [i * step for i in range(math.ceil(start / step - 1e-9), math.floor(end / step + 1e-9) + 1)]
    digits = max(0, -math.floor(math.log10(step * 100) + 1e-9))
    return [(value, f"{value * 100:.{digits}f}") for value in values]


def _bar_chart(block: doc.BarChart) -> str:
    low = min([0.0, *(bar.value for bar in block.bars)])
    span = (max([0.0, *(bar.value for bar in block.bars)]) - low) or 1.0
    rows = []
    for bar in block.bars:
        left, width = 100 * (min(bar.value, 0.0) - low) / span, 100 * abs(bar.value) / span
        color = f";background:{escape(bar.color)}" if bar.color else ""
        mark = f'<i style="left:{left:.2f}%;width:{width:.2f}%{color}"></i>'
        rows.append(_chart_row("row bars", bar, "track neutral", mark))
    return _chart(block.title, rows)


def _chart_row(kind: str, row: doc.Estimate | doc.Bar, track: str, marks: str, note: str = "") -> str:
    label, text = escape(row.label), escape(row.text)
    below = f"<small>{escape(note)}</small>" if note else ""
    chart = f'<div class="{track}" role="img" aria-label="{label}: {text}">{marks}</div>'
    return f'<div class="{kind}"><b>{label}{below}</b>{chart}<span class="num">{text}</span></div>'


def _chart(title: str, rows: Sequence[str], caption: str = "") -> str:
    above = f"<figcaption>{escape(title)}</figcaption>" if title else ""
    below = f'<p class="key">{inline(caption)}</p>' if caption else ""
    return f'<figure class="chart">{above}{"".join(rows)}{below}</figure>'


def _anchor(section: doc.Section) -> str:
    return escape(re.sub(r"\W+", "-", section.title.lower()).strip("-"))
