"""A marked image in the terminal, drawn with half blocks: two pixels a character cell."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
from rich.color import Color
from rich.segment import Segment, Segments
from rich.style import Style

from ..drawing import annotate
from ..types import Frame, Reading


def preview(frame: Frame, readings: Sequence[Reading], width: int, lines: int) -> Segments:
    """The marked image, at most ``width`` characters wide and ``lines`` lines high."""
    width = max(1, min(width, round(2 * lines * frame.width / frame.height)))
    height = max(2, round(width * frame.height / frame.width) // 2 * 2)
    small = cv2.resize(annotate(frame, readings), (width, height), interpolation=cv2.INTER_AREA)
    segments = []
    for upper, lower in zip(small[::2].tolist(), small[1::2].tolist()):
        for above, below in zip(upper, lower):
            style = Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below))
            segments.append(Segment("▀", style))
        segments.append(Segment.line())
    return Segments(segments)
