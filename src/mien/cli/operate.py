"""``mien monitor``, ``feedback``, ``models`` and ``lab retrain``: what keeps a served model right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from .help import HelpCommand, HelpGroup
from .options import OUTPUT, AsJson, Data, option

if TYPE_CHECKING:
    from ..serve.store import Store

StoreUrl: TypeAlias = Annotated[
    str, typer.Option("--store", metavar="URL|FILE", help="Database of the server: a URL or an SQLite file.")
]
RegistryDir: TypeAlias = Annotated[Path, typer.Option(metavar="DIR", help="Folder of the registry.", file_okay=False)]
Time: TypeAlias = Annotated[
    str | None, typer.Option(metavar="TIME", help="UTC, such as 2025-03-01 or 2025-03-01T08:00.")
]


def _group(name: str, text: str) -> typer.Typer:
    return typer.Typer(name=name, help=text, cls=HelpGroup, no_args_is_help=True, rich_markup_mode=None)


monitor = _group("monitor", "Measure drift of what 'mien serve' has read.")
feedback = _group("feedback", "Use the corrections that 'mien serve' and the photo app collect.")
models = _group("models", "Promote models that 'mien serve --registry' serves, and roll back.")


@monitor.command(cls=HelpCommand)
def report(
    *,
    store: StoreUrl = "mien-server/mien.db",
    model: Annotated[str, typer.Option(metavar="NAME|FILE", help="Model whose readings are compared.")] = "default",
    head: Annotated[str | None, typer.Option(metavar="NAME", help="Head. Default: the first.")] = None,
    since: Time = None,
    until: Time = None,
    baseline: Annotated[
        tuple[str, str] | None, typer.Option(metavar="TIME TIME", help="Compare with this window, not with the card.")
    ] = None,
    out: Annotated[Path | None, option(OUTPUT, "Write a report: .html or .md.", metavar="FILE", dir_okay=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Compare served readings with the reference of the model's card.

    Exit code 0 without drift or with small drift, 3 with moderate or large drift.

    Examples:
      mien monitor report --since 2025-03-01 --out drift.html
      mien monitor report --baseline 2025-01-01 2025-02-01 --since 2025-03-01
    """
    _check(("scipy", "statsmodels", "pandas", "sklearn"))
    from ..serve.drift import Drift
    from ..serve.drift import monitor as compare
    from ..serve.drift_report import drift_report, to_json
    from .output import show_report

    window = (_seconds(baseline[0], "--baseline"), _seconds(baseline[1], "--baseline")) if baseline else None
    with _opened(store) as opened:
        result = compare(
            opened, model, head=head, since=0.0 if since is None else _seconds(since, "--since"),
            until=None if until is None else _seconds(until, "--until"),
            baseline=window,
        )  # fmt: skip
    document = drift_report(result)
    show_report(document, (document.write(out),) if out else (), json=to_json(result) if as_json else "")
    if result.drift in (Drift.MODERATE, Drift.LARGE):
        raise typer.Exit(3)


@monitor.command(cls=HelpCommand)
def reference(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Exported model; its card is changed.")],
    data: Data,
    split: Annotated[str, typer.Option(metavar="NAME", help="Split: train, validation or test.")] = "validation",
) -> None:
    """Measure the distributions that drift is compared with, and write them to the card.

    Examples:
      mien monitor reference models/mine.onnx --data fer2013.csv
    """
    _check(("scipy", "statsmodels", "pandas", "sklearn"))
    from rich.console import Console

    from ..serve.drift import measure_reference, write_reference
    from .output import progress_bar

    with progress_bar(Console(stderr=True), "measuring") as progress:
        measured = measure_reference(model, data, split, progress=progress)
    typer.echo(f"written: {write_reference(model, measured)}", err=True)


@feedback.command(cls=HelpCommand)
def export(
    *,
    store: StoreUrl = "mien-server/mien.db",
    out: Annotated[Path, typer.Option(metavar="FILE", help="Dataset to write: .parquet.", dir_okay=False)],
) -> None:
    """Write corrected faces as a dataset with votes, and show how far annotators agree.

    Examples:
      mien feedback export --out feedback.parquet
      mien lab inspect feedback.parquet
    """
    _check(())
    from ..report import count, decimal
    from ..serve.store import export_feedback

    with _opened(store) as opened:
        result = export_feedback(opened, out)
    typer.echo(f"{count(result.train, 'training face')}, {result.test:,} held out, {result.unclear:,} unclear")
    typer.echo(f"Krippendorff's alpha: {decimal(result.alpha)}")
    typer.echo(f"written: {out}", err=True)


