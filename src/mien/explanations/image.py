"""Explanations as one PNG, for reports and slides."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ..drawing import caption
from .explanation import Curves, Explanation
from .faithfulness import Sanity
from .report import AGAINST, FOR, enlarged, lay_over, short, summarize

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
        """Put pictures of one height side by side."""
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


#: An image of more faces would be too tall to read.
MOST_FACES = 12
_TALL = 1900  # pixels that a face takes at most
_SIDE = (WIDTH - 2 * MARGIN - 16) // 2
_TEXT, _SMALL, _LARGE = 25, 20, 40


def image(explanations: Sequence[Explanation]) -> bytes:
    """A PNG, 840 pixels wide: for each face the crop, the map, the parts, the checks, and what they say in words.

    Args:
        explanations: at least one; the first twelve are drawn.
    """
    sheet = Sheet(_TALL * min(len(explanations), MOST_FACES) + 100)
    for number, explanation in enumerate(explanations[:MOST_FACES]):
        if number:
            sheet.y += MARGIN
            sheet.pen.line((MARGIN, sheet.y, WIDTH - MARGIN, sheet.y), fill=LINE, width=2)
            sheet.y += MARGIN
        _face(sheet, explanation)
    if len(explanations) > MOST_FACES:
        sheet.text(
            f"{len(explanations) - MOST_FACES} more faces are not drawn here; an .html file holds all.", _SMALL, SOFT
        )
    return sheet.png()


def sanity_image(checks: Sequence[Sanity]) -> bytes:
    """A PNG, 840 pixels wide: each face with the model's own map, and with those of shuffled weights."""
    side, shown = (WIDTH - 2 * MARGIN - 3 * 12) // 4, 3
    sheet = Sheet((side + 220) * min(len(checks), MOST_FACES) + 300)
    sheet.text("Does the map depend on what the model learned?", 34)
    sheet.text("The same map, from the model and from copies whose weights were shuffled.", _SMALL, SOFT)
    for check in checks[:MOST_FACES]:
        sheet.y += 20
        sheet.text(f"{Path(check.name).name}, face {check.number}: {check.emotion}", _TEXT)
        sheet.y += 6
        maps = [check.own, *check.shuffled[:shown]]
        sheet.images([lay_over(_at(check.face, side), heat) for heat in maps], 12)
        sheet.y += 8
        for place, words in enumerate(["the model", *(f"shuffled: {r:+.2f}" for r in check.correlations[:shown])]):
            sheet.label(words, (MARGIN + place * (side + 12), sheet.y), _SMALL, SOFT)
        sheet.y += 34
    sheet.y += 10
    sheet.text(
        "The number is the rank correlation with the model's own map: 0 is no likeness, 1 the same map.", _SMALL, SOFT
    )
    return sheet.png()


def _at(face: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    return enlarged(face, side)


def _face(sheet: Sheet, explanation: Explanation) -> None:
    sheet.text(f"{Path(explanation.name).name}, face {explanation.number}", _SMALL, SOFT)
    sheet.text(caption(explanation.reading), _LARGE)
    sheet.y += 12
    sheet.images([enlarged(explanation.crop, _SIDE), lay_over(_at(explanation.face, _SIDE), explanation.heat)])
    sheet.y += 8
    size = explanation.crop.shape[0]
    sheet.label(f"what the network saw: {size} x {size}", (MARGIN, sheet.y), _SMALL, SOFT)
    _legend(sheet, explanation.emotion, MARGIN + _SIDE + 16)
    sheet.y += 44
    top = sheet.y
    _bars(sheet, explanation)
    below = sheet.y
    sheet.y = top
    _chart(sheet, explanation.curves, explanation.emotion)
    sheet.y = max(sheet.y, below) + 14
    summary = summarize(explanation)
    first, *more = summary.findings
    sheet.text(first, _TEXT)
    for lines, size, color in ((more, _TEXT, INK), (summary.checks, _SMALL, SOFT)):
        for line in lines:
            sheet.y += 8
            sheet.text(line, size, color)


def _legend(sheet: Sheet, emotion: str, x: int) -> None:
    for words, color, left in ((f"for {emotion}", FOR, x), ("against", AGAINST, x + 210)):
        sheet.pen.rectangle((left, sheet.y + 3, left + 18, sheet.y + 21), fill=color)
        sheet.label(words, (left + 26, sheet.y), _SMALL, SOFT)


def _bars(sheet: Sheet, explanation: Explanation) -> None:
    sheet.label("parts of the face", (MARGIN, sheet.y), _SMALL, INK)
    sheet.y += 34
    zero, room = MARGIN + 190, 110
    largest = max(1.0, *(abs(part.share) for part in explanation.parts))
    for part in explanation.parts:
        end = zero + room * part.share / largest
        sheet.label(part.name, (MARGIN, sheet.y), _SMALL + 2)
        color = FOR if part.share >= 0 else AGAINST
        sheet.pen.rectangle((min(zero, end), sheet.y + 3, max(zero, end), sheet.y + 23), fill=color)
        sheet.label(short(part), (max(zero, end) + 8, sheet.y), _SMALL + 2, INK)
        sheet.y += 34
    sheet.pen.line((zero, sheet.y - 34 * len(explanation.parts), zero, sheet.y - 6), fill=SOFT, width=1)


def _chart(sheet: Sheet, curves: Curves, emotion: str) -> None:
    left, right, tall = MARGIN + _SIDE + 16 + 58, WIDTH - MARGIN, 170
    sheet.label(f"{emotion} while it is blurred", (left - 58, sheet.y), _SMALL, INK)
    top = sheet.y + 36
    bottom = top + tall
    for share, words in ((0.0, "0"), (0.5, "50"), (1.0, "100 %")):
        y = bottom - share * tall
        sheet.pen.line((left, y, right, y), fill=LINE, width=1)
        sheet.label(words, (left - 6, y), 17, SOFT, "rm")
    for heights, color, width in ((curves.random_deletion, SOFT, 3), (curves.deletion, FOR, 5)):
        points = [(left + float(s) * (right - left), bottom - float(h) * tall) for s, h in zip(curves.shares, heights)]
        sheet.pen.line(points, fill=color, width=width, joint="curve")
    sheet.label("blurred: 0 to 100 % of the image", (right, bottom + 8), 17, SOFT, "ra")
    for x, words, color in ((left, "by the map", FOR), (left + 130, "at random", SOFT)):
        sheet.pen.line((x, bottom + 46, x + 22, bottom + 46), fill=color, width=4)
        sheet.label(words, (x + 28, bottom + 46), 17, SOFT, "lm")
    sheet.y = bottom + 64
