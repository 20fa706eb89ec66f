"""The page of the photo app: a tab for one photo and one for many; and the endpoints ``/read`` and ``/flag``."""

from __future__ import annotations

import re
import shlex
from abc import ABCMeta
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any

from ..drawing import encoded, named, percent
from ..emotions import EMOTIONS
from ..errors import MienError, OptionError
from ..model.preprocess import align_face
from ..report import count
from ..report.html import data_uri
from . import words
from .photo_flags import Flags
from .photo_reading import Photo, Readers, read_batch, saved

#: Side of a face beside its bars, in pixels, twice as fine as it is shown.
_THUMBNAIL = 112
#: Faces that show their bars at once: so many, and none of less than half the width of the widest.
_OPEN, _BACKGROUND = 4, 0.5
#: More faces than this are only counted: the marked photo and the table have them all.
MAX_CARDS = 60
IMAGES = Path(__file__).with_name("images")
_SHOWN_LATER: dict[str, Any] = {"visible": False, "interactive": False, "buttons": ["download", "fullscreen"]}
_MARKED = "The photo with its faces marked"
_START = "Choose a photo, paste one, or take one with the camera. It is read at once."
#: More photos at once are a job for the command line, which can be interrupted and resumed.
MAX_PHOTOS = 200
TITLE = "mien: what does a face show?"
#: Gradio looks every ten minutes for files older than an hour, and removes them. With --no-image-output, every minute for
#: those older than five: a photo must last as long as its settings are tried out.
_TIDY, _TIDY_SOON = (600, 3600), (60, 300)
#: Gradio shows examples as buttons with an image and no words: screen readers need some.
_NAME_EXAMPLES = """() => document.querySelectorAll('#examples button').forEach((button, number) =>
  button.setAttribute('aria-label', 'Read example ' + (number + 1)))"""


def page(gr: ModuleType, readers: Readers, flags: Flags, who: words.Reach) -> Any:
    """The whole page, as a ``gradio.Blocks`` that is not launched yet."""
    privacy = readers.privacy
    tidy = _TIDY_SOON if privacy.no_image_output else _TIDY
    shared = " mien-warn" if who is words.Reach.SHARED else ""
    head = escape(words.notes(who, privacy.mask_others, privacy.no_image_output))
    explained = words.NOT_A_FEELING, words.UNSURE, words.MIXED, f"Model: sha256 {readers.sha256[:12]}."
    foot = "".join(f"<p>{escape(text)}</p>" for text in explained)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=tidy) as blocks:
        gr.HTML(
            f'<header class="mien-head"><h1>What does a face show?</h1><p class="mien-private{shared}">{head}</p></header>'
        )
        with gr.Tab("One photo", id="one"):
            one = OnePhoto(gr, readers, flags, words.consent(flags.folder, who))
        with gr.Tab("Many photos", id="many"):
            ManyPhotos(gr, readers, one.label_set, one.limit)
        gr.HTML(f'<details class="mien-foot"><summary>How to understand a reading</summary>{foot}</details>')
        add_endpoints(gr, readers, flags)
        blocks.load(None, js=_NAME_EXAMPLES, api_visibility="private")
    return blocks


