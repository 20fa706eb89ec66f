"""What the names of folders and columns say: the part of the data, and the emotion."""

from __future__ import annotations

import difflib

from .. import emotions
from ..emotions import EMOTIONS, parse
from ..errors import DataError, OptionError
from .dataset import TEST, TRAIN, VALIDATION

#: Names, in lower case, that people give the parts of a data set.
PARTS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("validation", "val", "valid", "dev", "publictest"), VALIDATION),
    **dict.fromkeys(("test", "testing", "privatetest"), TEST),
}
#: FER2013's own names of its parts (Goodfellow et al. 2013).
USAGE = {"Training": TRAIN, "PublicTest": VALIDATION, "PrivateTest": TEST}


def is_emotion(name: str) -> bool:
    """Whether ``name`` is an emotion's name or alias."""
    try:
        parse(name)
    except OptionError:
        return False
    return True


def emotion_number(name: str, where: str, what: str) -> int:
    """The place in the vocabulary of the emotion that ``name`` is an alias of.

    Args:
        name: as found.
        where: the file or folder, for the message.
        what: what is called so, such as ``the folder's name``.

    Raises:
        DataError: it is no emotion; the message has the nearest alias, if there is one.
    """
    try:
        return EMOTIONS.index(parse(name))
    except OptionError as error:
        raise DataError(
            f"{where}: {what} is no emotion: got {name!r}, expected one of {', '.join(EMOTIONS)} or an alias such as "
            "'Anger' or 'Freude'",
            hint=_advice(name),
        ) from error


def _advice(name: str) -> str:
    word = name.strip().lower()
    if word.isdecimal():
        return "Numbers mean other emotions in every data set: put the emotion's name in its place."
    known = emotions.BY_NAME  # names and aliases: only the vocabulary has them
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.75)
    if near:
        return f"Did you mean {near[0]!r}? Then rename it; else move it away."
    return "Rename it, or move it away."
