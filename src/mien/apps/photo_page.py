"""The page of the photo app: its tabs, one above the other, and what it says about itself."""

from __future__ import annotations

from html import escape
from types import ModuleType
from typing import Any

from .photo_api import Endpoints
from .photo_flags import Flags
from .photo_many import ManyPhotos
from .photo_one import OnePhoto
from .photo_reading import Readers
from .words import MIXED, NOT_A_FEELING, NUMBERS_ONLY, OTHERS_COVERED, UNSURE, Reach, kept_where, privacy

TITLE = "mien: what does a face show?"
#: Gradio looks every ten minutes for files older than an hour, and removes them.
_TIDY = (600, 3600)
#: With --no-image-output, every minute for those older than five: a photo must last as long as its settings are tried out.
_TIDY_SOON = (60, 300)
#: Gradio shows examples as buttons with an image and no words: screen readers need some.
_NAME_EXAMPLES = """() => document.querySelectorAll('#examples button').forEach((button, number) =>
  button.setAttribute('aria-label', 'Read example ' + (number + 1)))"""


def page(gr: ModuleType, readers: Readers, flags: Flags, who: Reach) -> Any:
    """The whole page, as a ``gradio.Blocks`` that is not launched yet.

    Args:
        gr: the module ``gradio``.
        readers: what reads.
        flags: what keeps corrections.
        who: who can see what is shown to it; decides what is said about privacy.
    """
    tidy = _TIDY if readers.shows else _TIDY_SOON
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=tidy) as blocks:
        gr.HTML(_head(who, readers))
        with gr.Tab("One photo", id="one"):
            one = OnePhoto(gr, readers, flags, kept_where(flags.folder, who))
        with gr.Tab("Many photos", id="many"):
            ManyPhotos(gr, readers, one.label_set, one.limit)
        gr.HTML(_foot(readers))
        Endpoints(gr, readers, flags)
        blocks.load(None, js=_NAME_EXAMPLES, api_visibility="private")
    return blocks


def _head(who: Reach, readers: Readers) -> str:
    more = {OTHERS_COVERED: readers.hides, NUMBERS_ONLY: not readers.shows}
    said = " ".join([privacy(who), *(text for text, holds in more.items() if holds)])
    shared = " mien-warn" if who == "shared" else ""
    return (
        f'<header class="mien-head"><h1>What does a face show?</h1>'
        f'<p class="mien-private{shared}">{escape(said)}</p></header>'
    )


def _foot(readers: Readers) -> str:
    model = f"Model: sha256 {readers.sha256[:12]}."
    says = "".join(f"<p>{escape(text)}</p>" for text in (NOT_A_FEELING, UNSURE, MIXED, model))
    return f'<details class="mien-foot"><summary>How to understand a reading</summary>{says}</details>'