class OnePhoto:
    """Lays the tab for one photo out and connects it; ``label_set`` and ``limit`` (percent) are its settings."""

    def __init__(self, gr: ModuleType, readers: Readers, flags: Flags, consent: str) -> None:
        self._gr, self._readers, self._flags = gr, readers, flags
        self._photo = gr.State(None, time_to_live=3600)
        with gr.Row():
            with gr.Column(min_width=320):
                sources = ["upload", "webcam", "clipboard"]
                self._image = image_input(gr, label="Photo", sources=sources, height=380, elem_id="photo", buttons=[])
                examples = sorted(str(path) for path in IMAGES.glob("*.jpg"))
                label = "Or try one of these"
                gr.Examples(examples, self._image, label=label, elem_id="examples", api_visibility="private")
            with gr.Column(min_width=320):
                self._marked = gr.Image(
                    label="Marked photo",
                    show_label=False,
                    alt_text=_MARKED,
                    height=380,
                    elem_id="marked",
                    **_SHOWN_LATER,
                )
                with gr.Accordion("Settings", open=False):
                    names = [(words.set_name(name), name) for name in readers.choices]
                    self.label_set = gr.Radio(names, value=readers.first, label="Emotions to tell apart")
                    self.limit = gr.Slider(0, 100, 50, step=5, label="Unsure below (%)")
        self._add_answer(consent)
        self._connect()

    def _add_answer(self, consent: str) -> None:
        gr = self._gr
        self._cards = gr.HTML(note(_START), elem_id="faces")
        with gr.Accordion("Not right? Correct it", open=False, visible=False, elem_id="correct") as self._correct:
            self._face = gr.Radio([], label="Which face?", elem_id="which")
            self._emotion = gr.Radio(list(EMOTIONS), label="What does it show?", elem_id="right")
            self._agreed = gr.Checkbox(label=consent, elem_id="agree")
            self._save = gr.Button("Save the correction", variant="primary", elem_id="save")
            self._saved = gr.HTML(elem_id="saved")

    def _connect(self) -> None:
        shown = [self._photo, self._marked, self._cards, self._correct, self._face, self._saved]
        shown += [self._agreed, self._emotion]  # agreement and correction are for one photo
        asked = [self._image, self.label_set, self.limit]
        quiet: dict[str, Any] = {"api_visibility": "private", "trigger_mode": "always_last", "concurrency_id": "reader"}
        self._gr.on([self._image.change, self.label_set.change], self._read, asked, shown, **quiet)
        self.limit.change(self._change_limit, [self._photo, self.limit], shown[:3], show_progress="hidden", **quiet)
        asked = [self._photo, self._face, self._emotion, self._agreed]
        self._save.click(self._flag, asked, self._saved, api_visibility="private", concurrency_id="flags")

    def _read(self, path: str | None, label_set: str, limit: float) -> tuple[Any, ...]:
        update = self._gr.update
        hidden = update(visible=False, value=None), update(visible=False), update(choices=[], value=None)
        message, photo = note(_START), None
        if path is not None:
            try:
                photo = self._readers.read(path, label_set, limit / 100)
            except MienError as error:
                message = note(words.trouble(error, Path(path).name), wrong=True)
        if photo is None:
            return None, hidden[0], message, hidden[1], hidden[2], "", False, None
        names = [(f"Face {n}: {named(one)}", n) for n, one in enumerate(photo.readings, start=1)]
        which = update(choices=names, value=1 if names else None, visible=len(names) > 1)
        return *self._show(photo), update(visible=bool(names) and photo.shown), which, "", False, None

    def _change_limit(self, photo: Photo | None, limit: float) -> tuple[Any, ...]:
        if photo is None:
            return None, self._gr.skip(), self._gr.skip()
        return self._show(photo.with_min_confidence(limit / 100))

    def _show(self, photo: Photo) -> tuple[Any, ...]:
        if not photo.shown:
            return photo, self._gr.update(value=None, visible=False), cards(photo)
        file = saved(photo, Path(self._marked.GRADIO_CACHE))
        return photo, self._gr.update(value=str(file), visible=True), cards(photo)

    def _flag(self, photo: Photo | None, face: int | None, emotion: str | None, agreed: bool) -> str:
        if photo is None or face is None or emotion is None:
            return note("Nothing was saved: choose what the face shows first.", wrong=True)
        try:
            done = self._flags.save(photo, face, emotion, agreed=agreed)
        except MienError as error:
            return note(words.trouble(error), wrong=True)
        command = f"mien lab finetune default --data {shlex.quote(self._flags.folder.name)} --out runs/corrected"
        again = f"Already saved as {emotion}."
        return note(f"Saved as {emotion}. To train with the corrections: {command}" if done.new else again)


