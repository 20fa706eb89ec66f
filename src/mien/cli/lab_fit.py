"""``mien lab tune`` and ``mien lab baseline``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from ..errors import OptionError
from ..extras import check_installed
from .options import (
    ADVANCED,
    Data,
    DetectFaces,
    LabelNames,
    License,
    ManifestFile,
    RecipeName,
    known_recipe,
    option,
    seconds,
)

if TYPE_CHECKING:
    from ..lab.tuning.report import Trial


def tune(
    recipe: RecipeName,
    space: Annotated[
        str, typer.Option(metavar="SPACE", help="Fields to vary: quick, happy-sad-small, or a .toml file.")
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for best.toml, results.csv, figures and study.db.")],
    trials: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Trials in total. Default: the space's, or 20.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Epochs of each trial. Default: the recipe's.")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="Start no trial later than this, e.g. 30min or 1.5h.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the study in --out, or join it from a second terminal.")
    ] = False,
    workers: Annotated[int, option(ADVANCED, "Processes that run trials.", metavar="N", min=1)] = 1,
    storage: Annotated[
        str | None,
        option(ADVANCED, "Database for several machines. Default: study.db in --out.", metavar="URL"),
    ] = None,
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
) -> None:
    """Search for better values of a recipe's fields.

    Trials are evaluated on a fifth of the train split (or the recipe's data.inner); validation and test are not used.

    Examples:
      mien lab tune seven --space quick --data fer2013.csv --out tuned --epochs 5
      mien lab train tuned/best.toml --data fer2013.csv --out runs/tuned
    """
    limit = seconds(timeout, "--timeout") if timeout else None
    needed = ("torch", "lightning", "torchmetrics", "optuna", "pydantic", "tomli_w", "sklearn", "scipy", "matplotlib")
    check_installed(needed, "lab")
    from ..lab.recipe import load_recipe
    from ..lab.tuning.report import tuning_report
    from ..lab.tuning.space import fit_space, largest_input, load_space
    from ..lab.tuning.study import silence_libraries
    from ..lab.tuning.study import tune as run
    from .output import progress_bar, read_data, show_report

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
                trials=trials, seconds=limit, workers=workers, epochs=epochs, resume=resume,
                storage=storage, on_trial=show,
            )  # fmt: skip
        except KeyboardInterrupt:
            notes.print("Stopped. Run the same command with --resume to continue.", markup=False)
            raise
    show_report(tuning_report(found), found.written, min_width=126)


def baseline(
    features: Annotated[
        Literal["hog", "lbp", "hog+lbp", "embedding"],
        typer.Argument(metavar="FEATURES", help="hog, lbp, hog+lbp, or embedding of a network."),
    ],
    classifier: Annotated[
        Literal["forest", "boosting", "logistic"],
        typer.Argument(metavar="CLASSIFIER", help="forest, boosting or logistic."),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for NAME.skops and its card NAME.json.")],
    emotions: Annotated[
        str | None, typer.Option(metavar="SET", help="Label set. Default: seven, or the recipe's.")
    ] = None,
    targets: Annotated[
        Literal["labels", "votes"] | None,
        typer.Option(metavar="NAME", help="labels (the default), or votes: the majority of FER+."),
    ] = None,
    class_weights: Annotated[
        Literal["none", "balanced"], typer.Option(metavar="NAME", help="none, or balanced: by class frequency.")
    ] = "none",
    base: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Network of the embedding. Default: the default model.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="RECIPE", help="Learn from the images and label set of this recipe.", callback=known_recipe
        ),
    ] = None,
    name: Annotated[str, typer.Option(metavar="TEXT", help="Model name. Default: FEATURES-CLASSIFIER.")] = "",
    license: License = "not stated",
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
) -> None:
    """Fit a scikit-learn classifier on image features.

    It learns from the train split; validation calibrates it and gives the scores on its card. The file can be evaluated,
    compared and read with like any other model.

    Examples:
      mien lab baseline hog boosting --data fer2013.csv --out models
      mien lab evaluate models/hog-boosting.skops --data fer2013.csv
    """
    if base and features != "embedding":
        raise OptionError(f"--base {base} requires the features 'embedding', got {features!r}", hint="Remove --base.")
    check_installed(("sklearn", "skimage", "skops", "pydantic", "onnx", "scipy", "matplotlib"), "lab")
    from ..lab.baselines import baseline as fit
    from ..lab.baselines import baseline_settings, open_features
    from ..lab.evaluation.evaluate import OFFICIAL
    from ..lab.evaluation.metrics import accuracy_text
    from ..lab.recipe import Head, load_recipe
    from ..model.session import PIPELINE_HEAD
    from .output import progress_bar, read_data

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
