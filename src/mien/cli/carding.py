"""``mien lab card`` and ``mien lab card-data``: cards written from what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..model.card import ModelCard

_SAYING, _COST, _OUTPUT = "What only you can say", "Cost of training", "Output"
_PACKAGES = ("jinja2", "yaml")
_DOCS = Path("docs")

Notes = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.md", help="Paragraphs of your own, under a heading of their own.", rich_help_panel=_SAYING
    ),
]
Contact = Annotated[str, typer.Option(metavar="TEXT", help="Whom to ask.", rich_help_panel=_SAYING)]
Out = Annotated[
    Path,
    typer.Option(metavar="DIR|FILE.md", help="The card; in a folder it is called README.md, as the Hub wants it."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a card.", rich_help_panel=_OUTPUT)]


def card(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A model that comes with mien, or an .onnx file, its .json beside it."),
    ],
    *,
    out: Out,
    results: Annotated[
        list[Path] | None,
        typer.Option(
            "--with",
            metavar="FILE.json",
            help="Results of this model: evaluation.json, uncertainty.json, robustness.json, audit.json, "
            "what 'mien lab inspect --json' printed of its data, or what --keep wrote; repeatable.",
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help="Write the results that the card shows, cut to that, for --with to take in again.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    by: Annotated[str, typer.Option(metavar="TEXT", help="Who developed it.", rich_help_panel=_SAYING)] = "",
    contact: Contact = "",
    notes: Notes = None,
    core_hours: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Processor-core hours of all training that led to it; printed as your word.",
            rich_help_panel=_COST,
        ),
    ] = None,
    watts: Annotated[
        float,
        typer.Option(metavar="N", help="Assumed of a busy core; printed as an assumption.", rich_help_panel=_COST),
    ] = 10.0,
    grid: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="Grams of CO2 equivalent a kWh; without it no carbon is estimated.", rich_help_panel=_COST
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a model's card in the Hugging Face layout, from what was measured of it.

    What no result says is called not measured. A result of another model is refused.

    [bold]Examples[/bold]

      mien lab card default --out card.md
      mien lab card models/mine.onnx --with report/evaluation.json --with audit/audit.json --out models
    """
    from ..extras import check_installed

    check_installed(_PACKAGES, "lab")
    from rich.console import Console

    from ..audit.attributes import NAMES
    from ..io.atomic import write_atomically
    from ..lab.cards.cost import Assumed
    from ..lab.cards.model_card import Words, model_card
    from ..lab.cards.results import kept, measured
    from ..model.card import load_model, shipped_models

    place = _place(out, overwrite)
    assumed = Assumed(core_hours, watts, grid)
    described: ModelCard = load_model(model)[0]
    found = measured(described, results or [])
    words = Words(by, contact, _text(notes), _docs(place), shipped=model in shipped_models())
    text = model_card(described, found, words, assumed, NAMES)
    write_atomically(place, text.encode())
    if keep:
        write_atomically(keep, kept(described, found).encode())
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for note in found.notes:
        console.print(f"note: {note}", markup=False)
    for path in (place, keep):
        if path:
            console.print(f"written: {path}", markup=False)


def card_data(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", help="Data as every command of the lab takes it; or what 'mien lab inspect --json' printed."
        ),
    ],
    *,
    out: Out,
    license: Annotated[str, typer.Option(metavar="TEXT", help="Of the images.", rich_help_panel=_SAYING)] = "",
    source: Annotated[
        str,
        typer.Option(
            metavar="TEXT", help="Where they come from, and whether those imaged agreed.", rich_help_panel=_SAYING
        ),
    ] = "",
    contact: Contact = "",
    notes: Notes = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a data set's card in the Hugging Face layout: classes, copies and leaks, light, label errors, disagreement.

    The data is looked through as [bold]mien lab inspect[/bold] does; nothing of it is copied into the card but figures.

    [bold]mien lab card-data fer2013.csv --out fer2013-card.md[/bold]
    """
    from ..extras import check_installed

    check_installed((*_PACKAGES, "sklearn", "scipy", "imagehash"), "lab")
    from ..io.atomic import write_atomically
    from ..lab.cards.data_card import Told, data_card
    from ..lab.cards.results import inspection_of

    place = _place(out, overwrite)
    told = Told(license, source, contact, _text(notes), _docs(place))
    if data.suffix.lower() == ".json" and data.is_file():
        found = inspection_of(data)
    else:
        from ..lab.inspection.inspection import inspect

        found = inspect(data).to_dict()
    write_atomically(place, data_card(found, told).encode())
    typer.echo(f"written: {place}", err=True)


def _place(out: Path, overwrite: bool) -> Path:
    """Where the card goes.

    Raises:
        OutputError: there is one already.
    """
    from ..errors import OutputError

    place = out if out.suffix.lower() == ".md" else out / "README.md"
    if place.exists() and not overwrite:
        raise OutputError(f"{place} exists", hint="Use --overwrite to replace it, or write elsewhere.")
    return place


def _docs(place: Path) -> str:
    """How a card at ``place`` links to mien's docs: it can where it lies beside them, or among them."""
    page = "responsible-use.md"
    if (place.parent / _DOCS / page).is_file():
        return f"{_DOCS}/"
    return "./" if (place.parent / page).is_file() else ""


def _text(path: Path | None) -> str:
    """What a file of notes says.

    Raises:
        OptionError: it cannot be read.
    """
    from ..errors import OptionError

    if path is None:
        return ""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"--notes: {path} cannot be read: {error}", hint="Give a text file in UTF-8.") from error
