"""Corrections by people: faces kept, once they agree, as a data set that the lab takes.

``happy/3f0c....png`` is a face as the networks see faces, in color; ``corrections.csv`` has one line per correction.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import __version__
from ..drawing import encoded
from ..emotions import EMOTIONS, parse
from ..errors import OptionError
from ..io.atomic import write_atomically, writing_to
from ..model.preprocess import align_face, square_around
from .photo_reading import Photo

if TYPE_CHECKING:
    from ..serve.store import Store

LOG = "corrections.csv"
#: Sides of the images kept: what is in the photo, but neither smaller than the smallest network input nor needlessly large.
_SIDES = (64, 256)
COLUMNS = ("file", "label", "predicted", "abstained", "time", "model_sha256", "mien_version", *EMOTIONS)


@dataclass(frozen=True)
class Flagged:
    """A correction: the image kept, and whether it is ``new``; otherwise it was there already."""

    file: Path
    new: bool


class Flags:
    """Keeps corrected faces in a folder, and in a ``store`` of feedback if there is one; for any thread.

    Nothing is made in the folder before the first correction.
    """

    def __init__(self, folder: Path, model_sha256: str, store: Store | None = None) -> None:
        self.folder, self._store = folder, store
        self._sha256 = model_sha256
        self._lock = threading.Lock()

    def save(self, photo: Photo, face: int, emotion: str, *, agreed: bool) -> Flagged:
        """Keep one face, given by its number from 1, under the emotion that it shows.

        The image's name is made from its pixels, so the same face is never there twice. Of two corrections of one face
        the later one holds: the image moves to its folder, and the log has a line for each.
        """
        if agreed is not True:  # a text such as "false" from a program is no agreement
            message = "nothing was saved: agreement is missing"
            raise OptionError(message, hint="Tick the box that allows the face to be kept.")
        if not 1 <= face <= len(photo.readings):
            raise OptionError(f"face: got {face}, but the photo has {len(photo.readings)}", hint="Choose a face first.")
        reading, right = photo.readings[face - 1], parse(emotion)
        side = int(np.clip(round(square_around(reading.face)[1]), *_SIDES))
        image = align_face(photo.frame, reading.face, side, "rgb")
        name = hashlib.sha256(image.tobytes()).hexdigest()[:20] + ".png"
        path = self.folder / right / name
        line = {
            "file": f"{right}/{name}",
            "label": right,
            "predicted": reading.emotion,
            "abstained": "true" if reading.abstained else "false",
            "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "model_sha256": self._sha256,
            "mien_version": __version__,
            **{emotion: round(share, 4) for emotion, share in reading.scores().items()},
        }
        with self._lock:
            others = [self.folder / other / name for other in EMOTIONS if other != right]
            before = [other for other in others if other.exists()]
            if path.exists() and not before:
                return Flagged(path, new=False)
            self._append(line)
            write_atomically(path, encoded(image))
            for other in before:
                with writing_to(other):
                    other.unlink()
                with suppress(OSError):  # the lab takes an empty class folder for a mistake; one in use stays
                    other.parent.rmdir()
        if self._store is not None:
            self._store.add_correction(path, right, reading.emotion, self._sha256)
        return Flagged(path, new=True)

    def _append(self, line: dict[str, str | float]) -> None:
        """Add to the log in one write, so that neither a crash nor another mien with this folder tears a line."""
        path = self.folder / LOG
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
        with writing_to(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a+b") as file:
                if not file.seek(0, os.SEEK_END):
                    writer.writeheader()
                elif file.seek(-1, os.SEEK_END) and file.read(1) != b"\n":  # a full disk cut the last line off
                    text.write("\n")
                writer.writerow(line)
                file.write(text.getvalue().encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
