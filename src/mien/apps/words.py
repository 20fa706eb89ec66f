"""What the web apps say: where images go, how sure a reading is, and what went wrong."""

from __future__ import annotations

from pathlib import Path

from PIL import UnidentifiedImageError

from ..drawing import percent
from ..emotions import EMOTIONS, LABEL_SETS
from ..errors import MienError, SourceError, TooLargeError
from ..types import AbstainReason, Reading
from .address import Reach

NOT_A_FEELING = (
    "An expression is not a feeling: this reads what a face looks like, not what a person feels, thinks or intends."
)
NUMBERS_ONLY = "This page was started to give numbers only: it shows no image but the one you give it, and keeps none."
OTHERS_MASKED = (
    "Of several faces only one is read: the widest in a photo, the one seen longest in a video. Others are masked."
)
NO_FACE = "No face found. Faces may be too small (under 20 pixels), turned far away, or covered."
UNSURE = (
    "A reading is unsure, and its name has a question mark, when its strongest emotion is less likely than the limit, or "
    "when the face most likely shows none of the emotions asked for: do not rely on it."
)
MIXED = "A face is mixed where people would be divided: at least a quarter of them would name each of these emotions."


def set_name(label_set: str) -> str:
    """A label set as people choose it: ``happy, sad``; ``all but contempt``; ``all 8``."""
    emotions = LABEL_SETS[label_set]
    if len(emotions) <= 4:
        return ", ".join(emotions)
    left_out = [emotion for emotion in EMOTIONS if emotion not in emotions]
    return f"all but {', '.join(left_out)}" if left_out else f"all {len(emotions)}"


def verdict(reading: Reading) -> str:
    """One sentence on how far to trust a reading."""
    sure, least = percent(reading.confidence), percent(reading.min_confidence)
    reasons = {
        AbstainReason.BLURRED: f"Too small or too blurred to rely on; if anything, {reading.emotion} ({sure}).",
        AbstainReason.LOW_CONFIDENCE: f"Unsure: {reading.emotion} is the strongest, with {sure}. Below {least}, do not "
        "rely on it.",
        AbstainReason.OUTSIDE_LABEL_SET: f"Unsure: the face most likely shows none of {', '.join(reading.emotions)}. Do "
        "not rely on it.",
    }
    if reading.abstain_reasons:
        return reasons[reading.abstain_reasons[0]]
    if reading.mixed:
        return f"Mixed: people would be divided between {' and '.join(reading.mixed)}."
    return f"{sure} likely that most people would say so."


def trouble(error: MienError, name: str = "") -> str:
    """What went wrong and what to do, for people who see a page and no terminal.

    Args:
        error: as raised.
        name: file name of an image that was given; its errors then show no path of this machine.
    """
    if isinstance(error, TooLargeError):
        return f"{name or 'The file'} is too large. Make it smaller and try again."
    if name and isinstance(error, SourceError):
        is_unknown = isinstance(error.__cause__, UnidentifiedImageError)
        return f"{name} is {'not an image that can be read here' if is_unknown else 'empty, cut off or damaged'}."
    return f"{error}. {error.hint}".strip()


def consent(folder: Path, who: Reach) -> str:
    """What a user agrees to before a face is kept; the path of the folder is for those who sit at the machine."""
    place = f"in {folder} on this machine" if who is Reach.MACHINE else "on the computer that runs mien"
    return f"I agree, and so does the person shown, that this face is kept {place}, to train and test models with it."
