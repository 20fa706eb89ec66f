"""Faces that are tilted, or cut out badly."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from ...model.preprocess import square_around
from .light import Random
from .subject import Image, Subject, moved_face


def tilt(subject: Subject, rng: Random, degrees: float) -> Image:
    """The image turned around the middle of the face, to either side as likely."""
    angle = degrees if rng.integers(2) else -degrees
    height, width = subject.image.shape[:2]
    turn = cv2.getRotationMatrix2D(subject.center, angle, 1.0)
    fill = subject.image.reshape(-1, 3).mean(0).round().tolist()
    edge = cv2.BORDER_REPLICATE if subject.face.landmarks is None else cv2.BORDER_CONSTANT
    return np.asarray(
        cv2.warpAffine(subject.image, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=edge, borderValue=fill),
        np.uint8,
    )


def off_center(subject: Subject, rng: Random, share: float) -> Subject:
    """Cut out beside the face, by ``share`` of the crop's side, in any direction."""
    angle = float(rng.uniform(0, 2 * math.pi))
    step = share * square_around(subject.face)[1] * np.array([math.cos(angle), math.sin(angle)])
    return replace(subject, face=moved_face(subject.face, np.ones(2), step))


def framed(subject: Subject, _rng: Random, scale: float) -> Subject:
    """Cut out too tight (``scale`` below 1) or with too much around it."""
    by, center = np.full(2, scale), np.array(square_around(subject.face)[0])
    return replace(subject, face=moved_face(subject.face, by, center * (1 - scale)))
