"""What both web apps share: who can reach them, what they say, and the card of a face."""

from __future__ import annotations

import socket
from enum import Enum
from html import escape
from pathlib import Path

from PIL import UnidentifiedImageError

from ..drawing import COLORS, percent
from ..emotions import EMOTIONS, LABEL_SETS, RARE
from ..errors import MienError, OptionError, SourceError, TooLargeError
from ..report import join
from ..types import AbstainReason, Reading

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
MIXED = (
    "A face is mixed if at least a quarter of people would name each of these emotions; its card states their shares. The "
    "bars show something else: how likely each emotion is the choice of most people."
)
RARE_NOTE = f"{join(RARE).capitalize()} are recognized least reliably."
#: Emotions on a card at first, and the smallest share of the second and third.
_BARS, _LEAST = 3, 0.01
#: CSS of the cards, which takes its colors from the page around them.
CARD_STYLE = Path(__file__).with_name("cards.css")


class Reach(Enum):
    """Who can see what is shown to an app, and what its page says about that."""

    MACHINE = "Images stay on this machine, and are not kept."
    NETWORK = "Images go to the computer that runs mien, and nowhere else. It does not keep them."
    SHARED = (
        "This page is shared by a public link: images pass through Gradio's servers on their way to the computer that runs "
        "mien. It does not keep them."
    )


def reach(host: str, *, shared: bool = False) -> Reach:
    """Who can see what is shown to an app that listens at ``host``."""
    if shared:
        return Reach.SHARED
    return Reach.MACHINE if host in {"localhost", "::1"} or host.startswith("127.") else Reach.NETWORK


def notes(who: Reach, mask_others: bool, no_image_output: bool) -> str:
    """What a visitor must know before they show an image to an app."""
    given = {who.value: True, OTHERS_MASKED: mask_others, NUMBERS_ONLY: no_image_output}
    return " ".join(note for note, holds in given.items() if holds)


def check_address(host: str, port: int) -> None:
    """Try to listen at an address, before the seconds that everything else takes; port 0 tries the host alone."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise OptionError(
            f"cannot listen at {host}, port {port or 'any'}: {error.strerror or error}",
            hint="Is the app running already? Otherwise choose another --port, or another --host.",
        ) from error


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
        AbstainReason.NOT_A_FACE: f"Probably not a face; if it is one, {reading.emotion} ({sure}).",
        AbstainReason.BLURRED: f"Too small or too blurred to rely on; if anything, {reading.emotion} ({sure}).",
        AbstainReason.LOW_CONFIDENCE: f"Unsure: {reading.emotion} has only {sure}. Below {least}, do not rely on it.",
        AbstainReason.OUTSIDE_LABEL_SET: f"Unsure: the face most likely shows none of {', '.join(reading.emotions)}.",
    }
    if reading.abstain_reasons:
        return reasons[reading.abstain_reasons[0]]
    if reading.mixed and reading.vote_shares is not None:
        votes = dict(zip(reading.emotions, reading.vote_shares.tolist()))
        said = join([f"about {percent(votes[emotion])} of people would say {emotion}" for emotion in reading.mixed])
        return f"Mixed: {said}."
    return f"{sure} likely that most people would say so."


def trouble(error: MienError, name: str = "") -> str:
    """What went wrong and what to do, for people who see a page; given the ``name`` of an image, without its path."""
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


def card(title: str, reading: Reading, *, image: str = "", is_small: bool = False, everything: bool = True) -> str:
    """The card of one face, as HTML: its title, how far to trust the reading, and bars of the three strongest emotions.

    ``image`` is a ``data:`` address of the face. The bars of a small card open by a click, and so do all other emotions
    with ``everything``. All text is escaped.
    """
    picture = f'<img src="{image}" alt="" width="56" height="56">' if image else ""
    scores = list(reading.scores().items())
    shown = max(1, sum(share >= _LEAST for _, share in scores[:_BARS]))
    body = f"<dl>{''.join(_bar(*score) for score in scores[:shown])}</dl>"
    if everything and shown < len(scores):
        rest = "".join(_bar(*score) for score in scores[shown:])
        most = f"at most {percent(scores[shown][1])}" if scores[shown][1] >= _LEAST else "each below 1%"
        body += f"<details><summary>{len(scores) - shown} more, {most}</summary><dl>{rest}</dl></details>"
    if {reading.emotion, *reading.mixed} & set(RARE):
        body = f"<p>{RARE_NOTE}</p>{body}"
    kind = 'class="mien-card mien-small"' if is_small else 'class="mien-card" open'
    return (
        f'<details {kind} style="--mien:{css(reading.emotion)}">'
        f"<summary>{picture}<span><b>{escape(title)}</b><small>{escape(verdict(reading))}</small></span></summary>"
        f"{body}</details>"
    )


def css(emotion: str) -> str:
    """The color of an emotion."""
    return f"rgb{COLORS[emotion]}"


def _bar(emotion: str, share: float) -> str:
    fill = f'<i style="width:{100 * share:.1f}%;background:{css(emotion)}"></i>'
    return f"<dt>{emotion}</dt><dd><span aria-hidden='true'>{fill}</span><b>{escape(percent(share))}</b></dd>"
