"""The images of a robustness test: one known face in each, brought to one size, so that levels mean the same to all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image as Images

from ...data.dataset import TEST, Dataset
from ...data.preprocessing import FaceFinder
from ...detection import create_detector
from ...errors import DataError, SourceError
from ...model.preprocess import BELOW_CENTRE, EYES_TO_MOUTH
from ...options import ReadOptions
from ...progress import Progress, no_progress
from ...types import Box, Face, Frame
from ..comparison import Task, build_test_set, rows_of
from ..comparison_models import Model

Image = npt.NDArray[np.uint8]

#: Pixels between brow and chin that every face is brought to.
FACE = 96
#: Side of the window around the face; what lies outside the image is filled with its mean color.
WINDOW = 160
#: Side that face crops are brought to: twice FER2013's, so that nothing is lost.
CROP = 96
#: Side at which landmarks are looked for in a face crop.
_LANDMARK_SIDE = 192

#: Where the five landmarks lie in a face crop on average, in shares of its side (``docs/concepts/detection.md``).
_EYES = 0.5 + BELOW_CENTRE - EYES_TO_MOUTH / 2
_MOUTH = _EYES + EYES_TO_MOUTH
_TYPICAL = np.array([(0.31, _EYES), (0.69, _EYES), (0.5, _EYES + 0.21), (0.35, _MOUTH), (0.65, _MOUTH)], np.float32)
#: A face's box is tighter than its crop by this factor.
_MARGIN = 1.15


@dataclass(frozen=True, eq=False)
class Sample:
    """One face: uint8 (H, W, 3), RGB; ``side`` is that of the face from brow to chin in pixels.

    ``landmarks``, float32 (5, 2), are there also where ``face`` carries none.
    """

    name: str
    image: Image
    face: Face
    landmarks: npt.NDArray[np.float32]
    side: float

    @property
    def center(self) -> tuple[float, float]:
        """The middle of the face's box."""
        x0, y0, x1, y1 = self.face.box.xyxy
        return (x0 + x1) / 2, (y0 + y1) / 2


@dataclass(frozen=True)
class Samples:
    """The images of a test and the right emotion of each, as many of each emotion as there are.

    In ``crops`` nothing is detected. In ``without_face`` more images no face was found even without corruption.
    """

    items: tuple[Sample, ...]
    labels: tuple[str, ...]
    crops: bool
    without_face: int


def draw_samples(
    part: Dataset,
    task: Task,
    models: Sequence[Model],
    n: int,
    seed: int,
    *,
    crops: bool,
    progress: Progress = no_progress,
) -> Samples:
    """Draw at most ``n`` images, as many of each emotion as there are, and find their faces; ``DataError`` for none."""
    part = replace(part, split=np.full(len(part), TEST))
    test_set = build_test_set(task, models, part, TEST)
    chosen = evenly(test_set.y_true, n, np.random.default_rng(seed))
    rows = rows_of(test_set.names[chosen], part)
    items, labels = [], []
    find = _crop_finder() if crops else _photo_finder()
    for done, (row, label) in enumerate(zip(rows.tolist(), test_set.y_true[chosen].tolist()), start=1):
        image = part.images[row]
        rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
        sample = find(Frame(np.ascontiguousarray(rgb, np.uint8), str(part.names[row])))
        if sample is not None:
            items.append(sample)
            labels.append(task.emotions[label])
        progress(done, len(rows), "finding faces")
    if not items:
        hint = "If the images are face crops, add --crops."
        raise DataError(f"{part.name}: no face found in any of {len(rows)} images", hint=hint)
    return Samples(tuple(items), tuple(labels), crops, len(rows) - len(items))


