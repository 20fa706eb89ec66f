"""How well a detector finds faces: average precision, recall by size, false faces, landmark error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from ...detection.own import Detections
from .data import Floats, Photo, Pixels

Finder = Callable[[Pixels], Detections]

#: Photos are measured at this long side, in pixels; sizes of faces are meant at it.
LONG_SIDE = 640
#: Upper limits of the classes of face size, in pixels of the long side.
SIZES = (16.0, 32.0, 64.0, float("inf"))
_SAME = 0.5


@dataclass(frozen=True)
class DetectorFigures:
    """Figures of one detector.

    Attributes:
        faces: that are marked.
        ap: average precision at IoU 0.5, area under the precision-recall curve.
        threshold: at which the figures below hold.
        recall: share of the faces found.
        precision: share of the detections that are faces.
        recall_by_size: recall of faces up to 16, 32, 64 and more pixels; NaN where there is none.
        false_per_image: false faces per image on the photos with faces.
        false_per_background: false faces per image on photos without a face; NaN where none were given.
        landmark_error: mean distance of the landmarks, as a share of the box's side; NaN where none are known.
    """

    faces: int
    ap: float
    threshold: float
    recall: float
    precision: float
    recall_by_size: tuple[float, ...]
    false_per_image: float
    false_per_background: float
    landmark_error: float

    def row(self) -> dict[str, float]:
        """Plain numbers for a table; the recall by size in columns of its own."""
        values = asdict(self)
        by_size = values.pop("recall_by_size")
        return {**values, **{f"recall_{limit:g}": value for limit, value in zip(SIZES, by_size)}}


@dataclass(frozen=True, eq=False)
class _Matched:
    """The detections of one photo that count: score, whether true; and of each face, the score at which it is found."""

    scores: Floats
    true: npt.NDArray[np.bool_]
    found_at: Floats
    sizes: Floats
    landmark_errors: Floats


def evaluate(
    find: Finder, photos: Sequence[Photo], backgrounds: Sequence[Photo] = (), threshold: float = 0.5
) -> DetectorFigures:
    """Measure a detector.

    Args:
        find: RGB uint8 (H, W, 3) to its faces down to low scores; run at a long side of 640 pixels.
        photos: with every face marked or ignored.
        backgrounds: without a face.
        threshold: of the score, for the figures that need one.
    """
    matched = [_match(*_scaled(photo, find)) for photo in photos]
    scores = np.concatenate([part.scores for part in matched] or [np.zeros(0, np.float32)])
    true = np.concatenate([part.true for part in matched] or [np.zeros(0, bool)])
    found_at = np.concatenate([part.found_at for part in matched] or [np.zeros(0, np.float32)])
    sizes = np.concatenate([part.sizes for part in matched] or [np.zeros(0, np.float32)])
    errors = np.concatenate([part.landmark_errors for part in matched] or [np.zeros(0, np.float32)])
    false = sum(int((_scaled(photo, find)[0].scores >= threshold).sum()) for photo in backgrounds)
    kept, found = scores >= threshold, found_at >= threshold
    classes = np.searchsorted(SIZES, sizes)
    return DetectorFigures(
        faces=len(found_at),
        ap=average_precision(scores, true, len(found_at)),
        threshold=threshold,
        recall=_mean(found),
        precision=_mean(true[kept]),
        recall_by_size=tuple(_mean(found[classes == index]) for index in range(len(SIZES))),
        false_per_image=float((kept & ~true).sum()) / max(len(photos), 1),
        false_per_background=false / len(backgrounds) if backgrounds else float("nan"),
        landmark_error=_mean(errors[np.isfinite(errors)]),
    )


def average_precision(scores: Floats, true: npt.NDArray[np.bool_], faces: int) -> float:
    """Area under the precision-recall curve, precision made to fall with recall (as PASCAL VOC 2010 does)."""
    if not faces or not len(scores):
        return 0.0
    hits = np.cumsum(true[np.argsort(-scores, kind="stable")])
    precision = hits / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(hits / faces, prepend=0.0) * precision).sum())


def _mean(values: npt.NDArray[np.generic]) -> float:
    return float(values.mean()) if values.size else float("nan")


def _scaled(photo: Photo, find: Finder) -> tuple[Detections, Photo, float]:
    scale = LONG_SIDE / max(photo.width, photo.height)
    size = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    return find(np.asarray(photo.image().resize(size, Image.Resampling.BILINEAR))), photo, scale


def _match(found: Detections, photo: Photo, scale: float) -> _Matched:
    """Each detection, best first, takes the free face that it covers best; those on boxes to ignore do not count."""
    boxes, ignore = photo.labels.boxes * scale, photo.labels.ignore * scale
    found_at = np.full(len(boxes), -1, np.float32)
    errors = np.full(len(boxes), np.nan, np.float32)
    counts, true = np.ones(len(found.scores), bool), np.zeros(len(found.scores), bool)
    overlaps, (over_ignored, inside) = iou_matrix(found.boxes, boxes)[0], iou_matrix(found.boxes, ignore)
    for index in np.argsort(-found.scores, kind="stable"):
        free = np.where(found_at < 0, overlaps[index], 0)
        best = int(free.argmax()) if len(free) else -1
        if best >= 0 and free[best] >= _SAME:
            true[index], found_at[best] = True, found.scores[index]
            side = float(np.sqrt((boxes[best, 2:] - boxes[best, :2]).prod()))
            apart = np.linalg.norm(found.landmarks[index] - photo.labels.landmarks[best] * scale, axis=1)
            errors[best] = apart.mean() / side
        elif len(ignore) and max(over_ignored[index].max(), inside[index].max()) >= _SAME:
            counts[index] = False
    sizes = (boxes[:, 2:] - boxes[:, :2]).max(1, initial=0)
    return _Matched(found.scores[counts], true[counts], found_at, sizes, errors)


def iou_matrix(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Intersection over union of boxes (N, 4) and (M, 4), and the share of each of ``a`` inside each of ``b``: (N, M)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    area_a, area_b = ((boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (a, b))
    return shared / np.maximum(area_a[:, None] + area_b - shared, 1e-9), shared / np.maximum(area_a[:, None], 1e-9)
