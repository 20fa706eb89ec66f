"""The tables of the videos of a study, which are made where they are missing, and the settings that they depend on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import OutputError, SourceError
from ..io.atomic import write_atomically
from ..io.journal import partial_path
from ..io.video import Video
from ..io.video_sinks import TableFile
from ..options import ReadOptions
from ..reader import Reader
from ..redaction import Privacy
from ..timelines.timeline import VideoTimeline, timeline
from ..video import process_video, reader_for
from .manifest import is_video

#: File with the settings, and folder of the tables.
SETTINGS, READINGS = "study.json", "readings"


@dataclass(frozen=True)
class Readings:
    """Tables of videos, which are made where they are missing; ``doubles`` are names that several videos have."""

    out: Path
    options: ReadOptions
    interval_s: float
    overwrite: bool
    doubles: frozenset[str]
    #: By frame height; loading the networks again for each video would fragment memory.
    _readers: dict[int, Reader] = field(default_factory=dict)

    def timelines(self, path: Path, shortest_s: float) -> dict[str, VideoTimeline]:
        """The videos of a table by name, or a video."""
        if not is_video(path):
            return {video.name: video for video in timeline(path, shortest_s=shortest_s).videos}
        if not path.is_file():
            raise SourceError(f"{path} does not exist", hint="Check the manifest.", path=path)
        mark = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
        name = f"{path.stem}-{mark}" if path.stem in self.doubles else path.stem
        table = self.out / READINGS / f"{name}.parquet"
        if table.is_file() and not self.overwrite:
            videos = timeline(table, shortest_s=shortest_s).videos
            if all(Path(video.source).resolve() == path.resolve() for video in videos):
                return {video.name: video for video in videos}
        self._read(path, table, from_start=self.overwrite or table.is_file())
        return {video.name: video for video in timeline(table, shortest_s=shortest_s).videos}

    def _read(self, video: Path, table: Path, *, from_start: bool) -> None:
        if from_start:
            partial_path(table).unlink(missing_ok=True)
        sink = TableFile(table, overwrite=from_start)
        opened = Video(video, interval_s=self.interval_s, max_megapixels=self.options.max_megapixels)
        height = opened.facts.height
        if height not in self._readers:
            self._readers[height] = reader_for(self.options, Privacy(), height)
        reader = self._readers[height]
        process_video(opened, self.options, sinks=[sink], resume=not from_start, keep_rows=False, reader=reader)


def prepare(out: Path, options: ReadOptions, interval_s: float, *, resume: bool, overwrite: bool) -> None:
    """Raise if the folder holds other results; else write the settings that its tables depend on."""
    settings = {name: value for name, value in asdict(options).items() if name not in ("threads", "device")}
    settings = json.loads(json.dumps({**settings, "interval_s": interval_s}, default=str))
    kept = out / SETTINGS
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file, expected a folder", hint="Choose another folder.", path=out)
    if kept.exists() and not (resume or overwrite):
        message = f"{out} already holds a study"
        raise OutputError(message, hint="Use --resume to continue it, or --overwrite to replace it.", path=out)
    if kept.exists() and resume:
        try:
            earlier = json.loads(kept.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise OutputError(f"{kept} is damaged: {error}", hint="Use --overwrite.", path=kept) from error
        if earlier != settings:
            message = f"{out} was read with other options"
            raise OutputError(message, hint="Use the same options, or --overwrite to read again.", path=out)
    write_atomically(kept, json.dumps(settings, indent=1).encode())
