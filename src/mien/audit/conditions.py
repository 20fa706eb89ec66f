"""Under which conditions a face was photographed, measured from image, box and landmarks alone.

Where a data set says nothing of who is in it, these still tell groups apart for which a model may work differently well.
They are properties of images: none of them is a person's gender, age or ethnicity, and none may stand in for one.

Whether something hides a part of the face is told roughly (``occlusion``): most faces of its highest group are not covered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import cv2
import numpy as np
import numpy.typing as npt

from ..model.preprocess import BELOW_CENTRE, EYES_TO_MOUTH, align_face, sharpness
from ..types import Face, Frame
from .occlusion import covered, half_distance

#: Faces are compared at this side, in pixels.
SIDE = 96
#: How far the tip of the nose stands before the plane of eyes and mouth, as a multiple of the distance between the pupils:
#: about 27 of 63 mm in adults. Noses differ, and so the angle is rough.
NOSE = 0.43
#: An image whose channels differ by less, in levels of 255 on average, is gray: nothing can be said of its colors.
_GRAY = 2.0
#: Turned by more degrees, a face hides its own far side, and nothing is said of covers.
_PROFILE = 35
_CHEEK = 0.2  # radius of the patch of cheek that is measured, as a share of the distance from eyes to mouth


@dataclass(frozen=True)
class Conditions:
    """How one face was photographed. None where it cannot be known.

    Attributes:
        brightness: mean lightness of the face, CIE L*, 0 (black) to 100 (white).
        contrast: standard deviation of its luma, 0 to 0.5 (Peli 1990).
        sharpness: how much detail the face shows, 0 to about 2 (``mien.model.preprocess``); noise counts as detail.
        size: side of the face's box, in pixels.
        roll: how far the head is tilted, in degrees, clockwise in the image.
        yaw: how far the nose points to the right of the image, in degrees, -90 to 90. Rough: it is worked out from the
            place of the nose alone, as if all noses were of one length, and is good for telling frontal from turned.
        skin_light: median lightness of the cheeks, CIE L*, 0 to 100. Light and camera move it as much as skin does.
        ita: individual typology angle of the cheeks, in degrees, -90 to 90 (Chardon et al. 1991): higher is lighter. Color
            images only. Meant for skin under a known lamp: in photos the color of the light moves it too, so it
            describes how the skin was imaged, not what it is.
        covered: how likely something hides a part of the face, 0 to 1 (``mien.audit.occlusion``). Rough.
    """

    brightness: float
    contrast: float
    sharpness: float
    size: float
    roll: float | None
    yaw: float | None
    skin_light: float
    ita: float | None
    covered: float | None


NAMES = tuple(field.name for field in fields(Conditions))


def conditions(frame: Frame, face: Face, posed: Face | None = None) -> Conditions:
    """Measure the conditions of one face.

    Args:
        frame: the image, RGB; gray ones have three equal channels.
        face: where the face is; without landmarks roll and yaw stay unknown, and the cheeks are looked for where they lie in
            most faces.
        posed: the same face with landmarks, where the networks see it cut without them, as images that are faces already.
    """
    posed = posed or face
    crop = align_face(frame, face, SIDE, "rgb")
    gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    upright = crop if posed is face else align_face(frame, posed, SIDE, "rgb")
    light, _, yellow = np.median(_lab(upright)[_cheeks(posed)], 0).tolist()
    spread = crop.max(2).astype(np.float32) - crop.min(2)
    turned = angles(posed)
    return Conditions(
        brightness=float(_lab(crop)[..., 0].mean()),
        contrast=float(gray.std() / 255),
        sharpness=float(sharpness(_as_taken(frame, face)[None])[0]),
        size=math.sqrt(face.box.width * face.box.height),
        roll=turned and turned[0],
        yaw=turned and turned[1],
        skin_light=light,
        ita=None if spread.mean() < _GRAY else math.degrees(math.atan2(light - 50, max(yellow, 1e-6))),
        covered=None if turned is None or abs(turned[1]) > _PROFILE else covered(frame, posed),
    )


def angles(face: Face) -> tuple[float, float] | None:
    """Roll and yaw in degrees, or None where the face has no landmarks or they have collapsed.

    Seen from the front, the nose lies on the line from between the eyes to the middle of the mouth. A head that turns by
    ``a`` moves it off by ``NOSE * sin(a)``, while the eyes' distance shrinks to ``cos(a)``; their quotient gives the angle.
    """
    if face.landmarks is None:
        return None
    left, right, nose, mouth_left, mouth_right = face.landmarks.astype(np.float64)
    eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
    down = mouth - eyes
    length = float(np.hypot(*down))
    if length < 0.1 * math.sqrt(face.box.width * face.box.height):
        return None
    down /= length
    across = np.array([down[1], -down[0]])
    off, apart = float((nose - eyes) @ across), abs(float((right - left) @ across))
    roll = math.degrees(math.atan2(-down[0], down[1]))
    return roll, math.degrees(math.atan2(off / NOSE, max(apart, 1e-6)))


def _lab(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """CIE Lab (D65) of an sRGB image."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def _as_taken(frame: Frame, face: Face) -> npt.NDArray[np.uint8]:
    """The face at the size that networks see, so that ``detail`` means what it was chosen for."""
    return align_face(frame, face, 48)


def _cheeks(face: Face) -> npt.NDArray[np.bool_]:
    """Bool (SIDE, SIDE): two patches below the eyes, beside the nose, upright in the crop."""
    eyes_y = 0.5 + BELOW_CENTRE - EYES_TO_MOUTH / 2
    half = half_distance(face)
    pixels = (np.arange(SIDE) + 0.5) / SIDE
    x, y = pixels[None, :], pixels[:, None]
    middle = eyes_y + 0.58 * EYES_TO_MOUTH
    # A little outside of the eyes, clear of the nose and of the folds beside the mouth
    patches = [np.hypot(x - (0.5 + way * 1.1 * half), y - middle) <= _CHEEK * EYES_TO_MOUTH for way in (-1, 1)]
    return np.asarray(patches[0] | patches[1])
