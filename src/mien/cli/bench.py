"""``mien bench``: how fast mien is on this machine, beside what a user would pick instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import OUTPUT

if TYPE_CHECKING:
    from rich.console import Console

    from ..bench.running import Progress

_RIVALS = "Rivals"


def bench(
    *,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="Measure this one too: a name or an .onnx file; may be given several times.",
            show_default=False,
        ),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Read the JPEG and PNG photos in this folder; by default some are made up."),
    ] = None,
    threads: Annotated[int, typer.Option(help="Processor cores that each reader gets; 0 takes all.", min=0)] = 1,
    rivals_python: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PYTHON",
            help="Look for fer, deepface and hsemotion-onnx in the environment of this interpreter, such as "
            "other/bin/python; by default in mien's own. May be given several times.",
            rich_help_panel=_RIVALS,
            show_default=False,
        ),
    ] = None,
    rivals: Annotated[
        bool, typer.Option("--rivals/--no-rivals", help="Measure them in the same run.", rich_help_panel=_RIVALS)
    ] = True,
    stages: Annotated[bool, typer.Option("--stages", help="Show where a photo's time goes, and nothing else.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Some seconds: few rounds, small photos, no rivals.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON and nothing else.", rich_help_panel=OUTPUT)
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the JSON here, or the tables if its name ends in .md.",
            dir_okay=False,
            rich_help_panel=OUTPUT,
        ),
    ] = None,
) -> None:
    """Measure how fast mien reads on this machine, beside what you would pick instead.

    Each reader gets a process of its own and one core; figures are medians of repeated runs.

    Nothing is fetched: a rival whose weights are not there gets random ones, marked *.

    Takes about a minute for each reader, on an idle machine.

    [bold]Examples[/bold]

      mien bench --quick
      mien bench --stages
      mien bench --rivals-python rivals/bin/python --out speed.json
      mien bench --model mine.onnx --photos holiday --no-rivals
    """
    import sys

    from rich.console import Console

    from ..bench import running, stage_chart, table
    from ..io.atomic import write_atomically

    pythons = tuple(rivals_python or [Path(sys.executable)]) if rivals and not quick else ()
    wish = running.Wish(tuple(model or ()), photos, threads, pythons, quick)
    with _progress() as progress:
        shown: Callable[[Console], None]
        if stages:
            profile = running.run_stages(wish, progress)
            content, shown, page = (
                profile.to_json(),
                partial(stage_chart.show, profile),
                stage_chart.as_markdown(profile),
            )
        else:
            report = running.run(wish, progress)
            content, shown, page = report.to_json(), partial(table.show, report), table.as_markdown(report)
    if out:
        write_atomically(out, (page if out.suffix.lower() == ".md" else content).encode())
    if as_json:
        typer.echo(content, nl=False)
    else:
        shown(Console(highlight=False))
    if out:
        typer.echo(f"written: {out}", err=True)


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on the terminal that says what is measured; nothing where nobody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    shape = (TextColumn("measuring {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*shape, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
