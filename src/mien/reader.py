"""The inference pipeline: detect, crop, classify, read."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache, partial
from itertools import chain, islice
from multiprocessing import TimeoutError as PoolTimeout
from multiprocessing.pool import ThreadPool
from typing import Any, Literal, TypeAlias, TypeVar, cast, get_args, overload

import numpy as np
import numpy.typing as npt

from .detection import Detector, NoDetector, PyramidDetector, create_detector, detect_turned, sure_score
from .errors import OptionError, SourceError, shorten
from .io.discovery import find_images, stands_for_several
from .io.images import Channels, ReducedFrame, read_image, read_reduced
from .io.limits import DECODE_S
from .io.sources import MISSING_HINT, ImageSource, ImageSources, is_address, is_collection, is_missing, local_path
from .model.card import shipped_models
from .model.classifier import EmotionClassifier, open_classifier
from .model.occlusion import temperatures
from .model.preprocess import align_face, sharpness, to_tensor
from .model.session import usable_cores
from .options import MAX_MEGAPIXELS, ReadOptions
from .types import Face, Frame, Reading, Readings

Item = TypeVar("Item")
Result = TypeVar("Result")

_Detected: TypeAlias = "tuple[Frame, list[Face], npt.NDArray[np.uint8]]"  # with the crops of the faces
#: What to do about an image that cannot be read.
ErrorPolicy: TypeAlias = Literal["raise", "skip", "return"]

#: What the names of threads that search images begin with.
WORKER_THREADS = "mien"
#: Long side in pixels at which large JPEG files are decoded first.
REDUCED_SIDE = 1280
#: A face with fewer pixels per pixel of the classifier's input is cropped from the whole image.
_PIXELS_PER_PIXEL = 2
#: Faces that go through the network in one call.
BATCH_FACES = 64
#: Images held while a batch fills, with or without faces.
BATCH_FRAMES = 16
#: Pixels of images held while a batch fills: 16 million take 48 MB.
BATCH_PIXELS = 16_000_000


class Reader:
    """Recognizes facial expressions. Loads its models once; use it for any number of images.

    Can be pickled for worker processes, which load the models again.

    Args:
        options: how to read.
        detector: finds faces; None uses the detector named in ``options``.
        classifier: classifies faces; None uses the model named in ``options``.
        channels: channel order of arrays: ``bgr`` for images from OpenCV. Files are not affected.

    Attributes:
        emotions: the label set of all readings, in the vocabulary's order.
        card: the card of the model.

    Raises:
        OptionError: options contradict each other, or the model does not support them.
        ModelError: weights are missing or damaged.
    """

    def __init__(
        self,
        options: ReadOptions | None = None,
        *,
        detector: Detector | None = None,
        classifier: EmotionClassifier | None = None,
        channels: Channels = "rgb",
    ) -> None:
        if channels not in get_args(Channels):
            raise OptionError(f"channels: got {channels!r}, expected 'rgb' or 'bgr'", field="channels", value=channels)
        self._given = {"detector": detector, "classifier": classifier, "channels": channels}
        self._channels: Channels = channels
        self.options = options or ReadOptions()
        # Networks this small gain little from several threads, and on a busy machine these wait for each other
        single = replace(self.options, threads=1)
        self.classifier = classifier or open_classifier(single)
        self.detector = detector or create_detector(single)
        self._sure_score = sure_score(self.options) if isinstance(self.detector, PyramidDetector) else 0.0
        self.card, self.emotions = self.classifier.card, self.classifier.emotions

    def __getstate__(self) -> dict[str, Any]:
        return {"options": self.options, **self._given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state.pop("options"), **state)  # type: ignore[misc]  # sessions cannot be pickled

    def sharing(self, options: ReadOptions) -> Reader:
        """A reader with other ``emotions``, ``head``, ``min_face``, ``min_confidence`` or ``rotate``, and the same models.

        Raises:
            OptionError: ``options`` differ in more, or the model lacks what they ask for.
        """
        mine, free = self.options, ("emotions", "head", "min_face", "min_confidence", "rotate")
        if replace(options, **{name: getattr(mine, name) for name in free}) != mine:
            raise OptionError(f"options: got {options}, expected those of the reader but for {', '.join(free)}")
        detector = self.detector
        if isinstance(detector, PyramidDetector):
            detector = replace(detector, min_face=options.min_face)
        classifier = self.classifier.sharing(options.head, options.emotions)
        return Reader(options, detector=detector, classifier=classifier, channels=self._channels)

    def detect(self, frame: Frame) -> list[Face]:
        """Find the faces in an image, most certain first; empty if there are none. ``ReadOptions.rotate`` applies."""
        return detect_turned(self.detector, frame, self.options.rotate)

    def crop(self, frame: Frame, faces: Sequence[Face]) -> npt.NDArray[np.uint8]:
        """Cut out the faces as aligned squares: uint8 (N, S, S), or (N, S, S, 3) for a model that takes RGB; 0-255."""
        spec = self.classifier.input
        crops = [align_face(frame, face, spec.size, spec.color) for face in faces]
        depth = (3,) if spec.color == "rgb" else ()
        return np.stack(crops) if crops else np.empty((0, spec.size, spec.size, *depth), np.uint8)

    def classify(self, faces: Sequence[Face], crops: npt.NDArray[np.uint8]) -> list[Reading]:
        """Classify N faces by the crops that ``crop`` returns: uint8 (N, S, S) or (N, S, S, 3)."""
        readings = []
        for start in range(0, len(crops), BATCH_FACES):
            batch = crops[start : start + BATCH_FACES]
            extra = temperatures(batch, faces[start : start + BATCH_FACES])
            prediction = self.classifier.predict(to_tensor(batch, self.classifier.input), extra)
            readings += [
                Reading(
                    face,
                    self.emotions,
                    prediction.probabilities[row],
                    prediction.vote_shares[row],
                    in_label_set=float(prediction.in_label_set[row]),
                    min_confidence=self.options.min_confidence,
                    min_face_score=self._sure_score,
                    sharpness=sharp,
                )
                for row, (face, sharp) in enumerate(zip(faces[start:], sharpness(batch).tolist()))
            ]
        return readings

    @overload
    def read(self, source: ImageSource, *, errors: ErrorPolicy = ..., recursive: bool = ...) -> Readings: ...
    @overload
    def read(self, source: ImageSources, *, errors: ErrorPolicy = ..., recursive: bool = ...) -> list[Readings]: ...
    def read(
        self, source: ImageSource | ImageSources, *, errors: ErrorPolicy = "raise", recursive: bool = False
    ) -> Readings | list[Readings]:
        """Read one image, a folder, the images that match a pattern, or a list of these.

        Args:
            source: a path, a folder, a pattern such as ``"trip/*.jpg"``, or any other source of ``read_image``: bytes, an
                open file or upload, a ``data:`` address, a PIL image, an array or tensor. Also a list, a generator or a
                column of a table with any of these.
            errors: ``raise`` the error of an unreadable image, ``skip`` the image, or ``return`` the error in
                ``Readings.errors``.
            recursive: include sub-folders.

        Returns:
            For one source, the readings of all its faces, most certain detection first; empty without a face. For a list,
            one ``Readings`` per image; a folder or pattern in it counts as several images.

        Raises:
            SourceError: an image cannot be read.
            OptionError: the source has an unknown type.
        """
        if is_collection(source):
            return self._read_each(list(cast(ImageSources, source)), errors, recursive)
        results = self._read_each([cast(ImageSource, source)], errors, recursive)
        sources = [name for result in results for name in result.sources]
        problems = [error for result in results for error in result.errors]
        return Readings((reading for result in results for reading in result), sources, problems)

    def read_frames(self, frames: Iterable[Frame], workers: int = 1) -> Iterator[tuple[Frame, Readings]]:
        """Read a stream of images in order; the faces of several images are classified in one call of the network.

        ``workers`` images are searched for faces in parallel; with more than one, the next images are searched while faces
        are classified. About one batch of images per worker is held in memory.
        """
        batches = self._batches(frames, workers)
        if workers == 1:
            return chain.from_iterable(map(self._classify_batch, batches))
        classifying = workers if isinstance(self.detector, NoDetector) else (workers + 1) // 2
        return chain.from_iterable(overlapped(self._classify_batch, batches, classifying))

    def _batches(self, frames: Iterable[Frame], workers: int) -> Iterator[list[_Detected]]:
        held: list[_Detected] = []
        faces = pixels = 0
        for frame, found, crops in overlapped(self._detect_and_crop, frames, workers):
            held.append((frame, found, crops))
            faces += len(found)
            pixels += frame.width * frame.height
            if faces >= BATCH_FACES or len(held) >= BATCH_FRAMES or pixels >= BATCH_PIXELS:
                yield held
                held, faces, pixels = [], 0, 0
        if held:
            yield held

    def _read_each(self, sources: Sequence[ImageSource], errors: ErrorPolicy, recursive: bool) -> list[Readings]:
        if errors not in get_args(ErrorPolicy):
            expected = ", ".join(get_args(ErrorPolicy))
            raise OptionError(f"errors: got {errors!r}, expected one of {expected}", field="errors", value=errors)
        results: list[Readings | None] = []

        def fail(source: ImageSource, error: SourceError) -> None:
            if errors == "raise":
                raise error
            if errors == "return":
                name = str(source) if isinstance(source, (str, os.PathLike)) else type(source).__name__
                results.append(Readings((), (name,), (error,)))

        def frames() -> Iterator[Frame]:
            limit = self.options.max_megapixels
            images = read_images(
                sources, fail, recursive, max_megapixels=limit, channels=self._channels, reduced=self.reduces
            )
            for frame in images:
                results.append(None)  # filled in below, in this order
                yield frame

        is_one = len(sources) == 1 and not _stands_for_several(sources[0])
        is_own = self._given["detector"] is None and self._given["classifier"] is None
        workers = 1 if is_one or not is_own else worker_count(self.options.threads)  # others may not allow threads
        read = iter([readings for _, readings in self.read_frames(frames(), workers)])
        return [next(read) if result is None else result for result in results]

    @property
    def reduces(self) -> bool:
        """Whether large JPEG files may be decoded at a fraction of their size first: no smallest face was asked for."""
        return self.options.min_face is None

    def _detect_and_crop(self, frame: Frame) -> _Detected:
        if not isinstance(frame, ReducedFrame):
            faces = self.detect(frame)
            return frame, faces, self.crop(frame, faces)
        coarse = (
            replace(self.detector, coarse_only=True) if isinstance(self.detector, PyramidDetector) else self.detector
        )
        faces = detect_turned(coarse, frame, self.options.rotate)
        smallest = min((min(face.box.width, face.box.height) for face in faces), default=0)
        if smallest >= _PIXELS_PER_PIXEL * self.classifier.input.size:
            return frame, [frame.in_file(face) for face in faces], self.crop(frame, faces)
        try:
            return self._detect_and_crop(frame.whole())
        except SourceError:  # the file was removed meanwhile
            return frame, [frame.in_file(face) for face in faces], self.crop(frame, faces)

    def _classify_batch(self, held: list[_Detected]) -> list[tuple[Frame, Readings]]:
        faces = [face for _, found, _ in held for face in found]
        readings = iter(self.classify(faces, np.concatenate([crops for _, _, crops in held])))
        read = []
        for frame, found, _ in held:
            placed = (
                replace(reading, source=frame.name, frame_index=frame.index, time_s=frame.time_s, face_index=number)
                for number, reading in enumerate(islice(readings, len(found)))
            )
            read.append((frame, Readings(placed, (frame.name,))))
        return read


def read_images(
    sources: Iterable[ImageSource],
    on_error: Callable[[ImageSource, SourceError], object],
    recursive: bool = False,
    *,
    max_megapixels: float = MAX_MEGAPIXELS,
    channels: Channels = "rgb",
    timeout_s: float | None = None,
    reduced: bool = False,
) -> Iterator[Frame]:
    """Yield the images of files, folders, patterns and arrays; call ``on_error`` with each that cannot be read.

    Reading and decoding one image may take ``timeout_s`` seconds; None checks a limit of 60, between reads of the file only.
    ``reduced`` yields large JPEG files as ``ReducedFrame``, for ``Reader.read_frames``.
    """
    decoder = partial(read_reduced, long_side=REDUCED_SIDE) if reduced else read_image
    limit_s = DECODE_S if timeout_s is None else timeout_s
    decode = partial(decoder, max_megapixels=max_megapixels, channels=channels, timeout_s=limit_s)
    pool = ThreadPool(1) if timeout_s is not None else None  # its daemon thread does not keep the program from ending
    try:
        for image in _each_image(sources, on_error, recursive):
            try:
                frame = decode(image) if pool is None else pool.apply_async(decode, (image,)).get(timeout_s)
            except SourceError as error:
                on_error(image, error)
            except PoolTimeout:
                if pool:
                    pool.terminate()  # its thread goes on to the next read of the file: a decoder cannot be interrupted
                pool = ThreadPool(1)
                name = shorten(str(image)) if isinstance(image, (str, os.PathLike)) else type(image).__name__
                hint = "Allow more with --timeout (timeout_s=...), or convert the image to JPEG."
                what = f"{name} was not decoded within {timeout_s:g} s"
                on_error(image, SourceError(what, hint=hint, path=name))
            else:
                yield frame
    finally:
        if pool:
            pool.terminate()


def _each_image(
    sources: Iterable[ImageSource], on_error: Callable[[ImageSource, SourceError], object], recursive: bool
) -> Iterator[ImageSource]:
    """Yield the sources, and in place of folders and patterns the images that they hold."""
    for source in sources:
        try:
            if is_missing(source):
                raise SourceError(f"source: got {source!r}, expected an image", hint=MISSING_HINT)
            if isinstance(source, (str, os.PathLike)) and _stands_for_several(source):
                yield from find_images([local_path(source)], recursive=recursive)
            else:
                yield source
        except SourceError as error:
            on_error(source, error)


def _stands_for_several(source: ImageSource) -> bool:
    is_path = isinstance(source, (str, os.PathLike)) and not is_address(source)
    return is_path and stands_for_several(local_path(cast(str, source)))


@overload
def read(
    source: ImageSource, options: ReadOptions | None = ..., *, errors: ErrorPolicy = ..., recursive: bool = ...
) -> Readings: ...
@overload
def read(
    source: ImageSources, options: ReadOptions | None = ..., *, errors: ErrorPolicy = ..., recursive: bool = ...
) -> list[Readings]: ...
def read(
    source: ImageSource | ImageSources,
    options: ReadOptions | None = None,
    *,
    errors: ErrorPolicy = "raise",
    recursive: bool = False,
) -> Readings | list[Readings]:
    """Read facial expressions in an image, a folder, the images that match a pattern, or a list of these.

    See ``Reader.read``. The models of the last call are kept in memory, unless they are files of your own.
    """
    options = options or ReadOptions()
    is_file = options.model not in shipped_models() or ":" in options.detector  # which may have changed
    return (Reader if is_file else _kept_reader)(options).read(source, errors=errors, recursive=recursive)


@lru_cache(maxsize=1)
def _kept_reader(options: ReadOptions) -> Reader:
    return Reader(options)


def overlapped(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Yield ``work(item)`` for each item, in order; an error is raised at the place of its item.

    ``workers`` threads call ``work``, which should release Python's lock, as onnxruntime and PyAV do. Meanwhile the caller's
    thread draws the next items. At most ``2 * workers`` items are in progress at any time.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix=WORKER_THREADS)
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) >= 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a network cannot be interrupted, and Ctrl-C should not wait


def worker_count(threads: int) -> int:
    """Return how many items to work on at the same time: ``threads``, or if that is 0, the number of available cores."""
    return threads or usable_cores()
