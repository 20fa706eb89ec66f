"""Occlusion: whether something hides a part of a face (mask, dark glasses, hand), roughly, from its gray image.

Logistic regression on twelve features of the upright crop: whether eyes and mouth show structure, and whether left and right
are alike. ``research/occlusion.py`` fits and evaluates it: on PublicTest all drawn masks, 82% of sunglasses, 56% of hands,
17% of faces with one half hidden and 2% of bare faces have a probability of at least 0.5. Where occlusion is rare, most
alarms are false: plain glasses, shadows, lying heads, babies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from ..types import Face, Frame
from .preprocess import BELOW_CENTRE, EYES_TO_MOUTH, align_face, resize, square_around, to_gray

Array = npt.NDArray[np.float32]

#: Faces are compared at this side, in pixels: that of the images it was fitted on.
SIDE = 48
FEATURES = (
    "detail of the lower face", "of the worse eye", "of the better eye", "of the worse eye in ratios", "of the mouth",
    "of the upper face", "of the plainer cheek", "mouth lighter than the cheeks", "nose unlike the brow",
    "darker eye against its cheek", "likeness of left and right below", "distance of the eyes",
)  # fmt: skip
#: Weights in the order of ``FEATURES``, and last the constant.
WEIGHTS = (-1.932, -0.862, -0.409, -1.043, -0.732, 0.180, 0.178, 1.119, 0.216, -0.812, -1.059, -16.540, -2.182)

#: Divides the logits of faces that are probably covered, whose readings are less accurate than their confidence. Chosen from
#: data: ``docs/concepts/calibration.md``.
COVERED_TEMPERATURE = 1.33

_EYES = 0.5 + BELOW_CENTRE - EYES_TO_MOUTH / 2
_MOUTH = _EYES + EYES_TO_MOUTH
_X, _Y = np.meshgrid(*2 * [(np.arange(SIDE) + 0.5) / SIDE])
_LOWER, _UPPER = ((np.abs(_X - 0.5) < 0.2) & (top < _Y) & (end > _Y) for top, end in ((0.62, 0.93), (0.15, 0.5)))
_MOUTH_PART = (np.abs(_X - 0.5) < 0.3) & (_Y > 0.66) & (_Y < 0.9)
_LEAST = 0.03  # added to standard deviations, so that their logarithm stays finite


def occlusion(frame: Frame, face: Face) -> float | None:
    """Probability that a part of the face is hidden, 0 to 1, for a prior of one half; None without landmarks.

    Args:
        frame: the image, RGB.
        face: with landmarks.
    """
    if face.landmarks is None:
        return None
    return float(_probabilities(align_face(frame, face, SIDE)[None], [face])[0])


def temperatures(crops: npt.NDArray[np.uint8], faces: Sequence[Face]) -> Array:
    """Extra temperature of each face, float32 (N,): ``COVERED_TEMPERATURE`` if a part of it is probably hidden, else 1.

    Args:
        crops: of the faces, uint8 (N, S, S), gray, or (N, S, S, 3), RGB.
        faces: as many; those without landmarks count as bare.
    """
    if not len(crops):
        return np.ones(0, np.float32)
    small = resize(crops, SIDE)
    covered = _probabilities(small if small.ndim == 3 else to_gray(small), faces) >= 0.5
    covered &= [face.landmarks is not None for face in faces]
    return np.where(covered, COVERED_TEMPERATURE, 1).astype(np.float32)


def _probabilities(crops: npt.NDArray[np.uint8], faces: Sequence[Face]) -> npt.NDArray[np.float64]:
    values = features(crops, np.array([half_distance(face) for face in faces]))
    return np.asarray(1 / (1 + np.exp(-(values @ WEIGHTS[:-1] + WEIGHTS[-1]))))


def half_distance(face: Face) -> float:
    """Half of the distance between the eyes, across the upright crop, as a share of its side; 0.08 to 0.3."""
    if face.landmarks is None:
        return EYES_TO_MOUTH / 2
    _, side, angle = square_around(face)
    across = np.array([math.cos(angle), math.sin(angle)])
    return min(0.3, max(0.08, abs(float((face.landmarks[1] - face.landmarks[0]) @ across)) / side / 2))


def features(crops: npt.NDArray[np.uint8], halves: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """float64 (N, 12): see ``FEATURES``.

    Args:
        crops: uint8 (N, SIDE, SIDE), upright faces, gray.
        halves: float64 (N,), of the distance between the eyes, as a share of the side.
    """
    gray = crops.astype(np.float32)
    oval = gray[:, _disc(0.5, 0.56, 0.36, 0.44)]
    # a plain face stays plain: noise of a few levels is not blown up to structure
    mean, deviation = oval.mean(1)[:, None, None], np.maximum(oval.std(1), 8.0)[:, None, None]
    even = _blurred((gray - mean) / deviation, 0.8)
    # logarithms turn a shadow into a step, which the high pass takes out
    logs = _blurred(np.log(gray + 12), 0.8)
    ratios = logs - _blurred(logs, 5)
    ways = np.array([-1, 1])[:, None] * halves  # (2, N): left and right
    eyes = _discs(0.5 + ways, _EYES, 0.11, 0.09)
    cheeks = _discs(0.5 + 1.1 * ways, _EYES + 0.58 * EYES_TO_MOUTH, *2 * [0.2 * EYES_TO_MOUTH])
    mouth = _disc(0.5, _MOUTH, 0.13, 0.06)
    nose, brow = (even[:, _disc(0.5, y, r, r)].mean(1) for y, r in ((0.6, 0.06), (_EYES - 0.02, 0.05)))
    of_eyes, eye, cheek = _details(even, eyes), _means(even, eyes), _means(even, cheeks)
    return np.stack(
        [
            _detail(even, _LOWER), of_eyes.min(0), of_eyes.max(0), _details(ratios, eyes).min(0), _detail(even, mouth),
            _detail(even, _UPPER), _details(even, cheeks).min(0), even[:, mouth].mean(1) - cheek.mean(0),
            np.abs(nose - brow), (eye - cheek).min(0), _likeness(even - _blurred(even, 3)), halves,
        ],
        axis=1,
    ).astype(np.float64)  # fmt: skip


@cache
def _disc(x: float, y: float, wide: float, high: float) -> npt.NDArray[np.bool_]:
    return np.asarray(((_X - x) / wide) ** 2 + ((_Y - y) / high) ** 2 <= 1)


def _discs(x: npt.NDArray[np.float64], y: float, wide: float, high: float) -> Array:
    """float32 (..., SIDE * SIDE), 1 inside of the ellipses centered at ``x`` and ``y``, else 0."""
    across = ((_X[0] - x[..., None]) / wide) ** 2
    inside = across[..., None, :] + ((_Y[:, :1] - y) / high) ** 2 <= 1
    return np.asarray(inside.reshape(*x.shape, -1), np.float32)


def _means(images: Array, discs: Array) -> Array:
    """float32 (2, N): the means of N images in their discs (2, N, SIDE * SIDE)."""
    return np.asarray(np.einsum("knp,np->kn", discs, images.reshape(len(images), -1)) / discs.sum(-1))


def _blurred(image: Array, sigma: float) -> Array:
    rows = _gaussian(sigma)
    return np.asarray(rows @ image @ rows.T, np.float32)


@cache
def _gaussian(sigma: float) -> Array:
    """float32 (SIDE, SIDE): a Gaussian of four standard deviations for each row, mirrored at the border."""
    reach = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    sources = np.pad(np.arange(SIDE), reach, mode="reflect")
    rows = np.zeros((SIDE, SIDE), np.float32)
    for row in range(SIDE):
        np.add.at(rows[row], sources[row : row + 2 * reach + 1], weights / weights.sum())
    return rows


def _detail(images: Array, place: npt.NDArray[np.bool_]) -> Array:
    """Logarithm of the standard deviation of each image in a place (SIDE, SIDE): float32 (N,)."""
    return np.asarray(np.log(images[:, place].std(1) + _LEAST))


def _details(images: Array, discs: Array) -> Array:
    """As ``_detail``, for the discs that ``_means`` takes: float32 (2, N)."""
    variance = _means(images * images, discs) - _means(images, discs) ** 2
    return np.asarray(np.log(np.sqrt(np.maximum(variance, 0)) + _LEAST))


def _likeness(fine: Array) -> Array:
    """Correlation of the mouth's part with its mirror image, -1 to 1."""
    left, right = fine[:, _MOUTH_PART], fine[:, :, ::-1][:, _MOUTH_PART]
    return np.asarray((left * right).sum(1) / np.sqrt((left**2).sum(1) * (right**2).sum(1) + 1e-3))
