"""``mien lab tune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Data, DetectFaces, ManifestFile

if TYPE_CHECKING:
    from ..lab.tuning.report import Trial

_NEEDED = ("torch", "lightning", "torchmetrics", "optuna", "pydantic", "tomli_w", "sklearn", "scipy", "matplotlib")


def tune(
    recipe: Annotated[
        str, typer.Argument(help="A recipe shipped with mien (see 'mien lab recipes'), or a .toml file.")
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
        str | None, typer.Option(metavar="TIME", help="Start no trial later than this, e.g. 90s, 30min or 1.5h.")
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
    from ..lab.tuning.report import tuning_report
    from ..lab.tuning.space import fit_space, largest_input, load_space
    from ..lab.tuning.study import silence_libraries
    from ..lab.tuning.study import tune as run
    from .options import seconds
    from .output import progress_bar, read_data, show_report

    limit = seconds(timeout) if timeout else None
    chosen = load_recipe(recipe)
    fitted = fit_space(load_space(space), chosen)
    faces = read_data(data, *largest_input(fitted, chosen), manifest=manifest, detect_faces=detect_faces)
    silence_libraries()
    notes, finished, total = Console(stderr=True, soft_wrap=True, highlight=False), 0, trials or fitted.trials
    with progress_bar(notes, "trials") as progress:

        def show(trial: Trial) -> None:
            nonlocal finished
            finished += 1
            progress(finished, total)
            score = "" if trial.score is None else f"  score {100 * trial.score:.2f}%  loss {trial.loss:.4f}"
            values = ", ".join(f"{path} = {value}" for path, value in trial.values.items())
            notes.print(f"trial {trial.number}: {trial.outcome} {trial.reason}{score}  {values}", markup=False)

        try:
            found = run(
                chosen, fitted, faces, out,
                trials=trials, seconds=limit, workers=workers, epochs=epochs, resume=resume, on_trial=show,
            )  # fmt: skip
        except KeyboardInterrupt:
            notes.print("Stopped. Run the same command with --resume to continue.", markup=False)
            raise
    show_report(tuning_report(found), found.written, min_width=126)
