"""Explain predictions: a photo in, an explanation of each face out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..emotions import parse
from ..errors import OptionError
from ..io.images import read_image
from ..model.card import load_model
from ..model.classifier import open_classifier
from ..model.preprocess import align_face, to_tensor
from ..options import ReadOptions
from ..progress import Offset, Progress, no_progress
from ..reader import ImageSource, Reader
from ..types import Frame, Reading
from . import faithfulness, perturbation
from .explanation import Explanation
from .faithfulness import Sanity
from .perturbation import Perturbation

#: Another way to make a map: network input, float32 (1, C, S, S), and the emotion -> float32 (S, S).
Mapper: TypeAlias = Callable[[npt.NDArray[np.float32], str], npt.NDArray[np.float32]]

#: Number of perturbed faces that are classified to explain one face.
N_EVALUATIONS = perturbation.N_EVALUATIONS + faithfulness.N_EVALUATIONS
_FACE_SIDE = 384  # side in pixels of the face that the map is drawn over


class Explainer:
    """Explains readings; can be used for any number of photos.

    Args:
        reader: whose predictions to explain.
        mapper: makes the map in place of occlusion, as HiResCAM does.
    """

    def __init__(self, reader: Reader, mapper: Mapper | None = None) -> None:
        self._reader, self._mapper = reader, mapper

    @property
    def emotions(self) -> tuple[str, ...]:
        """The label set, in the vocabulary's order."""
        return self._reader.emotions

    def known(self, emotion: str) -> str:
        """The vocabulary's name of an emotion of the label set.

        Raises:
            OptionError: there is no such emotion, or the label set lacks it.
        """
        name = parse(emotion)
        if name not in self.emotions:
            raise OptionError(
                f"emotion: got {name}, expected one of the label set: {', '.join(self.emotions)}",
                hint="Choose one of these, or a larger label set with --emotions.",
            )
        return name

    def crops(self, frame: Frame) -> list[tuple[Reading, npt.NDArray[np.uint8]]]:
        """The readings of a photo, most certain detection first, each with its face as the network takes it."""
        faces = self._reader.detect(frame)
        crops = self._reader.crop(frame, faces)
        return list(zip(self._reader.classify(faces, crops), crops))

    def explain(
        self, frame: Frame, emotion: str | None = None, progress: Progress = no_progress
    ) -> Iterator[Explanation]:
        """Explain every face of a photo.

        Args:
            frame: the photo.
            emotion: the emotion to explain; None takes the likeliest of each face.
            progress: told how many of ``N_EVALUATIONS`` a face are done.

        Raises:
            OptionError: the label set lacks the emotion.
        """
        wanted = self.known(emotion) if emotion else None
        found = self.crops(frame)
        total = len(found) * N_EVALUATIONS
        for number, (reading, crop) in enumerate(found):
            step = Offset(progress, number * N_EVALUATIONS, total, frame.name)
            yield self._explain(frame, number + 1, reading, crop, wanted or reading.emotion, step)

    def occlusion_map(self, crop: npt.NDArray[np.uint8], emotion: str) -> npt.NDArray[np.float32]:
        """The occlusion map alone, float32 (S, S), of a face as ``crops`` gives it."""
        return perturbation.occlusion_map(Perturbation(self._reader.classifier, crop, emotion))[0]

    def face(self, frame: Frame, reading: Reading) -> npt.NDArray[np.uint8]:
        """The aligned face, finer and in color: uint8 (384, 384, 3), RGB."""
        return align_face(frame, reading.face, _FACE_SIDE, "rgb")

    def _explain(
        self,
        frame: Frame,
        number: int,
        reading: Reading,
        crop: npt.NDArray[np.uint8],
        emotion: str,
        progress: Progress,
    ) -> Explanation:
        perturbed = Perturbation(self._reader.classifier, crop, emotion, progress)
        heat, agreement = perturbation.occlusion_map(perturbed)
        if self._mapper is not None:
            occluded = heat
            heat = self._mapper(to_tensor(crop[None], self._reader.classifier.input), emotion)
            agreement = perturbation.correlation(heat, occluded)
        points = perturbation.landmarks_in_crop(reading.face)
        masks = perturbation.part_masks(perturbation.usual_landmarks() if points is None else points, perturbed.side)
        found = perturbation.part_effects(perturbed, masks, self.emotions)
        return Explanation(
            frame.name,
            number,
            reading,
            emotion,
            float(reading.probabilities[perturbed.place]),
            crop,
            self.face(frame, reading),
            heat,
            found.parts,
            found.turning,
            found.turned,
            faithfulness.curves(perturbed, heat),
            agreement,
            self.emotions[int(found.blurred.argmax())],
            float(found.blurred[perturbed.place]),
            points is not None,
            "occlusion" if self._mapper is None else "hirescam",
        )


def open_explainer(options: ReadOptions | None = None, weights: bytes | None = None) -> Explainer:
    """An explainer of an ONNX model.

    Args:
        options: how to read; the model, the head, the label set and the detector are among them.
        weights: content of an ONNX file in place of the model's own, as for the randomization test.

    Raises:
        OptionError: the options contradict each other, or the model cannot do what they ask.
        ModelError: weights are missing or damaged.
    """
    options = options or ReadOptions()
    return Explainer(Reader(options, classifier=open_classifier(options, weights) if weights else None))


def randomization_test(
    frames: Iterable[Frame],
    options: ReadOptions | None = None,
    *,
    emotion: str | None = None,
    shuffles: int = 5,
    progress: Progress = no_progress,
) -> list[Sanity]:
    """Compare the occlusion maps of a model with those of copies whose weights were shuffled (Adebayo et al. 2018).

    Args:
        frames: photos.
        options: how to read.
        emotion: the emotion to explain; None takes the likeliest of each face.
        shuffles: number of shuffled copies.
        progress: told how many maps were made.

    Returns:
        One result for each face.

    Raises:
        ModelError: the model has no weights that could be shuffled.
    """
    options = options or ReadOptions()
    _, weights = load_model(options.model)
    own = open_explainer(options)
    copies = [open_explainer(options, faithfulness.shuffled_weights(weights, seed)) for seed in range(shuffles)]
    wanted = own.known(emotion) if emotion else None
    checks: list[Sanity] = []
    for frame in frames:
        for number, (reading, crop) in enumerate(own.crops(frame), 1):
            about = wanted or reading.emotion
            maps = []
            for explainer in (own, *copies):
                maps.append(explainer.occlusion_map(crop, about))
                progress(len(checks) * (1 + shuffles) + len(maps), None, frame.name)
            checks.append(Sanity(frame.name, number, about, own.face(frame, reading), maps[0], tuple(maps[1:])))
    return checks


def explain(
    source: ImageSource,
    options: ReadOptions | None = None,
    *,
    emotion: str | None = None,
    progress: Progress = no_progress,
) -> list[Explanation]:
    """Explain which parts of each face in an image drove its reading.

    Args:
        source: a path, the bytes of an image file, a PIL image or a numpy array (uint8, RGB, height x width x 3).
        options: how to read.
        emotion: the emotion to explain; None takes the likeliest of each face.
        progress: told how many perturbed faces were classified.

    Raises:
        SourceError: the image cannot be read.
        OptionError: the label set lacks the emotion.
    """
    return list(open_explainer(options).explain(read_image(source), emotion, progress))
