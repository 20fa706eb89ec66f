"""One photo for the photo app: read once, looked at with any limit."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..detection.registry import create_detector
from ..emotions import LABEL_SETS
from ..errors import OptionError
from ..io.images import read_image
from ..io.rows import Row, rows
from ..options import ReadOptions
from ..reader import Reader
from ..redaction import PhotoHider, Privacy, hiding_options
from ..types import Frame, Reading

#: Larger images are refused: whoever opens a page may send it anything, and an image takes 8 bytes a pixel.
MOST_MEGAPIXELS = 100.0


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo that was read.

    Attributes:
        frame: the image; ``name`` is its file name, without folders.
        readings: its faces, most certain detection first.
        emotions: the label set.
        shown: whether anybody may see the image; else ``frame`` holds one black pixel.
    """

    frame: Frame
    readings: tuple[Reading, ...]
    emotions: tuple[str, ...]
    shown: bool = True

    def forgotten(self) -> Photo:
        """The same photo without its pixels, which take room and can be seen."""
        return replace(self, frame=replace(self.frame, image=np.zeros((1, 1, 3), np.uint8)))

    def judged(self, min_confidence: float) -> Photo:
        """The same photo with another limit below which a reading is unsure, 0 to 1."""
        return replace(self, readings=tuple(replace(one, min_confidence=min_confidence) for one in self.readings))

    def rows(self) -> list[Row]:
        """One row a face (``sinks.rows``)."""
        return rows(self.frame, self.readings, self.emotions)


class Readers:
    """A ``Reader`` for each label set, made when first asked for; all share one face detector. For any thread.

    Args:
        model: name of a model that comes with mien, or the path of an ONNX file with its card beside it.
        first: the label set to read when nothing else is said; None takes the largest.
        privacy: whose face may be seen, and whether any image may be.

    Raises:
        ModelError: the model cannot be used.
        OptionError: the model cannot tell ``first`` apart.

    Attributes:
        choices: the label sets that the model can tell apart, the largest first.
        first: the one to read when nothing else is said.
        sha256: of the model's weights.
        shows: whether images may be shown and kept.
        hides: whether all faces but one are covered.
    """

    def __init__(self, model: str = "default", first: str | None = None, privacy: Privacy | None = None) -> None:
        privacy = privacy or Privacy()
        self.shows, self.hides = not privacy.no_image_output, privacy.mask_others
        options = ReadOptions(model=model, max_megapixels=MOST_MEGAPIXELS)
        self._hider = PhotoHider(options) if privacy.mask_others else None
        self._options = hiding_options(options) if privacy.mask_others else options
        self._detector = create_detector(self._options)
        whole = Reader(self._options, detector=self._detector)
        able = [name for name, emotions in LABEL_SETS.items() if set(emotions) <= set(whole.emotions)]
        self.choices = tuple(sorted(able, key=lambda name: -len(LABEL_SETS[name])))
        self.sha256 = whole.card.sha256
        self._readers = {name: whole for name in able if LABEL_SETS[name] == whole.emotions}
        self._lock = threading.Lock()
        self.first = self.choices[0] if first is None else first
        self._reader(self.first)

    def read(self, path: str | Path, label_set: str, min_confidence: float = 0.5) -> Photo:
        """Read the photo at ``path``.

        Args:
            path: an image file.
            label_set: one of ``choices``.
            min_confidence: a reading is unsure when its confidence is lower, 0 to 1.

        Raises:
            SourceError: it is no image, damaged, or too large.
            OptionError: the label set is not one of ``choices``, or the limit is not from 0 to 1.
        """
        if not 0 <= min_confidence <= 1:
            raise OptionError(f"min_confidence: got {min_confidence}, expected 0 to 1")
        frame = read_image(path, max_megapixels=MOST_MEGAPIXELS)
        frame = replace(frame, name=Path(path).name)
        reader = self._reader(label_set)
        readings: Sequence[Reading] = next(reader.read_frames([frame]))[1]
        if self._hider:
            frame, readings = self._hider.hide(frame, readings)
        photo = Photo(frame, tuple(readings), reader.emotions, self.shows).judged(min_confidence)
        return photo if self.shows else photo.forgotten()

    def _reader(self, label_set: str) -> Reader:
        if label_set not in self.choices:
            raise OptionError(f"emotions: got {label_set!r}, expected one of {', '.join(self.choices)}")
        with self._lock:
            if label_set not in self._readers:
                options = replace(self._options, emotions=label_set)
                self._readers[label_set] = Reader(options, detector=self._detector)
            return self._readers[label_set]
