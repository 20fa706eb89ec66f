"""The run behind ``mien audit fairness``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypedDict

import typer
from rich.console import Console

from ..audit.fairness.auditing import audit
from ..audit.fairness.columns import Columns, predictions_of
from ..audit.fairness.reading import open_labelled, predict, table_of
from ..audit.fairness.table import open_table
from ..audit.fairness.terminal import shown
from ..audit.fairness.values import Predictions
from ..audit.fairness.writing import NAMES, write_report
from ..audit.fairness.writing import as_json as json_of
from ..errors import OptionError, OutputError
from ..models.catalogue import load_model
from ..sinks.atomic import replacing
from ..sinks.csv_table import write_csv
from ..sinks.rows import Row
from ..values.options import ReadOptions

_PREDICTIONS = "predictions.csv"


class Settings(TypedDict):
    """What ``audit`` takes by name."""

    cross: bool
    least: int
    draws: int
    seed: int


def check(predictions: Path | None, data: Path | None, out: Path | None, *, overwrite: bool) -> None:
    """Find what would go wrong before any work is done.

    Raises:
        OptionError: there is nothing to audit, or two things.
        OutputError: the results of an earlier audit would be replaced.
    """
    if (predictions is None) == (data is None):
        raise OptionError(
            f"got {'nothing to audit' if data is None else 'a table of predictions and --data'}, expected one of the two",
            hint="Name a table of predictions, or give photos with --data TABLE.",
        )
    names = NAMES if data is None else (*NAMES, _PREDICTIONS)
    taken = [name for name in names if out and (out / name).exists()]
    if taken and not overwrite:
        raise OutputError(
            f"{out} holds an audit already: {', '.join(taken)}",
            hint="Use --overwrite to replace it, or write elsewhere.",
        )


def run(
    source: Path,
    columns: Columns,
    options: ReadOptions | None,
    *,
    pictures: str,
    settings: Settings,
    out: Path | None,
    as_json: bool,
) -> None:
    """Audit a table of predictions; or, where there are ``options``, read photos and audit what was read."""
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    if options is None:
        given = predictions_of(open_table(source), columns)
    else:
        given, rows = _read(source, columns, options, pictures, notes)
        if out:  # before anything else can fail: reading is what takes long
            with replacing(out / _PREDICTIONS) as file:
                write_csv(file, tuple(rows[0]), rows)
    found = audit(given, **settings)
    read_by = _model_of(options) if options else None
    written = write_report(found, out, source.name, read_by) if out else []
    if as_json:
        typer.echo(json_of(found, source.name, read_by), nl=False)
    else:
        console = Console(highlight=False)
        for part in shown(found, console.width):
            console.print(part)
    for path in written:
        notes.print(f"written: {path}", markup=False)


def _model_of(options: ReadOptions) -> dict[str, str]:
    """What a model's card is checked against before it shows this audit."""
    card = load_model(options.model)[0]
    return {"name": card.name, "sha256": card.sha256, "head": options.head or ""}


def _read(
    path: Path, columns: Columns, options: ReadOptions, pictures: str, notes: Console
) -> tuple[Predictions, list[Row]]:
    from rich.progress import Progress

    labelled = open_labelled(path, groups=columns.groups, truth=columns.truth, pictures=pictures, person=columns.person)
    with Progress(console=notes, transient=True, disable=not notes.is_terminal) as progress:
        task = progress.add_task("reading", total=None)
        rows, remarks = predict(
            labelled, options, lambda done, total: progress.update(task, completed=done, total=total)
        )
    given = predictions_of(
        table_of(rows, str(path)), Columns(labelled.groups, truth="truth", predicted="predicted", person=columns.person)
    )
    return replace(given, notes=remarks + given.notes), rows
