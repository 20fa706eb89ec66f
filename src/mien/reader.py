"""The pipeline of images: detect, crop, classify, read. Everything else calls these steps."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, overload

import numpy as np
import numpy.typing as npt

from .detection import create_detector
from .detection.base import Detector
from .errors import SourceError
from .extras import check_opencv
from .io.discovery import find_images, stands_for_several
from .io.images import read_image
from .model.classifier import EmotionClassifier, open_classifier
from .model.preprocess import align_face, sharpness, to_tensor
from .options import ReadOptions
from .types import Face, Frame, Reading, Readings

if TYPE_CHECKING:
    from PIL.Image import Image

Item = TypeVar("Item")
Result = TypeVar("Result")

#: An image: a path, the bytes of an image file, uint8 RGB pixels (H, W, 3), or a PIL image.
ImageSource: TypeAlias = "str | Path | bytes | npt.NDArray[np.uint8] | Image"
#: What to do about an image that cannot be read.
ErrorPolicy: TypeAlias = Literal["raise", "skip", "return"]

#: Faces that go through the network in one call.
BATCH_FACES = 64
#: Images held while a batch fills, whether they have faces or not.
BATCH_FRAMES = 16
#: Pixels of images held while a batch fills: 40 million take 120 MB.
BATCH_PIXELS = 40_000_000


class Reader:
    """Reads emotions off faces. Loads its models once; use it for any number of images.

    Can be pickled, for worker processes: models are loaded again where it is unpickled.

    Args:
        options: how to read.
        detector: finds the faces; None takes the one that ``options`` name.
        classifier: reads the emotions; None takes the model that ``options`` name.

    Raises:
        OptionError: the options contradict each other, or the model cannot do what they ask.
        ModelError: weights are missing or damaged.

    Attributes:
        options: how it reads.
        classifier: the emotion classifier.
        detector: the face detector.
        emotions: the label set of all readings, in the vocabulary's order.
        card: what is known of the model.
    """

    def __init__(
        self,
        options: ReadOptions | None = None,
        *,
        detector: Detector | None = None,
        classifier: EmotionClassifier | None = None,
    ) -> None:
        check_opencv()
        self._given = {"detector": detector, "classifier": classifier}
        self.options = options or ReadOptions()
        self.classifier = classifier or open_classifier(self.options)
        self.detector = detector or create_detector(self.options)
        self.card, self.emotions = self.classifier.card, self.classifier.emotions

    def __getstate__(self) -> dict[str, Any]:
        return {"options": self.options, **self._given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state.pop("options"), **state)  # type: ignore[misc]  # models hold sessions, which no pickle can

    def detect(self, frame: Frame) -> list[Face]:
        """The faces in an image, most certain first; empty if there is none."""
        return self.detector.detect(frame)

    def crop(self, frame: Frame, faces: Sequence[Face]) -> npt.NDArray[np.uint8]:
        """The faces as aligned square images.

        Returns:
            uint8 (N, S, S), or (N, S, S, 3) for a model that takes RGB; 0-255. S is ``card.input.size``.
        """
        spec = self.classifier.input
        crops = [align_face(frame, face, spec.size, spec.color) for face in faces]
        depth = (3,) if spec.color == "rgb" else ()
        return np.stack(crops) if crops else np.empty((0, spec.size, spec.size, *depth), np.uint8)

    def classify(self, faces: Sequence[Face], crops: npt.NDArray[np.uint8]) -> list[Reading]:
        """Read the emotions of cropped faces.

        Args:
            faces: N faces.
            crops: as ``crop`` gives them: uint8 (N, S, S) or (N, S, S, 3).
        """
        return [
            reading
            for start in range(0, len(crops), BATCH_FACES)
            for reading in self._classified(faces[start : start + BATCH_FACES], crops[start : start + BATCH_FACES])
        ]

    @overload
    def read(self, source: ImageSource, *, errors: ErrorPolicy = "raise", recursive: bool = False) -> Readings: ...
    @overload
    def read(
        self,
        source: list[ImageSource] | tuple[ImageSource, ...],
        *,
        errors: ErrorPolicy = "raise",
        recursive: bool = False,
    ) -> list[Readings]: ...
    def read(
        self,
        source: ImageSource | list[ImageSource] | tuple[ImageSource, ...],
        *,
        errors: ErrorPolicy = "raise",
        recursive: bool = False,
    ) -> Readings | list[Readings]:
        """Read one image, a folder, the images that match a pattern, or a list of these.

        Args:
            source: a path, a folder, a pattern such as ``"trip/*.jpg"``, the bytes of an image file, a PIL image or a
                numpy array (uint8, RGB, height x width x 3); or a list of these.
            errors: what to do about an image that cannot be read: ``raise`` its error, ``skip`` it, or ``return`` it in
                ``Readings.errors``.
            recursive: include the sub-folders of folders.

        Returns:
            For one source, the readings of all its faces, most certain detection first; empty if there is none. For a
            list, one ``Readings`` for each image; folders and patterns in it give one for each image that they hold.

        Raises:
            SourceError: an image cannot be read.
            OptionError: the source is of a kind that cannot be read.
        """
        if isinstance(source, (list, tuple)):
            return self._each(source, errors, recursive)
        results = self._each([source], errors, recursive)
        return Readings(
            (reading for result in results for reading in result),
            [name for result in results for name in result.sources],
            [error for result in results for error in result.errors],
        )

    def read_frames(self, frames: Iterable[Frame], workers: int = 1) -> Iterator[tuple[Frame, Readings]]:
        """Read a stream of images, with the faces of several in one call of the network.

        Detection runs ahead of classification. Memory holds at most one batch of images.

        Args:
            frames: any iterable; it is drawn from as the readings are.
            workers: images in which faces are detected at the same time. More than one pays if each image takes one
                thread: ``ReadOptions(threads=1)``.

        Yields:
            Each frame with its readings, in order.
        """
        held: list[_Detected] = []
        faces = pixels = 0
        for detected in overlapped(self._detect_and_crop, frames, workers):
            held.append(detected)
            faces += len(detected.faces)
            pixels += detected.frame.width * detected.frame.height
            if faces >= BATCH_FACES or len(held) >= BATCH_FRAMES or pixels >= BATCH_PIXELS:
                yield from self._batch(held)
                held, faces, pixels = [], 0, 0
        yield from self._batch(held)

    def _each(self, sources: Sequence[ImageSource], errors: ErrorPolicy, recursive: bool) -> list[Readings]:
        results: list[Readings | None] = []

        def fail(name: str, error: SourceError) -> None:
            if errors == "raise":
                raise error
            if errors == "return":
                results.append(Readings((), (name,), (error,)))

        def frames() -> Iterator[Frame]:
            for source in sources:
                try:
                    images = _images_of(source, recursive)
                except SourceError as error:
                    fail(str(source), error)
                    continue
                for image in images:
                    try:
                        frame = read_image(image, max_megapixels=self.options.max_megapixels)
                    except SourceError as error:
                        fail(str(image) if isinstance(image, (str, Path)) else type(image).__name__, error)
                        continue
                    results.append(None)  # filled in below, in this order
                    yield frame

        read = [readings for _, readings in self.read_frames(frames())]
        left = iter(read)
        return [next(left) if result is None else result for result in results]

    def _detect_and_crop(self, frame: Frame) -> _Detected:
        faces = self.detect(frame)
        return _Detected(frame, faces, self.crop(frame, faces))

    def _batch(self, held: list[_Detected]) -> Iterator[tuple[Frame, Readings]]:
        if not held:
            return
        faces = [face for detected in held for face in detected.faces]
        readings = iter(self.classify(faces, np.concatenate([detected.crops for detected in held])))
        for detected in held:
            frame = detected.frame
            placed = (
                replace(reading, source=frame.name, frame_index=frame.index, time_s=frame.time_s, face_index=number)
                for number, reading in enumerate(islice(readings, len(detected.faces)))
            )
            yield frame, Readings(placed, (frame.name,))

    def _classified(self, faces: Sequence[Face], crops: npt.NDArray[np.uint8]) -> Iterator[Reading]:
        prediction = self.classifier.predict(to_tensor(crops, self.classifier.input))
        for row, (face, sharp) in enumerate(zip(faces, sharpness(crops).tolist())):
            yield Reading(
                face,
                self.emotions,
                prediction.probabilities[row],
                prediction.vote_shares[row],
                in_label_set=float(prediction.in_label_set[row]),
                min_confidence=self.options.min_confidence,
                sharpness=sharp,
            )


@dataclass(frozen=True, eq=False)
class _Detected:
    """An image with its faces and their crops."""

    frame: Frame
    faces: list[Face]
    crops: npt.NDArray[np.uint8]


def _images_of(source: ImageSource, recursive: bool) -> Sequence[ImageSource]:
    if isinstance(source, (str, Path)) and stands_for_several(source):
        return find_images([source], recursive=recursive)
    return [source]


@overload
def read(
    source: ImageSource,
    options: ReadOptions | None = None,
    *,
    errors: ErrorPolicy = "raise",
    recursive: bool = False,
) -> Readings: ...
@overload
def read(
    source: list[ImageSource] | tuple[ImageSource, ...],
    options: ReadOptions | None = None,
    *,
    errors: ErrorPolicy = "raise",
    recursive: bool = False,
) -> list[Readings]: ...
def read(
    source: ImageSource | list[ImageSource] | tuple[ImageSource, ...],
    options: ReadOptions | None = None,
    *,
    errors: ErrorPolicy = "raise",
    recursive: bool = False,
) -> Readings | list[Readings]:
    """Read the emotions in an image, a folder, the images that match a pattern, or a list of these.

    See ``Reader.read``. Loads the models at each call: for many calls, keep a ``Reader``.
    """
    return Reader(options).read(source, errors=errors, recursive=recursive)


def overlapped(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """``work(item)`` for each item, in the order of the items.

    While ``workers`` threads work, the caller's thread draws the next items (decoding a video, say) and deals with the
    results; at most ``2 * workers`` items are on their way at any time, so memory stays flat. With one worker the items are
    still drawn ahead.

    Args:
        work: called in other threads: must not touch what they share. It should spend its time where Python's lock is
            released, as onnxruntime, OpenCV and PyAV do.
        items: drawn from in the caller's thread.
        workers: threads, at least 1.

    Raises:
        Exception: what ``work`` or the items raise, at the place of that item; no further ones are begun.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="mien") as pool:
        on_their_way: deque[Future[Result]] = deque()
        try:
            for item in items:
                on_their_way.append(pool.submit(work, item))
                if len(on_their_way) >= 2 * workers:
                    yield on_their_way.popleft().result()
            while on_their_way:
                yield on_their_way.popleft().result()
        finally:
            for future in on_their_way:
                future.cancel()


def worker_count(threads: int) -> int:
    """How many items to work on at the same time: as many as ``threads``, or, where that is 0, as there are cores to use."""
    if threads:
        return threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
