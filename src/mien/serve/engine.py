"""One shared reader for all requests: images are searched in threads, and faces of several requests classified together."""

from __future__ import annotations

import asyncio
import io
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..detection import NoDetector
from ..io.images import read_image
from ..model.preprocess import align_face
from ..options import ReadOptions
from ..reader import Reader
from ..types import Face, Frame, Reading
from .metrics import Metrics
from .problems import Problem
from .settings import ServeSettings

Crops = npt.NDArray[np.uint8]
Result = TypeVar("Result")

#: Side of the color crops of --keep-images, in pixels.
_KEPT_SIDE = 160
#: Combinations of options whose readers are kept: they share the models.
_VARIANTS = 64


class Upload(io.BytesIO):
    """The bytes of an image with the name that messages and readings give it."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


@dataclass(frozen=True)
class Found:
    """An image after detection, without its pixels.

    Attributes:
        reader: what classifies it.
        brightness: float (N,), mean gray level of each crop, 0 to 1.
        kept: crops in color to keep; empty unless asked for.
    """

    reader: Reader
    width: int
    height: int
    faces: list[Face]
    crops: Crops
    brightness: list[float]
    kept: list[Crops]


@dataclass(frozen=True)
class ReadImage:
    """What was read in an image; ``readings``, and their ``ids``, are in the order of ``found.faces``."""

    name: str
    found: Found
    readings: list[Reading]
    ids: list[str]


class Models:
    """A reader and its variants: requests may ask for other label sets, heads and limits, with the same models."""

    def __init__(self, options: ReadOptions, file: Path | None = None) -> None:
        self._file = file  # of a registry, in place of the model that options name
        self.reader = Reader(self._own(options))
        self.variant = lru_cache(maxsize=_VARIANTS)(self._variant)
        blank = Frame(np.zeros((64, 64, 3), np.uint8))  # loads what is loaded on first use, before requests come
        self.reader.detect(blank)
        faces = NoDetector().detect(blank)
        self.reader.classify(faces, self.reader.crop(blank, faces))

    def _own(self, options: ReadOptions) -> ReadOptions:
        return options if self._file is None else replace(options, model=self._file)

    def _variant(self, options: ReadOptions, is_crop: bool) -> Reader:
        options = self._own(options)
        reader = self.reader.sharing(options)
        return Reader(options, detector=NoDetector(), classifier=reader.classifier) if is_crop else reader


@dataclass(frozen=True, eq=False)
class _Waiting:
    found: Found
    future: asyncio.Future[list[Reading]]


class Engine:
    """Reads images for many requests. Made and used in one event loop; ``models`` may be replaced at any time."""

    def __init__(self, models: Models, settings: ServeSettings, metrics: Metrics) -> None:
        self.models, self._settings, self._metrics = models, settings, metrics
        self._searchers = ThreadPoolExecutor(settings.detection_workers, thread_name_prefix="mien-search")
        self._classifier = ThreadPoolExecutor(1, thread_name_prefix="mien-classify")
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._task = asyncio.create_task(self._classify_forever())
        self._searching = 0
        self.pending = 0
        self._mean_s = 0.1  # time of an image in a searching thread, a moving average
        metrics.capacity.set(settings.queue_size)

    async def close(self) -> None:
        """Finish what is in work."""
        self._task.cancel()
        await asyncio.to_thread(self._searchers.shutdown)
        await asyncio.to_thread(self._classifier.shutdown)

    @contextmanager
    def admitted(self, images: int) -> Iterator[None]:
        """Count images as pending; ``Problem`` 429 where they are too many."""
        if self.pending and self.pending + images > self._settings.queue_size:
            wait = self.pending * self._mean_s / self._settings.detection_workers
            got, most = self.pending + images, f"at most {self._settings.queue_size} images"
            hint = "Try again after Retry-After seconds, or send fewer requests at a time."
            raise Problem(
                429, "queue_full", "the server is busy", got=got, expected=most, hint=hint, retry_after_s=wait
            )
        self._count(images)
        try:
            yield
        finally:
            self._count(-images)

    def _count(self, images: int) -> None:
        self.pending += images
        self._metrics.queue.set(self.pending)

    async def read(self, content: bytes, name: str, options: ReadOptions, *, is_crop: bool = False) -> ReadImage:
        """Read one image, or one crop of a face.

        Raises:
            SourceError: it cannot be decoded.
            OptionError: the model lacks what ``options`` ask for.
        """
        reader = self.models.variant(options, is_crop)
        found = await self.in_thread(lambda: self.search(reader, content, name)[1])
        readings = self.placed(await self.classify(found), name)
        self._metrics.read(readings, len(found.faces))
        return ReadImage(name, found, readings, [uuid.uuid4().hex for _ in readings])

    @staticmethod
    def placed(readings: Sequence[Reading], name: str, index: int = 0, time_s: float = 0.0) -> list[Reading]:
        """Readings of one frame with its name, number and time."""
        return [
            replace(reading, source=name, frame_index=index, time_s=time_s, face_index=number)
            for number, reading in enumerate(readings)
        ]

    async def in_thread(self, work: Callable[[], Result]) -> Result:
        """Run ``work`` in a searching thread; if the caller gives up before it has begun, it never runs."""
        loop = asyncio.get_running_loop()

        def timed() -> Result:
            started = time.perf_counter()
            result = work()
            self._mean_s += 0.05 * (time.perf_counter() - started - self._mean_s)
            return result

        self._searching += 1
        try:
            return await loop.run_in_executor(self._searchers, timed)
        finally:
            self._searching -= 1

    def search(
        self, reader: Reader, content: bytes, name: str, index: int = 0, time_s: float = 0.0
    ) -> tuple[Frame, Found]:
        """Decode an image and find its faces; for a searching thread."""
        with self._metrics.stage("decode"):
            image = read_image(Upload(content, name), max_megapixels=reader.options.max_megapixels).image
        frame = Frame(image, name, index, time_s)
        with self._metrics.stage("detect"):
            faces = reader.detect(frame)
        with self._metrics.stage("crop"):
            crops = reader.crop(frame, faces)
            brightness = (crops.reshape(len(crops), -1).mean(1) / 255).tolist() if len(crops) else []
            keep = self._settings.keep_images
            kept = [align_face(frame, face, _KEPT_SIDE, "rgb") for face in faces] if keep else []
        return frame, Found(reader, frame.width, frame.height, faces, crops, brightness, kept)

    async def classify(self, found: Found) -> list[Reading]:
        """Classify the faces of an image together with those of other requests."""
        if not found.faces:
            return []
        future: asyncio.Future[list[Reading]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(found, future))
        self._arrived.set()
        return await future

    async def _classify_forever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            if self._searching and sum(len(one.found.faces) for one in self._waiting) < self._settings.max_batch:
                await asyncio.sleep(self._settings.max_wait_ms / 1000)
            batch = self._next_batch()
            if not batch:
                continue
            try:
                results = await loop.run_in_executor(self._classifier, self._classify, batch)
            except Exception as error:  # noqa: BLE001 - the requests of the batch get it, the server goes on
                for one in batch:
                    if not one.future.done():
                        one.future.set_exception(error)
                continue
            for one, readings in zip(batch, results):
                if not one.future.done():
                    one.future.set_result(readings)

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        faces = 0
        while self._waiting and (not batch or faces + len(self._waiting[0].found.faces) <= self._settings.max_batch):
            one = self._waiting.popleft()
            if not one.future.done():  # its request gave up
                batch.append(one)
                faces += len(one.found.faces)
        if not self._waiting:
            self._arrived.clear()
        return batch

    def _classify(self, batch: Sequence[_Waiting]) -> list[list[Reading]]:
        results: list[list[Reading]] = [[] for _ in batch]
        with self._metrics.stage("classify"):
            groups: dict[object, list[int]] = {}
            for place, one in enumerate(batch):
                classifier = one.found.reader.classifier
                key = classifier.card.sha256, classifier.head, classifier.emotions
                groups.setdefault(key, []).append(place)
            for places in groups.values():
                faces = [face for place in places for face in batch[place].found.faces]
                crops = np.concatenate([batch[place].found.crops for place in places])
                self._metrics.batches.observe(len(faces))
                readings = iter(batch[places[0]].found.reader.classify(faces, crops))
                for place in places:
                    found = batch[place].found
                    limit = found.reader.options.min_confidence
                    results[place] = [replace(next(readings), min_confidence=limit) for _ in found.faces]
        return results
