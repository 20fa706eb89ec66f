"""``mien lab model-card`` and ``mien lab dataset-card``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import OUTPUT, existing_data, option

_AUTHOR, _COST = "Author", "Cost of training"

Notes = Annotated[Path | None, option(_AUTHOR, "Further text for the card.", metavar="FILE.md")]
Contact = Annotated[str, option(_AUTHOR, "Contact address.", metavar="TEXT")]
Out = Annotated[Path, typer.Option(metavar="DIR|FILE.md", help="File, or folder for README.md.")]
Overwrite = Annotated[bool, option(OUTPUT, "Replace an existing card.", "--overwrite")]


def model_card(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name, or .onnx file with its card beside it.")],
    *,
    out: Out,
    results: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE.json",
            help="Result of this model from evaluate, calibration, robustness, audit or --keep; repeatable.",
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        option(OUTPUT, "Write the results of the card to one file, for --results.", metavar="FILE.json"),
    ] = None,
    author: Annotated[str, option(_AUTHOR, "Developer of the model.", metavar="TEXT")] = "",
    contact: Contact = "",
    notes: Notes = None,
    core_hours: Annotated[float | None, option(_COST, "Processor-core hours of all training.", metavar="N")] = None,
    watts: Annotated[float, option(_COST, "Assumed power of a busy core.", metavar="N")] = 10.0,
    grid: Annotated[
        float | None, option(_COST, "Grams of CO2 equivalent per kWh, for an estimate.", metavar="N")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a model card in the Hugging Face layout.

    It shows measured results; missing ones are listed as not measured, and a result of another model is refused.

    Examples:
      mien lab model-card mine.onnx --results report/evaluation.json --out models
    """
    from ..audit.attributes import NAMES
    from ..io.atomic import write_atomically
    from ..lab.cards.model_card import ModelInfo
    from ..lab.cards.model_card import model_card as write_card
    from ..lab.cards.results import read_results
    from ..model.card import load_model

    path = _card_path(out, overwrite)
    info = ModelInfo(author, contact, _text(notes), core_hours, watts, grid, NAMES)
    card = load_model(model)[0]
    found = read_results(card, results or [])
    write_atomically(path, write_card(card, found, info).encode())
    if keep:
        write_atomically(keep, found.to_json(card).encode())
    for unverified in found.unverified:
        typer.echo(f"note: {unverified} does not name its model by a hash; shown as results of {card.name}", err=True)
    for written in filter(None, (path, keep)):
        typer.echo(f"written: {written}", err=True)


def dataset_card(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Dataset, or JSON from 'mien lab inspect'.", callback=existing_data)
    ],
    *,
    out: Out,
    license: Annotated[str, option(_AUTHOR, "License of the images.", metavar="TEXT")] = "",
    source: Annotated[str, option(_AUTHOR, "Source of the images, and consent.", metavar="TEXT")] = "",
    contact: Contact = "",
    notes: Notes = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a dataset card in the Hugging Face layout.

    It shows classes, leaks, quality, label errors and annotator agreement: figures only, no image and no file name.

    Examples:
      mien lab dataset-card fer2013.csv --out fer2013-card.md
    """
    from ..io.atomic import write_atomically
    from ..lab.cards.dataset_card import DatasetInfo
    from ..lab.cards.dataset_card import dataset_card as write_card

    path = _card_path(out, overwrite)
    info = DatasetInfo(license, source, contact, _text(notes))
    write_atomically(path, write_card(data, info).encode())
    typer.echo(f"written: {path}", err=True)


def _card_path(out: Path, overwrite: bool) -> Path:
    from ..io.atomic import check_free

    path = out if out.suffix.lower() == ".md" else out / "README.md"
    check_free(path.parent, [path.name], "a card", overwrite=overwrite)
    return path


def _text(path: Path | None) -> str:
    from ..errors import OptionError

    try:
        return path.read_text("utf-8") if path else ""
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"--notes: {path} cannot be read: {error}", hint="Give a text file in UTF-8.") from error
