"""Draw boxes, labels and masks on images."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from .types import Box, Frame, Reading

#: RGB, 0-255. Okabe and Ito (2008), "Color Universal Design", with gray for neutral.
COLORS: dict[str, tuple[int, int, int]] = {
    "angry": (213, 94, 0),
    "disgust": (0, 158, 115),
    "fear": (204, 121, 167),
    "happy": (240, 228, 66),
    "sad": (0, 114, 178),
    "surprise": (230, 159, 0),
    "neutral": (200, 200, 200),
    "contempt": (86, 180, 233),
}


def ink_on(color: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever reads better on ``color`` (relative luminance, WCAG 2)."""
    red, green, blue = (value / 255 for value in color)
    return (0, 0, 0) if 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 > 0.18 else (255, 255, 255)


def named(reading: Reading) -> str:
    """The emotion of a reading as text: ``happy``, ``happy + surprise``, or ``sad?`` if it abstained."""
    return f"{reading.emotion}?" if reading.abstained else " + ".join(reading.mixed) or reading.emotion


def percent(probability: float) -> str:
    """Format a probability, such as ``98%``; never ``100%`` or ``0%``."""
    return "> 99%" if probability > 0.99 else "< 1%" if probability < 0.01 else f"{100 * probability:.0f}%"


def caption(reading: Reading) -> str:
    """One line for a face: ``happy 98%``, ``neutral 54% + sad 31%``, or ``sad? 38%`` if it abstained."""
    if reading.abstained or not reading.mixed:
        return f"{named(reading)} {percent(reading.confidence)}"
    probabilities = reading.scores()
    return " + ".join(f"{emotion} {percent(probabilities[emotion])}" for emotion in reading.mixed)


def annotate(frame: Frame, readings: Sequence[Reading], plain: Sequence[Box] = ()) -> npt.NDArray[np.uint8]:
    """Return a copy of the image with a box and a caption for each face.

    Args:
        frame: the image.
        readings: the readings of its faces.
        plain: boxes of further faces, which get no caption.

    Returns:
        uint8 (H, W, 3), RGB, 0-255.
    """
    canvas = Image.fromarray(frame.image)
    pen = ImageDraw.Draw(canvas)
    line = max(1, round(max(frame.width, frame.height) / 320))
    for box, color in [(one.face.box, COLORS[one.emotion]) for one in readings] + [(box, COVER) for box in plain]:
        pen.rectangle(box.xyxy, outline=color, width=line)
    for reading in readings:  # captions last, so that no box crosses them
        _tag(pen, reading, frame, line)
    return np.asarray(canvas)


def _tag(pen: ImageDraw.ImageDraw, reading: Reading, frame: Frame, line: int) -> None:
    box, color = reading.face.box, COLORS[reading.emotion]
    text, pad = caption(reading), 2 * line
    if reading.track_id is not None:
        text = f"{reading.track_id}: {text}"
    # As large as the image suggests, but hardly wider than the face, so that neighbors keep their captions.
    largest = 1.2 * box.width / pen.textlength(text, font=ImageFont.load_default(100.0)) * 100
    font = ImageFont.load_default(float(np.clip(largest, 10, max(14, frame.width / 28))))
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    width, height = right - left + 2 * pad, bottom - top + 2 * pad
    x = min(max(0.0, box.x0), max(0.0, frame.width - width))
    y = box.y0 - height if box.y0 >= height else min(box.y1, frame.height - height)
    y = max(0.0, y)
    pen.rectangle((x, y, x + width, y + height), fill=color)
    pen.text((x + pad - left, y + pad - top), text, font=font, fill=ink_on(color))


def encoded(image: npt.NDArray[np.uint8], kind: str = "PNG", longest: int | None = None) -> bytes:
    """Encode an image, uint8 (H, W, 3), as PNG or JPEG, reduced to a maximum length of its longest side in pixels."""
    picture = Image.fromarray(image)
    if longest:
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=3)
    file = io.BytesIO()
    picture.save(file, kind, **({"quality": 90, "subsampling": 0} if kind == "JPEG" else {}))
    return file.getvalue()


#: RGB, 0-255: what a covered face becomes.
COVER = (110, 116, 124)
#: The cover is an ellipse around the box, which spans brow to chin: half its width and height, as multiples of the box's,
#: and how far its center lies above the box's. So it takes in hair, ears and chin, and every corner of the box.
_ACROSS, _DOWN, _UP = 0.8, 0.9, 0.1
_RIM = 2.0  # pixels more, since boxes are not exact


def mask_faces(frame: Frame, hidden: Sequence[Box], spared: Sequence[Box] = (), guessed: Sequence[Box] = ()) -> Frame:
    """Return the image with some faces masked.

    Args:
        frame: the image.
        hidden: boxes of faces to mask. A box is masked completely; its surroundings only outside of ``spared``.
        spared: boxes of faces to leave visible. Only the ellipse inside each box is spared, because others may appear in
            its corners.
        guessed: estimated boxes of faces that were not detected; masked like ``hidden``, but not over spared faces.

    Returns:
        A new frame, or the same one if there is nothing to mask.
    """
    if not hidden and not guessed:
        return frame
    image = frame.image.copy()
    for number, box in enumerate((*hidden, *guessed)):
        x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2 - _UP * box.height
        across, down = _ACROSS * box.width + _RIM, _DOWN * box.height + _RIM
        columns = slice(*np.clip([math.floor(x - across), math.ceil(x + across) + 1], 0, frame.width))
        lines = slice(*np.clip([math.floor(y - down), math.ceil(y + down) + 1], 0, frame.height))
        ys, xs = np.ogrid[lines, columns]
        is_masked = ((xs - x) / across) ** 2 + ((ys - y) / down) ** 2 <= 1
        for other in spared:
            right, below = 2 * xs - other.x0 - other.x1, 2 * ys - other.y0 - other.y1
            is_masked &= (right / other.width) ** 2 + (below / other.height) ** 2 > 1
        if number < len(hidden):
            in_width = (xs >= math.floor(box.x0)) & (xs <= math.ceil(box.x1))
            is_masked |= in_width & (ys >= math.floor(box.y0)) & (ys <= math.ceil(box.y1))
        image[lines, columns][is_masked] = COVER
    return replace(frame, image=image)