@feedback.command("import", cls=HelpCommand)
def import_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of 'mien app photo --flags'.")],
    *,
    store: StoreUrl = "mien-server/mien.db",
) -> None:
    """Take in the corrections of the photo app."""
    _check(())
    from ..report import count
    from ..serve.store import import_corrections

    with _opened(store) as opened:
        typer.echo(count(import_corrections(opened, folder), "correction"))


@models.command(cls=HelpCommand)
def promote(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Exported model, or the folder of 'mien lab retrain'.")],
    *,
    registry: RegistryDir,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it is promoted.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Promote despite a negative comparison.")] = False,
) -> None:
    """Make a model current; servers that follow the registry change to it.

    Examples:
      mien models promote runs/retrained --registry models
    """
    _check(())
    from ..serve.promotion import promote as run

    made = run(model, registry, reason=reason, force=force)
    typer.echo(f"version {made.version}: {made.name} {made.sha256[:12]}")


@models.command(cls=HelpCommand)
def rollback(
    *,
    registry: RegistryDir,
    version: Annotated[int | None, typer.Option(metavar="N", help="Version. Default: the one before.", min=1)] = None,
) -> None:
    """Make an earlier version current."""
    _check(())
    from ..serve.registry import Registry

    made = Registry(registry).rollback(version)
    typer.echo(f"version {made.version}: {made.name} {made.sha256[:12]}")


@models.command("list", cls=HelpCommand)
def list_models(*, registry: RegistryDir) -> None:
    """List the versions of a registry; a star marks the current one."""
    _check(())
    from ..serve.registry import Registry

    now = Registry(registry).current()
    for one in Registry(registry).versions():
        star = "*" if now and one.version == now.version else " "
        when = datetime.fromtimestamp(one.promoted, timezone.utc).isoformat(timespec="minutes")
        typer.echo(f"{star} {one.version}\t{one.name}\t{one.sha256[:12]}\t{when}\t{one.reason}")


def retrain(
    base: Annotated[str, typer.Argument(metavar="MODEL", help="Included model, or a float32 .onnx file.")],
    *,
    store: Annotated[str, typer.Option("--feedback", metavar="URL|FILE", help="Database of the server.")],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the run, the models and the report.")],
    epochs: Annotated[int, typer.Option(metavar="N", help="Passes over the training images.", min=1)] = 8,
    groups: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV of groups, to compare gaps.", dir_okay=False)
    ] = None,
) -> None:
    """Fine-tune a model on feedback, and compare it with the original.

    Nothing is promoted: read the report, then run 'mien models promote'. Exit code 3 if promotion is not recommended.

    Examples:
      mien lab retrain default --feedback mien.db --data fer2013.npz --out new
      mien models promote new --registry registry
    """
    _check(("scipy", "statsmodels", "pandas", "sklearn"))
    from rich.console import Console

    from ..extras import check_installed

    check_installed(("torch", "lightning"), "lab")
    from ..serve.retraining import retrain as run
    from ..serve.retraining import retraining_report
    from .output import progress_bar, show_report

    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    with _opened(store) as opened, progress_bar(notes) as progress:
        result = run(
            base, opened, data, out, epochs=epochs, groups=groups, progress=progress,
            notes=lambda text: notes.print(text, markup=False),
        )  # fmt: skip
    show_report(retraining_report(result), (out / "decision.json", out / "report.html"))
    if not result.promote:
        raise typer.Exit(3)


def _check(audit: tuple[str, ...]) -> None:
    from ..extras import check_installed

    check_installed(("sqlalchemy", "alembic", "pydantic_settings"), "serve")
    check_installed(audit, "audit")


@contextmanager
def _opened(store: str) -> Iterator[Store]:
    """The database at a URL, or an SQLite file that exists."""
    from ..errors import SourceError
    from ..serve.store import Store, database_url

    if "://" not in store and not Path(store).is_file():
        raise SourceError(f"no database at {store}", hint="Give --store FILE or --store URL.", path=store)
    opened = Store(database_url(store))
    try:
        yield opened
    finally:
        opened.close()


def _seconds(text: str, option: str) -> float:
    """Seconds since 1970 of a time in UTC."""
    from ..errors import OptionError

    try:
        return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()
    except ValueError as error:
        message = f"{option}: got {text!r}, expected a time such as 2025-03-01 or 2025-03-01T08:00"
        raise OptionError(message, field=option, value=text) from error
