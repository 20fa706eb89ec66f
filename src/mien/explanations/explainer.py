"""Explain predictions: an image in, an explanation of each face out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from ..detection import create_detector, detect_turned
from ..emotions import parse
from ..errors import OptionError, SourceError
from ..io.sources import ImageSource, ImageSources, is_collection
from ..model.card import load_model
from ..model.classifier import open_classifier
from ..model.occlusion import temperatures
from ..model.preprocess import align_face, to_tensor
from ..options import ReadOptions
from ..progress import Progress, no_progress
from ..reader import Reader, read_images
from ..redaction import PhotoMasker, masking_options
from ..types import Frame, Reading, checked
from . import faithfulness, perturbation
from .faithfulness import Curves, Sanity, plain
from .perturbation import Floats, Part, Perturbation

#: Another way to make a map: network input, float32 (1, C, S, S), and the emotion -> float32 (S, S).
Mapper: TypeAlias = Callable[[Floats, str], Floats]

#: Number of perturbed faces that are classified to explain one face.
N_EVALUATIONS = perturbation.N_EVALUATIONS + faithfulness.N_EVALUATIONS
_FACE_SIDE = 384  # side in pixels of the face that the map is drawn over
#: Maps that agree less than this are not to be interpreted in detail.
MIN_AGREEMENT = 0.7
#: In log-odds: a prediction that changes less when the whole face is blurred has no parts to explain it.
MIN_EFFECT = 1.0
#: A map should beat random places by this, as the mean gap of probability between insertion and deletion.
MIN_GAIN = 0.1


class Limitation(str, Enum):
    """A check that a map failed."""

    WEAK = "weak"
    """The prediction hardly depends on the face (``MIN_EFFECT``)."""
    UNSTABLE = "unstable"
    """Another map of the same prediction looks different (``MIN_AGREEMENT``)."""
    UNFAITHFUL = "unfaithful"
    """Removing the strongest places costs hardly more than removing random ones (``MIN_GAIN``)."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """Which parts of a face drove its prediction.

    Attributes:
        name, number: of the image, and of the face in it, from 1.
        emotion, probability: the emotion that is explained, and its probability, 0 to 1.
        crop: uint8 (S, S) or (S, S, 3): the input of the network.
        face: uint8 (L, L, 3), RGB: the same square in color, with more pixels.
        heat: float32 (S, S): the log-odds that each pixel adds to the emotion; negative values oppose it.
        parts: parts of the face, strongest support first.
        decisive_parts, changed_emotion: the smallest set of parts whose blurring changes the prediction, and the new
            prediction.
        agreement: correlation of the map with a second one, -1 to 1: for ``occlusion`` that of a shifted grid, for
            ``hirescam`` the occlusion map.
        blurred_emotion, blurred_probability: the prediction, and the probability of the explained emotion, for the fully
            blurred face.
        has_landmarks: whether landmarks locate the parts; otherwise they have the positions of most faces.
        method: ``occlusion`` or ``hirescam``.
    """

    name: str
    number: int
    reading: Reading
    emotion: str
    probability: float
    crop: npt.NDArray[np.uint8]
    face: npt.NDArray[np.uint8]
    heat: Floats
    parts: tuple[Part, ...]
    decisive_parts: tuple[str, ...]
    changed_emotion: str
    curves: Curves
    agreement: float
    blurred_emotion: str
    blurred_probability: float
    has_landmarks: bool
    method: str = "occlusion"

    def __post_init__(self) -> None:
        checked("heat", self.heat, np.float32, self.crop.shape[:2])

    @property
    def limitations(self) -> tuple[Limitation, ...]:
        """The checks that the map failed; empty if it passed all."""
        holds = {
            Limitation.WEAK: abs(sum(part.effect for part in self.parts)) < MIN_EFFECT,
            Limitation.UNSTABLE: not self.agreement >= MIN_AGREEMENT,
            Limitation.UNFAITHFUL: self.curves.gain - self.curves.random_gain < MIN_GAIN,
        }
        return tuple(limitation for limitation in Limitation if holds[limitation])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without images."""
        left_out = {"name", "number", "reading", "crop", "face"}
        own = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in left_out}
        table = {
            "name": self.name,
            "face": self.number,
            "box": self.reading.face.box.xyxy,
            "predicted": self.reading.emotion,
            "probabilities": self.reading.scores(),
            "abstained": self.reading.abstained,
            "mixed": self.reading.mixed,
            **own,
            "parts": [asdict(part) for part in self.parts],
            "curves": asdict(self.curves),
            "gain": self.curves.gain,
            "random_gain": self.curves.random_gain,
            "limitations": [limitation.value for limitation in self.limitations],
        }
        return {name: plain(value) for name, value in table.items()}


