"""The errors of mien.

A message states the problem, the value and what is accepted. ``hint`` states the remedy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def shorten(text: str, length: int = 100) -> str:
    """Shorten a text in its middle: ``shorten("abcdefgh", 5)`` is ``"ab…gh"``."""
    half = (length - 1) // 2
    return text if len(text) <= length else f"{text[:half]}…{text[-half:]}"


class MienError(Exception):
    """Base class of all errors of mien.

    Args:
        message: the problem.
        hint: the remedy.
        path: the file or folder that caused it.
        field: the argument, option or field that caused it.
        value: the value of this field.
    """

    exit_code = 1

    def __init__(
        self, message: str, *, hint: str = "", path: str | Path | None = None, field: str = "", value: Any = None
    ) -> None:
        super().__init__(message)
        self.hint, self.field, self.value = hint, field, value
        self.path = None if path is None else str(path)

    def __str__(self) -> str:  # OSError and KeyError print their arguments otherwise
        return str(self.args[0])


#: Hint if the binary part of a library cannot be loaded.
LIBRARY_HINT = (
    "Install it again: pip install --force-reinstall PACKAGE. On Linux it may need libstdc++6 (apt install libstdc++6), on "
    "Windows the Visual C++ Redistributable."
)


class OptionError(MienError, ValueError):
    """An invalid argument or option."""

    exit_code = 2


class SourceError(MienError, OSError):
    """An image or video that is missing, empty, damaged or of an unknown format."""

    exit_code = 3


class TooLargeError(SourceError):
    """An image with more pixels than allowed."""


class OutputError(MienError, OSError):
    """A result that cannot be written."""

    exit_code = 4


class ModelError(MienError):
    """A model file or card that is missing, damaged or unsuitable."""

    exit_code = 5


class DataError(MienError, ValueError):
    """A dataset or table that cannot be read, or lacks requested data."""

    exit_code = 6


class RecipeError(MienError, ValueError):
    """An invalid training recipe: a field, such as ``optimizer.lr``, has an unexpected ``value``."""

    exit_code = 2

    def __init__(
        self, message: str = "", *, hint: str = "", field: str = "", value: object = None, expected: str = ""
    ) -> None:
        super().__init__(message or f"{field}: got {value!r}, expected {expected}", hint=hint, field=field, value=value)
        self.expected = expected


class MissingExtraError(MienError, ImportError):
    """An optional package that is not installed or cannot be loaded."""

    exit_code = 7
