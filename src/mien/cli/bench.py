"""``mien bench``: speed and memory of mien on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import OUTPUT, AsJson, option


def bench(
    *,
    model: Annotated[
        list[str] | None, typer.Option(metavar="NAME|FILE", help="Also measure this model; repeatable.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of JPEG and PNG images. Default: synthetic photos.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Take a few seconds: few rounds, small images.")] = False,
    as_json: AsJson = False,
    out: Annotated[
        Path | None, option(OUTPUT, "Write a report: .json, .md or .html.", metavar="FILE", dir_okay=False)
    ] = None,
) -> None:
    """Measure speed and memory on one core of this machine, stage by stage.

    Each model runs in a process of its own; figures are medians. It takes about a minute for each model.

    Examples:
      mien bench --quick
      mien bench --model mine.onnx --images holiday --out speed.html
    """
    from rich.console import Console

    from ..benchmarking import bench as benchmark
    from ..io.atomic import write_atomically
    from .output import progress_bar, show_report

    with progress_bar(Console(stderr=True), "measuring") as progress:
        result = benchmark.bench(model or (), images=images, quick=quick, progress=progress)
    document = benchmark.report(result)
    if out and out.suffix.lower() == ".json":
        write_atomically(out, result.to_json().encode())
    elif out:
        document.write(out)
    show_report(document, (out,) if out else (), json=result.to_json() if as_json else "")
