"""Perturb a face and measure how the output of the classifier changes: occlusion maps and the effects of parts of the face.

Occlusion (Zeiler and Fergus 2014, arXiv 1311.2901) is used rather than RISE (Petsiuk et al. 2018), which needs thousands of
random masks to average out its noise. There are two patch sizes: small patches miss large features, and large patches do not
localize.

Blurring one part at a time misses information that two parts share. Therefore all 64 combinations of the six parts are
evaluated, and each part has its Shapley value (Shapley 1953; Lundberg and Lee 2017, arXiv 1705.07874).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ..model.classifier import EmotionClassifier
from ..model.preprocess import BELOW_CENTRE, EYES_TO_MOUTH, square_around, to_tensor
from ..progress import Progress, no_progress
from ..types import Face

Floats = npt.NDArray[np.float32]

#: Pixels that go through the network in one call: more are no faster and take more memory.
_BATCH_PIXELS = 150_000
#: Standard deviation of the blur that removes a part, as a share of the crop's side. A mouth is about 0.1 high.
_BLUR = 0.15
_MIN_PROBABILITY = 1e-30


@dataclass(frozen=True, eq=False)
class Scores:
    """The outputs for N variants of a face: ``log_odds`` of the emotion, float64 (N,), ``probabilities`` float32 (N, K)."""

    log_odds: npt.NDArray[np.float64]
    probabilities: Floats


class Perturbation:
    """How strongly a network supports one emotion if regions of the face are removed.

    Removed regions are replaced by a blurred copy of the face (Fong and Vedaldi 2017, arXiv 1704.03296); gray patches would
    add artificial edges.

    The face is uint8 (S, S) or (S, S, 3); ``side`` is S, and ``place`` is the index of the emotion. ``temperature`` divides
    the logits of all variants, as in the reading. ``progress`` is called with the number of variants evaluated.
    """

    def __init__(
        self,
        network: EmotionClassifier,
        crop: npt.NDArray[np.uint8],
        emotion: str,
        temperature: float = 1.0,
        progress: Progress = no_progress,
    ) -> None:
        self.side, self.place = int(crop.shape[0]), network.emotions.index(emotion)
        self._network, self._progress, self._done = network, progress, 0
        self._temperature = np.float32(temperature)
        self._sharp = crop.astype(np.float32)
        self._blurred = blur(self._sharp, _BLUR * self.side)

    def keep(self, keeps: Floats) -> Scores:
        """Evaluate variants in which places are kept: float32 (N, S, S), 0 (blurred) to 1 (unchanged)."""
        step = max(1, _BATCH_PIXELS // self.side**2)
        probabilities = np.concatenate([self._predict(keeps[i : i + step]) for i in range(0, len(keeps), step)])
        exact = probabilities.astype(np.float64)
        others = np.delete(exact, self.place, axis=1).sum(1)
        odds = [np.log(np.maximum(values, _MIN_PROBABILITY)) for values in (exact[:, self.place], others)]
        return Scores(odds[0] - odds[1], probabilities)

    def _predict(self, keeps: Floats) -> Floats:
        weights = keeps if self._sharp.ndim == 2 else keeps[..., None]
        variants = self._blurred + weights * (self._sharp - self._blurred)
        crops = np.clip(np.rint(variants), 0, 255).astype(np.uint8)
        extra = np.full(len(crops), self._temperature)
        prediction = self._network.predict(to_tensor(crops, self._network.input), extra)
        self._done += len(keeps)
        self._progress(self._done, None)
        return prediction.probabilities


def blur(image: Floats, sigma: float) -> Floats:
    """Blur a square image, float32 (S, S) or (S, S, C), with a Gaussian of ``sigma`` pixels; the border is repeated."""
    side, reach = image.shape[0], round(4 * sigma)
    steps = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    matrix = np.zeros((side, side))
    sources = np.clip(np.arange(side)[:, None] + steps, 0, side - 1)
    np.add.at(matrix, (np.arange(side)[:, None], sources), weights / weights.sum())
    return np.asarray(np.einsum("ay,yx...,bx->ab...", matrix, image, matrix, optimize=True), np.float32)


#: Diameters of the round patches, as shares of the crop's side.
DIAMETERS = (1 / 4, 1 / 6)
#: Patches of each diameter per side; a second grid lies between them.
GRID = 8


def patches(side: int, *, shifted: bool) -> Floats:
    """Round patches with soft edges on a grid, or on another grid ``shifted`` by half a step.

    float32 (P, side, side), 1 in the middle of its patch, 0 outside; P is 128, or 98 for the shifted grid.
    """
    step = side / GRID
    centers = (np.arange(1, GRID) if shifted else np.arange(GRID) + 0.5) * step - 0.5
    pixels = np.arange(side)
    x, y = np.meshgrid(centers, centers)
    apart = np.hypot(pixels[None, None, :] - x.reshape(-1, 1, 1), pixels[None, :, None] - y.reshape(-1, 1, 1))
    radii = [side * diameter / 2 for diameter in DIAMETERS]
    soft = [np.clip((1.25 * radius - apart) / (radius / 2), 0, 1) for radius in radii]
    return np.concatenate(soft).astype(np.float32)


def occlusion_map(perturbed: Perturbation) -> tuple[Floats, float]:
    """Map which regions support the emotion.

    Returns:
        float32 (S, S), the log-odds lost by blurring each pixel's surroundings, negative if that helps the emotion; and the
        correlation of the maps of both grids, -1 to 1 (0 if a map is flat).
    """
    grids = [patches(perturbed.side, shifted=shifted) for shifted in (False, True)]
    full = perturbed.keep(np.ones((1, perturbed.side, perturbed.side), np.float32)).log_odds[0]
    losses = [full - perturbed.keep(1 - grid).log_odds for grid in grids]
    first, second = (_mean_loss(grid, loss) for grid, loss in zip(grids, losses))
    covered = np.logical_and(*(grid.max(0) > 0 for grid in grids))
    both = _mean_loss(np.concatenate(grids), np.concatenate(losses))
    return both.astype(np.float32), correlation(first[covered], second[covered])


def correlation(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    """Pearson's correlation of two arrays of one shape; 0 if one is flat."""
    one, other = first.ravel() - first.mean(), second.ravel() - second.mean()
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / size) if size > 1e-12 else 0.0


