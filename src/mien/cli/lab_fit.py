"""``mien lab tune`` and ``mien lab baseline``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from ..extras import check_installed
from .options import Data, DetectFaces, LabelNames, ManifestFile

if TYPE_CHECKING:
    from ..lab.tuning.report import Trial


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
    label_names: LabelNames = None,
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
    needed = ("torch", "lightning", "torchmetrics", "optuna", "pydantic", "tomli_w", "sklearn", "scipy", "matplotlib")
    check_installed(needed, "lab")
    from ..lab.recipe import load_recipe
    from ..lab.tuning.report import tuning_report
    from ..lab.tuning.space import fit_space, largest_input, load_space
    from ..lab.tuning.study import silence_libraries
    from ..lab.tuning.study import tune as run
    from .options import seconds
    from .output import progress_bar, read_data, show_report

    limit = seconds(timeout, "--timeout") if timeout else None
    chosen = load_recipe(recipe)
    fitted = fit_space(load_space(space), chosen)
    faces = read_data(
        data, *largest_input(fitted, chosen), manifest=manifest, detect_faces=detect_faces, label_names=label_names
    )
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


def baseline(
    features: Annotated[
        Literal["hog", "lbp", "hog+lbp", "embedding"],
        typer.Argument(
            help="[bold]hog[/bold]: oriented gradients. [bold]lbp[/bold]: local binary patterns. [bold]embedding[/bold]: "
            "the last hidden layer of a trained network."
        ),
    ],
    classifier: Annotated[
        Literal["forest", "boosting", "logistic"],
        typer.Argument(help="Random forest, gradient boosting, or logistic regression."),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for NAME.skops and its card NAME.json.")],
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
    emotions: Annotated[
        Literal["happy-sad", "four", "seven", "eight"] | None,
        typer.Option(help="Label set. Default: seven, or the recipe's.", show_default=False),
    ] = None,
    targets: Annotated[
        Literal["labels", "votes"] | None,
        typer.Option(help="Learn the labels (the default), or the majority of FER+'s votes.", show_default=False),
    ] = None,
    class_weights: Annotated[
        Literal["none", "balanced"], typer.Option(help="Weight images by the inverse frequency of their class.")
    ] = "none",
    base: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="For embedding: a model shipped with mien, or an .onnx file. Default: default."
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="RECIPE",
            help="Learn from the images that this recipe draws, with its seed and first head's emotions, to compare with "
            "a network on equal terms.",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Model name. Default: FEATURES-CLASSIFIER.", show_default=False)] = "",
    license: Annotated[str, typer.Option(help="License of the model, for the card.")] = "not stated",
) -> None:
    """Fit a baseline: image features and a scikit-learn classifier.

    It learns from the [bold]train[/bold] part; [bold]validation[/bold] calibrates it and gives the scores on its card.
    Evaluate and compare the file, and read images with it, like any other model.

    [bold]mien lab baseline hog boosting --data fer2013.csv --out models[/bold]

    Two emotions:  [bold]mien lab baseline hog+lbp forest --data faces/ --emotions happy-sad --out models[/bold]

    Then:  [bold]mien lab evaluate models/hog-boosting.skops --data fer2013.csv[/bold]
    """
    check_installed(("sklearn", "skimage", "skops", "pydantic", "onnx", "scipy", "matplotlib"), "lab")
    from ..errors import OptionError
    from ..lab.baselines import baseline as fit
    from ..lab.baselines import baseline_settings, open_features
    from ..lab.evaluation.evaluate import OFFICIAL
    from ..lab.evaluation.metrics import accuracy_text
    from ..lab.recipe import Head, load_recipe
    from ..model.session import PIPELINE_HEAD
    from .output import progress_bar, read_data

    if base and features != "embedding":
        raise OptionError(f"--base {base} requires the features 'embedding', got {features!r}", hint="Remove --base.")
    chosen = load_recipe(recipe) if recipe else None
    head = next(iter(chosen.heads.values())) if chosen else Head()
    settings = baseline_settings(
        features=features,
        classifier=classifier,
        base=base or "default",
        emotions=emotions or head.emotions,
        targets=targets or head.targets,
        class_weights=class_weights,
        seed=chosen.seed if chosen else 0,
    )
    _, spec, _ = open_features(settings)
    faces = read_data(
        data, spec.size, spec.color, manifest=manifest, detect_faces=detect_faces, label_names=label_names
    )
    with progress_bar(Console(stderr=True), "features") as progress:
        done = fit(settings, faces, out, name=name, license=license, recipe=chosen, progress=progress)
    scores = done.evaluation.find(PIPELINE_HEAD, OFFICIAL, flip=True)
    typer.echo(f"{done.evaluation.split}: accuracy {accuracy_text(scores)}, macro-F1 {scores.macro_f1:.3f}")
    typer.echo(
        f"{done.n_features:,} features per image in {done.feature_s:.0f} s, fitted in {done.fit_s:.1f} s; "
        f"{done.evaluation.ms_per_image:.2f} ms per image\nwritten: {done.path}, {done.path.with_suffix('.json')}",
        err=True,
    )
