"""What the web apps say in words: where images go, how sure a reading is, and what went wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from PIL import UnidentifiedImageError

from ..drawing import percent
from ..emotions import EMOTIONS, LABEL_SETS
from ..errors import MienError, SourceError, TooLargeError
from ..types import AbstainReason, Reading

#: Who can see what is shown to an app: this machine alone, others on its network, or whoever has a public link.
Reach = Literal["machine", "network", "shared"]

NOT_A_FEELING = (
    "An expression is not a feeling: this reads what a face looks like, not what a person feels, thinks or intends."
)
NUMBERS_ONLY = "This page was started to give numbers only: it shows no image but the one you give it, and keeps none."
OTHERS_COVERED = "Of several faces only one is read, the widest in a photo; the others are covered."
NO_FACE = "No face found. Faces may be too small (under 20 pixels), turned far away, or covered."
UNSURE = (
    "A reading is unsure, and its name has a question mark, when its strongest emotion is less likely than the limit, or "
    "when the face most likely shows none of the emotions asked for: do not rely on it."
)
MIXED = "A face is mixed where people would be divided: at least a quarter of them would name each of these emotions."

_PRIVACY: dict[Reach, str] = {
    "machine": "Images stay on this machine, and are not kept.",
    "network": "Images go to the computer that runs mien, and nowhere else. It does not keep them.",
    "shared": "This page is shared by a public link: images pass through Gradio's servers on their way to the computer "
    "that runs mien. It does not keep them.",
}


def reach(host: str, *, shared: bool = False) -> Reach:
    """Who can see what is shown to an app that listens at ``host``."""
    if shared:
        return "shared"
    return "machine" if host in {"localhost", "::1"} or host.startswith("127.") else "network"


def privacy(who: Reach) -> str:
    """One or two sentences on where images go."""
    return _PRIVACY[who]


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
    if AbstainReason.BLURRED in reading.abstain_reasons:
        return f"Too small or too blurred to rely on; if anything, {reading.emotion} ({sure})."
    if AbstainReason.LOW_CONFIDENCE in reading.abstain_reasons:
        return f"Unsure: {reading.emotion} is the strongest, with {sure}. Below {least}, do not rely on it."
    if AbstainReason.OUTSIDE_LABEL_SET in reading.abstain_reasons:
        return f"Unsure: the face most likely shows none of {', '.join(reading.emotions)}. Do not rely on it."
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
        unknown = isinstance(error.__cause__, UnidentifiedImageError)
        return f"{name} is {'not an image that can be read here' if unknown else 'empty, cut off or damaged'}."
    return f"{str(error).rstrip('.')}. {error.hint}".strip()


def kept_where(folder: Path, who: Reach) -> str:
    """The place where corrections are kept, in words; its path only for those who sit at the machine."""
    return f"in {folder} on this machine" if who == "machine" else "on the computer that runs mien"


def consent(kept: str) -> str:
    """What a user agrees to before a face is kept."""
    return f"I agree, and so does the person shown, that this face is kept {kept}, to train and test models with it."
