"""The run behind ``mien watch``: live readings, shown as they come, and kept if asked for."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rich.console import Console

from .. import __version__
from ..errors import SourceError
from ..io.journal import Journal, Mode
from ..io.rows import Row, columns, rows
from ..io.tables import check_format
from ..options import ReadOptions
from ..redaction import LEAST_MOVING_FACE, LiveHider, hiding_options
from ..types import Frame, Reading
from ..video import Watch
from .views import View, choose_view

#: Frames whose rows are written together.
_KEPT_TOGETHER = 30


@dataclass(frozen=True)
class Session:
    """What becomes of what is watched.

    Attributes:
        out: a table file, or None.
        mode: what to do about a table that exists.
        stop_after_s: seconds after which to stop; None goes on.
        view: ``auto``, ``window``, ``terminal`` or ``none``.
        mask_others: leave one person visible, and keep no reading of others.
    """

    out: Path | None
    mode: Mode
    stop_after_s: float | None
    view: str
    mask_others: bool = False


def run(source: int | str, options: ReadOptions, session: Session) -> None:
    """Watch a source until it ends, the time is up, the window is closed, or Ctrl-C, which is no error here.

    Raises:
        MienError: the source, an output or the model cannot be used.
    """
    if session.out:
        check_format(session.out)
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    with ExitStack() as stack:
        live = stack.enter_context(_watched(source, options, session))
        recorder = stack.enter_context(_Recorder(session.out, session.mode, live.emotions)) if session.out else None
        view = stack.enter_context(choose_view(session.view, str(source)))
        failure: SourceError | None = None
        try:
            _go(live, recorder, view, LiveHider(options) if session.mask_others else None)
        except KeyboardInterrupt:  # how one leaves; the table is made as the stack unwinds
            notes.print("stopped")
        except SourceError as error:  # what was seen until then is kept
            failure = error
    if session.out:
        notes.print(f"written: {session.out}", markup=False)
    if failure:
        raise failure


def _watched(source: int | str, options: ReadOptions, session: Session) -> Watch:
    if not session.mask_others:
        return Watch(source, options, stop_after_s=session.stop_after_s)
    looking = hiding_options(options, moving=True)
    return Watch(source, looking, stop_after_s=session.stop_after_s, least_face=LEAST_MOVING_FACE)


def _go(live: Watch, recorder: _Recorder | None, view: View, hider: LiveHider | None) -> None:
    for seen, found in live:
        frame, readings = hider.hide(seen, found) if hider else (seen, found)
        if recorder:
            recorder.add(frame, readings)
        if not view.show(frame, readings):
            return


class _Recorder:
    """Keeps rows as ``mien read`` does; the table is made at the end."""

    def __init__(self, out: Path, mode: Mode, emotions: tuple[str, ...]) -> None:
        names = columns(emotions, video=True)
        self._journal = Journal.open(out, names, {"live": True, "version": __version__}, mode)
        self._emotions = emotions
        self._rows: list[Row] = []
        self._frames = 0

    def add(self, frame: Frame, readings: list[Reading]) -> None:
        self._rows += rows(frame, readings, self._emotions, video=True)
        self._frames += 1
        if self._frames % _KEPT_TOGETHER == 0:
            self._hand_on()

    def _hand_on(self) -> None:
        self._journal.write([(f"up to frame {self._frames}", self._rows)])
        self._rows = []

    def __enter__(self) -> _Recorder:
        self._journal.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rows:
            self._hand_on()
        self._journal.__exit__(kind, error, trace)
