"""The camera of the live page: WebRTC, or single images over the connection of the page."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import altair
import av
import numpy as np
import numpy.typing as npt
import pandas
import streamlit as st
from streamlit_webrtc import WebRtcMode, WebRtcStreamerContext, webrtc_streamer

from ..drawing import COLORS, COVER, annotate, caption, encoded, ink_on, named
from ..errors import MienError
from ..io.images import read_image
from ..options import ReadOptions
from ..reader import Reader
from ..redaction import LiveMasker
from .live_people import name_people
from .live_server import LiveSettings
from .live_session import MAX_SHOWN, SPAN_S, STEP_S, LiveReader, LiveSession
from .words import NO_FACE, card

#: A connection that takes longer than this, in seconds, will most likely never come.
PATIENCE_S = 10.0
_CHART_HEIGHT = 170  # pixels, legend included
#: Smallest share that puts an emotion into the legend.
_LEGEND = 0.05
#: How often what is beside the image is drawn, in seconds: the cards, which the marks in the image follow, and the charts,
#: which take longer to draw.
_REFRESH_S, _CHARTS_S = 0.5, 1.0
#: What has no height would still be drawn as a line.
_VISIBLE = 0.004
_BLOCKED = (
    "Live video (WebRTC) did not get through to the computer that runs mien within ten seconds. The page now sends single "
    "images over its own connection instead, which works everywhere; start the camera again. The person who runs mien can "
    "name a TURN server with `--turn`, which passes live video on."
)
_SINGLE_IMAGES_HELP = (
    "Live video needs a free way between the browser and the computer that runs mien (WebRTC). Single images go over the "
    "page's own connection, which works everywhere; when reading is slow, the marks follow later."
)
_NOT_STARTED = """**Nothing is read until you start the camera.** Then you see

- a box and an emotion for each face,
- the last minute of each person as a chart,
- a snapshot and a table to save."""
_LABELS: Any = {
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
    """Draw the camera's part of the page; another ``choice`` of model and label set begins a new session."""
    state = st.session_state
    if state.get("choice") != choice:
        masker = LiveMasker(ReadOptions()) if settings.mask_others else None
        state["choice"] = choice
        state["live"] = LiveReader(reader, min_confidence, masker, keep_images=not settings.no_image_output)
    live: LiveReader = state["live"]
    live.min_confidence = min_confidence
    blocked = state.pop("blocked", False)
    if blocked or settings.no_image_output:  # live video would send the annotated image back
        state["single_images"] = True
    if blocked:
        st.warning(_BLOCKED)
    image, beside = st.columns([3, 2], gap="medium")
    with image:
        context = None if state.get("single_images") else _webrtc(settings, live, _wanted_state())
        if context is None:
            st.fragment(_single_images)(live)
        if not settings.no_image_output:
            st.toggle("Send single images instead of live video", key="single_images", help=_SINGLE_IMAGES_HELP)
        busy = context is None or context.state.playing or context.state.signalling
        waiting = busy and live.session.last is None
        st.fragment(_downloads, run_every=1.0 if waiting else None)(live.session, settings.no_image_output)
    with beside:
        st.fragment(_people, run_every=_REFRESH_S if busy else None)(context, live.session)
        st.fragment(_charts, run_every=_CHARTS_S if busy else None)(live.session)


def _wanted_state() -> bool:
    """Draw the button that starts and stops the camera; whether it is to run."""
    state = st.session_state

    def change() -> None:
        state["playing"] = not state.get("playing", False)

    playing: bool = state.get("playing", False)
    label, icon = ("Stop", "stop") if playing else ("Start the camera", "videocam")
    st.button(label, type="secondary" if playing else "primary", icon=f":material/{icon}:", on_click=change)
    return playing


