"""The photo app for programs: the named endpoints ``/read`` and ``/flag`` that Gradio's clients can call."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from ..emotions import EMOTIONS
from ..errors import MienError, OptionError
from .photo_flags import Flags
from .photo_reading import Readers, saved
from .photo_widgets import image_input
from .words import trouble

_READ = (
    "Read the faces in a photo. Gives the marked photo (null where the app was started with --no-image-output), and a list "
    "of rows as 'mien read --json' prints them: one a face, with its box in pixels, emotion, confidence (0 to 1), mixed, "
    "abstained, and one probability an emotion; a photo without a face has one row, whose face is null."
)
_FLAG = (
    "Correct a reading: keeps the face, cut out of the photo, on the computer that runs mien, in a folder named after the "
    "emotion. Refused unless agreed is true. Gives the file, and whether it is new; the same correction is kept once."
)


def add_endpoints(gr: ModuleType, readers: Readers, flags: Flags) -> None:
    """Add the endpoints to the page that is being built; nothing of them is seen on it."""
    with gr.Column(visible=False):
        photo = image_input(gr, label="Photo")
        emotions = gr.Dropdown(list(readers.choices), value=readers.first, label="Label set")
        min_confidence = gr.Number(0.5, minimum=0, maximum=1, label="A reading is unsure below this, 0 to 1")
        face = gr.Number(0, precision=0, label="Number of the face in its photo, from 0, as in the rows of /read")
        emotion = gr.Dropdown(list(EMOTIONS), label="What the face shows")
        agreed = gr.Checkbox(False, label="The face may be kept on the computer that runs mien")
        image, rows, kept = gr.Image(label="Marked photo"), gr.JSON(label="Rows"), gr.JSON(label="What was kept")
        read_button, flag_button = gr.Button(), gr.Button()

    def read(photo: str | None, emotions: str, min_confidence: float | None) -> tuple[str | None, Any]:
        try:
            seen = readers.read(_needed(photo, "photo"), emotions, _needed(min_confidence, "min_confidence"))
        except MienError as error:
            raise gr.Error(trouble(error, Path(photo or "").name), print_exception=False) from error
        path = saved(seen, Path(image.GRADIO_CACHE)) if seen.shown else None
        return str(path) if path else None, seen.rows()

    def flag(photo: str | None, face: int | None, emotion: str | None, agreed: bool) -> dict[str, Any]:
        try:
            seen = readers.read(_needed(photo, "photo"), readers.first)
            done = flags.save(seen, int(_needed(face, "face")), emotion or "", agreed=agreed)
        except MienError as error:
            raise gr.Error(trouble(error, Path(photo or "").name), print_exception=False) from error
        return {"file": done.file.relative_to(flags.folder).as_posix(), "new": done.new}

    inputs = [photo, emotions, min_confidence]
    read_button.click(read, inputs, [image, rows], api_name="read", api_description=_READ, concurrency_id="reader")
    if not readers.privacy.no_image_output:
        inputs = [photo, face, emotion, agreed]
        flag_button.click(flag, inputs, kept, api_name="flag", api_description=_FLAG, concurrency_id="flags")


def _needed(value: Any, name: str) -> Any:
    if value in (None, ""):
        raise OptionError(f"{name} is missing", hint="Send it.")
    return value
