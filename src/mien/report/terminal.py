"""Reports on a terminal, as rich renderables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text as RichText

from .. import report as doc
from .format import spans
from .html import cell_text

#: A terminal of fewer columns leaves out the optional columns of tables.
WIDE = 116
_STYLES = {
    doc.Tone.NEUTRAL: "",
    doc.Tone.GOOD: "green",
    doc.Tone.WARNING: "yellow",
    doc.Tone.BAD: "red",
    doc.Tone.MUTED: "dim",
    doc.Tone.STRONG: "bold",
}
_BAR = 20
_MARK = ("\N{FULL BLOCK}", "\N{LIGHT SHADE}")  # of positive and negative values


def render(document: doc.Document, width: int) -> RenderableType:
    """Render a document for a terminal of ``width`` columns, without folded blocks."""
    parts: list[RenderableType] = [RichText(document.title, style="bold")]
    if document.summary:
        parts.append(inline(document.summary))
    parts += _blocks(document.blocks, width)
    if document.metadata:
        metadata = ", ".join(f"{name} {value}" for name, value in document.metadata.items())
        parts.append(RichText(f"\n{metadata}", style="dim"))
    return Group(*parts)


def inline(text: str, style: str = "") -> RichText:
    """Render the inline markup of a text."""
    styles = {"plain": "", "bold": "bold", "code": "cyan", "link": "underline"}
    words = RichText(style=style)
    for span in spans(text):
        words.append(span.text, style=styles[span.style])
    return words


def _blocks(blocks: Sequence[doc.Block], width: int) -> Iterator[RenderableType]:
    for block in blocks:
        if isinstance(block, doc.Section):
            title = RichText(f"\n{block.title}", style="bold")
            if block.badge:
                title.append(f"  {block.badge.text}", style=f"not bold {_STYLES[block.badge.tone]}".strip())
            yield title
        if isinstance(block, doc.Section | doc.Row):
            yield from _blocks(block.blocks, width)
        else:
            yield from _block(block, width)


def _block(block: doc.Block, width: int) -> Iterator[RenderableType]:
    match block:
        case doc.Text():
            yield inline(block.text, _STYLES[block.tone])
        case doc.Note():
            yield inline(block.text, _STYLES[block.tone] or "dim")
        case doc.Bullets():
            yield from (Padding(inline(f"- {item}"), (0, 0, 0, 2)) for item in block.items)
        case doc.Definitions():
            for term, text in block.items:
                yield Group(RichText(term, style="bold"), Padding(inline(text), (0, 0, 0, 2)))
        case doc.Code():
            yield Padding(RichText(block.text, style="cyan"), (0, 0, 0, 2))
        case doc.Table():
            yield _table(block, width)
        case doc.Metrics():
            yield _plain_table("", ((item.label, (item.value, "bold"), (item.note, "dim")) for item in block.items))
        case doc.IntervalChart():
            rows = ((row.label, (row.text, _STYLES[row.tone]), (row.note, "dim")) for row in block.rows)
            yield _plain_table(block.title, rows)
        case doc.BarChart():
            largest = max((abs(bar.value) for bar in block.bars), default=0.0) or 1.0
            bars = ((bar, _MARK[bar.value < 0] * round(_BAR * abs(bar.value) / largest)) for bar in block.bars)
            yield _plain_table(block.title, ((bar.label, marks, bar.text) for bar, marks in bars))


def _plain_table(title: str, rows: Iterable[Sequence[str | tuple[str, str]]]) -> RenderableType:
    """A table without a header; cells are texts, or texts with a style."""
    table = RichTable(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(RichText.assemble(cell) for cell in row))
    return Group(RichText(title, style="dim"), table) if title else table


def _table(block: doc.Table, width: int) -> RichTable:
    shown = [i for i, column in enumerate(block.columns) if width >= WIDE or not column.optional]
    table = RichTable(
        box=None,
        pad_edge=False,
        header_style="bold",
        padding=(0, 2, 0, 0),
        title=block.caption or None,
        title_justify="left",
        title_style="dim",
    )
    for column in (block.columns[i] for i in shown):
        right = column.align == "right"
        table.add_column(RichText(column.name), justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in block.rows:
        styles = [_STYLES[cell.tone] if isinstance(cell, doc.Toned) else "" for cell in row]
        table.add_row(*(RichText(cell_text(row[i]), styles[i]) for i in shown))
    return table