def _webrtc(settings: LiveSettings, live: LiveReader, playing: bool) -> WebRtcStreamerContext[Any, Any]:
    def annotated(frame: av.VideoFrame) -> av.VideoFrame:
        image = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        return av.VideoFrame.from_ndarray(live.annotate(image), format="rgb24")

    context: WebRtcStreamerContext[Any, Any] = webrtc_streamer(
        key="live-video",
        mode=WebRtcMode.SENDRECV,
        rtc_configuration={"iceServers": settings.ice_servers()},  # without this, it would ask a server of Google's
        media_stream_constraints=_WANTED,
        video_frame_callback=annotated,
        async_processing=True,  # takes the newest frame and drops those that came while the last one was read
        video_html_attrs={"autoPlay": True, "playsInline": True, "muted": True, "style": {"width": "100%"}},
        translations=_LABELS,
        desired_playing_state=playing,
        media_toggle_controls=False,
    )
    return context


def _people(context: WebRtcStreamerContext[Any, Any] | None, session: LiveSession) -> None:
    """Draw who is there; runs several times per second while the camera does."""
    lag_s = session.lag_s
    people = session.people(lag_s)[:MAX_SHOWN]
    session.show(people)
    note = _note(context, session, any(person.present for person in people))
    if note:
        st.info(note)
    for person in people:
        away = "" if person.present else f", {person.away_s:.0f} s ago"
        st.html(card(f"Person {person.track_id}{away}: {named(person.reading)}", person.reading, everything=False))
    pace, took_s = session.pace
    if pace:
        age = f"Result {session.age_s + lag_s:.1f} s old" if session.last else ""
        st.caption(f"{age}; {pace:.1f} images per second, {1000 * took_s:.0f} ms each.")


def _charts(session: LiveSession) -> None:
    """Draw the last minute of each person."""
    for person in session.people()[:MAX_SHOWN]:
        st.caption(f"Person {person.track_id}, the last minute")
        chart(np.linspace(-SPAN_S, -STEP_S, len(person.minute)), person.minute, session.emotions)


def chart(times_s: npt.NDArray[np.float64], shares: npt.NDArray[np.floating], emotions: tuple[str, ...]) -> None:
    """Draw how the emotions of one face share it over time.

    ``times_s``, float64 (T,) with T > 1, is where each evenly spaced step begins; a row of ``shares``, float (T, K), is a
    distribution, or zeros where the face was not seen.
    """
    step_s, kinds = times_s[1] - times_s[0], len(emotions)
    tops = np.cumsum(shares, 1)
    table = pandas.DataFrame(
        {
            "time": np.repeat(times_s, kinds).round(2),
            "until": np.repeat(times_s + step_s, kinds).round(2),
            "emotion": list(emotions) * len(times_s),
            "low": (tops - shares).ravel().round(3),
            "high": tops.ravel().round(3),
        }
    )
    colors = altair.Scale(domain=list(emotions), range=["#{:02x}{:02x}{:02x}".format(*COLORS[e]) for e in emotions])
    span = altair.Scale(domain=[float(times_s[0]), float(times_s[-1] + step_s)], nice=False)
    seen = [emotion for emotion, most in zip(emotions, shares.max(0)) if most > _LEGEND]
    legend = altair.Legend(orient="bottom", columns=4, title=None, values=seen)
    bars = altair.Chart(table[table["high"] - table["low"] > _VISIBLE]).mark_rect(strokeWidth=0.7)
    drawn = bars.encode(
        x=altair.X("time:Q", scale=span, axis=altair.Axis(tickCount=4, labelExpr="datum.value + ' s'", title=None)),
        x2="until:Q",
        y=altair.Y("low:Q", scale=altair.Scale(domain=[0, 1]), axis=altair.Axis(format="%", tickCount=2, title=None)),
        y2="high:Q",
        color=altair.Color("emotion:N", scale=colors, legend=legend),
        stroke=altair.Stroke("emotion:N", scale=colors, legend=None),  # closes the seams between neighbors
        tooltip=["emotion:N"],
    )
    st.altair_chart(drawn.properties(height=_CHART_HEIGHT))


