"""Evaluate face detectors: average precision, recall by size, false positives, landmark error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...detection.anchor_free import MARGIN, AnchorFreeNetwork
from ...detection.base import Detector
from ...detection.pyramid import Detections, PyramidDetector
from ...progress import Progress, no_progress
from ...report import Column, Document, Table, percent
from ...types import Frame
from .data import FaceData, Floats, Photo, Pixels

#: RGB uint8 (H, W, 3) to its faces down to low scores.
Finder = Callable[[Pixels], Detections]

#: Photos are evaluated at this long side, in pixels; sizes of faces are in pixels at this scale.
LONG_SIDE = 640
#: Upper limits of the classes of face size, in pixels of the long side.
SIZES = (16.0, 32.0, 64.0, float("inf"))
#: Detections down to this score count for the average precision.
LOWEST_SCORE = 0.02
_MIN_IOU = 0.5
#: False positives per image without a face that an automatic threshold lets through.
_MAX_FALSE = 0.05


@dataclass(frozen=True)
class DetectorMetrics:
    """Metrics of one detector on marked ``faces``; NaN if there is nothing to measure.

    ``ap`` is the area under the precision-recall curve at IoU 0.5; the others count detections above ``threshold``:
    ``recall_by_size`` is of faces up to 16, 32, 64 and more pixels; ``false_per_image`` and ``false_per_background`` are per
    photo with and without faces; ``landmark_error`` is the mean distance as a share of the box's side.
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
        """Plain numbers for a table, with separate columns for the recall by size."""
        values: dict[str, Any] = asdict(self)
        return values | {f"recall_{limit:g}": value for limit, value in zip(SIZES, values.pop("recall_by_size"))}


def evaluate(
    find: Finder,
    photos: Sequence[Photo],
    backgrounds: Sequence[Photo] = (),
    threshold: float | None = 0.5,
    progress: Progress = no_progress,
) -> DetectorMetrics:
    """Evaluate a detector on photos, with every face marked or ignored, scaled to a long side of 640 pixels.

    ``threshold`` is the lowest score of a detection. None takes the lowest that lets at most 0.05 false positives per image
    through on ``backgrounds``, which show no face.
    """
    nothing = np.zeros(0, np.float32)
    matched, false = [(nothing, nothing > 0, nothing, nothing, nothing)], [nothing]
    for number, photo in enumerate([*photos, *backgrounds], start=1):
        image, scale = photo.resized(LONG_SIDE)
        found = find(image)
        if number <= len(photos):
            matched.append(_match(found, photo, scale))
        else:
            false.append(found.scores)
        progress(number, len(photos) + len(backgrounds))
    scores, true, found_at, sizes, errors = (np.concatenate(parts) for parts in zip(*matched))
    false_scores = np.concatenate(false)
    if threshold is None:
        worst = np.sort(false_scores)[::-1][int(_MAX_FALSE * len(backgrounds)) :]
        threshold = float(np.nextafter(worst[0], np.float32(1))) if len(worst) else LOWEST_SCORE
    kept, hit, classes = scores >= threshold, found_at >= threshold, np.searchsorted(SIZES, sizes)
    return DetectorMetrics(
        faces=len(hit),
        ap=average_precision(scores, true, len(hit)),
        threshold=threshold,
        recall=_mean(hit),
        precision=_mean(true[kept]),
        recall_by_size=tuple(_mean(hit[classes == index]) for index in range(len(SIZES))),
        false_per_image=float((kept & ~true).sum()) / max(len(photos), 1),
        false_per_background=float((false_scores >= threshold).sum() / len(backgrounds))
        if backgrounds
        else float("nan"),
        landmark_error=_mean(errors[np.isfinite(errors)]),
    )


def evaluate_detectors(
    detectors: Sequence[str], data: FaceData, threshold: float | None = None, progress: Progress = no_progress
) -> dict[str, DetectorMetrics]:
    """Evaluate detectors on the validation photos and the held-out backgrounds.

    Args:
        detectors: ``centerface``, or paths of exported ONNX files.
        data: from ``read_faces``.
        threshold: as in ``evaluate``.
        progress: called after each photo, with the name of the detector.

    Raises:
        ModelError: a file is missing or damaged.
    """

    def metrics(name: str) -> DetectorMetrics:
        def report(done: int, total: int | None, note: str = "") -> None:
            progress(done, total, note or name)

        return evaluate(finder_of(_open(name)), data.val, data.background, threshold, report)

    return {name: metrics(name) for name in detectors}