def evenly(labels: npt.NDArray[np.int64], n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """int64 (m,), m <= n: rows with as equal numbers of each label as there are; sorted."""
    classes = sorted((rng.permutation(np.flatnonzero(labels == value)) for value in np.unique(labels)), key=len)
    taken: list[npt.NDArray[np.int64]] = []
    for left, rows in zip(range(len(classes), 0, -1), classes):
        taken.append(rows[: (n - sum(map(len, taken))) // left])
    return np.sort(np.concatenate(taken))


def in_window(frame: Frame, face: Face) -> Sample:
    """The face of a photo, ``FACE`` pixels large, in a window that shows what is around it."""
    scale = FACE / np.sqrt(face.box.width * face.box.height)
    reach = WINDOW / scale / 2 + 2
    x, y = (face.box.x0 + face.box.x1) / 2, (face.box.y0 + face.box.y1) / 2
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    part = frame.image[top : int(y + reach) + 1, left : int(x + reach) + 1]
    width, height = (max(1, round(n * scale)) for n in (part.shape[1], part.shape[0]))
    by = np.array([width / part.shape[1], height / part.shape[0]])
    # whole pixels, so that nothing is resampled twice
    offset = np.round(WINDOW / 2 - np.array([x - left, y - top]) * by)
    window = Images.new("RGB", (WINDOW, WINDOW), tuple(part.mean((0, 1)).round().astype(int).tolist()))
    window.paste(Images.fromarray(resized(part, width, height)), (int(offset[0]), int(offset[1])))
    moved = moved_face(face, by, offset - np.array([left, top]) * by)
    landmarks = moved.landmarks if moved.landmarks is not None else _typical_landmarks(moved.box)
    return Sample(frame.name, np.array(window), moved, landmarks, float(FACE))


def from_crop(frame: Frame, landmarks: npt.NDArray[np.float32] | None = None) -> Sample:
    """A square face crop as in FER2013; landmarks, float32 (5, 2) in shares of its side, or those of an average face."""
    shares = _TYPICAL if landmarks is None else landmarks
    image = resized(frame.image, CROP, CROP)
    return Sample(frame.name, image, Face(Box(0, 0, CROP, CROP)), (shares * CROP).astype(np.float32), CROP / _MARGIN)


def moved_face(face: Face, by: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]) -> Face:
    """The face after its image was scaled ``by`` (x, y) and then moved by ``offset`` (x, y), in pixels."""
    corners = np.array(face.box.xyxy).reshape(2, 2) * by + offset
    points = None if face.landmarks is None else (face.landmarks * by + offset).astype(np.float32)
    return replace(face, box=Box(*corners.ravel().tolist()), landmarks=points)


def resized(image: Image, width: int, height: int) -> Image:
    """Averaged where it shrinks, bicubic where it grows."""
    shrinks = width < image.shape[1] or height < image.shape[0]
    how = Images.Resampling.BOX if shrinks else Images.Resampling.BICUBIC
    return np.asarray(Images.fromarray(image).resize((width, height), how), np.uint8)


def _typical_landmarks(box: Box) -> npt.NDArray[np.float32]:
    corner, sides = np.array([box.x0, box.y0]), np.array([box.width, box.height])
    return np.asarray((_TYPICAL - 0.5) * _MARGIN * sides + 0.5 * sides + corner, np.float32)


def _photo_finder() -> Callable[[Frame], Sample | None]:
    finder = FaceFinder()

    def find(frame: Frame) -> Sample | None:
        try:
            return in_window(frame, finder.find(frame))
        except SourceError:  # no face
            return None

    return find


def _crop_finder() -> Callable[[Frame], Sample]:
    """Face crops, with the landmarks that the detector finds in them, or those of an average face."""
    detector = create_detector(ReadOptions(min_face=_LANDMARK_SIDE // 4))

    def find(frame: Frame) -> Sample:
        faces = detector.detect(Frame(resized(frame.image, _LANDMARK_SIDE, _LANDMARK_SIDE), frame.name))
        points = faces[0].landmarks if faces else None
        return from_crop(frame, None if points is None else (points / _LANDMARK_SIDE).astype(np.float32))

    return find
