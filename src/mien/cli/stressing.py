"""``mien lab stress``: its options, and what is shown of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .data import Data, progress_bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ..data.dataset import Dataset
    from ..io.journal import Journal
    from ..lab.comparison.compare import Task
    from ..lab.comparison.models import Model
    from ..lab.stress.conditions import Condition
    from ..lab.stress.images import Drawn
    from ..lab.stress.reading import Judge


def stress(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="Models that come with mien, such as [bold]default[/bold], or exported weights (.onnx, the card beside "
            "them); the others are compared with the first.",
        ),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where tables, figures and all answers go.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Images, as many of each emotion as there are.")] = 1000,
    split: Annotated[
        Literal["validation", "test", "train", "all"],
        typer.Option(help="The part of the data; data in no parts is taken whole."),
    ] = "validation",
    head: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="The head to ask where a model has several; else the reader's.", show_default=False
        ),
    ] = "",
    crops: Annotated[
        bool | None,
        typer.Option(
            "--crops/--photos",
            help="The images are faces cut out already, or show what is around the face; by default crops if they are "
            "smaller than 64 pixels.",
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Only this kind, such as darkness; repeatable.")
    ] = None,
    example: Annotated[
        Path | None,
        typer.Option(metavar="IMAGE", help="The face of the contact sheet; by default the first one drawn."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw and the spoilings.")] = 0,
    threads: Annotated[int, typer.Option(min=0, help="Processor threads; 0 takes all.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run of the same --out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a finished run in --out.")] = False,
) -> None:
    """Try models on spoiled images: dark, blurred, noisy, compressed, small, tilted, covered, badly cut.

    Twice where the data are photos: through the whole reader, detection included, and of the true crop. contact.png shows
    one face under every condition; stress.csv, stress.md and stress.png say how accurate, how sure and how calibrated each
    model is; answers.csv holds every single answer.

    [bold]mien lab stress default --data photos --out stress --example face.jpg[/bold]

    [bold]mien lab stress default new.onnx --data fer2013.csv --n 500 --out stress[/bold]
    """
    from rich.console import Console

    from ..errors import OptionError
    from ..extras import check_installed

    check_installed(("sklearn", "scipy", "matplotlib"), "lab")
    if resume and overwrite:
        raise OptionError("--resume and --overwrite contradict each other", hint="Give one of them.")
    from ..io.journal import Journal, Mode
    from ..lab.comparison.models import open_models
    from ..lab.stress.conditions import chosen
    from ..lab.stress.images import example_of, part_to_ask, question_for
    from ..lab.stress.reading import Judge
    from ..lab.stress.run import COLUMNS
    from ..lab.stress.sheet import contact_sheet

    conditions = chosen(only or [])
    members = open_models(models)
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    part = part_to_ask(_read(data, notes), split)
    question = question_for(members, part, head)
    judges = [Judge(member, question, threads) for member in members]
    whole = min(part.images.shape[1:3]) < 64 if crops is None else crops
    drawn = _drawn(part, question, members, n, seed, whole, notes)
    settings = {
        "data": str(data.resolve()), "split": split, "n": n, "seed": seed, "crops": whole, "heads": question.heads,
        "models": {judge.name: judge.sha256 for judge in judges},
        "conditions": [f"{condition.name}: {condition.words}" for condition in conditions],
    }  # fmt: skip
    mode: Mode = "resume" if resume else "overwrite" if overwrite else "new"
    with Journal.open(out / "answers.csv", COLUMNS, settings, mode) as journal:
        contact_sheet(example_of(example, drawn), out / "contact.png", seed=seed, conditions=conditions)
        _measure(journal, drawn, judges, conditions, notes, seed=seed, threads=threads)
    title = f"{part.name}: {len(drawn.subjects):,} images, {len(question.emotions)} emotions"
    kept = ("split", "seed", "crops", "heads", "models")  # no path: the file is for others
    about = {
        "data": part.name,
        "n": len(drawn.subjects),
        "truth": question.truth,
        **{key: settings[key] for key in kept},
    }
    _report(out, title, question, judges, drawn, conditions, notes, about)


def _report(
    out: Path,
    title: str,
    question: Task,
    judges: Sequence[Judge],
    drawn: Drawn,
    conditions: Sequence[Condition],
    notes: Console,
    about: dict[str, object],
) -> None:
    """Make tables and figure of the answers, and show the table."""
    from rich.console import Console
    from rich.measure import Measurement

    from ..errors import OptionError
    from ..lab.stress.marks import marks, read_answers
    from ..lab.stress.table import table
    from ..lab.stress.writing import reading_notes, write_marks

    answers = read_answers(out / "answers.csv")
    known, wanted = set(answers["model"].tolist()), {judge.name for judge in judges}
    if known != wanted:
        raise OptionError(
            f"{out} is finished and holds answers of {', '.join(sorted(known))}, expected {', '.join(sorted(wanted))}",
            hint="Name its models, write elsewhere, or measure anew with --overwrite.",
        )
    rows = marks(answers, conditions)
    lines = reading_notes(rows, question, drawn.left_out)
    written = [out / "contact.png", *write_marks(rows, out, title, lines, about), out / "answers.csv"]
    shown = table(rows, title)
    # Cut-off figures are worse than long lines: a pipe or a narrow window gets the whole table.
    wide = Console(width=1000)
    Console(width=max(Console().width, Measurement.get(wide, wide.options, shown).maximum)).print(shown)
    for line in lines:
        notes.print(line, markup=False)
    for path in written:
        typer.echo(f"written: {path}", err=True)


def _drawn(
    part: Dataset, question: Task, members: Sequence[Model], n: int, seed: int, whole: bool, notes: Console
) -> Drawn:
    from ..lab.stress.images import draw

    with progress_bar(notes) as bar:
        task = bar.add_task("finding faces", total=n)
        return draw(
            part, question, members, n, seed, whole=whole,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip


def _read(data: Path, notes: Console) -> Dataset:
    from ..lab.stress.images import read_images

    with progress_bar(notes) as bar:
        task = bar.add_task("reading data", total=None)
        return read_images(
            data,
            on_damaged=lambda _file, why: notes.print(f"left out: {why}", markup=False),  # why begins with the file
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def _measure(
    journal: Journal,
    drawn: Drawn,
    judges: Sequence[Judge],
    conditions: Sequence[Condition],
    notes: Console,
    *,
    seed: int,
    threads: int,
) -> None:
    """Measure what is missing; Ctrl-C keeps what there is, and says how to go on."""
    from ..lab.stress.run import measure

    if journal.finished:
        notes.print(f"{journal.out} is finished: its tables and figures are made again", markup=False)
        return
    try:
        with progress_bar(notes) as bar:
            task = bar.add_task("", total=None)
            measure(
                drawn, judges, journal, seed=seed, threads=threads, conditions=conditions,
                tell=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
            )  # fmt: skip
    except KeyboardInterrupt:
        notes.print("What was measured is kept: add --resume to go on.")
        raise
