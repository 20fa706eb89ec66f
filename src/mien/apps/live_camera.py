"""The camera of the live page: WebRTC, or single images over the connection of the page."""

from __future__ import annotations

import base64
import binascii
import io
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import streamlit as st
from PIL import Image
from streamlit_webrtc import WebRtcMode, WebRtcStreamerContext, webrtc_streamer

from ..drawing import COLORS, annotate, caption, ink_on
from ..errors import MienError
from ..io.images import read_image
from ..options import ReadOptions
from ..reader import Reader
from ..redaction import LiveMasker
from ..types import Reading
from .live_server import LiveSettings
from .live_session import SPAN_S, STEP_S, Eye, LiveSession
from .live_widgets import bands, card, legend
from .words import NO_FACE

#: A connection that takes longer than this, in seconds, will most likely never come.
PATIENCE_S = 10.0
#: Faces that are shown beside the image: those in it, then those seen last.
_MOST_PEOPLE = 4
_NO_WAY = (
    "Live video (WebRTC) did not get through to the computer that runs mien within ten seconds: something between the two "
    "blocks it. The page now sends single images over its own connection instead, which works everywhere; start the "
    "camera again. Whoever runs mien can name a TURN server with `--turn`, which passes live video on."
)
_WAY_HELP = (
    "Live video needs a free way between the browser and the computer that runs mien (WebRTC). Single images, one after "
    "the other, go over the page's own connection, which works everywhere; when reading is slow, the marks follow later."
)
_WORDS: Any = {
    "start": "Start the camera",
    "stop": "Stop",
    "select_device": "Choose a camera",
    "device_ask_permission": "The browser asks for the camera: allow it.",
    "device_access_denied": "The browser refused the camera. Allow it beside the page's address, then start again. "
    "Without a camera, choose File above.",
    "device_not_available": "No camera was found, or another program uses it. Choose File above to read an image or video.",
    "media_api_not_available": "The browser gives the camera only to pages at localhost or with https. Choose File above.",
}
# Small and slow enough that coding and decoding never fall behind, which would pile up delay
_WANTED: Any = {
    "video": {"width": {"ideal": 640}, "height": {"ideal": 480}, "frameRate": {"ideal": 15}, "facingMode": "user"},
    "audio": False,
}


def camera(settings: LiveSettings, reader: Reader, choice: tuple[str, str | None], min_confidence: float) -> None:
    """Draw the camera's part of the page.

    Args:
        settings: how the app was started.
        reader: reads the frames.
        choice: model and label set; another choice begins a new session.
        min_confidence: limit under which a reading is unsure, 0 to 1.
    """
    eye = _eye(reader, choice, min_confidence, settings)
    if settings.no_image_output:  # live video would send the annotated image back
        st.session_state["plain_way"] = True
    if st.session_state.pop("no_way", False):
        st.session_state["plain_way"] = True
        st.session_state["why_plain"] = _NO_WAY
    elif not st.session_state.get("plain_way"):
        st.session_state["why_plain"] = ""
    if st.session_state.get("why_plain"):
        st.warning(st.session_state["why_plain"])
    image, beside = st.columns([3, 2], gap="medium")
    with image:
        plain = st.session_state.get("plain_way", False)
        if plain:
            plain_camera(eye, _WORDS)
            context, busy = None, True
        else:
            context = _webrtc(settings, eye)
            busy = context.state.playing or context.state.signalling
        if not settings.no_image_output:
            st.toggle("Send single images instead of live video", key="plain_way", help=_WAY_HELP)
    with beside:
        st.fragment(_watch, run_every=1.0 if busy else None)(context, eye.session)
    _keep(eye.session, settings.no_image_output)


def _webrtc(settings: LiveSettings, eye: Eye) -> WebRtcStreamerContext[Any, Any]:
    context: WebRtcStreamerContext[Any, Any] = webrtc_streamer(
        key="live",
        mode=WebRtcMode.SENDRECV,
        rtc_configuration={"iceServers": settings.ice_servers()},  # without this, it would ask a server of Google's
        media_stream_constraints=_WANTED,
        video_frame_callback=_seen_by(eye),
        async_processing=True,  # takes the newest frame and drops those that came while the last one was read
        video_html_attrs={"autoPlay": True, "playsInline": True, "muted": True, "style": {"width": "100%"}},
        translations=_WORDS,
        media_toggle_controls=False,
    )
    return context


