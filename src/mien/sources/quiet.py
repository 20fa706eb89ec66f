"""Keep Pillow's warnings about odd files to itself, from several threads at once."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_lock = threading.Lock()
_threads_inside: list[int] = []
_filters = ExitStack()


@contextmanager
def pillow_warnings_ignored() -> Iterator[None]:
    """Within this context, warnings that Pillow's own modules give are ignored, and no others.

    Pillow warns of damaged EXIF data in a photo that it reads all the same, and of a size that mien checks by itself.
    Where a program makes warnings errors (``python -W error``), such a warning would stop the reading of a good photo.

    ``warnings.catch_warnings`` swaps a list that the whole process shares: two threads that enter and leave it in turns
    can put back each other's list, and so lose or keep a filter for good. Therefore the first thread to enter sets the
    filter and the last one to leave takes it away. Decoding, which is the long part, still runs in parallel.
    """
    if getattr(sys.flags, "context_aware_warnings", False):  # Python 3.14: every thread may have filters of its own
        with warnings.catch_warnings():
            _ignore_pillow()
            yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    with _lock:
        if not _threads_inside:
            _filters.enter_context(warnings.catch_warnings())
            _ignore_pillow()
        _threads_inside.append(threading.get_ident())


def _leave() -> None:
    with _lock:
        _threads_inside.remove(threading.get_ident())
        if not _threads_inside:
            _filters.close()


def _ignore_pillow() -> None:
    for category in (UserWarning, RuntimeWarning):
        warnings.filterwarnings("ignore", category=category, module=r"PIL\.")
