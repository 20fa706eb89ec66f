"""A whole study: recipe, search space and data in; trials, the best recipe and figures out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...data.dataset import TRAIN, VALIDATION, Dataset
from ...errors import OptionError
from ..recipe import Recipe
from .figures import draw_history, draw_importance
from .fitting import fit
from .images import digest, judged_images, tuning_images
from .ledger import begin, opened
from .plan import Plan
from .results import Event, Row, write_table
from .space import Space
from .workers import spread
from .working import work


@dataclass(frozen=True)
class Findings:
    """What came of a study.

    Attributes:
        rows: its trials, those of earlier runs included.
        judged: on how many images each head was judged.
        written: the files.
    """

    rows: tuple[Row, ...]
    judged: dict[str, int]
    written: tuple[Path, ...]


def tune(
    recipe: Recipe,
    space: Space,
    faces: Dataset,
    out: Path,
    *,
    trials: int | None = None,
    seconds: float | None = None,
    workers: int = 1,
    epochs: int | None = None,
    resume: bool = False,
    say: Callable[[Event], None] = lambda _event: None,
) -> Findings:
    """Train ``recipe`` again and again with other values of the fields that ``space`` names.

    Trials learn from the training part but for a share of it, on which they are judged; the data's validation and test parts
    are not looked at. The same recipe, space, data and seed give the same trials, resumed or not, where one process runs
    them; with several, what one draws depends on which trials the others have finished.

    Args:
        recipe: what to train and how.
        space: what varies; need not be fitted yet.
        faces: a set with a ``train`` part.
        out: folder for ``study.db``, ``best.toml``, ``trials.csv``, ``history.png``, ``importance.png`` and the runs in
            ``trials/``, of which only the best keeps its weights.
        trials: how many the study shall hold in all; None as the space says.
        seconds: no trial begins later than this; None sets no limit.
        workers: processes to run trials in.
        epochs: passes over the training images in place of the recipe's, for the trials only.
        resume: go on with the study in ``out``, or join it where another process runs it.
        say: called after each epoch and each trial.

    Raises:
        DataError: there is no training part, or too little of it.
        OptionError: a number makes no sense.
        OutputError: ``out`` holds a study and ``resume`` is False, or holds none and it is True, or cannot be written.
        RecipeError: the space does not fit the recipe, or the study in ``out`` is about something else.
        KeyboardInterrupt: the user stopped the study; what is known so far has been written.
    """
    if workers < 1 or (trials is not None and trials < 1) or (seconds is not None and seconds <= 0):
        raise OptionError(f"got {trials} trials, {workers} workers, {seconds} seconds, expected more than 0 of each")
    if epochs is not None and "schedule.epochs" in space.ways:
        raise OptionError("epochs: got a fixed number, but the search space varies schedule.epochs")
    plan = Plan(recipe, fit(space, recipe), out, trials or space.trials, epochs)
    plan.tried_recipe({})  # epochs that no recipe can have are refused here
    images = tuning_images(faces, recipe)
    begin(plan, {"name": faces.name, "digest": digest(images), **_counts(images, recipe)}, resume=resume)
    if seconds is not None:
        plan = replace(plan, ends=time.time() + seconds)
    try:
        if workers == 1:
            work(plan, images, say)
        else:
            spread(plan, images, workers, say)
    finally:
        findings = _conclude(plan)
    return findings


def _counts(images: Dataset, recipe: Recipe) -> dict[str, Any]:
    split = {part: int((images.split == part).sum()) for part in (TRAIN, VALIDATION)}
    return {"learned": split[TRAIN], "set_aside": split[VALIDATION], "judged": judged_images(images, recipe)}


def _conclude(plan: Plan) -> Findings:
    """Write what is known so far."""
    with opened(plan) as ledger:
        rows, about = ledger.rows(), ledger.about["images"]
        write_table(rows, plan)
        title = f"{plan.recipe.name}, judged on {about['set_aside']:,} training images of {about['name']} set aside"
        files = [plan.out / name for name in ("best.toml", "trials.csv", "history.png", "importance.png")]
        if rows:
            draw_history(rows, plan.space, title, files[2], about["judged"])
        draw_importance(ledger.study, plan.space, title, files[3])
    return Findings(tuple(rows), dict(about["judged"]), tuple(file for file in files if file.exists()))
