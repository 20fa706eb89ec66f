"""mien reads facial expressions from pictures, on your own machine, and says how sure it is.

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
    "Box",
    "DataError",
    "Face",
    "Film",
    "Follower",
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
    "Watch",
    "find_pictures",
    "mark",
    "read",
    "read_film",
]

_HOMES = {
    "Box": ".values.face",
    "DataError": ".errors",
    "EMOTIONS": ".emotions",
    "Face": ".values.face",
    "Film": ".sources.film",
    "Follower": ".follow.people",
    "Frame": ".values.frame",
    "LABEL_SETS": ".emotions",
    "MienError": ".errors",
    "MissingExtraError": ".errors",
    "ModelError": ".errors",
    "OptionError": ".errors",
    "OutputError": ".errors",
    "ReadOptions": ".values.options",
    "Reader": ".reader",
    "Reading": ".values.reading",
    "RecipeError": ".errors",
    "SourceError": ".errors",
    "TooLargeError": ".errors",
    "Watch": ".filming",
    "find_pictures": ".sources.finding",
    "mark": ".draw.overlay",
    "read": ".reader",
    "read_film": ".filming",
}

if TYPE_CHECKING:
    from .draw.overlay import mark as mark
    from .emotions import EMOTIONS as EMOTIONS
    from .emotions import LABEL_SETS as LABEL_SETS
    from .errors import DataError as DataError
    from .errors import MienError as MienError
    from .errors import MissingExtraError as MissingExtraError
    from .errors import ModelError as ModelError
    from .errors import OptionError as OptionError
    from .errors import OutputError as OutputError
    from .errors import RecipeError as RecipeError
    from .errors import SourceError as SourceError
    from .errors import TooLargeError as TooLargeError
    from .filming import Watch as Watch
    from .filming import read_film as read_film
    from .follow.people import Follower as Follower
    from .reader import Reader as Reader
    from .reader import read as read
    from .sources.film import Film as Film
    from .sources.finding import find_pictures as find_pictures
    from .values.face import Box as Box
    from .values.face import Face as Face
    from .values.frame import Frame as Frame
    from .values.options import ReadOptions as ReadOptions
    from .values.reading import Reading as Reading


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