class ManyPhotos:
    """Lays the tab for many photos out and connects it; it shares ``label_set`` and ``limit`` with the other tab."""

    def __init__(self, gr: ModuleType, readers: Readers, label_set: Any, limit: Any) -> None:
        self._gr, self._readers = gr, readers
        files = files_input(gr, label="Photos", elem_id="files", height=180)
        button = gr.Button("Read all", variant="primary", elem_id="read-all")
        self._note = gr.HTML(elem_id="note")
        self._gallery = gr.Gallery(
            label="Marked photos",
            show_label=False,
            columns=3,
            height="auto",
            object_fit="contain",
            elem_id="gallery",
            **_SHOWN_LATER,
        )
        self._download = gr.DownloadButton("Download the table (CSV)", visible=False, elem_id="csv")
        self._table = gr.HTML(elem_id="table")
        bar = gr.Progress()

        def read_many(paths: Any, label_set: str, limit: float, progress: Any = bar) -> Any:
            return self._read(paths, label_set, limit, progress)  # Gradio finds the bar by the default of an argument

        shown = [self._note, self._gallery, self._download, self._table]
        quiet: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "reader"}
        button.click(read_many, [files, label_set, limit], shown, show_progress_on=self._note, **quiet)

    def _read(self, paths: list[str] | None, label_set: str, limit: float, bar: Any) -> tuple[Any, ...]:
        update = self._gr.update
        hidden = (update(value=None, visible=False), update(value=None, visible=False), "")
        if not paths:
            return note("Choose some photos first.", wrong=True), *hidden
        if len(paths) > MAX_PHOTOS:
            text = f"{len(paths)} photos are too many for a page, which takes {MAX_PHOTOS}: use 'mien read DIR --out'."
            return note(text, wrong=True), *hidden

        def progress(done: int, total: int | None, note: str = "") -> None:
            bar((done, total), desc=note or "reading", unit="photos")

        folder = Path(self._gallery.GRADIO_CACHE)
        try:
            batch = read_batch(self._readers, paths, label_set, limit / 100, folder, progress)
        except MienError as error:
            return note(words.trouble(error), wrong=True), *hidden
        if not batch.photos:
            return problems(batch.failures), *hidden
        images = [(str(path), photo.frame.name) for path, photo in zip(batch.images, batch.photos)]
        gallery, download = update(value=images, visible=bool(images)), update(value=str(batch.table), visible=True)
        return problems(batch.failures) + note(batch.summary()), gallery, download, table(batch.photos)


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
        face = gr.Number(1, precision=0, label="Number of the face in its photo, from 1, as in the rows of /read")
        emotion = gr.Dropdown(list(EMOTIONS), label="What the face shows")
        agreed = gr.Checkbox(False, label="The face may be kept on the computer that runs mien")
        image, rows, kept = gr.Image(label="Marked photo"), gr.JSON(label="Rows"), gr.JSON(label="What was kept")
        read_button, flag_button = gr.Button(), gr.Button()

    def read(photo: str | None, emotions: str, min_confidence: float | None) -> tuple[str | None, Any]:
        try:
            seen = readers.read(_needed(photo, "photo"), emotions, _needed(min_confidence, "min_confidence"))
        except MienError as error:
            raise gr.Error(words.trouble(error, Path(photo or "").name), print_exception=False) from error
        path = saved(seen, Path(image.GRADIO_CACHE)) if seen.shown else None
        return str(path) if path else None, seen.rows()

    def flag(photo: str | None, face: int | None, emotion: str | None, agreed: bool) -> dict[str, Any]:
        try:
            seen = readers.read(_needed(photo, "photo"), readers.first)
            done = flags.save(seen, int(_needed(face, "face")), emotion or "", agreed=agreed)
        except MienError as error:
            raise gr.Error(words.trouble(error, Path(photo or "").name), print_exception=False) from error
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


def image_input(gr: ModuleType, **options: Any) -> Any:
    """An image from the user as the path of its file, where Gradio itself fetches addresses and shows tracebacks."""

    def as_it_came(_self: Any, payload: Any) -> str | None:
        if payload is not None and payload.path is None:
            raise gr.Error("Send the image as a file.", print_exception=False)
        return None if payload is None else str(payload.path)

    in_docs = {"path": "photo.jpg", "url": "photo.jpg", "meta": {"_type": "gradio.FileData"}}
    shown = {"example_payload": lambda _: in_docs, "example_value": lambda _: "photo.jpg"}
    return _kind(gr, gr.Image, preprocess=as_it_came, **shown)(type="filepath", image_mode=None, **options)


