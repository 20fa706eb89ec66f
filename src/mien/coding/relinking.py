"""Suggest which tracks of a video are one person, by the colors of the clothes and the place in the image.

Faces are not compared: mien does not recognize people. Two tracks are linked if

- the second begins after the first has ended, at most ``max_gap_s`` later, in the same shot;
- its face is where the person can have moved meanwhile, and about as large;
- the clothes below the faces have similar colors, and no third track has clothes nearly as similar to one of the two while
  it overlaps the other in time: it shows another person, so clothes would not separate these people.

Of several such tracks, the last to end is linked.

The error rate is measured in ``docs/concepts/tracking.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import DataError, OptionError
from ..io.atomic import write_atomically
from ..io.tables import Row, csv_bytes, read_columns
from ..io.video import Video
from ..progress import Progress, no_progress
from ..report import join
from ..tracking import ShotDetector
from ..types import Box, Frame

Floats = npt.NDArray[np.float64]

#: Longest time between two tracks of one person, in seconds.
MAX_GAP_S = 30.0
#: Least likeness of the clothes (Bhattacharyya coefficient, 0 to 1), and by how much it exceeds that of anyone else.
MIN_LIKENESS, MIN_MARGIN = 0.84, 0.1
#: How far a face may have moved, in its widths: at once, and per second; and how its size may have changed.
_NEAR, _SPEED, _MAX_RESIZED = 1.5, 1.0, 1.6
#: Readings of a track whose clothes are looked at, and the least of the clothes that must be in the image.
_SAMPLES, _MIN_IN_IMAGE = 8, 0.4
#: Clothes: below the face, in widths and heights of its box.
_WIDE, _FROM, _TO = 0.9, 0.35, 1.6
#: Levels of brightness and of the two color differences; where brightness, 0 to 1, begins to count by its logarithm.
_LEVELS, _DARK = (6, 12, 12), 0.05
_COLUMNS = ("source", "frame", "time_s", "track_id", "x0", "y0", "x1", "y1")
MAPPING_COLUMNS = ("track_id", "person", "likeness")


@dataclass(frozen=True)
class TrackLink:
    """Two tracks that are likely one person.

    Attributes:
        first, second: their numbers; the second begins after the first has ended.
        gap_s: time between them, in seconds.
        likeness: of the colors of the clothes, 0 to 1 (Bhattacharyya coefficient).
    """

    first: int
    second: int
    gap_s: float
    likeness: float


@dataclass(frozen=True, eq=False)
class SeenTrack:
    """A track of N readings, in order of time.

    Attributes:
        track_id: its number.
        frames: int64 (N,), numbers of the frames.
        times: float64 (N,), seconds.
        boxes: float64 (N, 4), x0 to y1 in pixels.
    """

    track_id: int
    frames: npt.NDArray[np.int64]
    times: Floats
    boxes: Floats

    def together(self, other: SeenTrack) -> bool:
        """Whether both are visible at some time."""
        return bool(self.times[0] <= other.times[-1] and other.times[0] <= self.times[-1])


@dataclass(frozen=True, eq=False)
class Clothes:
    """What was seen of the clothes: ``colors``, track -> float64 (C,) that sums to 1; ``cuts``, times in seconds."""

    colors: Mapping[int, Floats]
    cuts: Sequence[float] = field(default=())


def suggest_links(
    table: Path | str,
    video: Path | str | None = None,
    *,
    max_gap_s: float = MAX_GAP_S,
    progress: Progress = no_progress,
) -> tuple[TrackLink, ...]:
    """Suggest which tracks are one person, by clothes and place, never by their faces.

    The video is decoded once. ::

        for link in mien.suggest_links("clip.csv"):
            print(link.first, link.second, link.gap_s, link.likeness)

    Args:
        table: a table of ``mien read`` with one video.
        video: the video; None takes the path in the table, as it is or beside the table.
        max_gap_s: longest time between two tracks of one person, in seconds.
        progress: called with frames done, frames in total and a note.

    Returns:
        Links in order of the second track; a track is the first, and the second, of one link at most.

    Raises:
        OptionError: ``max_gap_s`` is not above 0, or the table holds several videos.
        DataError: the table is damaged, or has no boxes.
        SourceError: the video is missing or cannot be read.
    """
    if not 0 < max_gap_s < math.inf:
        message = f"max_gap_s: got {max_gap_s}, expected more than 0 seconds"
        raise OptionError(message, hint="Example: max_gap_s=10", field="max_gap_s", value=max_gap_s)
    source, tracks = _tracks(Path(table))
    path = Path(video) if video else _found(source, Path(table).parent)
    opened = Video(path)
    seconds = opened.facts.duration_s
    total = round(seconds * opened.facts.rate) if seconds else None
    return link_tracks(tracks, see_clothes(opened.frames(), tracks, total, progress), max_gap_s)


def write_mapping(links: Sequence[TrackLink], path: Path | str) -> None:
    """Write links as a mapping for ``mien timeline join --mapping``, a row per person, to be checked by hand."""
    rows: list[Row] = [
        {"track_id": "+".join(map(str, chain)), "person": f"person {chain[0]}", "likeness": round(likeness, 3)}
        for chain, likeness in chains(links)
    ]
    write_atomically(Path(path), csv_bytes(MAPPING_COLUMNS, rows))


def chains(links: Sequence[TrackLink]) -> list[tuple[tuple[int, ...], float]]:
    """The tracks of each person that has several, in order of time, with the smallest likeness of their links."""
    following = {link.first: link for link in links}
    found = []
    for start in following.keys() - {link.second for link in links}:
        numbers, likeness = [start], 1.0
        while link := following.get(numbers[-1]):
            numbers.append(link.second)
            likeness = min(likeness, link.likeness)
        found.append((tuple(numbers), likeness))
    return sorted(found)


def link_tracks(tracks: Sequence[SeenTrack], clothes: Clothes, max_gap_s: float = MAX_GAP_S) -> tuple[TrackLink, ...]:
    """Link tracks whose clothes are known: see the module."""
    known = [track for track in tracks if track.track_id in clothes.colors]
    if len(known) < 2:
        return ()
    colors = np.array([np.sqrt(clothes.colors[track.track_id]) for track in known])
    likeness = colors @ colors.T
    together = np.array([[a.together(b) for b in known] for a in known]) & ~np.eye(len(known), dtype=bool)
    links: dict[int, TrackLink] = {}  # by the first track
    for b in sorted(range(len(known)), key=lambda place: float(known[place].times[0])):
        found = []
        for a, first in enumerate(known):
            alike = float(likeness[a, b])
            others = max([0.0, *likeness[a, together[b]], *likeness[b, together[a]]])
            distinct = alike >= MIN_LIKENESS and alike - others >= MIN_MARGIN and first.track_id not in links
            if distinct and _may_be_one(first, known[b], clothes.cuts, max_gap_s):
                gap_s = float(known[b].times[0] - first.times[-1])
                found.append(TrackLink(first.track_id, known[b].track_id, gap_s, min(1.0, alike)))
        if found:
            best = min(found, key=lambda link: link.gap_s)
            links[best.first] = best
    return tuple(sorted(links.values(), key=lambda link: link.second))


def _may_be_one(first: SeenTrack, second: SeenTrack, cuts: Sequence[float], max_gap_s: float) -> bool:
    """Whether time, shot, place and size allow that the second track goes on with the first."""
    end_s, start_s = first.times[-1], second.times[0]
    if not 0 < start_s - end_s <= max_gap_s or any(end_s < cut <= start_s for cut in cuts):
        return False
    before, after = first.boxes[-1], second.boxes[0]
    width, wider = sorted((before[2] - before[0], after[2] - after[0]))
    moved = math.dist((before[:2] + before[2:]) / 2, (after[:2] + after[2:]) / 2)
    return bool(wider <= _MAX_RESIZED * width and moved <= wider * (_NEAR + _SPEED * (start_s - end_s)))


def see_clothes(
    frames: Iterator[Frame], tracks: Sequence[SeenTrack], total: int | None = None, progress: Progress = no_progress
) -> Clothes:
    """Look at the clothes of each track in some of its frames, and for cuts in all; holds one frame at a time.

    A reading counts if most of the clothes are in the image and no other face is in front of them.
    """
    wanted: dict[int, list[tuple[int, Box]]] = {}
    faces: dict[int, list[tuple[int, Floats]]] = {}
    for track in tracks:
        for place in np.unique(np.linspace(0, len(track.frames) - 1, _SAMPLES).round().astype(int)):
            box = Box(*track.boxes[place].tolist())
            wanted.setdefault(int(track.frames[place]), []).append((track.track_id, box))
    for track in tracks:
        for frame, box in zip(track.frames.tolist(), track.boxes):
            if frame in wanted:
                faces.setdefault(frame, []).append((track.track_id, box))
    shots, cuts = ShotDetector(), list[float]()
    sums: dict[int, Floats] = {}
    for frame in frames:
        if shots.at(frame.image):
            cuts.append(frame.time_s)
        for number, box in wanted.get(frame.index, ()):
            others = [other for owner, other in faces[frame.index] if owner != number]
            colors = clothes_colors(frame.image, box, others)
            if colors is not None:
                sums[number] = sums.get(number, np.zeros(len(colors))) + colors
        progress(frame.index + 1, total, "")
    return Clothes({number: found / found.sum() for number, found in sums.items()}, tuple(cuts))


def clothes_colors(image: npt.NDArray[np.uint8], face: Box, others: Sequence[Floats] = ()) -> Floats | None:
    """The colors below a face, as a smoothed histogram over brightness and two color differences.

    Args:
        image: uint8 (H, W, 3), RGB.
        face: box of the face, in pixels.
        others: float64 (4,) each, boxes of other faces.

    Returns:
        float64 (C,) that sums to 1; None if most of the clothes are outside of the image or behind another face.
    """
    height, width = image.shape[:2]
    middle = (face.x0 + face.x1) / 2
    left, right = middle - _WIDE * face.width, middle + _WIDE * face.width
    top, bottom = face.y1 + _FROM * face.height, face.y1 + _TO * face.height
    x0, x1 = round(max(0.0, left)), round(min(float(width), right))
    y0, y1 = round(max(0.0, top)), round(min(float(height), bottom))
    inside = max(0, x1 - x0) * max(0, y1 - y0)
    if inside < max(16.0, _MIN_IN_IMAGE * (right - left) * (bottom - top)):
        return None
    if any(min(x1, box[2]) > max(x0, box[0]) and min(y1, box[3]) > max(y0, box[1]) for box in others):
        return None
    step = max(1, round(math.sqrt(inside / 2000)))
    rgb = image[y0:y1:step, x0:x1:step].reshape(-1, 3).astype(np.float64) / 255
    bright = rgb.mean(1)
    differences = (
        np.stack([rgb[:, 0] - rgb[:, 1], (rgb[:, 0] + rgb[:, 1]) / 2 - rgb[:, 2]], 1) / (0.3 + bright)[:, None]
    )
    # The logarithm: light changes all levels by one factor
    level = np.log1p(bright / _DARK) / np.log1p(1 / _DARK)
    points = np.column_stack([level, (differences.clip(-0.7, 0.7) + 0.7) / 1.4])
    return _soft_histogram(points)


def _soft_histogram(points: Floats) -> Floats:
    """A histogram of points, float64 (N, 3) in 0 to 1, of which each counts for the levels beside it in proportion."""
    levels = np.array(_LEVELS)
    at = points * (levels - 1)
    low = np.minimum(at.astype(int), levels - 2)
    share = at - low
    counts = np.zeros(_LEVELS)
    for corner in np.ndindex(2, 2, 2):
        weight = np.where(np.array(corner) == 1, share, 1 - share).prod(1)
        np.add.at(counts, tuple((low + corner).T), weight)
    return np.asarray(counts.ravel() / counts.sum())


def _found(source: str, folder: Path) -> Path:
    places = [Path(source), folder / source, folder / Path(source).name]
    return next((place for place in places if place.is_file()), places[0])


def _tracks(table: Path) -> tuple[str, list[SeenTrack]]:
    columns = read_columns(table, _COLUMNS)
    sources = list(dict.fromkeys(map(str, columns["source"])))
    if len(sources) != 1:
        has = join(sources, most=8) if sources else "none"
        message = f"{table} has the videos {has}, expected one"
        raise OptionError(message, hint="Read each video into a table of its own.", field="table", value=str(table))
    boxes = np.stack([columns[name] for name in _COLUMNS[4:]], 1)
    good = np.isfinite(columns["track_id"]) & np.isfinite(boxes).all(1)
    good &= (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    if not good.any():
        message = f"{table} has no tracks with boxes"
        raise DataError(message, hint="Make it with 'mien read VIDEO --out TABLE'.", path=table)
    tracks = []
    for number in np.unique(columns["track_id"][good]).astype(int).tolist():
        rows = np.flatnonzero(good & (columns["track_id"] == number))
        rows = rows[np.argsort(columns["time_s"][rows], kind="stable")]
        frames = columns["frame"][rows].astype(np.int64)
        tracks.append(SeenTrack(number, frames, columns["time_s"][rows], boxes[rows]))
    return sources[0], tracks
