"""The live page: options on the side, and a camera, a single image or a file to read."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st
from PIL import UnidentifiedImageError

from ..coding.tracks import name_rows
from ..drawing import annotate, encoded, named
from ..emotions import LABEL_SETS
from ..errors import MienError
from ..io.images import read_image
from ..io.tables import PERSON, columns, csv_bytes, rows
from ..io.video import Video, is_video
from ..options import ReadOptions
from ..progress import Progress
from ..reader import Reader
from ..redaction import PhotoMasker, Privacy
from ..report import count
from ..report.format import clock
from ..timelines.bins import binned
from ..timelines.thumbnails import cropped
from ..timelines.timeline import timeline
from ..types import Frame, Reading
from ..video import VideoResult, process_video
from . import words
from .live_camera import camera, chart
from .live_people import name_people
from .live_server import MAX_MEGABYTES, MAX_MEGAPIXELS, LiveSettings
from .live_session import SIDE_OF_FACE, reader_for

#: Videos are sampled once per so many seconds of their own time.
INTERVAL_S = 0.2
#: People of a video that are shown, those seen longest first; the table has all.
_MAX_PEOPLE = 6
#: Points of a person's chart; more than a screen can show would only slow it down.
_MAX_POINTS = 400
#: By how much a reading must be surer than the clearest so far to take its place; side of the image of it, in pixels.
_CLEARER, _IMAGE_SIDE = 0.02, 640
_PAGE_STYLE = """[data-stale="true"] {opacity: 1 !important} .stElementToolbar {display: none}
.stMainBlockContainer {padding-top: 3rem; padding-bottom: 3rem}
"""
_SOURCES = ("Camera", "Single image", "File")


def page(settings_text: str) -> None:
    """Draw the page, with ``LiveSettings`` as JSON; called after every action of the visitor."""
    settings = LiveSettings(**json.loads(settings_text))
    st.set_page_config("mien live", "🙂", layout="wide", menu_items={})
    st.html(f"<style>{_PAGE_STYLE}{words.CARD_STYLE.read_text('utf-8')}</style>")
    st.title("mien live", anchor=False)
    notes = words.notes(words.reach(settings.host), settings.mask_others, settings.no_image_output)
    st.caption(f":material/lock: {notes} {words.NOT_A_FEELING}")
    options = _options(settings)
    source = st.segmented_control("Read from", _SOURCES, default=_SOURCES[0], required=True)
    try:
        with st.spinner("Loading the networks"):
            live = source == _SOURCES[0]
            reader = reader_for(str(options.model), options.emotions, live=live, masking=settings.mask_others)
    except MienError as error:
        st.error(words.trouble(error))
        return
    if live:
        camera(settings, reader, (str(options.model), options.emotions), options.min_confidence)
    elif source == _SOURCES[1]:
        taken = st.camera_input("Take a photo", help="Works where live video does not get through.", width=560)
        if taken is not None:
            _image(taken.getvalue(), "camera.png", reader, options, settings)
    else:
        _file(reader, options, settings)


def _options(settings: LiveSettings) -> ReadOptions:
    names = [None, *LABEL_SETS]
    with st.sidebar:
        st.header("Choices", anchor=False)

        def shown(name: str | None) -> str:
            return "all of the model" if name is None else words.set_name(name)

        first = names.index(settings.emotions)
        emotions = st.selectbox("Emotions to tell apart", names, index=first, format_func=shown)
        min_confidence = st.slider("Unsure below", 0, 100, 50, 5, format="%d %%", help=words.UNSURE) / 100
        model = settings.model
        if words.reach(settings.host) is words.Reach.MACHINE:  # visitors over the network cannot look for files here
            help_text = "A model that comes with mien, or the path of an .onnx file with its card."
            model = st.text_input("Model", settings.model, help=help_text).strip()
        reports = "on" if st.get_option("browser.gatherUsageStats") else "off"
        st.caption(f"Another choice of emotions or model begins a new table. Usage reports: {reports}.")
    return ReadOptions(
        emotions=emotions, model=model or "default", min_confidence=min_confidence, max_megapixels=MAX_MEGAPIXELS
    )


def _file(reader: Reader, options: ReadOptions, settings: LiveSettings) -> None:
    given = st.file_uploader("A photo or a video", help=f"Up to {MAX_MEGABYTES} MB.")
    if given is None:
        st.caption("JPEG, PNG, WebP and other images; MP4, MOV, MKV, WebM and other videos.")
        return
    name, content = Path(given.name).name, given.getvalue()
    if is_video(name, content):
        _video(content, name, (given.file_id, options), options, settings)
    else:
        _image(content, name, reader, options, settings)


def _image(content: bytes, name: str, reader: Reader, options: ReadOptions, settings: LiveSettings) -> None:
    try:
        frame = replace(read_image(content, max_megapixels=MAX_MEGAPIXELS), name=name)
    except MienError as error:
        unknown = f"{name} is neither an image nor a video that mien can read. Give a JPEG, PNG or MP4 file."
        st.error(unknown if isinstance(error.__cause__, UnidentifiedImageError) else words.trouble(error, name))
        return
    readings = [replace(one, min_confidence=options.min_confidence) for one in reader.read(frame.image)]
    if settings.mask_others:
        frame, readings = PhotoMasker(ReadOptions()).mask(frame, readings)
    left, right = st.columns([3, 2], gap="large")
    marked = None if settings.no_image_output else annotate(frame, readings)
    title = f"{name}: {count(len(readings), 'face')}"
    if marked is None:
        left.caption(title)
    else:
        left.image(marked, title)
    with right:
        if not readings:
            st.info(words.NO_FACE)
        for number, reading in enumerate(readings, 1):
            st.html(words.card(f"Face {number}: {named(reading)}", reading))
        table = csv_bytes(columns(reader.emotions), rows(frame, readings, reader.emotions))
        _downloads(Path(name).stem, table, marked)


@dataclass(frozen=True, eq=False)
class Clearest:
    """The strongest reading of a person in a video: when it was, its frame as a small annotated JPEG, and the face."""

    reading: Reading
    time_s: float
    image: bytes
    face: bytes | None


def read_clip(
    path: Path, name: str, options: ReadOptions, redact: Privacy, progress: Progress
) -> tuple[VideoResult, dict[int, Clearest]]:
    """Read a video five times per second, under a name for the table; also the clearest moment of each person."""
    clearest: dict[int, Clearest] = {}

    def keep_clearest(frame: Frame, readings: Sequence[Reading]) -> None:
        for reading in readings:
            last = clearest.get(reading.track_id or 0)
            if last is None or reading.confidence > last.reading.confidence + _CLEARER:
                image = encoded(annotate(frame, readings), "JPEG", _IMAGE_SIDE)
                face = cropped(frame.image, reading.face.box)
                small = None if face is None else encoded(face, "JPEG", SIDE_OF_FACE)
                clearest[reading.track_id or 0] = Clearest(reading, frame.time_s, image, small)

    video = Video(path, interval_s=INTERVAL_S, max_megapixels=options.max_megapixels, name=name)
    return process_video(video, options, sinks=[keep_clearest], redact=redact, progress=progress), clearest


def _video(content: bytes, name: str, key: object, options: ReadOptions, settings: LiveSettings) -> None:
    if st.session_state.get("video_key") != key:
        bar = st.progress(0.0, f"Reading {name}")

        def progress(done: int, total: int | None, note: str = "") -> None:
            if total:
                bar.progress(min(1.0, done / total), f"Reading {name}  {note}")

        with tempfile.TemporaryDirectory(prefix="mien-") as folder:  # it goes, with the video, once it is read
            path = Path(folder, f"video{Path(name).suffix}")
            path.write_bytes(content)
            try:
                read = read_clip(path, name, options, Privacy(settings.mask_others), progress)
            except MienError as error:
                bar.empty()
                st.error(words.trouble(error))
                return
        bar.empty()
        st.session_state["video_key"], st.session_state["video"] = key, read
    result, clearest = st.session_state["video"]
    _show_video(result, clearest, name, settings.no_image_output)


def _show_video(result: VideoResult, clearest: dict[int, Clearest], name: str, no_image_output: bool) -> None:
    people = count(len(result.people), "person", "people")
    st.subheader(f"{name}: {clock(result.end_s + INTERVAL_S, 1)}, {people}", anchor=False)
    for problem in result.problems:
        st.warning(f"{problem}.")
    if not result.people:
        st.info(words.NO_FACE)
    faces = {number: None if no_image_output else one.face for number, one in sorted(clearest.items())}
    names, made = columns(result.emotions, video=True), result.rows
    parts = name_people(faces, name) if len(faces) > 1 else ()
    try:
        table = csv_bytes((*names, PERSON), name_rows(made, parts)) if parts else csv_bytes(names, made)
    except MienError as error:
        st.error(words.trouble(error))
    else:
        _downloads(Path(name).stem, table)
    video = timeline(result).videos[0]
    points = max(2, min(_MAX_POINTS, round((video.end_s - video.start_s) / INTERVAL_S)))
    for track in video.ranked[:_MAX_PEOPLE]:
        moment = clearest[track.track_id]
        bins = binned(track, video.start_s, video.end_s, points)
        left, right = st.columns([1, 2], gap="large")
        if no_image_output:
            left.caption(f"Clearest at {clock(moment.time_s, 1)}")
        else:
            left.image(moment.image, f"At {clock(moment.time_s, 1)}")
        with right:
            title = f"Person {track.track_id}, seen for {track.seen_s:.0f} s; clearest: {named(moment.reading)}"
            st.html(words.card(title, moment.reading, everything=False))
            chart(bins.edges[:-1], bins.probabilities, result.emotions)
    if len(video.tracks) > _MAX_PEOPLE:
        st.caption(f"And {len(video.tracks) - _MAX_PEOPLE} more, seen for shorter: they are in the table.")


def _downloads(stem: str, table: bytes, marked: npt.NDArray[np.uint8] | None = None) -> None:
    places = st.columns(2 if marked is not None else 1)
    save: dict[str, Any] = {"icon": ":material/download:", "on_click": "ignore", "width": "stretch"}
    places[0].download_button("Table (CSV)", table, f"{stem}.csv", "text/csv", **save)
    if marked is not None:
        places[1].download_button("Image (PNG)", encoded(marked), f"{stem}-marked.png", "image/png", **save)
