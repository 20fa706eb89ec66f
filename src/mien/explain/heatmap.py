"""A map laid over its face, in two colors that people with any color vision tell apart."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

#: What spoke for the emotion, and what against it: RGB, the ends of ColorBrewer's PuOr (Harrower and Brewer 2003).
FOR, AGAINST = (230, 97, 1), (94, 60, 153)
_STRONGEST = 0.8  # how much of the face the color hides where the map is strongest


def lay_over(face: npt.NDArray[np.uint8], heat: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """The face in gray, with orange where it spoke for the emotion and purple where against.

    A white line runs around the strongest places, for those who see the colors badly.

    Args:
        face: uint8 (L, L, 3), RGB.
        heat: float32 (S, S), of the same square; scaled to its own strongest place.

    Returns:
        uint8 (L, L, 3), RGB.
    """
    side = face.shape[0]
    fine = cv2.resize(heat, (side, side), interpolation=cv2.INTER_CUBIC)
    strongest = float(np.abs(fine).max())
    scaled = fine / strongest if strongest > 0 else fine
    gray = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]
    ground = 40 + 0.8 * gray  # lighter than it was: the colors must show on dark skin and hair too
    color = np.where(scaled[..., None] >= 0, np.array(FOR, np.float32), np.array(AGAINST, np.float32))
    cover = (_STRONGEST * np.clip(np.abs(scaled), 0, 1) ** 0.8)[..., None]
    mixed = ground * (1 - cover) + color * (0.55 + 0.45 * gray / 255) * cover
    canvas = np.ascontiguousarray(np.clip(np.rint(mixed), 0, 255).astype(np.uint8))
    outlines, _ = cv2.findContours((scaled > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, outlines, -1, (255, 255, 255), max(1, side // 192), cv2.LINE_AA)
    return canvas


def enlarged(crop: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """A crop, gray or RGB, as RGB with its pixels to be seen: uint8 (side, side, 3)."""
    rgb = np.repeat(crop[..., None], 3, 2) if crop.ndim == 2 else crop
    how = cv2.INTER_NEAREST if rgb.shape[0] <= side else cv2.INTER_AREA
    return np.asarray(cv2.resize(rgb, (side, side), interpolation=how), np.uint8)
