"""``mien audit fairness``: its options, and what is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .audit_options import COLUMNS, Draws, Least, OnlyJson, Person, Seed, Truth
from .options import OUTPUT

_READING = "To read photos first"


def fairness(
    predictions: Annotated[
        Path | None,
        typer.Argument(
            metavar="PREDICTIONS|MODEL",
            help="A table of predictions, a row an image: .csv, .jsonl or .parquet. With --data, the model that reads the "
            "photos, as --model names it.",
        ),
    ] = None,
    *,
    groups: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="A column of groups, such as gender; repeatable. \\[all that a known data set has]",
            rich_help_panel=COLUMNS,
        ),
    ] = None,
    cross: Annotated[
        bool, typer.Option("--cross", help="Audit each pair of columns too.", rich_help_panel=COLUMNS)
    ] = False,
    truth: Truth = "",
    no_truth: Annotated[
        bool,
        typer.Option(
            "--no-truth",
            help="There are no right answers: compare how often each emotion is predicted.",
            rich_help_panel=COLUMNS,
        ),
    ] = False,
    predicted: Annotated[
        str, typer.Option(metavar="COLUMN", help="Predictions. \\[predicted, emotion, ...]", rich_help_panel=COLUMNS)
    ] = "",
    confidence: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="Probability of what was predicted. \\[confidence, or a column an emotion]",
            rich_help_panel=COLUMNS,
        ),
    ] = "",
    found: Annotated[
        str, typer.Option(metavar="COLUMN", help="Whether a face was found. \\[found]", rich_help_panel=COLUMNS)
    ] = "",
    abstained: Annotated[
        str, typer.Option(metavar="COLUMN", help="Whether not to rely on it. \\[abstained]", rich_help_panel=COLUMNS)
    ] = "",
    person: Person = "",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Photos with labels and groups: the folder of CREMA-D, RAF-DB, AffectNet or FairFace; a table with a "
            "column path; or parquet with the images in it. Or faces cut out already: fer2013.csv, packed .npz.",
            rich_help_panel=_READING,
        ),
    ] = None,
    conditions: Annotated[
        Literal["fixed", "thirds"] | None,
        typer.Option(
            help="Measure light, contrast, sharpness, size and pose of each face, and take them as groups too: by fixed "
            "edges, or in thirds.",
            rich_help_panel=_READING,
        ),
    ] = None,
    part: Annotated[
        Literal["train", "validation", "test"],
        typer.Option(help="Of a data set of faces, this part.", rich_help_panel=_READING),
    ] = "validation",
    model: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="What reads them.", rich_help_panel=_READING)
    ] = "default",
    emotions: Annotated[
        Literal["happy-sad", "four", "seven", "eight"] | None,
        typer.Option(
            help="Which emotions to tell apart. By default all that the head knows.", rich_help_panel=_READING
        ),
    ] = None,
    head: Annotated[
        str | None, typer.Option(metavar="ferplus|fer2013", help="Whose labels.", rich_help_panel=_READING)
    ] = None,
    detector: Annotated[
        Literal["centerface", "none"],
        typer.Option(help="What finds the faces; 'whole' takes each photo for one.", rich_help_panel=_READING),
    ] = "centerface",
    images: Annotated[
        str,
        typer.Option(metavar="COLUMN", help="Photos, or their paths. \\[path, file, ...]", rich_help_panel=_READING),
    ] = "",
    thresholds: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Audit only what is relied on by the common threshold of this file."),
    ] = None,
    own_thresholds: Annotated[
        bool, typer.Option("--own-thresholds", help="By each group's own threshold in place of the common one.")
    ] = False,
    least: Least = 5,
    draws: Draws = 2000,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write report.html, figures, CSV and JSON here; with --data predictions.csv too.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an audit in --out.", rich_help_panel=OUTPUT)
    ] = False,
    as_json: OnlyJson = False,
) -> None:
    """Ask whether it works equally well for everyone: accuracy, recall and calibration by group, and how sure that is.

    Gaps have 95 % intervals and p-values, corrected for their number. Of groups too small to judge it says how many photos
    they lack. docs/fairness.md tells more, docs/datasets.md of data sets that say who is in their images.

    [bold]Examples[/bold]

      mien audit fairness predictions.csv --groups gender --groups age_band --cross --out audit
      mien audit fairness --data photos.csv --groups gender --out audit
      mien audit fairness --data CREMA-D --person person --out audit
      mien audit fairness tiny --data fer2013.csv --conditions thirds --out audit
    """
    from ..extras import check_installed

    check_installed(["fairlearn", "sklearn", "scipy", "pandas", *(["jinja2", "matplotlib"] if out else [])], "audit")
    from ..audit.fairness.columns import Columns
    from ..io.tables import FORMATS
    from .auditing import Images, check, check_columns, run

    if data is not None and predictions is not None and predictions.suffix.lower() not in FORMATS:
        model, predictions = str(predictions), None
    check(predictions, data, out, overwrite=overwrite)
    check_columns(groups, truth, data, conditions, no_truth=no_truth)
    if own_thresholds and thresholds is None:
        from ..errors import OptionError

        raise OptionError(
            "--own-thresholds: got no thresholds, expected --thresholds FILE",
            hint="Make the file with 'mien audit thresholds ... --out FILE'.",
        )
    columns = Columns(tuple(groups or ()), truth, predicted, confidence, found, abstained, person, no_truth)
    options = None
    if data is not None:
        from ..options import ReadOptions

        options = ReadOptions(emotions=emotions, model=model, head=head, detector=detector)
    run(
        data or predictions or Path(),
        columns,
        options,
        images=Images(images, part, conditions),
        settings={"cross": cross, "least": least, "draws": draws, "seed": seed},
        thresholds=thresholds,
        own_thresholds=own_thresholds,
        out=out,
        as_json=as_json,
    )
