"""Images of the data set, small, as they stand in the report."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ...data.dataset import Dataset
from ...emotions import EMOTIONS

_MOST_SIDE = 96
_SAMPLES = 12


@dataclass(frozen=True)
class Shown:
    """An image: its data, its name for those who point at it or cannot see it, and the lines below it."""

    uri: str
    title: str
    lines: tuple[str, ...] = ()


def shown(faces: Dataset, row: int, remark: str = "") -> Shown:
    """One image with its label (or the remark), name, and part."""
    label = EMOTIONS[faces.labels[row]]
    lines = (remark or label, f"{faces.names[row]}, {faces.split[row]}")
    return Shown(_uri(faces.images[row]), f"{faces.names[row]}: {label}", lines)


def samples(faces: Dataset) -> list[tuple[str, list[Shown]]]:
    """Some images of each class, drawn with a fixed seed."""
    rng = np.random.default_rng(0)
    drawn = []
    for label in np.unique(faces.labels):
        rows = rng.permutation(np.flatnonzero(faces.labels == label))[:_SAMPLES]
        pictures = [Shown(_uri(faces.images[row]), str(faces.names[row])) for row in rows]
        drawn.append((EMOTIONS[label], pictures))
    return drawn


def mean_faces(faces: Dataset, rows: npt.NDArray[np.bool_]) -> list[Shown]:
    """The mean image of each class.

    Args:
        faces: N images.
        rows: bool (N,), those to take.
    """
    means = []
    for label in np.unique(faces.labels[rows]):
        there = np.flatnonzero(rows & (faces.labels == label))
        total = np.zeros(faces.images.shape[1:], np.float64)
        for row in there:
            total += faces.images[row]
        mean = np.rint(total / len(there)).astype(np.uint8)
        words = f"mean of {len(there):,}"
        means.append(Shown(_uri(mean), f"{EMOTIONS[label]}: {words}", (EMOTIONS[label], words)))
    return means


def _uri(image: npt.NDArray[np.uint8]) -> str:
    """The image as a PNG data URI, or as JPEG where it is large."""
    scale = _MOST_SIDE / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR) if small.ndim == 3 else small
    kind = "png" if small.ndim == 2 and max(small.shape) <= 64 else "jpeg"
    data = cv2.imencode(f".{kind}", bgr)[1].tobytes()
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
