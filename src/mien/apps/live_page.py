"""The live page: options on the side, and a camera, a single image or a file to read."""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st
from PIL import Image

from ..drawing import annotate
from ..emotions import LABEL_SETS
from ..errors import MienError, SourceError
from ..io.discovery import IMAGE_EXTENSIONS
from ..io.images import read_image
from ..io.rows import Row, columns, rows
from ..io.tables import write_csv
from ..io.video import is_video
from ..options import ReadOptions
from ..reader import Reader
from ..redaction import PhotoMasker
from ..report.format import clock
from .live_camera import camera
from .live_server import MOST_MEGABYTES, MOST_MEGAPIXELS, LiveSettings
from .live_session import reader_for
from .live_video import VideoRead, read_video
from .live_widgets import STYLE, bands, card, legend
from .words import NO_FACE, NOT_A_FEELING, NUMBERS_ONLY, OTHERS_COVERED, UNSURE, privacy, reach, set_name, trouble

#: People of a video that are shown, those seen longest first; the table has all.
_MOST_PEOPLE = 6


def single_image(reader: Reader, min_confidence: float, settings: LiveSettings) -> None:
    """Draw the part that takes one image with the camera, which works where live video does not get through."""
    taken = st.camera_input("Take a photo", help="Works where live video does not get through.", width=560)
    if taken is not None:
        _image(taken.getvalue(), "camera.png", reader, min_confidence, settings)


def image_or_video(reader: Reader, choice: object, min_confidence: float, settings: LiveSettings) -> None:
    """Draw the part that takes a file.

    Args:
        reader: reads it.
        choice: model and label set; a video is read again when they change.
        min_confidence: limit under which a reading is unsure, 0 to 1.
        settings: how the app was started.
    """
    given = st.file_uploader("A photo or a video", help=f"Up to {MOST_MEGABYTES} MB.")
    if given is None:
        st.caption("JPEG, PNG, WebP and other images; MP4, MOV, MKV, WebM and other videos.")
        return
    name, content = Path(given.name).name, given.getvalue()
    if is_video(name) and settings.mask_others:
        st.error("This page was started with --mask-others, and then takes photos only: use mien read for videos.")
    elif is_video(name):
        _video(content, name, reader, (given.file_id, choice, min_confidence), min_confidence, settings.no_image_output)
    elif content and not name.lower().endswith(IMAGE_EXTENSIONS) and _unknown(content):
        st.error(
            f"{name} is neither an image nor a video that mien can read. Give a JPEG, a PNG or an MP4, for example."
        )
    else:
        _image(content, name, reader, min_confidence, settings)


def _unknown(content: bytes) -> bool:
    try:
        read_image(content, max_megapixels=MOST_MEGAPIXELS)
    except SourceError:
        return True
    return False


def _image(content: bytes, name: str, reader: Reader, min_confidence: float, settings: LiveSettings) -> None:
    try:
        frame = replace(read_image(content, max_megapixels=MOST_MEGAPIXELS), name=name)
    except MienError as error:
        st.error(trouble(error, name))
        return
    readings = [replace(one, min_confidence=min_confidence) for one in reader.read(frame.image)]
    if settings.mask_others:
        frame, readings = PhotoMasker(ReadOptions()).mask(frame, readings)
    left, right = st.columns([3, 2], gap="large")
    marked = None if settings.no_image_output else annotate(frame, readings)
    told = f"{name}: {len(readings)} {'face' if len(readings) == 1 else 'faces'}"
    if marked is None:
        left.caption(told)
    else:
        left.image(marked, told)
    with right:
        if not readings:
            st.info(NO_FACE)
        for number, reading in enumerate(readings):
            st.html(card(f"Face {number + 1}", reading))
        table = _csv(rows(frame, readings, reader.emotions), columns(reader.emotions))
        _downloads(Path(name).stem, table, marked)


def _video(
    content: bytes, name: str, reader: Reader, key: object, min_confidence: float, no_image_output: bool
) -> None:
    if st.session_state.get("video_key") != key:
        bar = st.progress(0.0, f"Reading {name}")
        with tempfile.TemporaryDirectory(prefix="mien-") as folder:  # it goes, with the video, once it is read
            path = Path(folder, f"video{Path(name).suffix}")
            path.write_bytes(content)
            try:
                read = read_video(path, name, reader, min_confidence, _Bar(bar, name))
            except MienError as error:
                bar.empty()
                st.error(trouble(error))
                return
        bar.empty()
        st.session_state["video_key"], st.session_state["video"] = key, read
    _show_video(st.session_state["video"], name, reader.emotions, no_image_output)


class _Bar:
    """Shows progress in a bar of the page."""

    def __init__(self, bar: Any, name: str) -> None:
        self._bar, self._name = bar, name

    def __call__(self, done: int, total: int | None, note: str = "") -> None:
        if total:
            self._bar.progress(min(1.0, done / total), f"Reading {self._name}  {note}")