def _eye(reader: Reader, choice: tuple[str, str | None], min_confidence: float, settings: LiveSettings) -> Eye:
    if st.session_state.get("choice") != choice:
        masker = LiveMasker(ReadOptions()) if settings.mask_others else None
        st.session_state["choice"] = choice
        st.session_state["eye"] = Eye(reader, min_confidence, masker, shows=not settings.no_image_output)
    eye: Eye = st.session_state["eye"]
    eye.min_confidence = min_confidence
    return eye


def _seen_by(eye: Eye) -> Callable[[av.VideoFrame], av.VideoFrame]:
    def seen(frame: av.VideoFrame) -> av.VideoFrame:
        image = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        return av.VideoFrame.from_ndarray(eye.see(image), format="rgb24")

    return seen


def _watch(context: WebRtcStreamerContext[Any, Any] | None, session: LiveSession) -> None:
    """Runs every second while the camera does."""
    people = session.people()[:_MOST_PEOPLE]
    note = _note(context, session, any(person.present for person in people))
    if note:
        st.info(note)
    for number, person in enumerate(people):
        away = "" if person.present else f"{person.away_s:.0f} s ago"
        st.html(card(f"Person {person.track_id}", person.reading, away=away))
        ago_s = np.linspace(-SPAN_S, -STEP_S, len(person.minute))
        st.altair_chart(bands(ago_s, person.minute, session.emotions, SPAN_S), key=f"minute-{number}")
        st.html(legend(person.minute, session.emotions))
    pace, took_s = session.pace
    if pace:
        st.caption(f"{pace:.0f} images a second; one takes {1000 * took_s:.0f} ms.")


def _note(context: WebRtcStreamerContext[Any, Any] | None, session: LiveSession, present: bool) -> str:
    """What there is to say about the camera; "" when its image is enough."""
    if context is None or context.state.playing:
        st.session_state["connecting_since"] = None
        running = bool(session.pace[0])
        if session.last is None or not running:
            return "" if present else "Nothing is read until the camera is started."
        return "" if present else NO_FACE
    since = st.session_state.get("connecting_since")
    if context.state.signalling and since is None:
        since = st.session_state["connecting_since"] = time.monotonic()
    if since is None:
        return "" if session.last else "Nothing is read until the camera is started."
    if time.monotonic() - since > PATIENCE_S:
        st.session_state["connecting_since"] = None
        st.session_state["no_way"] = True
        st.rerun()
    return "Connecting to the camera."


@st.fragment
def _keep(session: LiveSession, no_image_output: bool) -> None:
    """Snapshot and table."""
    left, right = st.columns(2)
    if no_image_output:
        left.caption("Started with --no-image-output: there are no snapshots.")
    elif left.button("Take a snapshot", icon=":material/photo_camera:", width="stretch"):
        st.session_state["snapshot"] = _snapshot(session)
    right.download_button(
        "Table (CSV)",
        session.csv,
        "mien-live.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        width="stretch",
        help="One row a face and frame, since the camera was first started.",
    )
    if session.lost_rows:
        st.caption(f"The table holds the newest rows; the oldest {session.lost_rows} had to go.")
    snapshot = st.session_state.get("snapshot")
    if snapshot:
        st.image(snapshot, "Snapshot")
        st.download_button("Snapshot (PNG)", snapshot, "mien-snapshot.png", "image/png", on_click="ignore")
    elif snapshot == b"":
        st.info("There is no image yet: start the camera first.")


def _snapshot(session: LiveSession) -> bytes:
    if session.last is None:
        return b""
    file = io.BytesIO()
    Image.fromarray(annotate(*session.last)).save(file, "PNG")
    return file.getvalue()


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
