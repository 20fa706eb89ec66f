"""One face under every condition, so that everybody sees what "darkness 3" means."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Images
from PIL import ImageDraw, ImageFont

from ...io.atomic import write_atomically
from ...model.preprocess import align_face
from ...types import Frame
from .conditions import CONDITIONS, Condition
from .subject import Image, Subject

_TILE, _INSET, _BETWEEN, _GAP, _LABEL = 170, 100, 5, 18, 42
_PAPER, _INK, _SOFT = (255, 255, 255), (28, 30, 34), (96, 102, 112)


def contact_sheet(
    subject: Subject, path: Path, *, seed: int, size: int = 48, conditions: Sequence[Condition] = CONDITIONS
) -> None:
    """A row for each family, mildest to the left: the image, and beside it the gray crop that a network gets.

    Args:
        subject: the face.
        path: where the PNG goes.
        seed: of the spoilings.
        size: side of the crops in pixels.
        conditions: those to show.

    Raises:
        OutputError: it cannot be written.
    """
    lines = _lines(conditions)
    columns = max(map(len, lines))
    across = _TILE + _BETWEEN + _INSET
    width = _GAP + columns * (across + _GAP)
    height = _GAP + len(lines) * (_TILE + _LABEL + _GAP)
    sheet = Images.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    bold, plain = ImageFont.load_default(16), ImageFont.load_default(12)
    for line, own in enumerate(lines):
        for column, condition in enumerate(own):
            left, top = _GAP + column * (across + _GAP), _GAP + line * (_TILE + _LABEL + _GAP)
            sheet.paste(Images.fromarray(_tile(condition.apply(subject, seed), size)), (left, top + _LABEL))
            pen.text((left, top), condition.name, _INK, bold)
            pen.text((left, top + 20), condition.words, _SOFT, plain)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())


def _lines(conditions: Sequence[Condition]) -> list[list[Condition]]:
    """Families of several levels a line each; single ones share lines."""
    families = list(dict.fromkeys(condition.family for condition in conditions))
    groups = {family: [one for one in conditions if one.family == family] for family in families}
    several = [group for group in groups.values() if len(group) > 1]
    single = [one for group in groups.values() if len(group) == 1 for one in group]
    most = max([4, *map(len, several)])
    alone = [single[start : start + most] for start in range(0, len(single), most)]
    return [*alone[:1], *several, *alone[1:]]


def _tile(subject: Subject, size: int) -> Image:
    """The image, and the crop to its right; pixels stay visible as squares."""
    side = max(subject.image.shape[:2])
    scale = _TILE / side
    how = cv2.INTER_NEAREST if scale > 2 else cv2.INTER_LINEAR
    tile = np.full((_TILE, _TILE + _BETWEEN + _INSET, 3), _PAPER, np.uint8)
    shown = cv2.resize(subject.image, None, fx=scale, fy=scale, interpolation=how)
    shown = shown[:_TILE, :_TILE]
    tile[: shown.shape[0], : shown.shape[1]] = shown
    crop = cv2.resize(
        align_face(Frame(subject.image), subject.face, size), (_INSET, _INSET), interpolation=cv2.INTER_NEAREST
    )
    tile[:_INSET, -_INSET:] = crop[..., None]
    return tile
