"""``mien lab tune``: its options, and their translation into calls."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import OptionError
from .data import Data, DetectFaces, ManifestFile

if TYPE_CHECKING:
    from ..lab.tune.results import Event
    from ..lab.tune.run import Findings
    from ..lab.tune.space import Space

_NEEDED = ("torch", "lightning", "torchmetrics", "optuna", "filelock", "tomli_w", "sklearn", "scipy", "matplotlib")


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
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where best.toml, trials.csv, figures and study.db go.")],
    trials: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Trials in all, finished ones included; by default as the space says, or 20."
        ),
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="Begin no trial later than this, as in 90s, 30m or 1h30m.")
    ] = None,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, help="Processes that run trials; each takes memory for itself.")
    ] = 1,
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Epochs of each trial, in place of the recipe's; best.toml keeps those."),
    ] = None,
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the study in --out, or join it from a second terminal.")
    ] = False,
) -> None:
    """Search for better values of a recipe's fields: many short trainings, the best one kept.

    Trials are judged on a fifth of the [bold]train[/bold] part, set aside (or on the recipe's [bold]data.inner[/bold]). The
    validation and test parts are not looked at.

    [bold]mien lab tune seven --space quick --data fer2013.csv --out tuned --epochs 5[/bold]

    Then:  [bold]mien lab train tuned/best.toml --data fer2013.csv --out runs/tuned[/bold]
    """
    from ..extras import check_installed

    check_installed(_NEEDED, "lab")
    from rich.console import Console

    from ..lab.recipe import load_recipe
    from ..lab.tune.fitting import fit, largest_input
    from ..lab.tune.run import tune as search
    from ..lab.tune.space import load_space
    from ..lab.tune.working import quieten
    from .data import data_words, progress_bar, read_data
    from .trial_lines import TrialLines

    seconds = seconds_in(timeout) if timeout else None
    chosen, wanted = load_recipe(recipe), load_space(space)
    fitted = fit(wanted, chosen)
    size, color = largest_input(fitted, chosen)
    quieten()
    faces = read_data(data, size, color, manifest=manifest, detect_faces=detect_faces)
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    total = trials or fitted.trials
    notes.print(f"{chosen.name}: up to {total} trials over {fitted.name} -> {out}", markup=False)
    try:
        with progress_bar(notes) as progress:
            lines = TrialLines(fitted)
            task = progress.add_task("starting", total=None)

            def say(event: Event) -> None:
                progress.update(task, **lines.show(event))

            found = search(
                chosen, fitted, faces, out,
                trials=trials, seconds=seconds, workers=workers, epochs=epochs, resume=resume, say=say,
            )  # fmt: skip
    except KeyboardInterrupt:
        notes.print(
            "Stopped: the same command with --resume goes on, and tries the trial under way again.", markup=False
        )
        raise
    _conclude(found, fitted, notes, out, data_words(data, manifest, detect_faces))


def seconds_in(text: str) -> float:
    """The number of seconds in words such as ``90s``, ``30m``, ``1h`` or ``1h30m``.

    Raises:
        OptionError: it is no such time, or none at all.
    """
    found = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?", text.strip().lower())
    total = sum(float(part) * unit for part, unit in zip(found.groups(default="0"), (3600, 60, 1))) if found else 0
    if not total:
        raise OptionError(f"--timeout: got {text!r}, expected a time such as 90s, 30m or 1h30m")
    return total


def _conclude(found: Findings, space: Space, notes: Any, out: Path, data: str) -> None:
    """The table of the best, and what to do next."""
    from rich.console import Console

    from ..lab.tune.results import best_row
    from .trial_lines import TrialLines

    best = best_row(found.rows, space)
    if best is None:
        notes.print("No trial has finished: see the column 'why' of trials.csv.", markup=False)
    else:
        Console(width=max(Console().width, 126)).print(TrialLines(space).table(found.rows, found.judged))
        notes.print(
            "The best of many looks better than it is: measure it on images that it was not chosen by.", markup=False
        )
    for file in found.written:
        notes.print(f"written: {file}", markup=False)
    if best is not None:
        notes.print(f"Next:  mien lab train {out / 'best.toml'} {data} --out runs/tuned", markup=False)
