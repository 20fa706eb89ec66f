"""The run behind ``mien lab train``: what is shown while a network learns, and how the user stops and resumes it."""

from __future__ import annotations

import logging
from pathlib import Path

from rich.console import Console

from ..data.dataset import Dataset
from ..lab.recipe import Recipe
from .data import progress_bar

Row = dict[str, float]


def run_training(
    recipe: Recipe, faces: Dataset, out: Path, *, resume: bool, max_bytes: int | None = None, data: str
) -> None:
    """Train and tell about it; the table of epochs goes to standard output, line by line.

    Args:
        recipe: what to train and how.
        faces: what to train on.
        out: folder of the run.
        resume: go on with the run in ``out``.
        max_bytes: memory that training may take; None sets no limit.
        data: the options about data, for the advice at the end.

    Raises:
        MienError: see ``mien.lab.train.run.train``.
        KeyboardInterrupt: the user stopped the run, and has been told how to go on.
    """
    from ..lab.train.hardware import fitted
    from ..lab.train.history import BatchProgress
    from ..lab.train.run import train

    for name in ("lightning.pytorch", "lightning.fabric"):  # their greetings would drown the table
        logging.getLogger(name).setLevel(logging.ERROR)
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    if max_bytes:
        recipe = fitted(recipe, faces, max_bytes)
        notes.print(
            f"memory: each batch of {recipe.schedule.batch} in {recipe.schedule.accumulate} parts", markup=False
        )
    notes.print(f"{recipe.name}, up to epoch {recipe.schedule.epochs} -> {out}", markup=False)
    table = EpochTable(recipe.schedule.epochs)
    try:
        with progress_bar(notes) as progress:
            task = progress.add_task("starting", total=None)

            def show(epoch: int, done: int, total: int) -> None:
                progress.update(task, description=f"epoch {epoch}", completed=done, total=total)

            kept = train(
                recipe,
                faces,
                out,
                resume=resume,
                show=table.show,
                tell=lambda text: notes.print(text, markup=False),
                callbacks=(BatchProgress(show),),
            )
    except KeyboardInterrupt:
        begun = (out / "last.ckpt").exists()
        advice = (
            "the same command with --resume goes on after the last whole epoch" if begun else "no epoch was finished"
        )
        notes.print(f"Stopped: {advice}.", markup=False)
        raise
    notes.print(f"model: {kept}\nhistory: {out / 'history.csv'}, {out / 'curves.png'}", markup=False)
    notes.print(f"Next:  mien lab evaluate {out} {data} --out {out / 'report'}", markup=False)
    notes.print(f"       mien lab export {out} {data} --out models", markup=False)


class EpochTable:
    """Prints one aligned line for each epoch, readable in a terminal, a pipe and a log file.

    Args:
        epochs: how many there will be at most.
    """

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._console = Console(soft_wrap=True, highlight=False)
        self._headed = False

    def show(self, rows: list[Row]) -> None:
        """Print the last of ``rows``, under a header the first time."""
        row = rows[-1]
        heads = [name for name in row if name.startswith("val_acc_")]
        if not self._headed:
            titles = ["epoch", "seconds", "train loss", "val loss", *(name.removeprefix("val_acc_") for name in heads)]
            self._console.print("  ".join(f"{title:>10}" for title in titles), style="bold")
            self._headed = True
        cells = [f"{row['epoch']:.0f}/{self._epochs}", f"{row['seconds']:.1f}"]
        cells += [f"{row[name]:.4f}" if name in row else "" for name in ("train_loss", "val_loss")]
        cells += [f"{100 * row[name]:.2f} %" for name in heads]
        self._console.print("  ".join(f"{cell:>10}" for cell in cells), markup=False)
