"""Every error that mien raises on purpose.

    MienError
    ├── OptionError        an argument or option that cannot be meant        (also a ValueError)
    ├── SourceError        an image that cannot be read                     (also an OSError)
    │   └── TooLargeError  an image that unpacks to more pixels than allowed
    ├── OutputError        a result that cannot be written                   (also an OSError)
    ├── ModelError         weights or a card that are missing, damaged or do not fit
    ├── DataError          a data set that cannot be used as asked           (also a ValueError)
    ├── RecipeError        a training recipe with a mistake                  (also a ValueError)
    └── MissingExtraError  an optional package that is not installed         (also an ImportError)

A message says what is wrong, what was found and what was expected; ``hint`` says what to do. ``exit_code`` is what the
command line ends with. To handle all of them::

    try:
        readings = mien.read("photo.jpg")
    except mien.MienError as error:
        print(error, error.hint)
"""

from __future__ import annotations


class MienError(Exception):
    """Base of all errors that mien raises on purpose."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class OptionError(MienError, ValueError):
    """An argument or option that cannot be meant."""

    exit_code = 2


class SourceError(MienError, OSError):
    """An image that is missing, empty, damaged or no image at all."""

    exit_code = 3

    def __str__(self) -> str:  # OSError prints its errno tuple otherwise
        return str(self.args[0])


class TooLargeError(SourceError):
    """An image that would unpack to more pixels than mien agrees to hold in memory."""


class OutputError(MienError, OSError):
    """A result that cannot be written where it was asked for."""

    exit_code = 4

    def __str__(self) -> str:
        return str(self.args[0])


class ModelError(MienError):
    """A model file or card that is missing, damaged, or does not fit what was asked of it."""

    exit_code = 5


class DataError(MienError, ValueError):
    """A data set that cannot be read, or that lacks what a recipe needs."""

    exit_code = 6


class RecipeError(MienError, ValueError):
    """A training recipe with an unknown field, a wrong type or a contradiction.

    Attributes:
        field: the path of the field, such as ``optimizer.lr``; empty where no single field is wrong.
        value: what the field holds.
        expected: what it may hold.
    """

    exit_code = 2

    def __init__(
        self, message: str = "", *, hint: str = "", field: str = "", value: object = None, expected: str = ""
    ) -> None:
        super().__init__(message or f"{field}: got {value!r}, expected {expected}", hint=hint)
        self.field, self.value, self.expected = field, value, expected


class MissingExtraError(MienError, ImportError):
    """An optional package that the chosen feature needs and that is not installed."""

    exit_code = 7
