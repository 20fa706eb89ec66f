"""The run behind ``mien audit fairness``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import typer
from rich.console import Console

from ..audit.fairness.auditing import audit
from ..audit.fairness.columns import Columns, predictions_of
from ..audit.fairness.dataset import is_dataset, labeled_faces
from ..audit.fairness.photographed import Conditioned, Edges
from ..audit.fairness.reading import Labeled, predict, table_of
from ..audit.fairness.table import open_table
from ..audit.fairness.terminal import shown
from ..audit.fairness.values import Predictions
from ..audit.fairness.writing import NAMES, write_report
from ..audit.fairness.writing import as_json as json_of
from ..audit.layouts.opening import open_data
from ..audit.measuring import LARGEST, LEAST_IN_CROP
from ..audit.parity import terminal as parity_terminal
from ..audit.parity import writing as parity_writing
from ..audit.parity.comparing import parity
from ..audit.thresholds.keeping import read_rule, relied_on
from ..detection.registry import create_detector
from ..errors import OptionError
from ..io.atomic import replacing
from ..io.rows import Row
from ..io.tables import write_csv
from ..model.registry import load_model
from ..options import ReadOptions
from .data import progress_bar, read_data
from .taken import check_free

_PREDICTIONS = "predictions.csv"


@dataclass(frozen=True)
class Images:
    """What is read, where there is no table of predictions yet.

    Attributes:
        column: of photos or of their paths; empty looks for the usual names.
        part: of a data set of faces.
        conditions: whether, and how, image conditions become groups.
    """

    column: str = ""
    part: str = "validation"
    conditions: Edges | None = None


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
    names = (*NAMES, *(name for name in parity_writing.NAMES if name not in NAMES), *([_PREDICTIONS] if data else []))
    check_free(out, names, "an audit", overwrite=overwrite)


def check_columns(
    groups: Sequence[str] | None, truth: str, data: Path | None, conditions: Edges | None, *, no_truth: bool
) -> None:
    """See that the columns named can be meant.

    Raises:
        OptionError: a table of predictions shall have its images measured, or none of its columns is named as groups; or
            right answers are named and not to be looked at.
    """
    if data is None and conditions:
        raise OptionError(
            "--conditions: got a table of predictions, expected photos to measure",
            hint="Give photos with --data, or measure them with 'mien audit conditions' and join the tables.",
        )
    if data is None and not groups:
        raise OptionError(
            "got no column of groups, expected at least one", hint="Name one with --groups, such as gender."
        )
    if truth and no_truth:
        raise OptionError("--truth and --no-truth contradict each other", hint="Give one of them.")


def run(
    source: Path,
    columns: Columns,
    options: ReadOptions | None,
    *,
    images: Images,
    settings: Settings,
    thresholds: Path | None = None,
    own_thresholds: bool = False,
    out: Path | None,
    as_json: bool,
) -> None:
    """Audit a table of predictions; or, where there are ``options``, read photos and audit what was read."""
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    if options is None:
        given = predictions_of(open_table(source), columns)
    else:
        given, rows = _read(source, columns, options, images, notes)
        if out:  # before anything else can fail: reading is what takes long
            with replacing(out / _PREDICTIONS) as file:
                write_csv(file, tuple(rows[0]), rows)
    if thresholds:
        given = relied_on(given, read_rule(thresholds), own=own_thresholds)
    console = Console(highlight=False)
    if given.has_truth:
        read_by = _model_of(options) if options else None
        found = audit(given, **settings)
        written = write_report(found, out, source.name, read_by) if out else []
        text, parts = json_of(found, source.name, read_by), shown(found, console.width)
    else:
        rates = parity(given, **settings)
        written = parity_writing.write_report(rates, out, source.name) if out else []
        text, parts = parity_writing.as_json(rates), parity_terminal.shown(rates, console.width)
    if as_json:
        typer.echo(text, nl=False)
    else:
        for part in parts:
            console.print(part)
    for path in written:
        notes.print(f"written: {path}", markup=False)


def _model_of(options: ReadOptions) -> dict[str, str]:
    """What a model's card is checked against before it shows this audit."""
    card = load_model(options.model)[0]
    return {"name": card.name, "sha256": card.sha256, "head": options.head or ""}


def _read(
    path: Path, columns: Columns, options: ReadOptions, images: Images, notes: Console
) -> tuple[Predictions, list[Row]]:
    labeled, options = _opened(path, columns, options, images)
    seen = Conditioned(create_detector(ReadOptions(min_face=LEAST_IN_CROP)) if labeled.faces else None)
    with progress_bar(notes) as progress:
        task = progress.add_task("reading", total=None)
        rows, remarks = predict(
            labeled,
            options,
            lambda done, total: progress.update(task, completed=done, total=total),
            *([seen.seen] if images.conditions else []),
        )
    groups = labeled.groups
    if images.conditions:
        rows, telling = seen.added(rows, images.conditions)
        groups += telling
    given = predictions_of(
        table_of(rows, str(path)),
        Columns(groups, "truth", "predicted", person=columns.person, no_truth=not labeled.truth),
    )
    return replace(given, notes=remarks + given.notes), rows


def _opened(path: Path, columns: Columns, options: ReadOptions, images: Images) -> tuple[Labeled, ReadOptions]:
    """What is to be read, and how: images of a data set of faces are each one face."""
    if not is_dataset(path):
        return (
            open_data(
                path,
                groups=columns.groups or ([] if images.conditions else None),
                truth=columns.truth,
                images=images.column,
                person=columns.person,
                no_truth=columns.no_truth,
            ),
            options,
        )
    if columns.groups:
        raise OptionError(
            f"--groups: {path.name} says nothing of who is in its images, got {', '.join(columns.groups)}",
            hint="Leave --groups out and use --conditions.",
        )
    card, _ = load_model(str(options.model))
    faces = read_data(path, LARGEST, "rgb").part(images.part)
    return labeled_faces(faces, path, options.head or next(iter(card.heads))), replace(options, detector="none")
