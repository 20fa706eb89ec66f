"""Reports as Markdown, for model cards and repositories."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .. import report as doc
from .format import spans
from .html import cell_text


def render(document: doc.Document) -> str:
    """Render a document."""
    parts = [f"# {_plain(document.title)}"]
    if document.summary:
        parts.append(inline(document.summary))
    parts += _blocks(document.blocks, 2)
    if document.metadata:
        parts.append("\n".join(f"- {_plain(name)}: {_plain(value)}" for name, value in document.metadata.items()))
    return "\n\n".join(parts) + "\n"


def inline(text: str) -> str:
    """Render the inline markup of a text."""
    forms = {"bold": "**{}**", "code": "`{}`", "link": "[{}]({})"}
    return "".join(
        _plain(span.text) if span.style == "plain" else forms[span.style].format(span.text, span.url)
        for span in spans(text)
    )


def _plain(text: str) -> str:
    return re.sub(r"([\\*`\[\]<])", r"\\\1", text)


def _blocks(blocks: Sequence[doc.Block], level: int) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, doc.Row):
            yield from _blocks(block.blocks, level)
        elif isinstance(block, doc.Section | doc.Details):
            badge = f" ({_plain(block.badge.text)})" if isinstance(block, doc.Section) and block.badge else ""
            yield f"{'#' * min(level, 6)} {_plain(block.title)}{badge}"
            yield from _blocks(block.blocks, level + 1)
        else:
            yield _block(block)


def _block(block: doc.Block) -> str:
    match block:
        case doc.Text():
            markdown = inline(block.text)
        case doc.Note():
            markdown = f"> {inline(block.text)}"
        case doc.Bullets():
            markdown = "\n".join(f"- {inline(item)}" for item in block.items)
        case doc.Definitions():
            markdown = "\n".join(f"- **{_plain(term)}**: {inline(text)}" for term, text in block.items)
        case doc.Code():
            markdown = f"```{block.language}\n{block.text}\n```"
        case doc.Table():
            names = [(column.name, column.align) for column in block.columns]
            markdown = _table(names, [[cell_text(cell) for cell in row] for row in block.rows])
            markdown += f"\n\n{inline(block.caption)}" if block.caption else ""
        case doc.Metrics():
            items = [(item, f" ({item.note})" if item.note else "") for item in block.items]
            markdown = "\n".join(f"- {_plain(item.label)}: **{item.value}**{note}" for item, note in items)
        case doc.IntervalChart(rows=entries) | doc.BarChart(bars=entries):
            markdown = _table([("", "left"), (block.title, "right")], [[entry.label, entry.text] for entry in entries])
        case doc.Figure():
            markdown = f"*Figure: {_plain(block.caption or block.alt)}*"
        case doc.Gallery():
            markdown = f"*{len(block.tiles)} images*"
        case _:
            raise TypeError(f"no Markdown for a {type(block).__name__}")
    return markdown


def _table(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(_plain(cell).replace('|', chr(92) + '|') for cell in cells)} |"

    rules = ["---:" if align == "right" else "---" for _, align in columns]
    return "\n".join([line([name for name, _ in columns]), f"| {' | '.join(rules)} |", *(line(row) for row in rows)])
