"""The photo app for programs: the named endpoints ``/read`` and ``/flag`` that Gradio's clients can call."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from ..emotions import EMOTIONS
from ..errors import MienError
from .photo_flags import Flags
from .photo_reading import Readers, marked, saved
from .photo_widgets import image_input, plain_error

_READ = (
    "Read the faces in a photo. Gives the marked photo, and a list of rows as 'mien read --json' prints them: one a face, "
    "with its box in pixels, emotion, confidence (0 to 1), mixed, abstained, and one probability an emotion; a photo "
    "without a face has one row, whose face is null."
)
_READ_ONLY = "The app was started with --no-image-output, so the marked photo is null."
_FLAG = (
    "Correct a reading: keeps the face, cut out of the photo, on the computer that runs mien, in a folder named after the "
    "emotion. Refused unless agreed is true. Gives the file, and whether it is new; the same correction is kept once."
)


class Endpoints:
    """Adds the endpoints to the page that is being built; nothing of them is seen on it.

    Args:
        gr: the module ``gradio``.
        readers: what reads.
        flags: what keeps corrections.
    """

    def __init__(self, gr: ModuleType, readers: Readers, flags: Flags) -> None:
        self._gr, self._readers, self._flags = gr, readers, flags
        choices = list(readers.choices)
        with gr.Column(visible=False):
            photo = image_input(gr, label="Photo")
            emotions = gr.Dropdown(choices, value=readers.first, label="Label set")
            min_confidence = gr.Number(0.5, minimum=0, maximum=1, label="A reading is unsure below this, 0 to 1")
            face = gr.Number(0, precision=0, label="Number of the face in its photo, from 0, as in the rows of /read")
            emotion = gr.Dropdown(list(EMOTIONS), label="What the face shows")
            agreed = gr.Checkbox(False, label="The face may be kept on the computer that runs mien")
            image, rows, kept = gr.Image(label="Marked photo"), gr.JSON(label="Rows"), gr.JSON(label="What was kept")
            read, flag = gr.Button(), gr.Button()
        self._folder = Path(image.GRADIO_CACHE)
        read.click(
            self._read,
            [photo, emotions, min_confidence],
            [image, rows],
            api_name="read",
            api_description=_READ if readers.shows else f"{_READ} {_READ_ONLY}",
            concurrency_id="reader",
        )
        if not readers.shows:  # what may not be seen may not be kept either
            return
        flag.click(
            self._flag,
            [photo, face, emotion, agreed],
            kept,
            api_name="flag",
            api_description=_FLAG,
            concurrency_id="flags",
        )

    def _read(
        self, photo: str | None, emotions: str, min_confidence: float | None
    ) -> tuple[str | None, list[dict[str, Any]]]:
        try:
            seen = self._readers.read(self._needed(photo), emotions, self._number(min_confidence, "min_confidence"))
        except MienError as error:
            raise plain_error(self._gr, error, Path(photo or "").name) from error
        if not seen.shown:
            return None, seen.rows()
        return str(saved(marked(seen), self._folder, Path(seen.frame.name).stem)), seen.rows()

    def _flag(self, photo: str | None, face: int | None, emotion: str | None, agreed: bool) -> dict[str, Any]:
        try:
            seen = self._readers.read(self._needed(photo), self._readers.first)
            number = int(self._number(face, "face"))
            done = self._flags.save(seen, number, emotion or "", agreed=agreed)
        except MienError as error:
            raise plain_error(self._gr, error, Path(photo or "").name) from error
        return {"file": done.file.relative_to(self._flags.folder).as_posix(), "new": done.new}

    def _number(self, value: float | None, name: str) -> float:
        if not isinstance(value, int | float):
            raise self._gr.Error(f"{name}: got {value!r}, expected a number.", print_exception=False)
        return value

    def _needed(self, photo: str | None) -> str:
        if not photo:
            raise self._gr.Error("Send a photo.", print_exception=False)
        return photo
