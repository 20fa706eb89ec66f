"""``mien lab tune``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import OptionError
from .data import Data, DetectFaces, ManifestFile

if TYPE_CHECKING:
    from rich.table import Table

    from ..lab.tuning.report import StudyResult, Trial

_NEEDED = ("torch", "lightning", "torchmetrics", "optuna", "pydantic", "tomli_w", "sklearn", "scipy", "matplotlib")
_SHOWN = 10


def tune(
    recipe: Annotated[
        str, typer.Argument(help="A recipe that comes with mien (see 'mien lab recipes'), or a .toml file.")
    ],
    space: Annotated[
        str,
        typer.Option(
            metavar="SPACE",
            help="Which fields vary, and how: [bold]quick[/bold], [bold]happy-sad-small[/bold], or a .toml file.",
        ),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for best.toml, results.csv, figures and study.db.")],
    trials: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Total number of trials, finished ones included. Default: the space's, or 20."
        ),
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="Start no trial later than this, e.g. 90s, 30m or 1h30m.")
    ] = None,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, help="Processes that run trials; each needs memory of its own.")
    ] = 1,
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Epochs of each trial, in place of the recipe's; best.toml keeps those."),
    ] = None,
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the study in --out, or join it from a second terminal.")
    ] = False,
) -> None:
    """Search for better values of a recipe's fields: many short trainings, of which the best is kept.

    Trials are evaluated on a fifth of the [bold]train[/bold] part (or the recipe's [bold]data.inner[/bold]). The validation
    and test parts are not used.

    [bold]mien lab tune seven --space quick --data fer2013.csv --out tuned --epochs 5[/bold]

    Then:  [bold]mien lab train tuned/best.toml --data fer2013.csv --out runs/tuned[/bold]
    """
    from ..extras import check_installed

    check_installed(_NEEDED, "lab")
    from rich.console import Console

    from ..lab.recipe import load_recipe
    from ..lab.tuning.space import fit_space, largest_input, load_space
    from ..lab.tuning.study import silence_libraries
    from ..lab.tuning.study import tune as run_study
    from .data import data_words, progress_bar, read_data

    seconds = seconds_in(timeout) if timeout else None
    chosen = load_recipe(recipe)
    fitted = fit_space(load_space(space), chosen)
    faces = read_data(data, *largest_input(fitted, chosen), manifest=manifest, detect_faces=detect_faces)
    silence_libraries()
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    total = trials or fitted.trials
    notes.print(f"{chosen.name}: up to {total} trials over {fitted.name} -> {out}", markup=False)
    with progress_bar(notes) as progress:
        task = progress.add_task("trials", total=total)

        def show(trial: Trial) -> None:
            progress.advance(task)
            values = ", ".join(f"{path} = {_cell(value)}" for path, value in trial.values.items())
            score = "" if trial.score is None else f"  score {100 * trial.score:.2f}%  loss {trial.loss:.4f}"
            reason = f": {trial.reason}" if trial.reason else ""
            notes.print(f"trial {trial.number}: {_state(trial)}{reason}{score}  {values}", markup=False)

        try:
            found = run_study(
                chosen, fitted, faces, out,
                trials=trials, seconds=seconds, workers=workers, epochs=epochs, resume=resume, on_trial=show,
            )  # fmt: skip
        except KeyboardInterrupt:
            notes.print(
                "Stopped. The same command with --resume continues, and retries the current trial.", markup=False
            )
            raise
    if found.best is None:
        notes.print("No trial completed: see the column 'reason' of results.csv.", markup=False)
    else:
        Console(width=max(Console().width, 126)).print(_table(found))
        notes.print(
            "The best of many trials is optimistic: evaluate it on images that it was not chosen by.", markup=False
        )
    for file in found.written:
        notes.print(f"written: {file}", markup=False)
    if found.best is not None:
        words = data_words(data, manifest, detect_faces)
        notes.print(f"Next:  mien lab train {out / 'best.toml'} {words} --out runs/tuned", markup=False)


def seconds_in(text: str) -> float:
    """The number of seconds in a duration such as ``90s``, ``30m``, ``1h`` or ``1h30m``.

    Raises:
        OptionError: it is no such duration, or zero.
    """
    found = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?", text.strip().lower())
    total = sum(float(part) * unit for part, unit in zip(found.groups(default="0"), (3600, 60, 1))) if found else 0
    if not total:
        raise OptionError(f"--timeout: got {text!r}, expected a duration such as 90s, 30m or 1h30m")
    return total


def _table(found: StudyResult) -> Table:
    """The best completed trials."""
    from rich.table import Table

    from ..stats import wilson

    n = next(iter(found.n_validation.values())) if len(found.n_validation) == 1 else 0
    count = " and ".join(f"{name}: {images:,}" for name, images in found.n_validation.items())
    table = Table(title=f"Best trials, on held-out training images ({count})", title_justify="left")
    for title in ("trial", "score", *(["95% CI"] if n else []), "loss", "epochs", "seconds", *found.space.parameters):
        table.add_column(title, justify="right", overflow="fold")
    for trial in found.ranked[:_SHOWN]:
        score = trial.score or 0.0
        ends = [" - ".join(f"{100 * end:.1f}" for end in wilson(round(score * n), n))] if n else []
        values = [_cell(trial.values.get(path, "")) for path in found.space.parameters]
        measured = [f"{trial.loss:.4f}", str(trial.epochs), f"{trial.seconds:.1f}"]
        table.add_row(str(trial.number), f"{100 * score:.2f}%", *ends, *measured, *values)
    return table


def _state(trial: Trial) -> str:
    return "interrupted" if trial.interrupted else trial.state.name.lower()


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