def files_input(gr: ModuleType, **options: Any) -> Any:
    """Several files from the user, as paths; addresses are refused as in ``image_input``."""
    return _kind(gr, gr.File)(file_count="multiple", type="filepath", **options)


def _kind(gr: ModuleType, base: Any, **methods: Any) -> Any:
    """One of Gradio's components, but refusing addresses, and with ``methods`` of its own."""

    async def only_files(self: Any, resource: Any) -> Any:
        if str(resource).lower().startswith(("http:", "https:")):
            raise gr.Error("mien fetches nothing from the network: send the image itself.", print_exception=False)
        return await base.async_move_resource_to_block_cache(self, resource)

    own = {"is_template": True, "async_move_resource_to_block_cache": only_files}  # a template is shown as its base is
    # No class statement: for each of those, Gradio writes a .pyi file beside the source, here into the package.
    return ABCMeta.__new__(type(base), base.__name__, (base,), {**own, **methods})


def cards(photo: Photo) -> str:
    """One card a face; a note where there is none. Safe to show: all text is escaped."""
    if not photo.readings:
        return note(words.NO_FACE)
    made, widest = [], max(reading.face.box.width for reading in photo.readings)
    for number, reading in enumerate(photo.readings[:MAX_CARDS], start=1):
        is_small = number > _OPEN or reading.face.box.width < _BACKGROUND * widest
        title = f"Face {number}: {named(reading)}" if len(photo.readings) > 1 else named(reading)
        image = ""
        if photo.shown:  # as the network sees the face, but in color
            image = data_uri(encoded(align_face(photo.frame, reading.face, _THUMBNAIL, "rgb"), "JPEG"))
        made.append(words.card(title, reading, image=image, is_small=is_small))
    if (more := len(photo.readings) - MAX_CARDS) > 0:
        made.append(note(f"{more} more are marked in the image; 'mien read' lists them all."))
    return f'<div class="mien-cards">{"".join(made)}</div>'


def note(text: str, *, wrong: bool = False) -> str:
    """A box with a sentence in it; ``wrong`` for what did not work, which screen readers then say at once."""
    kind, role = ("mien-wrong", "alert") if wrong else ("mien-note", "status")
    return f'<div class="mien-box {kind}" role="{role}">{escape(text)}</div>'


def problems(names_and_reasons: Sequence[tuple[str, str]]) -> str:
    """The images of a batch that could not be read, and why."""
    if not names_and_reasons:
        return ""
    items = "".join(f"<li>{escape(reason)}</li>" for _, reason in names_and_reasons)
    title = f"{count(len(names_and_reasons), 'image')} could not be read"
    return f'<div class="mien-box mien-wrong" role="alert"><b>{title}</b><ul>{items}</ul></div>'


def table(photos: Iterable[Photo]) -> str:
    """One line a face, for a batch: image, face, emotion, how sure, and what to think of it."""
    lines = []
    for photo in photos:
        name = re.sub(r"(?=\.)|(?<=[_-])", "<wbr>", escape(photo.frame.name))  # lines break there rather than in a word
        if not photo.readings:
            lines.append(f'<tr><th scope="row">{name}</th><td>-</td><td colspan="2">no face</td></tr>')
        for number, reading in enumerate(photo.readings, start=1):
            remark = " <small>unsure</small>" if reading.abstained else " <small>mixed</small>" if reading.mixed else ""
            dot = f'<i class="mien-dot" style="background:{words.css(reading.emotion)}"></i>'
            first = name if number == 1 else f'<span class="mien-again">{name}</span>'
            cells = f"<td>{number}</td><td>{dot}{escape(named(reading))}{remark}</td>"
            rest = f'<td class="mien-number">{escape(percent(reading.confidence))}</td>'
            lines.append(f'<tr><th scope="row">{first}</th>{cells}{rest}</tr>')
    head = "".join(f'<th scope="col">{title}</th>' for title in ("image", "face", "emotion", "sure"))
    return f'<div class="mien-scroll"><table class="mien-table"><tr>{head}</tr>{"".join(lines)}</table></div>'