def _note(context: WebRtcStreamerContext[Any, Any] | None, session: LiveSession, present: bool) -> str:
    """What there is to say about the camera; "" when its image is enough."""
    state = st.session_state
    if context is None or context.state.playing:
        state["connecting_since"] = None
        running = session.last is not None and session.pace[0]
        return "" if present else NO_FACE if running else _NOT_STARTED
    since = state.get("connecting_since")
    if context.state.signalling and since is None:
        since = state["connecting_since"] = time.monotonic()
    if since is None:
        return "" if session.last else _NOT_STARTED
    if time.monotonic() - since > PATIENCE_S:
        state["connecting_since"], state["blocked"], state["playing"] = None, True, False
        st.rerun()
    return "Connecting to the camera."


def _downloads(session: LiveSession, no_image_output: bool) -> None:
    """Draw the buttons for a snapshot and the table, which are off until there is something to save."""
    left, right = st.columns(2)
    nothing = session.last is None
    if no_image_output:
        left.caption("Started with --no-image-output: there are no snapshots.")
    elif left.button("Take a snapshot", icon=":material/photo_camera:", width="stretch", disabled=nothing):
        st.session_state["snapshot"] = encoded(annotate(*session.last)) if session.last else None
    about = "One row per face and frame since the camera was first started."
    parts = name_people(session.faces(), "live") if session.last else ()
    save: Any = {
        "icon": ":material/download:",
        "on_click": "ignore",
        "width": "stretch",
        "help": about,
        "disabled": nothing,
    }
    right.download_button("Table (CSV)", partial(session.csv, parts), "mien-live.csv", "text/csv", **save)
    if session.lost_rows:
        st.caption(f"The table holds the newest rows; the oldest {session.lost_rows} had to go.")
    snapshot = st.session_state.get("snapshot")
    if snapshot:
        st.image(snapshot, "Snapshot")
        st.download_button("Snapshot (PNG)", snapshot, "mien-snapshot.png", "image/png", on_click="ignore")


_HTML = """<div class="mien-eye"><div class="screen"><video muted playsinline></video><canvas></canvas></div>
<button type="button"></button><p role="alert"></p></div>"""
_KEY, _ANSWER = "single", "single_answer"
#: An image is a JPEG of 640 pixels; what is larger did not come from the page.
_MAX_BYTES, _MAX_MEGAPIXELS = 2_000_000, 1.0


def _single_images(live: LiveReader) -> None:
    """Draw the camera that sends single images; each of them runs this part of the page again."""

    def arrived() -> None:
        given = st.session_state[_KEY].get("frame")
        if given:
            st.session_state[_ANSWER] = {"number": given.get("number"), "marks": marks(live, given.get("jpeg", ""))}

    data = {"words": _LABELS, "answer": st.session_state.get(_ANSWER)}
    _component()(key=_KEY, data=data, on_frame_change=arrived)


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    here = Path(__file__)
    css, js = (here.with_suffix(suffix).read_text("utf-8") for suffix in (".css", ".js"))
    renderer: Callable[..., Any] = st.components.v2.component("mien_camera", html=_HTML, css=css, js=js)
    return renderer


def marks(live: LiveReader, jpeg: object) -> list[dict[str, Any]]:
    """The faces in an image that the page sent as a data URL: ``box`` in pixels, ``text``, CSS ``color`` and ``ink``."""
    if not isinstance(jpeg, str):
        return []
    head, _, body = jpeg.partition(",")
    if head != "data:image/jpeg;base64" or len(body) > _MAX_BYTES:
        return []
    try:
        frame = read_image(base64.b64decode(body, validate=True), max_megapixels=_MAX_MEGAPIXELS)
    except (MienError, binascii.Error):
        return []
    readings, plain = live.session.as_shown(live.read(frame.image)[1])
    drawn = [(one.face.box, caption(one), COLORS[one.emotion]) for one in readings] + [
        (box, "", COVER) for box in plain
    ]
    return [
        {"box": [round(at, 1) for at in box.xyxy], "text": text, "color": f"rgb{color}", "ink": f"rgb{ink_on(color)}"}
        for box, text, color in drawn
    ]
