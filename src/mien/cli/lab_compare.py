"""``mien lab compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .data import Data, DetectFaces, ManifestFile

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..lab.comparison.results import Comparison

_NEEDED = ("sklearn", "scipy", "matplotlib")


def compare(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN_OR_MODEL...",
            help="Run folders, checkpoints (.ckpt), models and ensembles (.onnx), baselines (.skops), or models that come "
            "with mien, such as [bold]default[/bold].",
        ),
    ],
    data: Data,
    split: Annotated[
        Literal["validation", "test"], typer.Option(help="The part of the data to evaluate on.")
    ] = "validation",
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    head: Annotated[
        str, typer.Option(metavar="NAME", help="The head to use where a model has several.", show_default=False)
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write compare.csv, .json and .md, two figures and a report for each model here."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Compare models on the same images: accuracy, calibration, size, speed, and statistical significance.

    Models are evaluated on the emotions that all of them know. [bold]p vs best[/bold] is the corrected p-value of the
    difference from the best model: below 0.05 the best is called better.

    [bold]mien lab compare runs/a runs/b default --data fer2013.csv[/bold]

    [bold]mien lab compare runs/a models/b.onnx --data images --split test --out comparison[/bold]
    """
    from ..extras import check_installed

    check_installed(_NEEDED, "lab")  # a checkpoint needs torch too, and says so when it is opened
    import json
    from functools import cache

    from rich.console import Console

    from ..lab.comparison.models import open_models
    from ..lab.comparison.report import as_dict, write_report
    from ..lab.comparison.results import compare as run_comparison
    from .data import read_data

    def opened(size: int, color: str) -> Dataset:
        status.stop()  # reading shows a bar of its own
        faces = read_data(data, size, color, manifest=manifest, detect_faces=detect_faces)
        status.start()
        return faces

    found = open_models(models)
    largest = max(model.classifier.input.size for model in found)
    once = cache(lambda: opened(largest, "gray"))
    packed = data.suffix.lower() in (".npz", ".csv")  # images of one size and without color: they are read only once
    with Console(stderr=True).status("") as status:
        open_data = (lambda _size, _color: once()) if packed else opened
        comparison = run_comparison(found, open_data, split, head=head, progress=status.update)
        written = write_report(comparison, out) if out else []
    if as_json:
        typer.echo(json.dumps(as_dict(comparison), indent=2, ensure_ascii=False))
    else:
        _show(comparison)
    for path in written:
        typer.echo(f"written: {path}", err=True)


def _show(comparison: Comparison) -> None:
    from rich.console import Console
    from rich.measure import Measurement

    from ..lab.comparison.report import notes, table, verdict

    shown = table(comparison)
    wide = Console(width=1000)
    # Cut-off figures are worse than long lines: a pipe or a narrow window gets the whole table.
    width = max(Console().width, Measurement.get(wide, wide.options, shown).maximum)
    console = Console(width=width, highlight=False)
    console.print(shown)
    for line in (*verdict(comparison), *notes(comparison)):
        console.print(line, markup=False)
