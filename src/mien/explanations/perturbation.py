"""Perturb a face and see how the classifier's output changes: occlusion maps and the effects of parts of the face.

Occlusion (Zeiler and Fergus 2014) was chosen over RISE (Petsiuk et al. 2018), which needs thousands of random masks to
average out its noise. Two patch sizes are used: a small one misses what a large one removes as a whole, and a large one
cannot localize.

Blurring one part at a time misses what two parts carry together. So all 64 combinations of the six parts are evaluated, and
each part gets its Shapley value (Shapley 1953; as in Lundberg and Lee 2017): its mean effect over all orders of the parts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
import numpy.typing as npt

from ..model.classifier import EmotionClassifier
from ..model.preprocess import BELOW_CENTRE, EYES_TO_MOUTH, square_around, to_tensor
from ..progress import Progress, no_progress
from ..types import Face
from .explanation import Part

#: Pixels that go through the network in one call: more are no faster, and every layer of them takes memory.
_AT_ONCE = 150_000
#: How far a part is blurred to take away what it says, as a share of the crop's side. A mouth is about 0.1 high.
_BLUR = 0.15
_LEAST = 1e-30


@dataclass(frozen=True, eq=False)
class Scores:
    """What the network said of N variants.

    Attributes:
        log_odds: float64 (N,), of the emotion against all others of the label set.
        probabilities: float32 (N, K).
    """

    log_odds: npt.NDArray[np.float64]
    probabilities: npt.NDArray[np.float32]


class Perturbation:
    """How strongly a network speaks for one emotion.

    What is taken away from the face is replaced by its own blurred copy (Fong and Vedaldi 2017): gray patches have edges
    that no face has, and a network's answer to those is not about the face.

    Args:
        network: whom to ask.
        crop: uint8 (S, S) or (S, S, 3), the face.
        emotion: one of the network's.
        progress: told how many variants were evaluated so far.

    Attributes:
        crop: the face.
        side: S.
        place: of the emotion in the network's label set.
    """

    def __init__(
        self,
        network: EmotionClassifier,
        crop: npt.NDArray[np.uint8],
        emotion: str,
        progress: Progress = no_progress,
    ) -> None:
        self.crop, self.side = crop, int(crop.shape[0])
        self._network, self._progress, self._done = network, progress, 0
        self.place = network.emotions.index(emotion)
        self._sharp = crop.astype(np.float32)
        self._blurred = cv2.GaussianBlur(self._sharp, (0, 0), _BLUR * self.side, borderType=cv2.BORDER_REPLICATE)

    def keep(self, keeps: npt.NDArray[np.float32]) -> Scores:
        """What the network says where only a part of the face is left.

        Args:
            keeps: float32 (N, S, S), 0 (blurred) to 1 (as it was).
        """
        step = max(1, _AT_ONCE // self.side**2)
        said = [self._judged(keeps[start : start + step]) for start in range(0, len(keeps), step)]
        probabilities = np.concatenate(said)
        exact = probabilities.astype(np.float64)
        others = np.delete(exact, self.place, axis=1).sum(1)
        odds = np.log(np.maximum(exact[:, self.place], _LEAST)) - np.log(np.maximum(others, _LEAST))
        return Scores(odds, probabilities)

    def _judged(self, keeps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        weights = keeps if self._sharp.ndim == 2 else keeps[..., None]
        variants = self._blurred + weights * (self._sharp - self._blurred)
        crops = np.clip(np.rint(variants), 0, 255).astype(np.uint8)
        said = self._network.predict(to_tensor(crops, self._network.input))
        self._done += len(keeps)
        self._progress(self._done, None)
        return said.probabilities


#: Diameters of the round patches, as shares of the crop's side.
DIAMETERS = (1 / 4, 1 / 6)
#: Patches stand this many to a side, of each diameter; a second grid stands between them.
GRID = 8


def patches(side: int, *, shifted: bool) -> npt.NDArray[np.float32]:
    """Round patches with soft edges, on a grid.

    Args:
        side: of the crop, in pixels.
        shifted: stand halfway between the patches of the other grid.

    Returns:
        float32 (P, side, side), 1 in the middle of its patch, 0 outside; P is 128, or 98 for the shifted grid.
    """
    step = side / GRID
    centers = (np.arange(1, GRID) if shifted else np.arange(GRID) + 0.5) * step - 0.5
    pixels = np.arange(side)
    x, y = np.meshgrid(centers, centers)
    apart = np.hypot(pixels[None, None, :] - x.reshape(-1, 1, 1), pixels[None, :, None] - y.reshape(-1, 1, 1))
    radii = [side * diameter / 2 for diameter in DIAMETERS]
    return np.concatenate([np.clip((1.25 * radius - apart) / (radius / 2), 0, 1) for radius in radii]).astype(
        np.float32
    )


def occlusion_map(perturbed: Perturbation) -> tuple[npt.NDArray[np.float32], float]:
    """Where the network finds what speaks for the emotion.

    Returns:
        float32 (S, S), the log-odds that are lost where a place is blurred, negative where blurring it helps the emotion;
        and the correlation of the maps of both grids, -1 to 1 (0 where a map is flat).
    """
    grids = [patches(perturbed.side, shifted=shifted) for shifted in (False, True)]
    full = perturbed.keep(np.ones((1, perturbed.side, perturbed.side), np.float32)).log_odds[0]
    losses = [full - perturbed.keep(1 - grid).log_odds for grid in grids]
    maps = [_spread(grid, loss) for grid, loss in zip(grids, losses)]
    both = _spread(np.concatenate(grids), np.concatenate(losses))
    covered = np.logical_and(*(grid.max(0) > 0 for grid in grids))
    return both.astype(np.float32), correlation(maps[0][covered], maps[1][covered])


def correlation(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    """Pearson's correlation of two arrays of one shape; 0 where one is flat."""
    one, other = first.ravel() - first.mean(), second.ravel() - second.mean()
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / size) if size > 1e-12 else 0.0


