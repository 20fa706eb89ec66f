"""What the photo app makes of Gradio: files that only come from the user, a theme without fonts from afar."""

from __future__ import annotations

from abc import ABCMeta
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import MienError
from .words import trouble

STYLE = Path(__file__).with_name("photo_style.css")
#: Larger uploads are refused while they arrive.
MOST_UPLOAD = "50mb"


def plain_error(gr: ModuleType, error: MienError, path: str = "") -> Any:
    """A ``gradio.Error`` with words and no traceback, for programs."""
    return gr.Error(trouble(error, path), print_exception=False)


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
