"""Read faces in video files and from cameras, with a number for each person and smoothing over time."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from . import __version__
from .errors import OptionError, SourceError
from .io.camera import Camera, latest
from .io.sources import is_address, local_path
from .io.tables import Row, rows
from .io.video import Video, VideoFacts
from .io.video_sinks import NO_IMAGE, OpenSink, SinkContext, VideoFile, VideoSink, restored
from .options import ReadOptions
from .progress import Progress, no_progress
from .reader import Reader, worker_count
from .redaction import MIN_MASKED_FACE_SHARE, LiveMasker, Privacy, VideoMasker, masking_options
from .report.format import clock
from .tracking import LIVE_GAP_S, Tracker
from .types import Frame, Reading

#: The smallest face to look for in video, as a share of the frame's height: the faces of a gallery of 5 x 5 tiles. Smaller
#: ones cost frame rate; see ``docs/concepts/detection.md``.
MIN_FACE_SHARE = 1 / 18
_MIN_FACE_PIXELS = 20
#: Frames further apart, in seconds, and than five frames usually are, leave a hole in which no one counts as visible.
_HOLE_S = 1.0
#: Frames per second expected of a camera, which two processor cores keep up with.
_LIVE_RATE = 30.0

#: What ``process_video`` and ``watch`` write to: a sink, or a function that takes each frame and its readings.
Sink = VideoSink | Callable[[Frame, Sequence[Reading]], object]


@dataclass(frozen=True)
class Person:
    """A person in a video.

    Attributes:
        first_s, last_s: time of the first and last frame in which the face was read, in seconds.
        seen_s: how long the person was visible, in seconds.
        emotions: emotion -> number of frames without the abstained ones, most frequent first.
        abstained: number of frames in which the reading abstained.
    """

    track_id: int
    first_s: float
    last_s: float
    frames: int
    seen_s: float
    emotions: Mapping[str, int]
    abstained: int


@dataclass(frozen=True)
class MaskedPerson:
    """A masked person, of whom no reading was kept: time of the first and last frame, in seconds."""

    track_id: int
    first_s: float
    last_s: float


@dataclass(frozen=True)
class VideoResult:
    """The result of reading a video.

    Attributes:
        source: path of the video.
        emotions: the label set.
        frames, faces: number of frames that were read, and of readings.
        end_s: time of the last frame that was read, in seconds.
        people: all people who were read, by ``track_id``.
        masked: all people who were masked, longest visible first.
        problems: what could not be read; empty if everything could.
        rows: one row per face and frame (``io.tables``); empty with ``keep_rows=False``.
    """

    source: str
    facts: VideoFacts
    emotions: tuple[str, ...]
    frames: int
    faces: int
    end_s: float
    people: tuple[Person, ...]
    masked: tuple[MaskedPerson, ...] = ()
    problems: tuple[str, ...] = ()
    rows: tuple[Row, ...] = field(default=(), repr=False)


def read_video(
    path: str | Path, options: ReadOptions | None = None, *, interval_s: float = 0.0
) -> Iterator[tuple[Frame, list[Reading]]]:
    """Read the faces in a video and track each person.

    Frames are decoded and searched for faces in parallel. Memory use does not grow with the length of the video.

    Args:
        path: the video.
        options: how to read.
        interval_s: sample one frame per interval, in seconds; 0 reads every frame.

    Yields:
        Each frame with its readings. ``track_id`` is the number of the person, ``probabilities`` are smoothed over time, and
        ``frame_probabilities`` are those of the single frame.

    Raises:
        SourceError: no frame can be read. A damaged video yields every decodable frame: see ``Video``.
        MissingExtraError: the extra ``video`` is not installed.
    """
    options = options or ReadOptions()
    video = Video(path, interval_s=interval_s, max_megapixels=options.max_megapixels)
    tracker = Tracker(video.sampled_rate)
    reader = reader_for(options, Privacy(), video.facts.height)
    yield from follow_video(video, reader, tracker, worker_count(options.threads))


def process_video(
    source: str | Path | Video,
    options: ReadOptions | None = None,
    *,
    sinks: Sequence[Sink] = (),
    redact: Privacy | None = None,
    resume: bool = False,
    interval_s: float = 0.0,
    progress: Progress = no_progress,
    keep_rows: bool = True,
    reader: Reader | None = None,
) -> VideoResult:
    """Read a video and write a table, an annotated or redacted copy, or call your own function.

    ::

        result = mien.process_video("talk.mp4", sinks=[mien.TableFile("talk.csv"), mien.VideoFile("annotated.mp4")])
        print(result.people)

    Args:
        source: the video.
        options: how to read.
        sinks: outputs: ``TableFile``, ``VideoFile``, or a function of a frame and its readings.
        redact: mask people, and keep no reading of them. If a sink needs images, the video is read twice.
        resume: continue an interrupted run from the rows that a ``TableFile`` has kept. A redacted video starts over.
        interval_s: sample one frame per interval, in seconds; 0 reads every frame.
        progress: called with frames done, frames in total and the position.
        keep_rows: keep all rows in the result. If false, memory use does not grow with the length of the video.
        reader: reads the frames; None creates one that fits the video.

    Raises:
        SourceError: the video cannot be read at all, or changed in between.
        OptionError: a sink would show an image that ``redact`` forbids.
        OutputError: a result cannot be written.
        MissingExtraError: the extra ``video`` is not installed.
    """
    options, redact = options or ReadOptions(), redact or Privacy()
    _check_sinks(sinks, redact)
    video = source
    if not isinstance(video, Video):
        video = Video(video, interval_s=interval_s, max_megapixels=options.max_megapixels)
    # One thread per frame, since several frames are read at once
    reader = reader or reader_for(options, redact, video.facts.height)
    settings = read_settings(options, reader, video.interval_s, redact)
    context = SinkContext(video.name, video, reader.emotions, settings, resume, redact.mask_others)
    with ExitStack() as stack:
        run = _Run(video, reader, options, _open_sinks(stack, sinks, context), progress, keep_rows)
        for moment in run.masked(redact) if redact.mask_others else run.moments():
            run.add(*moment)
        return run.result()


_Moments: TypeAlias = Iterator[tuple[Frame, list[Reading], bool]]  # True: an earlier run has read the frame


class _Run:
    """One video on its way from the reader to the sinks, summed up meanwhile in room for each person, not each frame."""

    def __init__(
        self,
        video: Video,
        reader: Reader,
        options: ReadOptions,
        outputs: Sequence[OpenSink],
        progress: Progress,
        keep_rows: bool,
    ) -> None:
        self._video, self._reader, self._options, self._outputs = video, reader, options, outputs
        self._tracker, self._progress, self._keep_rows = Tracker(video.sampled_rate), progress, keep_rows
        duration_s = video.facts.duration_s
        self._total = round(duration_s * video.facts.rate) if duration_s else None
        self._problems = [problem for output in outputs for problem in output.problems]
        self._masked: tuple[MaskedPerson, ...] = ()
        self._frames, self._end_s = 0, 0.0
        self._seen: dict[int, tuple[float, float]] = {}  # first and last time of each person
        self._visible_s: dict[int, float] = {}  # of each person, up to the frame before
        self._present: tuple[float, set[int]] = 0.0, set()  # time and people of the frame before
        self._counts: dict[int, Counter[str]] = {}  # frames by emotion; "" where the reading abstained
        self._rows: list[Row] = []

    def moments(self) -> _Moments:
        """Frame by frame; those that an earlier run has kept come first, without being read again."""
        keepers = [output for output in self._outputs if output.earlier is not None]
        if len(keepers) > 1:
            raise OptionError(f"resume: got {len(keepers)} tables, expected one", hint="Resume with one TableFile.")
        images = self._images([output for output in self._outputs if output.earlier is None])
        last: tuple[int, float, list[Reading]] | None = None
        before: tuple[int, float] | None = None
        for index, time_s, readings in restored((keepers and keepers[0].earlier) or (), self._reader.emotions):
            if last:
                self._tracker.replay(last[1], last[2])
                before = last[0], last[1]
            last = index, time_s, readings
            image = next(images, None) if images else None
            yield image or Frame(NO_IMAGE, self._video.name, index, time_s), readings, True
        if last:
            shown = next(self._video.frames(before), None)  # to see whether a new shot follows it
            self._tracker.replay(last[1], last[2], shown.image if shown else None)
        for frame, readings in self._followed(last and (last[0], last[1])):
            yield frame, readings, False

    def masked(self, redact: Privacy) -> _Moments:
        """Follow everyone first, then mask: who is in sight the longest is known at the end only."""
        masker = VideoMasker(self._options)
        for frame, readings in self._followed(None):
            masker.add(frame, readings)
        shown = masker.chosen(redact.show_people)
        self._masked = tuple(MaskedPerson(*seen) for seen in masker.masked(shown))
        missing = sorted(set(redact.show_people) - set(masker.people()))
        if missing:
            known = ", ".join(map(str, sorted(masker.people()))) or "none"
            self._problems.append(f"{self._video.name}: got person {missing[0]} to show, expected one of: {known}")
        self._problems += self._video.problems
        images = self._images(self._outputs)
        for place, (index, time_s, readings) in enumerate(masker.readings(shown)):
            frame = Frame(NO_IMAGE, self._video.name, index, time_s)
            if images:
                image = next(images, None)
                if image is None or image.index != index:  # masks would not fit the faces
                    message = f"{self._video.name} changed while it was read: expected frame {index}"
                    raise SourceError(message, hint="Wait until nothing writes to it, and read it again.")
                frame = masker.mask(place, image, shown)
                self._report(frame)
            yield frame, readings, False

    def _images(self, outputs: Sequence[OpenSink]) -> Iterator[Frame] | None:
        return self._video.frames() if any(output.needs_images for output in outputs) else None

    def _followed(self, after: tuple[int, float] | None) -> Iterator[tuple[Frame, list[Reading]]]:
        workers = worker_count(self._options.threads)
        started = time.monotonic()
        moments = follow_video(self._video, self._reader, self._tracker, workers, after)
        for number, (frame, readings) in enumerate(moments, 1):
            yield frame, readings
            self._report(frame, f"  {number / max(1e-3, time.monotonic() - started):.0f} frames/s")

    def _report(self, frame: Frame, rate: str = "") -> None:
        self._progress(frame.index + 1, self._total, f"{clock(frame.time_s, 1)}{rate}")

    def add(self, frame: Frame, readings: Sequence[Reading], is_replayed: bool) -> None:
        """Sum up a frame, and write it to the sinks that do not have it."""
        self._frames += 1
        self._end_s = frame.time_s
        self._pass_time(frame.time_s - self._present[0])
        self._present = frame.time_s, {reading.track_id or 0 for reading in readings}
        for reading in readings:
            number = reading.track_id or 0
            self._seen[number] = self._seen.get(number, (frame.time_s,))[0], frame.time_s
            self._counts.setdefault(number, Counter())["" if reading.abstained else reading.emotion] += 1
        if self._keep_rows:
            self._rows += rows(frame, readings, self._reader.emotions, video=True)
        for output in self._outputs:
            if not (is_replayed and output.earlier is not None):
                output.write(frame, readings)

    def _pass_time(self, seconds: float) -> None:
        """Count the time to the next frame for the people of the one before; in a hole, that of one frame."""
        frame_s = 1 / self._video.sampled_rate
        for number in self._present[1]:
            passed_s = seconds if seconds <= max(5 * frame_s, _HOLE_S) else frame_s
            self._visible_s[number] = self._visible_s.get(number, 0.0) + passed_s

    def result(self) -> VideoResult:
        """Return the result."""
        left_s = (self._video.facts.duration_s or 0.0) - self._end_s
        frame_s = 1 / self._video.sampled_rate
        self._pass_time(min(frame_s, left_s) if left_s > 0 else frame_s)
        faces = sum(counts.total() for counts in self._counts.values())
        people = tuple(self._person(number) for number in sorted(self._seen))
        problems = tuple(dict.fromkeys((*self._problems, *self._video.problems)))
        read = self._reader.emotions, self._frames, faces, self._end_s, people, self._masked, problems
        return VideoResult(self._video.name, self._video.facts, *read, tuple(self._rows))

    def _person(self, number: int) -> Person:
        (first_s, last_s), counts = self._seen[number], self._counts[number]
        emotions = {emotion: frames for emotion, frames in counts.most_common() if emotion}
        return Person(number, first_s, last_s, counts.total(), self._visible_s[number], emotions, counts[""])


@dataclass(frozen=True)
class Watch:
    """Live readings with the label set ``emotions``. Iterate over it once; it yields the same as ``read_video``."""

    emotions: tuple[str, ...]
    moments: Iterator[tuple[Frame, list[Reading]]]

    def __iter__(self) -> Iterator[tuple[Frame, list[Reading]]]:
        return self.moments


@contextmanager
def watch(
    source: int | str | Path,
    options: ReadOptions | None = None,
    *,
    sinks: Sequence[Sink] = (),
    redact: Privacy | None = None,
    stop_after_s: float | None = None,
) -> Iterator[Watch]:
    """Read a camera, stream or video live. Frames that arrive while another is read are dropped.

    Iterate over the result inside ``with``. It yields the same as ``read_video`` until the source ends. ::

        with mien.watch(0, sinks=[mien.TableFile("session.csv")], stop_after_s=60) as live:
            for frame, readings in live:
                print(frame.time_s, [reading.emotion for reading in readings])

    Args:
        source: number of a camera, from 0; the address of a stream; or a video, which is played at its original speed.
        options: how to read.
        sinks: outputs; see ``process_video``.
        redact: leave one person visible (the widest face at first), and keep no reading of others.
        stop_after_s: stop this many seconds after the first frame; None never stops.

    Raises:
        SourceError: the source cannot be opened or has no image, or it stops.
        OptionError: a sink would show an image that ``redact`` forbids.
        OutputError: a result cannot be written.
        MissingExtraError: the extra ``video`` is not installed.
    """
    options, redact = options or ReadOptions(), redact or Privacy()
    _check_sinks(sinks, redact)
    if not isinstance(source, int) and (not is_address(source) or str(source).lower().startswith("file:")):
        source = local_path(source)
    with ExitStack() as stack:
        if isinstance(source, int) or not os.path.isfile(source):  # noqa: PTH113  # Path.is_file raises on a long name
            camera = Camera(source if isinstance(source, int) else str(source))
            height, frames = camera.height, latest(camera.frames(), stop_after_s=stop_after_s)
            stack.callback(frames.close)
            stack.callback(camera.close)  # before the other, which waits for its last image
        else:
            video = Video(source, max_megapixels=options.max_megapixels)
            height, frames = video.facts.height, latest(video.frames(), paced=True, stop_after_s=stop_after_s)
            stack.callback(frames.close)
        reader = reader_for(options, redact, height)
        context = SinkContext(str(source), None, reader.emotions, {"live": True, "version": __version__})
        outputs = _open_sinks(stack, sinks, context)
        masker = LiveMasker(options) if redact.mask_others else None
        yield Watch(reader.emotions, _watched(frames, reader, masker, outputs))


def _watched(
    frames: Iterator[Frame], reader: Reader, masker: LiveMasker | None, outputs: Sequence[OpenSink]
) -> Iterator[tuple[Frame, list[Reading]]]:
    tracker = Tracker(_LIVE_RATE, LIVE_GAP_S)
    for seen in frames:
        frame, readings = seen, tracker.update(seen, reader.read(seen.image))
        if masker:
            frame, readings = masker.mask(frame, readings)
        for output in outputs:
            output.write(frame, readings)
        yield frame, readings


def reader_for(options: ReadOptions, redact: Privacy, height: int) -> Reader:
    """A reader for a video of this frame height in pixels."""
    share = MIN_MASKED_FACE_SHARE if redact.mask_others else MIN_FACE_SHARE
    looking = masking_options(options, moving=True) if redact.mask_others else options
    min_face = options.min_face or max(_MIN_FACE_PIXELS, round(height * share))
    return Reader(replace(looking, min_face=min_face, rotate=options.rotate or 0))


def follow_video(
    video: Video, reader: Reader, tracker: Tracker, workers: int, after: tuple[int, float] | None = None
) -> Iterator[tuple[Frame, list[Reading]]]:
    """Read and follow the frames of a video, or those ``after`` the index and time of one."""
    for frame, readings in reader.read_frames(video.frames(after), workers):
        yield frame, tracker.update(frame, readings)


def read_settings(options: ReadOptions, reader: Reader, interval_s: float, redact: Privacy) -> dict[str, object]:
    """The settings that the rows of a run depend on, as JSON values."""
    settings = {name: value for name, value in asdict(options).items() if name not in ("threads", "device")}
    settings |= {"model": reader.card.sha256, "version": __version__}
    settings["interval_s"] = interval_s
    if redact.mask_others:
        settings |= {"mask_others": True, "show_people": sorted(redact.show_people)}
    return settings


def _check_sinks(sinks: Sequence[Sink], redact: Privacy) -> None:
    for sink in sinks:
        if isinstance(sink, VideoSink):
            sink.check()
        if redact.no_image_output and isinstance(sink, VideoFile):
            message = f"{type(sink).__name__} writes images, which no_image_output forbids"
            raise OptionError(message, hint="Leave out the sink, or no_image_output.")


def _open_sinks(stack: ExitStack, sinks: Sequence[Sink], context: SinkContext) -> list[OpenSink]:
    return [
        stack.enter_context(sink.open(context)) if isinstance(sink, VideoSink) else OpenSink(sink, needs_images=True)
        for sink in sinks
    ]
