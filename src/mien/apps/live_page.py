"""The live page: choices on the side, and a camera, a single image or a file to read."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from ..emotions import LABEL_SETS
from ..errors import MienError
from ..reader import Reader
from .live_camera import camera
from .live_cards import STYLE
from .live_eye import reader_for
from .live_file import image_or_video, single_image
from .live_settings import LiveSettings
from .words import NOT_A_FEELING, NUMBERS_ONLY, OTHERS_COVERED, UNSURE, privacy, reach, set_name, trouble

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
    reader = _reader(choices, live=source == "Camera", hiding=settings.mask_others)
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


def _reader(choices: Choices, *, live: bool, hiding: bool) -> Reader | None:
    try:
        with st.spinner("Loading the networks"):
            return reader_for(choices.model, choices.emotions, live=live, hiding=hiding)
    except MienError as error:
        st.error(trouble(error))
        return None
