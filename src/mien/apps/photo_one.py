"""The tab of the photo app for one photo: upload, look, correct."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from ..drawing import named
from ..emotions import EMOTIONS
from ..errors import MienError
from .photo_cards import cards, note
from .photo_flags import Flags
from .photo_marks import marked, saved
from .photo_parts import image_input
from .photo_reading import Photo, Readers
from .words import consent, set_name, trouble

IMAGES = Path(__file__).with_name("images")
_START = "Choose a photo, paste one, or take one with the camera. It is read at once."


class OnePhoto:
    """Lays the tab out and connects it.

    Args:
        gr: the module ``gradio``.
        readers: what reads.
        flags: what keeps corrections.
        kept: where that is, in words.
    """

    def __init__(self, gr: ModuleType, readers: Readers, flags: Flags, kept: str) -> None:
        self._gr, self._readers, self._flags = gr, readers, flags
        self._photo = gr.State(None, time_to_live=3600)
        with gr.Row():
            with gr.Column(min_width=320):
                self._question()
            with gr.Column(min_width=320):
                self._answer(kept)
        self._connect()

    def _question(self) -> None:
        gr = self._gr
        self._image = image_input(
            gr, label="Photo", sources=["upload", "webcam", "clipboard"], height=380, elem_id="photo", buttons=[]
        )
        examples = sorted(str(path) for path in IMAGES.glob("*.jpg"))
        gr.Examples(examples, self._image, label="Or try one of these", elem_id="examples", api_visibility="private")
        self.label_set, self.limit = settings(gr, self._readers)

    def _answer(self, kept: str) -> None:
        gr = self._gr
        self._marked = gr.Image(
            label="Marked photo",
            show_label=False,
            alt_text="The photo with its faces marked",
            visible=False,
            interactive=False,
            height=380,
            elem_id="marked",
            buttons=["download", "fullscreen"],
        )
        self._cards = gr.HTML(note(_START), elem_id="faces")
        with gr.Accordion("Not right? Correct it", open=False, visible=False, elem_id="correct") as self._correct:
            self._face = gr.Radio([], label="Which face?", elem_id="which")
            self._emotion = gr.Radio(list(EMOTIONS), label="What does it show?", elem_id="right")
            self._agreed = gr.Checkbox(label=consent(kept), elem_id="agree")
            self._save = gr.Button("Save the correction", variant="primary", elem_id="save")
            self._saved = gr.HTML(elem_id="saved")

    def _connect(self) -> None:
        gr = self._gr
        shown = [self._photo, self._marked, self._cards, self._correct, self._face, self._saved]
        shown += [self._agreed, self._emotion]  # agreement and correction are for one photo
        asked = [self._image, self.label_set, self.limit]
        quiet: dict[str, Any] = {"api_visibility": "private", "trigger_mode": "always_last", "concurrency_id": "reader"}
        gr.on([self._image.change, self.label_set.change], self._read, asked, shown, **quiet)
        self.limit.change(self._judge, [self._photo, self.limit], shown[:3], show_progress="hidden", **quiet)
        self._save.click(
            self._flag,
            [self._photo, self._face, self._emotion, self._agreed],
            self._saved,
            api_visibility="private",
            concurrency_id="flags",
        )

    def _read(self, path: str | None, label_set: str, limit: float) -> tuple[Any, ...]:
        hidden, unmarked = self._gr.update(visible=False), self._gr.update(visible=False, value=None)
        if path is None:
            return None, unmarked, note(_START), hidden, self._gr.update(choices=[], value=None), "", False, None
        try:
            photo = self._readers.read(path, label_set, limit / 100)
        except MienError as error:
            said = note(trouble(error, path), wrong=True)
            return None, unmarked, said, hidden, self._gr.update(choices=[], value=None), "", False, None
        names = [(f"Face {n}: {named(one)}", n - 1) for n, one in enumerate(photo.readings, start=1)]
        which = self._gr.update(choices=names, value=0 if names else None, visible=len(names) > 1)
        return *self._show(photo), self._gr.update(visible=bool(names) and photo.shown), which, "", False, None

    def _judge(self, photo: Photo | None, limit: float) -> tuple[Any, ...]:
        return (None, self._gr.skip(), self._gr.skip()) if photo is None else self._show(photo.judged(limit / 100))

    def _show(self, photo: Photo) -> tuple[Any, ...]:
        if not photo.shown:
            return photo, self._gr.update(value=None, visible=False), cards(photo)
        file = saved(marked(photo), Path(self._marked.GRADIO_CACHE), Path(photo.frame.name).stem)
        return photo, self._gr.update(value=str(file), visible=True), cards(photo)

    def _flag(self, photo: Photo | None, face: int | None, emotion: str | None, agreed: bool) -> str:
        if photo is None or face is None or emotion is None:
            return note("Nothing was saved: choose what the face shows first.", wrong=True)
        try:
            done = self._flags.save(photo, face, emotion, agreed=agreed)
        except MienError as error:
            return note(trouble(error), wrong=True)
        return note(f"Saved as {emotion}. Thank you." if done.new else f"Already saved as {emotion}.")


def settings(gr: ModuleType, readers: Readers) -> tuple[Any, Any]:
    """The choice of a label set and of the limit for unsure, in percent."""
    with gr.Accordion("Settings", open=False):
        names = [(set_name(name), name) for name in readers.choices]
        label_set = gr.Radio(names, value=readers.first, label="Emotions to tell apart")
        limit = gr.Slider(0, 100, 50, step=5, label="Unsure below (%)")
    return label_set, limit
