"""A sheet of paper that is filled from the top, as images for reports are drawn."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

WIDTH, MARGIN = 840, 28
INK, SOFT, LINE = (31, 36, 48), (93, 100, 116), (213, 217, 226)
_Color = tuple[int, int, int]


class Sheet:
    """White paper of a fixed width; its height is cut to what was drawn.

    Attributes:
        pen: draws on it.
        y: where the next thing goes.
    """

    def __init__(self, tallest: int) -> None:
        self._image = Image.new("RGB", (WIDTH, tallest), "white")
        self.pen = ImageDraw.Draw(self._image)
        self.y = MARGIN

    def text(self, words: str, size: float, color: _Color = INK, *, x: int = MARGIN, width: int | None = None) -> None:
        """Write a paragraph, broken into lines that fit."""
        font = ImageFont.load_default(size)
        for line in _lines(self.pen, words, font, width or WIDTH - x - MARGIN):
            self.pen.text((x, self.y), line, fill=color, font=font)
            self.y += round(1.32 * size)

    def label(
        self, words: str, place: tuple[float, float], size: float, color: _Color = INK, anchor: str = "la"
    ) -> None:
        """Write a word or two at a place; ``anchor`` as in Pillow."""
        words = words.replace("\N{MINUS SIGN}", "-")  # which Pillow's own font lacks
        self.pen.text(place, words, fill=color, font=ImageFont.load_default(size), anchor=anchor)

    def images(self, images: Sequence[npt.NDArray[np.uint8]], gap: int = 16) -> None:
        """Put images of one height side by side."""
        x = MARGIN
        for image in images:
            self._image.paste(Image.fromarray(image), (x, self.y))
            x += image.shape[1] + gap
        self.y += images[0].shape[0]

    def png(self) -> bytes:
        """The file."""
        file = io.BytesIO()
        self._image.crop((0, 0, WIDTH, min(self._image.height, self.y + MARGIN))).save(file, "PNG", optimize=True)
        return file.getvalue()


def _lines(
    pen: ImageDraw.ImageDraw, words: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int
) -> list[str]:
    lines = [""]
    # A number stays with its sign: NUL holds the two together until the line is measured
    for word in words.replace(" %", "\0%").split(" "):
        longer = f"{lines[-1]} {word}".strip().replace("\0", " ")
        if pen.textlength(longer, font=font) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word.replace("\0", " "))
    return lines
