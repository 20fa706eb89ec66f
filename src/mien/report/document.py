"""The document model of reports: what a report says, without how it looks.

A builder turns a result into a `Document`; `html`, `terminal` and `markdown` turn a document into text. Builders choose
content and format numbers (`format.py`); renderers choose everything else.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure
    from rich.console import RenderableType


class Tone(str, Enum):
    """What a value, a note or a mark means to the reader."""

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
    """An image: PNG or JPEG bytes, or SVG text (which may use the colors of the page: ``var(--ink)``, ``var(--accent)``).

    ``dark`` replaces the image where the reader prefers dark pages. ``width`` is the largest width in CSS pixels.
    """

    image: bytes | str
    alt: str
    caption: str = ""
    dark: bytes | None = None
    width: int | None = None

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
class Badge:
    """A verdict in a few words."""

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
    tone: Tone = Tone.NEUTRAL


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
        tone: color of the mark.
        hollow: draw the mark hollow, for an estimate that rests on too few images.
        chance: a range from zero to this value is what chance gives; drawn as a gray bar.
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
    """Estimates with intervals on a common scale, such as accuracy by group; ``reference`` is a dashed line.

    Values are shares or differences of shares if ``is_percent``, and labeled in percent.
    """

    rows: tuple[Estimate, ...]
    title: str = ""
    caption: str = ""
    reference: float | None = None
    is_percent: bool = True

    def scale(self) -> tuple[float, float]:
        """The range of the axis: all marks, the reference, and some margin; shares stay within [0, 1]."""
        values = [
            row_value
            for row in self.rows
            for row_value in (row.value, row.low, row.high, row.chance)
            if row_value is not None
        ]
        values += [0.0] if any(row.chance is not None for row in self.rows) else []
        values += [] if self.reference is None else [self.reference]
        low, high = min(values, default=0.0), max(values, default=1.0)
        margin = 0.06 * (high - low) or 0.05
        start, end = low - margin, high + margin
        return (max(start, 0.0) if low >= 0 else start), (min(end, 1.0) if self.is_percent and high <= 1 else end)


@dataclass(frozen=True)
class Bar:
    """A bar from zero; negative values go to the left. ``text`` is shown at its end."""

    label: str
    value: float
    text: str = ""
    tone: Tone = Tone.NEUTRAL
    color: str = ""


@dataclass(frozen=True)
class BarChart:
    """Horizontal bars with a common scale."""

    bars: tuple[Bar, ...]
    title: str = ""
    caption: str = ""


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
    """Blocks under a heading, whose level is the depth of nesting; ``anchor`` names it as a link target."""

    title: str
    blocks: tuple[Block, ...]
    anchor: str = ""
    badge: Badge | None = None


Block: TypeAlias = Union[  # noqa: UP007 - a string cannot be an operand of |
    Text,
    Bullets,
    Definitions,
    Table,
    Figure,
    Note,
    Badge,
    Code,
    Metrics,
    Gallery,
    IntervalChart,
    BarChart,
    Row,
    Details,
    Section,
]


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

    def to_markdown(self, *, first_level: int = 1) -> str:
        """Markdown, with headings from ``first_level`` on; images are replaced by their descriptions."""
        from .markdown import render  # noqa: PLC0415

        return render(self, first_level)

    def to_terminal(self, width: int = 100, *, details: bool = False) -> RenderableType:
        """A rich renderable for a terminal of ``width`` columns, with ``details`` on request."""
        from .terminal import render  # noqa: PLC0415

        return render(self, width, details=details)

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