class Explainer:
    """Explains the predictions of a reader for any number of images; ``emotions`` is the reader's label set.

    ``mapper`` replaces occlusion by another method, such as HiResCAM.
    """

    def __init__(self, reader: Reader, mapper: Mapper | None = None) -> None:
        self._reader, self._mapper, self.emotions = reader, mapper, reader.emotions

    def known(self, emotion: str) -> str:
        """Return the vocabulary's name of an emotion; raise an ``OptionError`` if the label set lacks it."""
        name = parse(emotion)
        if name not in self.emotions:
            raise OptionError(
                f"emotion: got {name}, expected one of the label set: {', '.join(self.emotions)}",
                hint="Choose one of these, or a larger label set with --emotions.",
                field="emotion",
                value=name,
            )
        return name

    def crops(self, frame: Frame) -> list[tuple[Reading, npt.NDArray[np.uint8]]]:
        """Read an image: each face's reading with its crop, most certain detection first."""
        faces = self._reader.detect(frame)
        crops = self._reader.crop(frame, faces)
        return list(zip(self._reader.classify(faces, crops), crops))

    def explain(
        self, frame: Frame, emotion: str | None = None, progress: Progress = no_progress
    ) -> Iterator[Explanation]:
        """Explain every face of an image; arguments and errors as for ``explain``."""
        wanted = self.known(emotion) if emotion else None
        found = self.crops(frame)
        for number, (reading, crop) in enumerate(found):

            def step(done: int, total: int | None, note: str = "", *, before: int = number * N_EVALUATIONS) -> None:
                del total, note  # of this face
                progress(before + done, len(found) * N_EVALUATIONS, frame.name)

            yield self._explain(frame, number + 1, reading, crop, wanted or reading.emotion, step)

    def occlusion_map(self, crop: npt.NDArray[np.uint8], emotion: str) -> Floats:
        """Return only the occlusion map, float32 (S, S), of a face from ``crops``."""
        return perturbation.occlusion_map(Perturbation(self._reader.classifier, crop, emotion))[0]

    def face(self, frame: Frame, reading: Reading) -> npt.NDArray[np.uint8]:
        """Return the aligned face in color: uint8 (384, 384, 3), RGB."""
        return align_face(frame, reading.face, _FACE_SIDE, "rgb")

    def _explain(
        self, frame: Frame, number: int, reading: Reading, crop: npt.NDArray[np.uint8], emotion: str, progress: Progress
    ) -> Explanation:
        temperature = float(temperatures(crop[None], [reading.face])[0])
        perturbed = Perturbation(self._reader.classifier, crop, emotion, temperature, progress)
        heat, agreement = perturbation.occlusion_map(perturbed)
        if self._mapper is not None:
            occlusion, heat = heat, self._mapper(to_tensor(crop[None], self._reader.classifier.input), emotion)
            agreement = perturbation.correlation(heat, occlusion)
        points = perturbation.landmarks_in_crop(reading.face)
        masks = perturbation.part_masks(perturbation.usual_landmarks() if points is None else points, perturbed.side)
        effects = perturbation.part_effects(perturbed, masks, self.emotions)
        return Explanation(
            frame.name,
            number,
            reading,
            emotion,
            probability=float(reading.probabilities[perturbed.place]),
            crop=crop,
            face=self.face(frame, reading),
            heat=heat,
            parts=effects.parts,
            decisive_parts=effects.decisive_parts,
            changed_emotion=effects.changed_emotion,
            curves=faithfulness.curves(perturbed, heat),
            agreement=agreement,
            blurred_emotion=self.emotions[int(effects.blurred.argmax())],
            blurred_probability=float(effects.blurred[perturbed.place]),
            has_landmarks=points is not None,
            method="occlusion" if self._mapper is None else "hirescam",
        )


