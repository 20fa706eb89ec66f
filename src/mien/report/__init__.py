"""Reports: a small document model with renderers for HTML, terminals and Markdown.

Builders, such as `mien.audit.fairness_report`, turn results into documents; `Document.to_html`, `.to_terminal`,
`.to_markdown` and `.write` do the rest.
"""

from __future__ import annotations

from .document import (
    Badge,
    Bar,
    BarChart,
    Block,
    Bullets,
    Cell,
    Code,
    Column,
    Definitions,
    Details,
    Document,
    Estimate,
    Figure,
    Gallery,
    IntervalChart,
    Metric,
    Metrics,
    Note,
    Row,
    Section,
    Table,
    Text,
    Tile,
    Tone,
    Toned,
)
from .format import UNKNOWN, count, estimate, interval, join, number, p_value, percent, points, seconds
from .inline import escape

__all__ = [
    "UNKNOWN", "Badge", "Bar", "BarChart", "Block", "Bullets", "Cell", "Code", "Column", "Definitions", "Details",
    "Document", "Estimate",   "Figure", "Gallery", "IntervalChart", "Metric", "Metrics", "Note", "Row", "Section",
    "Table", "Text", "Tile", "Tone", "Toned", "count",   "escape", "estimate", "interval", "join", "number",
    "p_value", "percent", "points", "seconds",
]  # fmt: skip
