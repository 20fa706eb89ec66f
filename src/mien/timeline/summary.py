"""From a table of readings to timelines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import OptionError
from .spans import spans_of
from .standing import standing, usual_step
from .table import FilmTable, film_table
from .values import FilmTimeline, TrackTimeline

#: Spans shorter than this are flickers, in seconds.
SHORTEST_S = 0.3


def timeline_of(
    path: Path | str, *, source: str | None = None, shortest_s: float = SHORTEST_S
) -> tuple[FilmTimeline, ...]:
    """Sum up the table that ``mien read FILM --out TABLE`` has written.

    ::

        for film in timeline_of("results.parquet"):
            for track in film.tracks:
                print(film.name, track.track, track.shares, track.unsure_share)

    Args:
        path: the table, ``.csv``, ``.jsonl`` or ``.parquet``.
        source: take this film only: its path as the table has it, or its file's name.
        shortest_s: spans shorter than this, in seconds, are given to their neighbours, and a face that is missed for no
            longer has no gap; 0 keeps every flicker.

    Returns:
        One value a film, in the table's order, films without a face too; photos in the table are left out.

    Raises:
        OptionError: the extension is unknown, ``shortest_s`` is negative, or the table has no such film.
        DataError: there is no such table, it is damaged, has no rows, is not one of mien's, or holds photos only.
        MissingExtraError: it is parquet, and pyarrow is not installed.
    """
    if not (0 <= shortest_s < np.inf):
        raise OptionError(
            f"shortest_s: got {shortest_s}, expected 0 or more seconds", hint="0.3 leaves out what nobody would notice."
        )
    table = film_table(Path(path))
    chosen = range(len(table.sources)) if source is None else [_chosen(table.sources, source)]
    rows_of = _grouped(table.source, np.arange(len(table.source)))
    films = tuple(_film(table, number, rows_of[number], shortest_s) for number in chosen)
    return films if source is not None else tuple(film for film in films if not _photo(film)) or films


def _chosen(sources: Sequence[str], wanted: str) -> int:
    if wanted in sources:
        return sources.index(wanted)
    named = [i for i, source in enumerate(sources) if source.replace("\\", "/").rpartition("/")[2] == wanted]
    if len(named) != 1:
        listed = ", ".join(sources[:8]) + (f" and {len(sources) - 8} more" if len(sources) > 8 else "")
        raise OptionError(
            f"source: got {wanted!r}, which is {'the name of several films' if named else 'no film of the table'}; "
            f"expected one of {listed}",
            hint="Give its path as the table has it.",
        )
    return named[0]


def _film(table: FilmTable, number: int, rows: npt.NDArray[np.int64], shortest_s: float) -> FilmTimeline:
    frames = np.unique(table.time_s[rows])
    step = usual_step(frames)
    tracked = rows[table.track[rows] >= 0]
    tracks = []
    for track, found in sorted(_grouped(table.track[tracked], tracked).items()):
        # Broken films give two frames one time; the first counts
        times, first = np.unique(table.time_s[found], return_index=True)
        probabilities, unsure = table.probabilities[found[first]], table.unsure[found[first]]
        durations, joined = standing(times, frames, step, shortest_s)
        spans = spans_of(table.emotions, times, durations, joined, probabilities, unsure, shortest_s)
        tracks.append(
            TrackTimeline(table.sources[number], track, table.emotions, times, durations, probabilities, unsure, spans)
        )
    return FilmTimeline(
        source=table.sources[number],
        emotions=table.emotions,
        start_s=float(frames[0]),
        end_s=float(frames[-1]) + step,
        frames=len(frames),
        step_s=step,
        untracked=int((table.seen[rows] & (table.track[rows] < 0)).sum()),
        tracks=tuple(tracks),
    )


def _photo(film: FilmTimeline) -> bool:
    return not film.tracks and (film.untracked > 0 or film.frames == 1)


def _grouped(keys: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> dict[int, npt.NDArray[np.int64]]:
    """Key -> its rows, in their order."""
    order = keys.argsort(kind="stable")
    found, starts = np.unique(keys[order], return_index=True)
    return dict(zip(found.tolist(), np.split(rows[order], starts[1:])))
