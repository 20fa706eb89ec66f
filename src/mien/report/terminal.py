"""Reports on a terminal, as rich renderables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text as RichText

from . import document as doc
from .html import cell_text
from .inline import spans

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


def render(document: doc.Document, width: int, *, details: bool = False) -> RenderableType:
    """Render a document for a terminal of ``width`` columns; folded blocks only with ``details``."""
    parts: list[RenderableType] = [RichText(document.title, style="bold")]
    if document.summary:
        parts.append(inline(document.summary))
    parts += _blocks(document.blocks, width, details=details)
    if document.metadata:
        parts.append(
            RichText("\n" + ", ".join(f"{name} {value}" for name, value in document.metadata.items()), style="dim")
        )
    return Group(*parts)


def inline(text: str, style: str = "") -> RichText:
    """Render the inline markup of a text."""
    styles = {"plain": "", "bold": "bold", "code": "cyan", "link": "underline"}
    words = RichText(style=style)
    for span in spans(text):
        words.append(span.text, style=styles[span.style])
    return words


def _blocks(blocks: Sequence[doc.Block], width: int, *, details: bool) -> Iterator[RenderableType]:
    for block in blocks:
        if isinstance(block, doc.Section):
            title = RichText(f"\n{block.title}", style="bold")
            if block.badge:
                title.append(f"  {block.badge.text}", style=f"not bold {_STYLES[block.badge.tone]}".strip())
            yield title
            yield from _blocks(block.blocks, width, details=details)
        elif isinstance(block, doc.Row):
            yield from _blocks(block.blocks, width, details=details)
        elif isinstance(block, doc.Details):
            if details:
                yield RichText(f"\n{block.title}", style="bold")
                yield from _blocks(block.blocks, width, details=details)
        else:
            yield from _block(block, width)


def _block(block: doc.Block, width: int) -> Iterator[RenderableType]:
    if isinstance(block, doc.Text):
        yield inline(block.text, _STYLES[block.tone])
    elif isinstance(block, doc.Note):
        yield inline(block.text, _STYLES[block.tone] or "dim")
    elif isinstance(block, doc.Badge):
        yield RichText(block.text, style=f"bold {_STYLES[block.tone]}")
    elif isinstance(block, doc.Bullets):
        yield from (Padding(inline(f"- {item}"), (0, 0, 0, 2)) for item in block.items)
    elif isinstance(block, doc.Definitions):
        yield from (
            Group(RichText(term, style="bold"), Padding(inline(text), (0, 0, 0, 2))) for term, text in block.items
        )
    elif isinstance(block, doc.Code):
        yield Padding(RichText(block.text, style="cyan"), (0, 0, 0, 2))
    elif isinstance(block, doc.Table):
        yield _table(block, width)
    elif isinstance(block, doc.Metrics):
        yield _plain_table(
            (
                RichText(item.label),
                RichText(item.value, style=_STYLES[item.tone] or "bold"),
                RichText(item.note, style="dim"),
            )
            for item in block.items
        )
    elif isinstance(block, doc.IntervalChart):
        yield from _chart_title(block.title)
        yield _plain_table(
            (RichText(row.label), RichText(row.text, style=_STYLES[row.tone]), RichText(row.note, style="dim"))
            for row in block.rows
        )
    elif isinstance(block, doc.BarChart):
        yield from _chart_title(block.title)
        largest = max((abs(bar.value) for bar in block.bars), default=0.0) or 1.0
        yield _plain_table(
            (
                RichText(bar.label),
                RichText(_MARK[bar.value < 0] * round(_BAR * abs(bar.value) / largest), style=_STYLES[bar.tone]),
                RichText(bar.text),
            )
            for bar in block.bars
        )
    elif isinstance(block, (doc.Figure, doc.Gallery)):
        return
    else:
        raise TypeError(f"no terminal output for a {type(block).__name__}")


def _chart_title(title: str) -> Iterator[RenderableType]:
    if title:
        yield RichText(title, style="dim")


def _plain_table(rows: Iterator[tuple[RichText, ...]]) -> RichTable:
    table = RichTable(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*row)
    return table


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
    for i in shown:
        column = block.columns[i]
        right = column.align == "right"
        table.add_column(RichText(column.name), justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in block.rows:
        table.add_row(*(_cell(row[i]) for i in shown))
    return table


def _cell(cell: doc.Cell) -> RichText:
    return RichText(cell_text(cell), style=_STYLES[cell.tone] if isinstance(cell, doc.Toned) else "")