def _spread(grid: npt.NDArray[np.float32], losses: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each place gets the mean loss of the patches that lie over it."""
    total = np.einsum("p,pyx->yx", losses, grid.astype(np.float64))
    weight = grid.sum(0, dtype=np.float64)
    return np.where(weight > 1e-6, total / np.maximum(weight, 1e-6), 0.0)


#: The brows hold the forehead too, and the cheeks the jaw: every place belongs to a part.
PARTS = ("eyes", "brows", "nose", "mouth", "cheeks", "outside")
_SOFT = 0.02  # of the side: parts end softly, for a sharp edge would be something to see


@dataclass(frozen=True, eq=False)
class PartEffects:
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


def part_effects(perturbed: Perturbation, masks: npt.NDArray[np.float32], emotions: tuple[str, ...]) -> PartEffects:
    """Ask about all combinations of parts.

    Args:
        perturbed: what to ask.
        masks: float32 (P, S, S), from ``part_masks``.
        emotions: the label set.
    """
    count = len(masks)
    sets = [chosen for size in range(count + 1) for chosen in combinations(range(count), size)]
    keeps = np.stack([masks[list(chosen)].sum(0) if chosen else np.zeros_like(masks[0]) for chosen in sets])
    said = perturbed.keep(np.clip(keeps, 0, 1).astype(np.float32))
    worth = dict(zip(sets, said.log_odds.tolist()))
    effects = [shapley(worth, part, count) for part in range(count)]
    spoke_for, against = sum(e for e in effects if e > 0), -sum(e for e in effects if e < 0)
    loudest = max(spoke_for, against) or 1.0
    parts = []
    for place, effect in enumerate(effects):
        without = said.probabilities[sets.index(tuple(other for other in range(count) if other != place))]
        share, reads = effect / loudest, emotions[int(without.argmax())]
        parts.append(Part(PARTS[place], effect, share, reads, float(without[perturbed.place])))
    turning, turned = _turning(sets, said.probabilities, emotions)
    return PartEffects(tuple(sorted(parts, key=lambda part: -part.effect)), turning, turned, said.probabilities[0])


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


#: Number of perturbed faces that a map and the parts take.
N_EVALUATIONS = 1 + len(DIAMETERS) * (GRID**2 + (GRID - 1) ** 2) + 2 ** len(PARTS)
