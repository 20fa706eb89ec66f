"""Reports: a small document model with renderers for HTML, terminals and Markdown.

Builders, such as `mien.audit.fairness_report`, turn results into a `Document` and format numbers (`format.py`); renderers
(`html.py`, `terminal.py`, `markdown.py`) choose everything else.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from .format import UNKNOWN, count, decimal, escape, estimate, interval, join, number, p_value, percent, points, seconds

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure
    from rich.console import RenderableType

__all__ = [
    "UNKNOWN", "Bar", "BarChart", "Block", "Bullets", "Cell", "Code", "Column", "Definitions", "Details", "Document",
    "Estimate", "Figure", "Gallery", "IntervalChart", "Metric", "Metrics", "Note", "Row", "Section", "Table", "Text",
    "Tile", "Tone", "Toned", "count", "decimal", "escape", "estimate", "interval", "join", "number", "p_value", "percent",
    "points", "seconds",
]  # fmt: skip


class Tone(str, Enum):
    """The tone of a value, a note or a mark."""

    NEUTRAL = "neutral"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    MUTED = "muted"
    STRONG = "strong"


@dataclass(frozen=True)
class Toned:
    """A table cell or a badge with a tone."""

    text: str
    tone: Tone = Tone.STRONG


Cell: TypeAlias = str | int | float | Toned | None


@dataclass(frozen=True)
class Text:
    """A paragraph. ``**bold**``, `` `code` `` and ``[label](url)`` are understood; see `escape`."""

    text: str
    tone: Tone = Tone.NEUTRAL


@dataclass(frozen=True)
class Bullets:
    """A list of short paragraphs, with the markup of `Text`."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Definitions:
    """Terms and what they mean."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Column:
    """A column of a table. Columns with ``optional`` are left out on narrow terminals."""

    name: str
    align: str = "left"
    optional: bool = False


@dataclass(frozen=True)
class Table:
    """A table; the first column names the row unless ``row_headers`` is false. ``None`` is shown as a dash."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    row_headers: bool = True


@dataclass(frozen=True)
class Figure:
    """An image: PNG or JPEG bytes, or SVG text (which may use the colors of the page: ``var(--ink)``, ``var(--accent)``)."""

    image: bytes | str
    alt: str
    caption: str = ""

    @staticmethod
    def from_matplotlib(figure: MatplotlibFigure, alt: str, caption: str = "") -> Figure:
        """Take a Matplotlib figure as PNG at 150 dpi."""
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=150, bbox_inches="tight")
        return Figure(file.getvalue(), alt, caption)


@dataclass(frozen=True)
class Note:
    """A short remark that stands out."""

    text: str
    tone: Tone = Tone.NEUTRAL


@dataclass(frozen=True)
class Code:
    """Commands or source code."""

    text: str
    language: str = ""


@dataclass(frozen=True)
class Metric:
    """A key figure: what it is, its value, and a remark such as its interval."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Metrics:
    """Key figures beside each other."""

    items: tuple[Metric, ...]


@dataclass(frozen=True)
class Tile:
    """A small image of a gallery with a caption."""

    image: bytes
    caption: str = ""
    alt: str = ""


@dataclass(frozen=True)
class Gallery:
    """Small images in a grid; ``size`` is their width in CSS pixels."""

    tiles: tuple[Tile, ...]
    size: int = 104


@dataclass(frozen=True)
class Estimate:
    """A row of an interval chart.

    Attributes:
        label, note: name of the row, and a remark below it.
        value, low, high: estimate and ends of its interval; None is an empty row.
        text: the figures as text at the end of the row.
        hollow: the estimate rests on too few images.
        chance: values expected by chance, from zero to this value, as a gray bar.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    text: str = ""
    note: str = ""
    tone: Tone = Tone.NEUTRAL
    hollow: bool = False
    chance: float | None = None


@dataclass(frozen=True)
class IntervalChart:
    """Shares, or differences of shares, with intervals on a common scale in percent; ``reference`` is a dashed line."""

    rows: tuple[Estimate, ...]
    title: str = ""
    caption: str = ""
    reference: float | None = None

    def scale(self) -> tuple[float, float]:
        """The range of the axis: all marks, the reference, and some margin; shares stay within [0, 1]."""
        marks = [mark for row in self.rows for mark in (row.value, row.low, row.high, row.chance)]
        marks += [self.reference, 0.0 if any(row.chance is not None for row in self.rows) else None]
        values = [mark for mark in marks if mark is not None]
        low, high = min(values, default=0.0), max(values, default=1.0)
        margin = 0.06 * (high - low) or 0.05
        start, end = low - margin, high + margin
        return (max(start, 0.0) if low >= 0 else start), (min(end, 1.0) if high <= 1 else end)


@dataclass(frozen=True)
class Bar:
    """A bar from zero; negative values go to the left. ``text`` is shown at its end."""

    label: str
    value: float
    text: str = ""
    color: str = ""


@dataclass(frozen=True)
class BarChart:
    """Horizontal bars with a common scale."""

    bars: tuple[Bar, ...]
    title: str = ""


@dataclass(frozen=True)
class Row:
    """Blocks side by side where there is room."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Details:
    """Blocks that are folded until the reader opens them; terminals leave them out."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Section:
    """Blocks under a heading, whose level is the depth of nesting; ``badge`` is a verdict beside it."""

    title: str
    blocks: tuple[Block, ...]
    badge: Toned | None = None


_Leaf: TypeAlias = (
    Text | Bullets | Definitions | Table | Figure | Note | Code | Metrics | Gallery | IntervalChart | BarChart
)
Block: TypeAlias = _Leaf | Row | Details | Section


@dataclass(frozen=True)
class Document:
    r"""A report.

    Attributes:
        title: name of the report and its subject, such as ``Fairness audit: clinic.csv``.
        blocks: its content in order.
        summary: the main finding in one or two sentences.
        metadata: where the figures come from (model, data, command, date), printed at the end.

    Example:
        >>> from mien.report import Document, Text
        >>> Document("Evaluation: default", (Text("Accuracy is **87.9%**."),)).to_markdown()
        '# Evaluation: default\n\nAccuracy is **87.9%**.\n'
    """

    title: str
    blocks: tuple[Block, ...]
    summary: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def to_html(self) -> str:
        """One self-contained page for phones and desktops, light and dark; no scripts, nothing is fetched."""
        from .html import render  # noqa: PLC0415 - renderers import this module

        return render(self)

    def to_markdown(self) -> str:
        """Markdown; images are replaced by their descriptions."""
        from .markdown import render  # noqa: PLC0415

        return render(self)

    def to_terminal(self, width: int = 100) -> RenderableType:
        """A rich renderable for a terminal of ``width`` columns, without folded blocks."""
        from .terminal import render  # noqa: PLC0415

        return render(self, width)

    def write(self, path: str | Path) -> Path:
        """Write the report to a file that ends in .html or .md, completely or not at all.

        Raises:
            OptionError: the ending is another one.
            OutputError: the file cannot be written.
        """
        from ..errors import OptionError  # noqa: PLC0415
        from ..io.atomic import write_atomically  # noqa: PLC0415

        path = Path(path)
        renderers = {".html": self.to_html, ".htm": self.to_html, ".md": self.to_markdown}
        if path.suffix.lower() not in renderers:
            raise OptionError(f"cannot write a report as {path.name!r}: the name must end in .html or .md")
        write_atomically(path, renderers[path.suffix.lower()]().encode())
        return path
