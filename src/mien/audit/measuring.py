"""Conditions of all faces of a set of photos, or of a data set of faces that were cut out already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ..data.dataset import Dataset
from ..detection.base import Detector, NoDetector
from ..emotions import BY_NAME, EMOTIONS
from ..errors import SourceError
from ..io.images import read_image
from ..types import Face, Frame
from .conditions import NAMES, Conditions, conditions
from .groups import grouped

#: Side in pixels that images of a data set are given at most.
LARGEST = 128
#: The smallest face to look for in a crop once enlarged, in pixels: a face fills it.
LEAST_IN_CROP = 60
#: Crops are enlarged to this side before their landmarks are looked for: the detector misses small ones.
_ENLARGED = 192


@dataclass(frozen=True)
class Measured:
    """One face.

    Attributes:
        name: path of the photo, or the name of the image in its data set.
        face: its number in the photo, from 1.
        truth: the emotion it is labeled with; empty where there is no label.
        conditions: how it was photographed.
    """

    name: str
    face: int
    truth: str
    conditions: Conditions


def of_photos(
    paths: Sequence[Path],
    detector: Detector,
    failed: Callable[[str], None] = lambda _why: None,
    done: Callable[[], None] = lambda: None,
) -> Iterator[Measured]:
    """Every face of every photo; its label is the name of the photo's folder, where that is an emotion.

    Args:
        paths: the photos.
        detector: finds the faces.
        failed: told why, for each photo that cannot be read.
        done: called after each photo.
    """
    for path in paths:
        try:
            frame = read_image(path)
        except SourceError as error:
            failed(str(error))
        else:
            for number, face in enumerate(detector.detect(frame), 1):
                truth = BY_NAME.get(path.resolve().parent.name.lower(), "")
                yield Measured(str(path), number, truth, conditions(frame, face))
        done()


def of_crops(faces: Dataset, detector: Detector, done: Callable[[], None] = lambda: None) -> Iterator[Measured]:
    """Every image of a data set, each one a face.

    The image is the face, so its size is the face's. The detector is only asked for landmarks: where it finds no face,
    roll and yaw are unknown, which says something too.
    """
    for frame, label in zip(frames_of(faces), faces.labels):
        yield Measured(frame.name, 1, EMOTIONS[label], of_crop(frame, detector))
        done()


def of_crop(frame: Frame, detector: Detector) -> Conditions:
    """Conditions of an image that is a face; ``detector`` is asked for its landmarks."""
    return conditions(frame, *posed(frame, detector))


def frames_of(faces: Dataset) -> Iterator[Frame]:
    """The images of a data set, in three channels and with their names."""
    for image, name in zip(faces.images, faces.names):
        yield Frame(np.ascontiguousarray(np.repeat(image[..., None], 3, 2)) if image.ndim == 2 else image, str(name))


def table(measured: Sequence[Measured], *, thirds: bool = False) -> tuple[tuple[str, ...], list[dict[str, str | int]]]:
    """Columns and rows for a CSV file: name, face, truth, and for each condition its value and its group.

    Args:
        measured: the faces.
        thirds: as in ``groups.grouped``.
    """
    groups = grouped([one.conditions for one in measured], thirds=thirds)
    columns = ("name", "face", "truth", *(column for name in NAMES for column in (name, f"{name}_group")))
    rows: list[dict[str, str | int]] = []
    for one, group in zip(measured, groups):
        row: dict[str, str | int] = {"name": one.name, "face": one.face, "truth": one.truth}
        for name in NAMES:
            value = getattr(one.conditions, name)
            row |= {name: "" if value is None else f"{value:.4g}", f"{name}_group": group[name]}
        rows.append(row)
    return columns, rows


def posed(frame: Frame, detector: Detector) -> tuple[Face, Face | None]:
    """The whole image as a face, and again with the landmarks of the face that the detector is surest of in it."""
    (whole,) = NoDetector().detect(frame)
    scale = max(1.0, _ENLARGED / min(frame.width, frame.height))
    image = frame.image if scale == 1 else _enlarged(frame.image, scale)
    found = [face for face in detector.detect(Frame(image)) if face.landmarks is not None]
    if not found or found[0].landmarks is None:
        return whole, None
    points = ((found[0].landmarks + 0.5) / scale - 0.5).astype(np.float32)
    return whole, Face(whole.box, found[0].score, points, whole.margin)


def _enlarged(image: npt.NDArray[np.uint8], scale: float) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