def open_explainer(options: ReadOptions | None = None, weights: bytes | None = None) -> Explainer:
    """Open an explainer of an ONNX model, or of other ``weights`` in its place; errors as for ``Reader``."""
    options = options or ReadOptions()
    return Explainer(Reader(options, classifier=open_classifier(options, weights)))


def explain(
    source: ImageSource | ImageSources,
    options: ReadOptions | None = None,
    *,
    emotion: str | None = None,
    mask_others: bool = False,
    explainer: Explainer | None = None,
    on_image: Callable[[Frame, Sequence[Explanation]], object] | None = None,
    on_error: Callable[[SourceError], object] | None = None,
    progress: Progress = no_progress,
) -> list[Explanation]:
    """Explain which parts of each face in images drove its prediction.

    Args:
        source: as for ``mien.read``.
        options: how to read.
        emotion: the emotion to explain; None explains the prediction of each face.
        mask_others: keep the widest face of each image and mask all others first.
        explainer: an open explainer; None opens one with ``options``.
        on_image: called with each image and the explanations of its faces.
        on_error: called with the error of each image that cannot be read; None raises it.
        progress: called with the number of perturbed faces classified.

    Raises:
        SourceError: an image cannot be read.
        OptionError: the label set lacks the emotion.
    """
    options = options or ReadOptions()
    explainer = explainer or open_explainer(options)
    wanted = explainer.known(emotion) if emotion else None
    frames = _frames(source, options, on_error)
    explanations: list[Explanation] = []
    for frame in _masked(frames, options) if mask_others else frames:
        found = list(explainer.explain(frame, wanted, progress))
        explanations += found
        if on_image:
            on_image(frame, found)
    return explanations


def randomization_test(
    source: ImageSource | ImageSources,
    options: ReadOptions | None = None,
    *,
    emotion: str | None = None,
    shuffles: int = 5,
    on_error: Callable[[SourceError], object] | None = None,
    progress: Progress = no_progress,
) -> list[Sanity]:
    """Compare the occlusion maps of a model with those of ``shuffles`` copies with shuffled weights (Adebayo et al. 2018).

    Other arguments are those of ``explain``; ``progress`` is called with how many maps were made.

    Returns:
        One result for each face.

    Raises:
        ModelError: the model has no weights to shuffle.
        SourceError: an image cannot be read, or no image has a face.
    """
    options = options or ReadOptions()
    _, weights = load_model(options.model)
    own = open_explainer(options)
    copies = [open_explainer(options, faithfulness.shuffled_weights(weights, seed)) for seed in range(shuffles)]
    wanted = own.known(emotion) if emotion else None
    results: list[Sanity] = []
    for frame in _frames(source, options, on_error):
        for number, (reading, crop) in enumerate(own.crops(frame), 1):
            explained = wanted or reading.emotion
            maps = [explainer.occlusion_map(crop, explained) for explainer in (own, *copies)]
            results.append(Sanity(frame.name, number, explained, own.face(frame, reading), maps[0], tuple(maps[1:])))
            progress(len(results) * len(maps), None, frame.name)
    if not results:
        raise SourceError("no face was found in any image", hint="Use an image with a face.")
    return results


def _frames(
    source: ImageSource | ImageSources, options: ReadOptions, on_error: Callable[[SourceError], object] | None
) -> Iterator[Frame]:
    def fail(_source: ImageSource, error: SourceError) -> None:
        if on_error is None:
            raise error
        on_error(error)

    sources = list(cast(ImageSources, source)) if is_collection(source) else [cast(ImageSource, source)]
    return read_images(sources, fail, max_megapixels=options.max_megapixels)


def _masked(frames: Iterable[Frame], options: ReadOptions) -> Iterator[Frame]:
    detector, masker = create_detector(masking_options(options)), PhotoMasker(options)
    for frame in frames:
        yield masker.select(frame, detect_turned(detector, frame, options.rotate))[0]
