"""The parts of a face, by its five landmarks, and how much each moved the decision.

Blurring one part at a time counts what two parts say alike to neither. So all combinations of parts are asked about, and
each part gets its Shapley value (Shapley 1953; as in Lundberg and Lee 2017): its mean effect over all orders in which the
parts may appear. Six parts have 64 combinations, few enough to need no sampling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
import numpy.typing as npt

from ..model.preprocess import BELOW_CENTRE, EYES_TO_MOUTH, square_around
from ..types import Face
from .question import Question
from .values import Part

#: The brows hold the forehead too, and the cheeks the jaw: every place belongs to a part.
PARTS = ("eyes", "brows", "nose", "mouth", "cheeks", "outside")
_SOFT = 0.02  # of the side: parts end softly, for a sharp edge would be something to see


@dataclass(frozen=True, eq=False)
class Effects:
    """What the parts did.

    Attributes:
        parts: the one that spoke loudest for the emotion first.
        turning: the fewest parts whose blurring changes what is read; of several such sets the one that costs the emotion
            read most. Empty where no set does.
        turned: what is read then.
        blurred: float32 (K,), what the network says of the wholly blurred face; sums to 1.
    """

    parts: tuple[Part, ...]
    turning: tuple[str, ...]
    turned: str
    blurred: npt.NDArray[np.float32]


def usual_landmarks() -> npt.NDArray[np.float32]:
    """Where the landmarks lie in most crops, float32 (5, 2), as shares of the side; the order is that of ``Face``."""
    middle = 0.5 + BELOW_CENTRE
    eyes, mouth, apart = middle - EYES_TO_MOUTH / 2, middle + EYES_TO_MOUTH / 2, EYES_TO_MOUTH
    nose = eyes + 0.6 * EYES_TO_MOUTH
    across = (0.5 - apart / 2, 0.5 + apart / 2, 0.5, 0.5 - 0.4 * apart, 0.5 + 0.4 * apart)
    return np.array(list(zip(across, (eyes, eyes, nose, mouth, mouth))), np.float32)


def landmarks_in_crop(face: Face) -> npt.NDArray[np.float32] | None:
    """The landmarks in the crop, float32 (5, 2), as shares of its side; None where there are none, or they collapsed."""
    if face.landmarks is None:
        return None
    center, side, angle = square_around(face)
    moved = (face.landmarks - np.array(center, np.float32)) / side
    cos, sin = math.cos(angle), math.sin(angle)
    points = moved @ np.array([[cos, -sin], [sin, cos]], np.float32) + np.float32(0.5)
    height = float(points[3:].mean(0)[1] - points[:2].mean(0)[1])
    return points.astype(np.float32) if 0.15 < height < 0.6 else None


def part_masks(points: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float32]:
    """Which pixel belongs to which part.

    Sizes come from the distance between eyes and mouth, which turning the head to the side changes least.

    Args:
        points: float32 (5, 2), landmarks in the crop as shares of its side.
        side: of the crop in pixels.

    Returns:
        float32 (6, side, side), in the order of ``PARTS``; they sum to 1 at every pixel.
    """
    pixels = ((np.arange(side) + 0.5) / side).astype(np.float32)
    x, y = pixels[None, :], pixels[:, None]
    left, right, nose, mouth_left, mouth_right = points
    eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
    unit = float(mouth[1] - eyes[1])

    def ellipse(middle: npt.NDArray[np.float32], across: float, down: float) -> npt.NDArray[np.bool_]:
        return np.asarray(((x - middle[0]) / across) ** 2 + ((y - middle[1]) / down) ** 2 <= 1)

    wide = abs(float(mouth_right[0] - mouth_left[0])) / 2 + 0.18 * unit
    down_nose = np.clip((y - eyes[1]) / max(1e-3, float(nose[1] - eyes[1])), 0, 1)
    ridge = eyes[0] + (nose[0] - eyes[0]) * down_nose
    middle_of_face = (eyes + mouth) / 2 + np.array([0, -0.12 * unit], np.float32)
    owner = np.full((side, side), PARTS.index("outside"))
    owner[ellipse(middle_of_face, 1.08 * unit, 1.42 * unit)] = PARTS.index("cheeks")
    owner[(owner == PARTS.index("cheeks")) & (y < eyes[1] - 0.17 * unit)] = PARTS.index("brows")
    on_nose = (np.abs(x - ridge) < (0.13 + 0.14 * down_nose) * unit) & (y > eyes[1] - 0.1 * unit)
    owner[on_nose & (y < nose[1] + 0.16 * unit)] = PARTS.index("nose")
    owner[ellipse(mouth, wide, 0.32 * unit) & (y > nose[1] + 0.1 * unit)] = PARTS.index("mouth")
    owner[ellipse(left, 0.34 * unit, 0.2 * unit) | ellipse(right, 0.34 * unit, 0.2 * unit)] = PARTS.index("eyes")
    hard = (owner[None] == np.arange(len(PARTS))[:, None, None]).astype(np.float32)
    soft = np.stack([cv2.GaussianBlur(mask, (0, 0), _SOFT * side, borderType=cv2.BORDER_REPLICATE) for mask in hard])
    return np.asarray(soft / soft.sum(0), np.float32)


def part_effects(question: Question, masks: npt.NDArray[np.float32], emotions: tuple[str, ...]) -> Effects:
    """Ask about all combinations of parts.

    Args:
        question: what to ask.
        masks: float32 (P, S, S), from ``part_masks``.
        emotions: the label set.
    """
    count = len(masks)
    sets = [chosen for size in range(count + 1) for chosen in combinations(range(count), size)]
    keeps = np.stack([masks[list(chosen)].sum(0) if chosen else np.zeros_like(masks[0]) for chosen in sets])
    said = question.keeping(np.clip(keeps, 0, 1).astype(np.float32))
    worth = dict(zip(sets, said.log_odds.tolist()))
    effects = [shapley(worth, part, count) for part in range(count)]
    spoke_for, against = sum(e for e in effects if e > 0), -sum(e for e in effects if e < 0)
    loudest = max(spoke_for, against) or 1.0
    parts = []
    for place, effect in enumerate(effects):
        without = said.probabilities[sets.index(tuple(other for other in range(count) if other != place))]
        share, reads = effect / loudest, emotions[int(without.argmax())]
        parts.append(Part(PARTS[place], effect, share, reads, float(without[question.place])))
    turning, turned = _turning(sets, said.probabilities, emotions)
    return Effects(tuple(sorted(parts, key=lambda part: -part.effect)), turning, turned, said.probabilities[0])


def _turning(
    sets: list[tuple[int, ...]], probabilities: npt.NDArray[np.float32], emotions: tuple[str, ...]
) -> tuple[tuple[str, ...], str]:
    """The fewest parts whose blurring changes what is read, and what is read then."""
    read = int(probabilities[-1].argmax())  # the last set is the whole face
    changed = [row for row in range(len(sets)) if int(probabilities[row].argmax()) != read]
    if not changed:
        return (), emotions[read]
    best = min(changed, key=lambda row: (-len(sets[row]), float(probabilities[row, read])))
    gone = tuple(PARTS[place] for place in range(len(PARTS)) if place not in sets[best])
    return gone, emotions[int(probabilities[best].argmax())]


def shapley(worth: dict[tuple[int, ...], float], player: int, count: int) -> float:
    """A player's Shapley value.

    Args:
        worth: of each set of players, given as a rising tuple of their numbers.
        player: whose value.
        count: how many players there are.
    """
    total = 0.0
    for members, value in worth.items():
        if player not in members:
            joined = tuple(sorted((*members, player)))
            weight = math.factorial(len(members)) * math.factorial(count - len(members) - 1) / math.factorial(count)
            total += weight * (worth[joined] - value)
    return total


def looks() -> int:
    """How many variants of a face ``part_effects`` asks about."""
    return int(2 ** len(PARTS))
