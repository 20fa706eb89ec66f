"""Images that the photo app shows: the marked photo with its faces numbered, and each face by itself."""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ..drawing import COLORS, ink_on, mark
from ..model.preprocess import align_face
from ..types import Frame, Reading
from .photo_reading import Photo

#: Longest side of an image on the page, in pixels: enough to zoom in, quick to send.
LONGEST = 2000
#: Side of a face beside its bars, in pixels, twice as fine as it is shown.
_THUMBNAIL = 112


def marked(photo: Photo, longest: int = LONGEST) -> npt.NDArray[np.uint8]:
    """The photo with its faces boxed, captioned and, where there are several, numbered from 1.

    Args:
        photo: what was read.
        longest: longest side of the result in pixels; what is larger is shrunk.

    Returns:
        uint8 (H, W, 3), RGB, 0-255.
    """
    image = Image.fromarray(mark(photo.frame, photo.readings))
    if len(photo.readings) > 1:
        pen = ImageDraw.Draw(image)
        for number, reading in enumerate(photo.readings, start=1):
            _badge(pen, number, reading, photo.frame)
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=3)
    return np.asarray(image)


def thumbnail(frame: Frame, reading: Reading) -> str:
    """A face as the network sees it, but in color, as the text of a JPEG ``data:`` address."""
    file = io.BytesIO()
    Image.fromarray(align_face(frame, reading.face, _THUMBNAIL, "rgb")).save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def saved(image: npt.NDArray[np.uint8], folder: Path, stem: str) -> Path:
    """Save an image to be shown, as a JPEG in a new folder below ``folder``, and say where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=folder)) / f"{stem}-marked.jpg"
    Image.fromarray(image).save(path, "JPEG", quality=90, subsampling=0)
    return path


def _badge(pen: ImageDraw.ImageDraw, number: int, reading: Reading, frame: Frame) -> None:
    """The face's number, in the lower left corner of its box: captions are above or below it."""
    box, color = reading.face.box, COLORS[reading.emotion]
    size = float(np.clip(box.width * 0.2, 11, max(16, frame.width / 26)))
    font = ImageFont.load_default(size)
    left, top, right, bottom = pen.textbbox((0, 0), str(number), font=font)
    width, height = right - left + 0.7 * size, bottom - top + 0.6 * size
    x = min(max(0.0, box.x0), frame.width - width)
    y = max(0.0, min(box.y1, frame.height) - height)
    pen.rectangle((x, y, x + width, y + height), fill=color)
    pen.text((x + 0.35 * size - left, y + 0.3 * size - top), str(number), font=font, fill=ink_on(color))
