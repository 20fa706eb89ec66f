"""``mien lab model-card`` and ``mien lab dataset-card``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_AUTHOR, _COST, _OUTPUT = "Author", "Cost of training", "Output"

Notes = Annotated[
    Path | None, typer.Option(metavar="FILE.md", help="Paragraphs for a section of their own.", rich_help_panel=_AUTHOR)
]
Contact = Annotated[str, typer.Option(metavar="TEXT", help="Whom to ask.", rich_help_panel=_AUTHOR)]
Out = Annotated[Path, typer.Option(metavar="DIR|FILE.md", help="The card; README.md in a folder, as the Hub expects.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing card.", rich_help_panel=_OUTPUT)]


def model_card(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Name of a shipped model, or an .onnx file with its .json beside it.")
    ],
    *,
    out: Out,
    results: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE.json",
            help="Result of this model: evaluation.json, calibration.json, robustness.json, audit.json, the output of "
            "'mien lab inspect --json' for its data, or a file of --keep; repeatable.",
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help="Write the results that the card shows to one file, for --results.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    author: Annotated[str, typer.Option(metavar="TEXT", help="Who developed the model.", rich_help_panel=_AUTHOR)] = "",
    contact: Contact = "",
    notes: Notes = None,
    core_hours: Annotated[
        float | None,
        typer.Option(metavar="N", help="Processor-core hours of all training, if known.", rich_help_panel=_COST),
    ] = None,
    watts: Annotated[
        float, typer.Option(metavar="N", help="Assumed power of a busy core.", rich_help_panel=_COST)
    ] = 10.0,
    grid: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="Grams of CO2 equivalent per kWh. Default: no carbon estimate.", rich_help_panel=_COST
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a model card in the Hugging Face layout, from measured results.

    Missing results are listed as not measured. A result of another model is refused.

    [bold]mien lab model-card models/mine.onnx --results report/evaluation.json --out models[/bold]
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
        Path,
        typer.Argument(metavar="DATA", help="A data set, or the output of 'mien lab inspect --json'."),
    ],
    *,
    out: Out,
    license: Annotated[str, typer.Option(metavar="TEXT", help="License of the images.", rich_help_panel=_AUTHOR)] = "",
    source: Annotated[
        str, typer.Option(metavar="TEXT", help="Source of the images, and consent.", rich_help_panel=_AUTHOR)
    ] = "",
    contact: Contact = "",
    notes: Notes = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a dataset card in the Hugging Face layout: classes, leaks, quality, label errors, annotator agreement.

    Contains figures only, no image and no file name.

    [bold]mien lab dataset-card fer2013.csv --out fer2013-card.md[/bold]
    """
    from ..io.atomic import write_atomically
    from ..lab.cards.dataset_card import DatasetInfo
    from ..lab.cards.dataset_card import dataset_card as write_card

    path = _card_path(out, overwrite)
    info = DatasetInfo(license, source, contact, _text(notes))
    write_atomically(path, write_card(data, info).encode())
    typer.echo(f"written: {path}", err=True)


def _card_path(out: Path, overwrite: bool) -> Path:
    """Where the card goes.

    Raises:
        OutputError: it exists already.
    """
    from ..errors import OutputError

    path = out if out.suffix.lower() == ".md" else out / "README.md"
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists", hint="Use --overwrite to replace it.")
    return path


def _text(path: Path | None) -> str:
    from ..errors import OptionError

    try:
        return path.read_text("utf-8") if path else ""
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"--notes: {path} cannot be read: {error}", hint="Give a text file in UTF-8.") from error
