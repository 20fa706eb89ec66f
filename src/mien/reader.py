"""Compose the stages: images in, readings out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from .concurrency import overlapped
from .detection.base import Detector
from .detection.registry import create_detector
from .extras import check_opencv
from .io.images import read_image
from .model.classifier import EmotionClassifier
from .model.preprocess import cut, detail, to_tensor
from .model.registry import load_model
from .model.session import open_session
from .options import ReadOptions
from .types import Face, Frame, Reading

if TYPE_CHECKING:
    from PIL.Image import Image

ImageSource: TypeAlias = "str | Path | bytes | npt.NDArray[np.uint8] | Image"
ImageSources: TypeAlias = "list[ImageSource] | tuple[ImageSource, ...]"

#: Faces that go through the network in one call.
BATCH_FACES = 64
#: Images held while a batch fills, be there faces in them or not.
BATCH_FRAMES = 16
#: Pixels of images held while a batch fills: 40 million take 120 MB.
BATCH_PIXELS = 40_000_000


class Reader:
    """Reads emotions off faces; loads its networks once and can be used for any number of images.

    Args:
        options: how to read.
        detector: finds the faces; None takes the one that ``options`` name.

    Raises:
        OptionError: the options contradict each other, or the model cannot do what they ask.
        ModelError: weights are missing or damaged.

    Attributes:
        emotions: the label set of all readings, in the vocabulary's order.
        card: what is known of the model.
    """

    def __init__(self, options: ReadOptions | None = None, *, detector: Detector | None = None) -> None:
        check_opencv()
        self._options = options = options or ReadOptions()
        self.card, weights = load_model(options.model)
        session = open_session(weights, options.threads, self.card.weights)
        self._network = EmotionClassifier(self.card, session, options.head, options.emotions, options.flip)
        self._detector = detector or create_detector(options)
        self.emotions = self._network.emotions

    @overload
    def read(self, source: ImageSource) -> list[Reading]: ...
    @overload
    def read(self, source: ImageSources) -> list[list[Reading]]: ...
    def read(self, source: ImageSource | ImageSources) -> list[Reading] | list[list[Reading]]:
        """Read one image, or several.

        Args:
            source: a path, the bytes of an image file, a PIL image or a numpy array (uint8, RGB, height x width x 3); or
                a list of these.

        Returns:
            One reading for each face, most certain detection first, empty where there is no face; for a list, one such
            list for each image.

        Raises:
            SourceError: an image cannot be read.
            OptionError: the source is of a kind that cannot be read.
        """
        many = isinstance(source, (list, tuple))
        sources: Iterable[ImageSource] = source if many else [source]  # type: ignore[assignment,list-item]  # narrowed by `many`
        limit = self._options.max_megapixels
        frames = (read_image(one, max_megapixels=limit) for one in sources)
        readings = [found for _, found in self.read_frames(frames)]
        return readings if many else readings[0]

    def read_frames(self, frames: Iterable[Frame], workers: int = 1) -> Iterator[tuple[Frame, list[Reading]]]:
        """Read a stream of images, the faces of several in one call of the network.

        Faces are found in the next images while those of the last are judged. Memory holds at most a batch of images.

        Args:
            frames: any iterable; it is drawn from as the readings are.
            workers: images in which faces are looked for at the same time. More than one pays where each image takes
                one thread: ``ReadOptions(threads=1)``.

        Yields:
            Each frame with its readings, in order.
        """
        held: list[_Looked] = []
        faces = pixels = 0
        for looked in overlapped(self._look, frames, workers):
            held.append(looked)
            faces += len(looked.faces)
            pixels += looked.frame.width * looked.frame.height
            if faces >= BATCH_FACES or len(held) >= BATCH_FRAMES or pixels >= BATCH_PIXELS:
                yield from self._judged(held)
                held, faces, pixels = [], 0, 0
        yield from self._judged(held)

    def _look(self, frame: Frame) -> _Looked:
        spec = self._network.input
        faces = self._detector.detect(frame)
        return _Looked(frame, faces, [cut(frame, face, spec.size, spec.color) for face in faces])

    def _judged(self, held: list[_Looked]) -> Iterator[tuple[Frame, list[Reading]]]:
        faces = [face for looked in held for face in looked.faces]
        readings = self._readings(faces, [crop for looked in held for crop in looked.crops])
        for looked in held:
            yield looked.frame, list(islice(readings, len(looked.faces)))

    def _readings(self, faces: list[Face], crops: list[npt.NDArray[np.uint8]]) -> Iterator[Reading]:
        for start in range(0, len(crops), BATCH_FACES):
            batch = np.stack(crops[start : start + BATCH_FACES])
            said, shown = self._network.judge(to_tensor(batch, self._network.input)), detail(batch)
            for row, face in enumerate(faces[start : start + BATCH_FACES]):
                yield Reading(
                    face,
                    self.emotions,
                    said.probabilities[row],
                    said.votes[row],
                    covered=float(said.covered[row]),
                    min_confidence=self._options.min_confidence,
                    detail=float(shown[row]),
                )


@dataclass(frozen=True, eq=False)
class _Looked:
    """An image in which faces were looked for."""

    frame: Frame
    faces: list[Face]
    crops: list[npt.NDArray[np.uint8]]


@overload
def read(source: ImageSource, options: ReadOptions | None = None) -> list[Reading]: ...
@overload
def read(source: ImageSources, options: ReadOptions | None = None) -> list[list[Reading]]: ...
def read(source: ImageSource | ImageSources, options: ReadOptions | None = None) -> list[Reading] | list[list[Reading]]:
    """Read the emotions in an image, or in each of several; see ``Reader.read``.

    Loads the networks anew at each call: for many calls, keep a ``Reader``.
    """
    return Reader(options).read(source)
