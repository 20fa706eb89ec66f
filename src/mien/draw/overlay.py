"""Mark the faces in a picture with what was read off them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ..values.frame import Frame
from ..values.reading import Reading
from .palette import COLOURS, ink_on


def named(reading: Reading) -> str:
    """What a reading says in words: ``happy``, ``happy + surprise``, or ``sad?`` where it abstained."""
    return f"{reading.emotion}?" if reading.abstained else " + ".join(reading.mixed) or reading.emotion


def percent(probability: float) -> str:
    """``98 %``; nothing that was read off a face is certain, so never ``100 %``."""
    return "> 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def caption(reading: Reading) -> str:
    """One line for a face: ``happy 98 %``, ``neutral 54 % + sad 31 %``, or ``sad? 38 %`` where it abstained."""
    if reading.abstained or not reading.mixed:
        return f"{named(reading)} {percent(reading.confidence)}"
    probabilities = reading.as_dict()
    return " + ".join(f"{emotion} {percent(probabilities[emotion])}" for emotion in reading.mixed)


def mark(frame: Frame, readings: Sequence[Reading]) -> npt.NDArray[np.uint8]:
    """A copy of the picture with each face boxed and captioned.

    Args:
        frame: the picture.
        readings: what was read off its faces.

    Returns:
        uint8 (H, W, 3), RGB, 0-255.
    """
    canvas = Image.fromarray(frame.image)
    pen = ImageDraw.Draw(canvas)
    line = max(1, round(max(frame.width, frame.height) / 320))
    for reading in readings:
        colour = COLOURS[reading.emotion]
        pen.rectangle(reading.face.box.xyxy, outline=colour, width=line)
    for reading in readings:  # captions last, so that no box crosses them
        _tag(pen, reading, frame, line)
    return np.asarray(canvas)


def _tag(pen: ImageDraw.ImageDraw, reading: Reading, frame: Frame, line: int) -> None:
    box, colour = reading.face.box, COLOURS[reading.emotion]
    text, pad = caption(reading), 2 * line
    if reading.track is not None:
        text = f"{reading.track}: {text}"
    # As large as the picture suggests, but hardly wider than the face, so that neighbours keep their captions.
    largest = 1.2 * box.width / pen.textlength(text, font=ImageFont.load_default(100.0)) * 100
    font = ImageFont.load_default(float(np.clip(largest, 10, max(14, frame.width / 28))))
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    width, height = right - left + 2 * pad, bottom - top + 2 * pad
    x = min(max(0.0, box.x0), max(0.0, frame.width - width))
    y = box.y0 - height if box.y0 >= height else min(box.y1, frame.height - height)
    y = max(0.0, y)
    pen.rectangle((x, y, x + width, y + height), fill=colour)
    pen.text((x + pad - left, y + pad - top), text, font=font, fill=ink_on(colour))