def _show_video(video: VideoRead, name: str, emotions: tuple[str, ...], no_image_output: bool) -> None:
    people = f"{len(video.roles)} {'person' if len(video.roles) == 1 else 'people'}"
    st.subheader(f"{name}: {clock(video.duration_s, 1)}, {people}", anchor=False)
    if video.problem:
        st.warning(f"{video.problem}.")
    if not video.roles:
        st.info(NO_FACE)
    _downloads(Path(name).stem, _csv(video.rows, columns(emotions, video=True)))
    for role in video.roles[:_MOST_PEOPLE]:
        left, right = st.columns([1, 2], gap="large")
        if no_image_output:
            left.caption(f"Clearest at {clock(role.clearest_s, 1)}")
        else:
            left.image(role.image, f"At {clock(role.clearest_s, 1)}")
        with right:
            st.html(card(f"Person {role.track_id}, seen for {role.seen_s:.0f} s; clearest", role.clearest))
            st.altair_chart(bands(role.times_s, role.shares, emotions, video.duration_s), key=f"role-{role.track_id}")
            st.html(legend(role.shares, emotions))
    if len(video.roles) > _MOST_PEOPLE:
        st.caption(f"And {len(video.roles) - _MOST_PEOPLE} more, seen for shorter: they are in the table.")


def _downloads(stem: str, table: bytes, marked: npt.NDArray[np.uint8] | None = None) -> None:
    places = st.columns(2 if marked is not None else 1)
    save: dict[str, Any] = {"icon": ":material/download:", "on_click": "ignore", "width": "stretch"}
    places[0].download_button("Table (CSV)", table, f"{stem}.csv", "text/csv", **save)
    if marked is not None:
        file = io.BytesIO()
        Image.fromarray(marked).save(file, "PNG")
        places[1].download_button("Image (PNG)", file.getvalue(), f"{stem}-marked.png", "image/png", **save)


def _csv(table: list[Row], names: tuple[str, ...]) -> bytes:
    file = io.BytesIO()
    write_csv(file, names, table)
    return file.getvalue()


_SOURCES = ("Camera", "Single image", "File")


@dataclass(frozen=True)
class Choices:
    """What the visitor chose on the side.

    Attributes:
        model: name or path.
        emotions: label set; None for all that the model knows.
        min_confidence: limit under which a reading is unsure, 0 to 1.
    """

    model: str
    emotions: str | None
    min_confidence: float


def page(settings_text: str) -> None:
    """Draw the page; Streamlit calls this after every action of the visitor.

    Args:
        settings_text: ``LiveSettings.as_text()``.
    """
    settings = LiveSettings.from_text(settings_text)
    st.set_page_config("mien live", "🙂", layout="wide", menu_items={})
    st.html(STYLE)
    st.title("mien live", anchor=False)
    only = f" {OTHERS_COVERED}" if settings.mask_others else ""
    only += f" {NUMBERS_ONLY}" if settings.no_image_output else ""
    st.caption(f":material/lock: {privacy(reach(settings.host))}{only} {NOT_A_FEELING}")
    choices = _choices(settings)
    source = st.segmented_control("Read from", _SOURCES, default=_SOURCES[0], required=True)
    reader = _reader(choices, live=source == "Camera", masking=settings.mask_others)
    if reader is None:
        return
    if source == "Camera":
        camera(settings, reader, (choices.model, choices.emotions), choices.min_confidence)
    elif source == "Single image":
        single_image(reader, choices.min_confidence, settings)
    else:
        image_or_video(reader, (choices.model, choices.emotions), choices.min_confidence, settings)


def _choices(settings: LiveSettings) -> Choices:
    names = [None, *LABEL_SETS]
    with st.sidebar:
        st.header("Choices", anchor=False)
        emotions = st.selectbox(
            "Emotions to tell apart",
            names,
            index=names.index(settings.emotions),
            format_func=lambda name: "all that the model knows" if name is None else set_name(name),
        )
        min_confidence = st.slider("Unsure below", 0, 100, 50, 5, format="%d %%", help=UNSURE) / 100
        model = settings.model
        if reach(settings.host) == "machine":  # whoever comes over the network is not to look for files here
            model = st.text_input(
                "Model",
                settings.model,
                help="A model that comes with mien, or the path of an .onnx file with its card.",
            )
        reports = "on" if st.get_option("browser.gatherUsageStats") else "off"
        st.caption(f"Another choice of emotions or model begins a new table. Usage reports: {reports}.")
    return Choices(model.strip() or "default", emotions, min_confidence)


def _reader(choices: Choices, *, live: bool, masking: bool) -> Reader | None:
    try:
        with st.spinner("Loading the networks"):
            return reader_for(choices.model, choices.emotions, live=live, masking=masking)
    except MienError as error:
        st.error(trouble(error))
        return None