def _mean_loss(grid: Floats, losses: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Compute the mean loss of the patches over each pixel."""
    total = np.einsum("p,pyx->yx", losses, grid.astype(np.float64))
    weight = grid.sum(0, dtype=np.float64)
    return np.where(weight > 1e-6, total / np.maximum(weight, 1e-6), 0.0)


#: The brows include the forehead, and the cheeks the jaw: every place belongs to a part.
PARTS = ("eyes", "brows", "nose", "mouth", "cheeks", "outside")
_SOFT = 0.02  # of the side: parts end softly, as a sharp edge would be a feature of its own


@dataclass(frozen=True)
class Part:
    """A part of the face and its effect on the prediction.

    Attributes:
        name: one of ``PARTS``.
        effect: its Shapley value in log-odds of the explained emotion; positive where it supports the emotion. The effects
            of all parts sum to the difference between the face and its blurred copy.
        share: ``effect`` over the sum of all supporting effects, or of all opposing ones if that is larger; -1 to 1.
        without, probability: the prediction, and the probability of the explained emotion, with this part blurred.
    """

    name: str
    effect: float
    share: float
    without: str
    probability: float


@dataclass(frozen=True, eq=False)
class PartEffects:
    """The effects of the parts: fields of ``Explanation``, and the probabilities of the fully ``blurred`` face."""

    parts: tuple[Part, ...]
    decisive_parts: tuple[str, ...]
    changed_emotion: str
    blurred: Floats


def usual_landmarks() -> Floats:
    """Return the landmarks of most crops, float32 (5, 2), as shares of the side, in the order of ``Face``."""
    middle = 0.5 + BELOW_CENTRE
    eyes, mouth, apart = middle - EYES_TO_MOUTH / 2, middle + EYES_TO_MOUTH / 2, EYES_TO_MOUTH
    nose = eyes + 0.6 * EYES_TO_MOUTH
    across = (0.5 - apart / 2, 0.5 + apart / 2, 0.5, 0.5 - 0.4 * apart, 0.5 + 0.4 * apart)
    return np.array(list(zip(across, (eyes, eyes, nose, mouth, mouth))), np.float32)


def landmarks_in_crop(face: Face) -> Floats | None:
    """Return the landmarks in the crop, float32 (5, 2), as shares of its side; None without usable landmarks."""
    if face.landmarks is None:
        return None
    center, side, angle = square_around(face)
    moved = (face.landmarks - np.array(center, np.float32)) / side
    cos, sin = math.cos(angle), math.sin(angle)
    points = moved @ np.array([[cos, -sin], [sin, cos]], np.float32) + np.float32(0.5)
    height = float(points[3:].mean(0)[1] - points[:2].mean(0)[1])
    return points.astype(np.float32) if 0.15 < height < 0.6 else None


def part_masks(points: Floats, side: int) -> Floats:
    """Assign each pixel to a part: float32 (6, side, side) in the order of ``PARTS``, summing to 1 at every pixel.

    ``points`` are the landmarks in the crop, float32 (5, 2), as shares of its side. Sizes are proportional to the distance
    between eyes and mouth, which changes least if the head turns to the side.
    """
    pixels = ((np.arange(side) + 0.5) / side).astype(np.float32)
    x, y = pixels[None, :], pixels[:, None]
    left, right, nose, mouth_left, mouth_right = points
    eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
    unit = float(mouth[1] - eyes[1])

    def ellipse(middle: Floats, across: float, down: float) -> npt.NDArray[np.bool_]:
        return np.asarray(((x - middle[0]) / across) ** 2 + ((y - middle[1]) / down) ** 2 <= 1)

    mouth_width = abs(float(mouth_right[0] - mouth_left[0])) / 2 + 0.18 * unit
    down_nose = np.clip((y - eyes[1]) / max(1e-3, float(nose[1] - eyes[1])), 0, 1)
    ridge = eyes[0] + (nose[0] - eyes[0]) * down_nose
    middle_of_face = (eyes + mouth) / 2 + np.array([0, -0.12 * unit], np.float32)
    owner = np.full((side, side), PARTS.index("outside"))
    owner[ellipse(middle_of_face, 1.08 * unit, 1.42 * unit)] = PARTS.index("cheeks")
    owner[(owner == PARTS.index("cheeks")) & (y < eyes[1] - 0.17 * unit)] = PARTS.index("brows")
    on_nose = (np.abs(x - ridge) < (0.13 + 0.14 * down_nose) * unit) & (y > eyes[1] - 0.1 * unit)
    owner[on_nose & (y < nose[1] + 0.16 * unit)] = PARTS.index("nose")
    owner[ellipse(mouth, mouth_width, 0.32 * unit) & (y > nose[1] + 0.1 * unit)] = PARTS.index("mouth")
    owner[ellipse(left, 0.34 * unit, 0.2 * unit) | ellipse(right, 0.34 * unit, 0.2 * unit)] = PARTS.index("eyes")
    hard = (owner[..., None] == np.arange(len(PARTS))).astype(np.float32)
    soft = blur(hard, _SOFT * side).transpose(2, 0, 1)
    return np.asarray(soft / soft.sum(0), np.float32)


def part_effects(perturbed: Perturbation, masks: Floats, emotions: tuple[str, ...]) -> PartEffects:
    """Evaluate all combinations of the parts in ``masks``, float32 (P, S, S), for the label set ``emotions``."""
    count = len(masks)
    sets = [chosen for size in range(count + 1) for chosen in combinations(range(count), size)]
    keeps = np.stack([masks[list(chosen)].sum(0) if chosen else np.zeros_like(masks[0]) for chosen in sets])
    scores = perturbed.keep(np.clip(keeps, 0, 1).astype(np.float32))
    worth = dict(zip(sets, scores.log_odds.tolist()))
    effects = [shapley(worth, part, count) for part in range(count)]
    total = max(sum(e for e in effects if e > 0), -sum(e for e in effects if e < 0)) or 1.0
    parts = []
    for place, effect in enumerate(effects):
        without = scores.probabilities[sets.index(tuple(other for other in range(count) if other != place))]
        predicted = emotions[int(without.argmax())]
        parts.append(Part(PARTS[place], effect, effect / total, predicted, float(without[perturbed.place])))
    decisive, changed = _decisive(sets, scores.probabilities, emotions)
    return PartEffects(tuple(sorted(parts, key=lambda part: -part.effect)), decisive, changed, scores.probabilities[0])


def _decisive(
    sets: list[tuple[int, ...]], probabilities: Floats, emotions: tuple[str, ...]
) -> tuple[tuple[str, ...], str]:
    """Find the fewest parts whose blurring changes the prediction, of several sets the one that lowers it most."""
    predicted = int(probabilities[-1].argmax())  # the last set is the whole face
    changed = [row for row in range(len(sets)) if int(probabilities[row].argmax()) != predicted]
    if not changed:
        return (), emotions[predicted]
    best = min(changed, key=lambda row: (-len(sets[row]), float(probabilities[row, predicted])))
    gone = tuple(PARTS[place] for place in range(len(PARTS)) if place not in sets[best])
    return gone, emotions[int(probabilities[best].argmax())]


def shapley(worth: dict[tuple[int, ...], float], player: int, count: int) -> float:
    """Compute a player's Shapley value from the worth of each set of ``count`` players, given as a rising tuple."""
    return sum(
        (worth[tuple(sorted((*members, player)))] - value) / (count * math.comb(count - 1, len(members)))
        for members, value in worth.items()
        if player not in members
    )


#: Number of perturbed faces that a map and the parts take.
N_EVALUATIONS = 1 + len(DIAMETERS) * (GRID**2 + (GRID - 1) ** 2) + 2 ** len(PARTS)
