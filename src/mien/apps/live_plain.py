"""The camera without WebRTC: single images over the page's own connection, which works wherever the page does."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from ..drawing import COLORS, caption, ink_on
from ..errors import MienError
from ..io.images import read_image
from ..types import Reading
from .live_eye import Eye

_HTML = """<div class="mien-eye"><div class="screen"><video muted playsinline></video><canvas></canvas></div>
<button type="button"></button><p role="alert"></p></div>"""
_KEY = "plain"
_ANSWER = "plain_answer"
#: An image is a JPEG of 640 pixels; what is larger did not come from the page.
_MOST_BYTES = 2_000_000
_MOST_MEGAPIXELS = 1.0


def plain_camera(eye: Eye, words: dict[str, str]) -> None:
    """Draw the camera; each image that it sends runs this part of the page again.

    Args:
        eye: reads the images.
        words: what the camera says, by the names that ``live_camera`` gives them.
    """
    st.fragment(_draw)(eye, words)


def _draw(eye: Eye, words: dict[str, str]) -> None:
    def came() -> None:
        given = st.session_state[_KEY].get("frame")
        if given:
            st.session_state[_ANSWER] = {"number": given.get("number"), "marks": marks(eye, given.get("jpeg", ""))}

    _component()(key=_KEY, data={"words": words, "answer": st.session_state.get(_ANSWER)}, on_frame_change=came)


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    here = Path(__file__)
    renderer: Callable[..., Any] = st.components.v2.component(
        "mien_camera",
        html=_HTML,
        css=here.with_suffix(".css").read_text("utf-8"),
        js=here.with_suffix(".js").read_text("utf-8"),
    )
    return renderer


def marks(eye: Eye, jpeg: object) -> list[dict[str, Any]]:
    """Read an image that the page sent.

    Args:
        eye: reads it.
        jpeg: as a data URL, ``data:image/jpeg;base64,...``.

    Returns:
        A mark for each face: its ``box`` in pixels, ``text``, and the ``color`` and ``ink`` of it, as CSS knows them;
        none where there is no image.
    """
    if not isinstance(jpeg, str):
        return []
    head, _, body = jpeg.partition(",")
    if head != "data:image/jpeg;base64" or len(body) > _MOST_BYTES:
        return []
    try:
        frame = read_image(base64.b64decode(body, validate=True), max_megapixels=_MOST_MEGAPIXELS)
    except (MienError, binascii.Error):
        return []
    return [_mark(reading) for reading in eye.look(frame.image)[1]]


def _mark(reading: Reading) -> dict[str, Any]:
    color = COLORS[reading.emotion]
    return {
        "box": [round(float(value), 1) for value in reading.face.box.xyxy],
        "text": caption(reading),
        "color": "rgb({},{},{})".format(*color),
        "ink": "rgb({},{},{})".format(*ink_on(color)),
    }
