"""mien reads facial expressions from images, on your own machine, and says how sure it is.

    >>> import mien
    >>> for reading in mien.read("examples/astronaut.png"):
    ...     print(reading.emotion, round(reading.confidence, 2))

Importing this module loads nothing heavy: each public name is fetched from its file when first used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "EMOTIONS",
    "LABEL_SETS",
    "AbstainReason",
    "Box",
    "DataError",
    "Face",
    "Frame",
    "MienError",
    "MissingExtraError",
    "ModelError",
    "OptionError",
    "OutputError",
    "ReadOptions",
    "Reader",
    "Reading",
    "RecipeError",
    "SourceError",
    "TooLargeError",
    "Tracker",
    "Video",
    "Watch",
    "find_images",
    "mark",
    "read",
    "read_video",
]

_HOMES = {
    "AbstainReason": ".types",
    "Box": ".types",
    "DataError": ".errors",
    "EMOTIONS": ".emotions",
    "Face": ".types",
    "Video": ".io.video",
    "Tracker": ".tracking.tracker",
    "Frame": ".types",
    "LABEL_SETS": ".emotions",
    "MienError": ".errors",
    "MissingExtraError": ".errors",
    "ModelError": ".errors",
    "OptionError": ".errors",
    "OutputError": ".errors",
    "ReadOptions": ".options",
    "Reader": ".reader",
    "Reading": ".types",
    "RecipeError": ".errors",
    "SourceError": ".errors",
    "TooLargeError": ".errors",
    "Watch": ".video",
    "find_images": ".io.discovery",
    "mark": ".drawing",
    "read": ".reader",
    "read_video": ".video",
}

if TYPE_CHECKING:
    from .drawing import mark
    from .emotions import EMOTIONS, LABEL_SETS
    from .errors import (
        DataError,
        MienError,
        MissingExtraError,
        ModelError,
        OptionError,
        OutputError,
        RecipeError,
        SourceError,
        TooLargeError,
    )
    from .io.discovery import find_images
    from .io.video import Video
    from .options import ReadOptions
    from .reader import Reader, read
    from .tracking.tracker import Tracker
    from .types import AbstainReason, Box, Face, Frame, Reading
    from .video import Watch, read_video


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
