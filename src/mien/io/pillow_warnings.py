"""Silence the warnings of Pillow about images that it reads all the same."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_lock = threading.Lock()
_readers: list[int] = []
_filters = ExitStack()


@contextmanager
def pillow_warnings_ignored() -> Iterator[None]:
    """Ignore warnings of Pillow's own modules within this context, and no others.

    Pillow warns of damaged EXIF data in an image that it reads all the same; where warnings are errors
    (``python -W error``), that would stop the reading. ``warnings.catch_warnings`` swaps a list of the whole process, so
    the first thread to enter sets the filter and the last one to leave removes it.
    """
    if getattr(sys.flags, "context_aware_warnings", False):  # Python 3.14: filters belong to a thread
        with warnings.catch_warnings():
            _ignore_pillow()
            yield
        return
    with _lock:
        if not _readers:
            _filters.enter_context(warnings.catch_warnings())
            _ignore_pillow()
        _readers.append(threading.get_ident())
    try:
        yield
    finally:
        with _lock:
            _readers.pop()
            if not _readers:
                _filters.close()


def _ignore_pillow() -> None:
    for category in (UserWarning, RuntimeWarning):
        warnings.filterwarnings("ignore", category=category, module=r"PIL\.")