def detector_report(metrics: Mapping[str, DetectorMetrics]) -> Document:
    """Turn metrics of detectors into a report, a row per detector."""
    recalls = [f"recall to {limit:g} px" for limit in SIZES]
    names = ("AP", "recall", "precision", "threshold", *recalls, "false/image", "false/empty", "landmarks")
    columns = (Column("detector"), *(Column(name, "right") for name in names))
    rows = tuple(
        (
            name, f"{one.ap:.3f}", percent(one.recall), percent(one.precision), f"{one.threshold:.3f}",
            *(percent(share) for share in one.recall_by_size),
            f"{one.false_per_image:.3f}", f"{one.false_per_background:.3f}", percent(one.landmark_error),
        )
        for name, one in metrics.items()
    )  # fmt: skip
    faces = max((one.faces for one in metrics.values()), default=0)
    caption = (
        "AP: average precision at IoU 0.5. false/image, false/empty: false positives per photo with and without faces. "
        "landmarks: mean error as a share of the box's side."
    )
    return Document("Face detectors", (Table(columns, rows, caption),), metadata={"faces": f"{faces:,}"})


def average_precision(scores: Floats, true: npt.NDArray[np.bool_], faces: int) -> float:
    """Area under the precision-recall curve, with precision made monotonic (as in PASCAL VOC 2010)."""
    if not faces or not len(scores):
        return 0.0
    hits = np.cumsum(true[np.argsort(-scores, kind="stable")])
    precision = hits / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(hits / faces, prepend=0.0) * precision).sum())


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


def _open(name: str) -> Detector:
    if name == "centerface":
        from ...detection.centerface import centerface  # noqa: PLC0415 - an optional package

        return centerface(20, LOWEST_SCORE, 1)  # faces of 20 pixels: one view of 640 pixels
    return PyramidDetector(AnchorFreeNetwork(LOWEST_SCORE, 1, Path(name)), MARGIN, min_face=20)


def _mean(values: npt.NDArray[np.generic]) -> float:
    return float(values.mean()) if values.size else float("nan")


def _match(
    found: Detections, photo: Photo, scale: float
) -> tuple[Floats, npt.NDArray[np.bool_], Floats, Floats, Floats]:
    """Each detection, best first, takes the unmatched face of highest IoU; those on ignored boxes do not count.

    Gives the score of each detection and whether it is true; and of each face the score at which it is found (-1: never),
    its size, and the error of its landmarks.
    """
    boxes, ignore = photo.labels.boxes * scale, photo.labels.ignore * scale
    found_at = np.full(len(boxes), -1, np.float32)
    errors = np.full(len(boxes), np.nan, np.float32)
    counts, true = np.ones(len(found.scores), bool), np.zeros(len(found.scores), bool)
    overlaps, (over_ignored, inside) = iou_matrix(found.boxes, boxes)[0], iou_matrix(found.boxes, ignore)
    for index in np.argsort(-found.scores, kind="stable"):
        free = np.where(found_at < 0, overlaps[index], 0)
        best = int(free.argmax()) if len(free) else -1
        if best >= 0 and free[best] >= _MIN_IOU:
            true[index], found_at[best] = True, found.scores[index]
            side = float(np.sqrt((boxes[best, 2:] - boxes[best, :2]).prod()))
            distances = np.linalg.norm(found.landmarks[index] - photo.labels.landmarks[best] * scale, axis=1)
            errors[best] = distances.mean() / side
        elif len(ignore) and max(over_ignored[index].max(), inside[index].max()) >= _MIN_IOU:
            counts[index] = False
    sizes = (boxes[:, 2:] - boxes[:, :2]).max(1, initial=0)
    return found.scores[counts], true[counts], found_at, sizes, errors


def iou_matrix(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Intersection over union of boxes (N, 4) and (M, 4), and the share of each of ``a`` inside each of ``b``: (N, M)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    area_a, area_b = ((boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (a, b))
    return shared / np.maximum(area_a[:, None] + area_b - shared, 1e-9), shared / np.maximum(area_a[:, None], 1e-9)
