"""What the photo page consists of: Gradio inputs that take files only, a theme, and cards in HTML."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any

from ..drawing import named, percent
from ..report import count
from .cards import card, css
from .photo_reading import Photo, thumbnail
from .words import NO_FACE

STYLE = Path(__file__).with_name("photo_style.css")
#: Larger uploads are refused while they arrive.
MAX_UPLOAD = "50mb"


def image_input(gr: ModuleType, **options: Any) -> Any:
    """An image from the user, handed on as the path of the file as it came.

    Gradio would open it by itself, and show a traceback for a damaged one; mien's own reading says what is wrong. Gradio
    would also fetch addresses that a program sends in place of a file: mien fetches nothing.
    """

    def as_it_came(_self: Any, payload: Any) -> str | None:
        if payload is not None and payload.path is None:
            raise gr.Error("Send the image as a file.", print_exception=False)
        return None if payload is None else str(payload.path)

    def shown_in_the_docs(_self: Any) -> dict[str, Any]:
        return {"path": "photo.jpg", "url": "photo.jpg", "meta": {"_type": "gradio.FileData"}}

    kind = _kind(
        gr, gr.Image, preprocess=as_it_came, example_payload=shown_in_the_docs, example_value=lambda _: "photo.jpg"
    )
    return kind(type="filepath", image_mode=None, **options)


def files_input(gr: ModuleType, **options: Any) -> Any:
    """Several files from the user, as paths; addresses are refused as in ``image_input``."""
    return _kind(gr, gr.File)(file_count="multiple", type="filepath", **options)


def theme(gr: ModuleType) -> Any:
    """Calm colors, and the fonts of the user's own system."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        font=("system-ui", "sans-serif"),
        font_mono=("ui-monospace", "monospace"),
    )


def _kind(gr: ModuleType, base: Any, **methods: Any) -> Any:
    """A kind of one of Gradio's components that refuses addresses, and does some more in its own way."""

    async def only_files(self: Any, resource: Any) -> Any:
        if str(resource).lower().startswith(("http:", "https:")):
            raise gr.Error("mien fetches nothing from the network: send the image itself.", print_exception=False)
        return await base.async_move_resource_to_block_cache(self, resource)

    own = {"is_template": True, "async_move_resource_to_block_cache": only_files}  # a template is shown as its base is
    # No class statement: for each of those, Gradio writes a .pyi file beside the source, here into the package.
    return ABCMeta.__new__(type(base), base.__name__, (base,), {**own, **methods})


#: So many faces show their bars at once; those of the others open by a click.
_OPEN = 4
#: More faces than this are only counted: the marked photo and the table have them all.
MAX_CARDS = 60


def cards(photo: Photo) -> str:
    """One card a face; a note where there is none. Safe to show: all text is escaped."""
    if not photo.readings:
        return note(NO_FACE)
    made = []
    for number, reading in enumerate(photo.readings[:MAX_CARDS], start=1):
        title = f"Face {number}: {named(reading)}" if len(photo.readings) > 1 else named(reading)
        image = thumbnail(photo.frame, reading) if photo.shown else ""
        made.append(card(title, reading, image=image, is_open=number <= _OPEN))
    if len(photo.readings) > MAX_CARDS:
        made.append(
            note(f"{len(photo.readings) - MAX_CARDS} more are marked in the image; 'mien read' lists them all.")
        )
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
        name = escape(photo.frame.name)
        if not photo.readings:
            lines.append(f'<tr><th scope="row">{name}</th><td>-</td><td colspan="3">no face</td></tr>')
        for number, reading in enumerate(photo.readings, start=1):
            remark = "unsure" if reading.abstained else "mixed" if reading.mixed else ""
            dot = f'<i class="mien-dot" style="background:{css(reading.emotion)}"></i>'
            first = name if number == 1 else f'<span class="mien-again">{name}</span>'
            cells = f"<td>{number}</td><td>{dot}{escape(named(reading))}</td>"
            rest = f'<td class="mien-number">{escape(percent(reading.confidence))}</td><td>{remark}</td>'
            lines.append(f'<tr><th scope="row">{first}</th>{cells}{rest}</tr>')
    head = "".join(f'<th scope="col">{title}</th>' for title in ("image", "face", "emotion", "sure", ""))
    return f'<div class="mien-scroll"><table class="mien-table"><tr>{head}</tr>{"".join(lines)}</table></div>'
