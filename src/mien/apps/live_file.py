"""The parts of the live page that need no live image: a single image from the camera, and a file."""

from __future__ import annotations

import io
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st
from PIL import Image

from ..clock import clock
from ..drawing import mark
from ..errors import MienError, SourceError
from ..io.discovery import IMAGE_EXTENSIONS
from ..io.images import read_image
from ..io.rows import Row, columns, rows
from ..io.tables import write_csv
from ..io.video import is_video
from ..options import ReadOptions
from ..reader import Reader
from ..redaction import PhotoHider
from .live_cards import card
from .live_chart import bands, legend
from .live_settings import MOST_MEGABYTES, MOST_MEGAPIXELS, LiveSettings
from .live_video import VideoRead, read_video
from .words import NO_FACE, trouble

#: People of a video that are shown, those seen longest first; the table has all.
_MOST_PEOPLE = 6


def single_image(reader: Reader, min_confidence: float, settings: LiveSettings) -> None:
    """Draw the part that takes one image with the camera, which works where live video does not get through."""
    taken = st.camera_input("Take an image", help="Works where live video does not get through.", width=560)
    if taken is not None:
        _image(taken.getvalue(), "camera.png", reader, min_confidence, settings)


def image_or_video(reader: Reader, choice: object, min_confidence: float, settings: LiveSettings) -> None:
    """Draw the part that takes a file.

    Args:
        reader: reads it.
        choice: model and label set; a video is read anew when they change.
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
        st.error(trouble(error).replace("Bytes", name, 1).replace("bytes", name, 1))
        return
    readings = [replace(one, min_confidence=min_confidence) for one in reader.read(frame.image)]
    if settings.mask_others:
        frame, readings = PhotoHider(ReadOptions()).hide(frame, readings)
    left, right = st.columns([3, 2], gap="large")
    marked = None if settings.no_image_output else mark(frame, readings)
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
                read = read_video(path, name, reader, min_confidence, lambda share: _told(bar, share, name))
            except MienError as error:
                bar.empty()
                st.error(trouble(error, path).replace(path.name, name))
                return
        bar.empty()
        st.session_state["video_key"], st.session_state["video"] = key, read
    _show_video(st.session_state["video"], name, reader.emotions, no_image_output)


def _told(bar: Any, share: float, name: str) -> None:
    bar.progress(share, f"Reading {name}")


def _show_video(film: VideoRead, name: str, emotions: tuple[str, ...], no_image_output: bool) -> None:
    people = f"{len(film.roles)} {'person' if len(film.roles) == 1 else 'people'}"
    st.subheader(f"{name}: {clock(film.duration_s, 1)}, {people}", anchor=False)
    if film.stopped:
        st.warning(f"{film.stopped}.")
    if not film.roles:
        st.info(NO_FACE)
    _downloads(Path(name).stem, _csv(film.rows, columns(emotions, video=True)))
    for role in film.roles[:_MOST_PEOPLE]:
        left, right = st.columns([1, 2], gap="large")
        if no_image_output:
            left.caption(f"Clearest at {clock(role.clearest_s, 1)}")
        else:
            left.image(role.image, f"At {clock(role.clearest_s, 1)}")
        with right:
            st.html(card(f"Person {role.track}, seen for {role.seen_s:.0f} s; clearest", role.clearest))
            st.altair_chart(bands(role.times_s, role.shares, emotions, film.duration_s), key=f"role-{role.track}")
            st.html(legend(role.shares, emotions))
    if len(film.roles) > _MOST_PEOPLE:
        st.caption(f"And {len(film.roles) - _MOST_PEOPLE} more, seen for shorter: they are in the table.")


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
