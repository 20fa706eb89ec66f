"""How well a detector finds faces: average precision, recall by size, false faces, landmark error.

``python -m mien.lab.detector.evaluate centerface WEIGHTS.onnx ... --data FOLDER`` compares detectors.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ...detection.anchor_free import MARGIN, AnchorFreeNetwork
from ...detection.base import Detector
from ...detection.pyramid import Detections, PyramidDetector
from ...types import Frame
from .data import Floats, Photo, Pixels, read_faces

Finder = Callable[[Pixels], Detections]

#: Photos are measured at this long side, in pixels; sizes of faces are meant at it.
LONG_SIDE = 640
#: Upper limits of the classes of face size, in pixels of the long side.
SIZES = (16.0, 32.0, 64.0, float("inf"))
_SAME = 0.5
#: False faces per image without a face that a threshold may let through.
MAX_FALSE = 0.05
#: Detections down to this score count for the average precision.
LOWEST_SCORE = 0.02


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
    find: Finder, photos: Sequence[Photo], backgrounds: Sequence[Photo] = (), threshold: float | None = 0.5
) -> DetectorFigures:
    """Measure a detector.

    Args:
        find: RGB uint8 (H, W, 3) to its faces down to low scores; run at a long side of 640 pixels.
        photos: with every face marked or ignored.
        backgrounds: without a face.
        threshold: of the score, for the figures that need one; None takes the lowest that lets at most ``MAX_FALSE`` false
            faces per image through on ``backgrounds``.
    """
    matched = [_match(*_scaled(photo, find)) for photo in photos]
    scores = np.concatenate([part.scores for part in matched] or [np.zeros(0, np.float32)])
    true = np.concatenate([part.true for part in matched] or [np.zeros(0, bool)])
    found_at = np.concatenate([part.found_at for part in matched] or [np.zeros(0, np.float32)])
    sizes = np.concatenate([part.sizes for part in matched] or [np.zeros(0, np.float32)])
    errors = np.concatenate([part.landmark_errors for part in matched] or [np.zeros(0, np.float32)])
    false = np.concatenate([np.zeros(0, np.float32), *(_scaled(photo, find)[0].scores for photo in backgrounds)])
    if threshold is None:
        worst = np.sort(false)[::-1][int(MAX_FALSE * len(backgrounds)) :]
        threshold = float(np.nextafter(worst[0], np.float32(1))) if len(worst) else LOWEST_SCORE
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
        false_per_background=float((false >= threshold).sum()) / len(backgrounds) if backgrounds else float("nan"),
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


def finder_of(detector: Detector) -> Finder:
    """A finder that runs a detector, which should keep faces down to ``LOWEST_SCORE``."""

    def find(image: Pixels) -> Detections:
        faces = detector.detect(Frame(np.ascontiguousarray(image)))
        unknown = np.full((5, 2), np.nan, np.float32)
        return Detections(
            np.array([face.box.xyxy for face in faces], np.float32).reshape(-1, 4),
            np.array([face.score for face in faces], np.float32),
            np.array([unknown if face.landmarks is None else face.landmarks for face in faces]).reshape(-1, 5, 2),
        )

    return find


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="mien.lab.detector.evaluate", description="Compare face detectors.")
    parser.add_argument("detectors", nargs="+", help="'centerface', or an exported ONNX file.")
    parser.add_argument("--data", type=Path, required=True, help="Folder of parquet files with faces.")
    parser.add_argument("--threshold", type=float, help="Default: at most 0.05 false faces per image without a face.")
    arguments = parser.parse_args()
    data = read_faces(arguments.data)
    for name in arguments.detectors:
        detector: Detector
        if name == "centerface":
            from ...detection.centerface import centerface  # noqa: PLC0415 - an optional package

            detector = centerface(20, LOWEST_SCORE, 1)  # faces of 20 pixels: one view of 640 pixels
        else:
            detector = PyramidDetector(AnchorFreeNetwork(LOWEST_SCORE, 1, Path(name)), MARGIN, min_face=20)
        figures = evaluate(finder_of(detector), data.val, data.background, arguments.threshold)
        print(name, {key: round(value, 4) for key, value in figures.row().items()}, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
