"""The tab of the photo app for many photos: a gallery, a table, and a file to take away."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import MienError
from .photo_batch import read_batch, summary
from .photo_cards import note, problems, table
from .photo_parts import files_input
from .photo_reading import Readers
from .words import trouble

#: More photos at once are a job for the command line, which can be interrupted and resumed.
MOST_PHOTOS = 200


class ManyPhotos:
    """Lays the tab out and connects it.

    Args:
        gr: the module ``gradio``.
        readers: what reads.
        label_set: the component for the label set, shared with the other tab.
        limit: the component for the limit of unsure, in percent.
    """

    def __init__(self, gr: ModuleType, readers: Readers, label_set: Any, limit: Any) -> None:
        self._gr, self._readers = gr, readers
        files = files_input(gr, label="Photos", elem_id="files", height=180)
        button = gr.Button("Read all", variant="primary", elem_id="read-all")
        self._told = gr.HTML(elem_id="told")
        self._gallery = gr.Gallery(
            label="Marked photos",
            visible=False,
            interactive=False,
            columns=3,
            height="auto",
            object_fit="contain",
            elem_id="gallery",
            buttons=["download", "fullscreen"],
        )
        self._download = gr.DownloadButton("Download the table (CSV)", visible=False, elem_id="csv")
        self._table = gr.HTML(elem_id="table")
        shown = [self._told, self._gallery, self._download, self._table]
        button.click(
            self._with_progress(),
            [files, label_set, limit],
            shown,
            api_visibility="private",
            concurrency_id="reader",
            show_progress_on=self._told,
        )

    def _with_progress(self) -> Any:
        """``_read`` as Gradio wants it: it finds the bar by the default of an argument."""
        bar = self._gr.Progress()

        def read_many(paths: Any, label_set: str, limit: float, progress: Any = bar) -> Any:
            return self._read(paths, label_set, limit, progress)

        return read_many

    def _read(self, paths: list[str] | None, label_set: str, limit: float, progress: Any) -> tuple[Any, ...]:
        update = self._gr.update
        hidden = update(value=None, visible=False)
        if not paths:
            return note("Choose some photos first.", wrong=True), hidden, hidden, ""
        if len(paths) > MOST_PHOTOS:
            told = (
                f"{len(paths)} photos are too many for a page, which takes {MOST_PHOTOS}: use 'mien read FOLDER --out'."
            )
            return note(told, wrong=True), hidden, hidden, ""

        def tell(done: int, total: int) -> None:
            progress((done, total), desc="reading", unit="photos")

        try:
            batch = read_batch(self._readers, paths, label_set, limit / 100, Path(self._gallery.GRADIO_CACHE), tell)
        except MienError as error:
            return note(trouble(error), wrong=True), hidden, hidden, ""
        told = problems(batch.failures) + (note(summary(batch)) if batch.photos else "")
        if not batch.photos:
            return told, hidden, hidden, ""
        images = [(str(path), photo.frame.name) for path, photo in zip(batch.images, batch.photos)]
        gallery = update(value=images, visible=bool(images))
        return told, gallery, update(value=str(batch.table), visible=True), table(batch.photos)
