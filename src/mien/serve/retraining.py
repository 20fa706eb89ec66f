"""Retraining with feedback: a challenger from the base and replayed data, its comparison with the champion, a decision."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .. import report as doc
from ..audit.compare import GapTrend, audit_compare
from ..data import load
from ..data.dataset import TEST, TRAIN, VALIDATION, Dataset, Votes
from ..errors import DataError, OutputError
from ..io.atomic import write_atomically
from ..lab import export, train
from ..lab.evaluation.classifier import Classifier, open_classifier, predict
from ..lab.evaluation.evaluate import true_classes, write_predictions
from ..lab.evaluation.metrics import probabilities_at
from ..lab.recipe import Recipe, changed, recipe_from_dict
from ..lab.training.checkpoint import find_checkpoint, images_of, load_checkpoint
from ..progress import Progress, no_progress
from ..report import count, p_value, percent, points
from ..stats import LEVEL, calibration_error, mcnemar
from .promotion import DECISION
from .store import Store, export_feedback

#: Largest loss of accuracy on the validation data, and rise of the calibration error, that is accepted.
MARGIN, CALIBRATION_MARGIN = 0.01, 0.02
#: Fewer held-out faces decide nothing.
MIN_HELD_OUT = 20
#: Share of the training images that feedback makes up, by repetition; and the most repetitions.
_FEEDBACK_SHARE, _MOST_REPEATS = 0.25, 20


class Finding(str, Enum):
    """What a comparison found; those that speak against promotion come after the first."""

    BETTER = "better_on_feedback"
    NOT_BETTER = "not_better_on_feedback"
    TOO_FEW = "too_little_feedback"
    WORSE = "possibly_worse_on_validation"
    MISCALIBRATED = "less_calibrated"
    UNFAIR = "wider_gap"


@dataclass(frozen=True)
class Comparison:
    """Champion and challenger on the same ``n`` images.

    Attributes:
        champion, challenger: accuracy, 0 to 1; ``low``, ``high``: 95% interval of their difference (paired).
        p: both are right equally often (McNemar 1947, exact).
        champion_ece, challenger_ece: expected calibration errors, 15 equal-mass bins.
    """

    data: str
    n: int
    champion: float
    challenger: float
    low: float
    high: float
    p: float
    champion_ece: float
    challenger_ece: float


@dataclass(frozen=True)
class Retraining:
    """The result; ``challenger`` is the exported model, and ``gaps`` what became of the gaps between groups."""

    challenger: Path
    head: str
    feedback_images: int
    replayed: int
    validation: Comparison
    feedback: Comparison | None
    gaps: dict[str, GapTrend]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found."""
        found = [Finding.TOO_FEW]
        if self.feedback is not None:
            better = self.feedback.p < LEVEL and self.feedback.challenger > self.feedback.champion
            found = [Finding.BETTER if better else Finding.NOT_BETTER]
        pairs = [one for one in (self.validation, self.feedback) if one]
        found += [Finding.WORSE] * (self.validation.low < -MARGIN)
        worse = any(one.challenger_ece > one.champion_ece + CALIBRATION_MARGIN for one in pairs)
        found += [Finding.MISCALIBRATED] * worse
        return (*found, *[Finding.UNFAIR] * (GapTrend.WIDENED in self.gaps.values()))

    @property
    def promote(self) -> bool:
        """Whether promotion is recommended: better on feedback, and nothing speaks against it."""
        return self.findings == (Finding.BETTER,)


def retrain(
    base: str | Path,
    feedback: Store,
    data: str | Path | Dataset,
    out: str | Path,
    *,
    epochs: int = 4,
    replay: int | None = None,
    groups: Path | None = None,
    notes: Callable[[str], None] = lambda _text: None,
    progress: Progress = no_progress,
) -> Retraining:
    """Fine-tune a model on feedback and compare it with the original; nothing is promoted.

    30% of the feedback is held out. The rest is repeated until it makes up a quarter of the training images, or twenty
    times; the others are replayed from the original data. The learning rate is a tenth of the original one.

    Args:
        base: the folder of a run of ``mien lab train`` with a VGG-style network.
        feedback: the database with the feedback.
        data: the data of the run, as in ``mien.data.load``.
        out: an empty folder for the run, both exported models, ``decision.json`` and ``report.html``.
        epochs: passes over the training images.
        replay: original training images to replay, drawn at random; None takes all.
        groups: CSV file with a column ``name`` and columns of groups, for the validation images.
        notes: called with what happens, a sentence at a time.
        progress: called with the batches done in each epoch.

    Raises:
        DataError: there is no feedback with faces, or the data lacks images of the run.
        ModelError: the folder holds no run.
        RecipeError: the network cannot be trained further.
        OutputError: ``out`` holds a decision.
    """
    out = Path(out)
    if (out / DECISION).exists():
        raise OutputError(f"{out} holds a decision", hint="Choose another --out.", path=out)
    checkpoint = find_checkpoint(Path(base))
    recipe = recipe_from_dict(load_checkpoint(checkpoint)[0])
    size, color = recipe.input.size, recipe.input.color
    loaded = data if isinstance(data, Dataset) else load(data, size, color=color)
    original = images_of(checkpoint, recipe, loaded)
    exported = export_feedback(feedback, out / "feedback.parquet")
    given = load(exported.path, size, color=color, split=False)
    mixed = _mixed(original, given, recipe.seed, replay)
    learned = int((mixed.split == TRAIN).sum())
    notes(f"{exported.train:,} faces of feedback, {exported.test:,} held out; {learned:,} training images")
    result = train(_recipe(recipe, checkpoint.parent, epochs), mixed, out / "run", notes=notes, progress=progress)
    (champion,) = export(base, loaded, out / "champion", name=f"{recipe.name}-champion")
    (challenger,) = export(result.checkpoint, mixed, out / "challenger", name=f"{recipe.name}-retrained")
    models = open_classifier(champion), open_classifier(challenger)
    held_out = given.part(TEST) if exported.test else None
    head = next(iter(models[0].heads))
    made = Retraining(
        challenger,
        head,
        exported.train,
        int((original.split == TRAIN).sum()) if replay is None else replay,
        _compared(models, original, VALIDATION, head),
        None if held_out is None or len(held_out) < MIN_HELD_OUT else _compared(models, given, TEST, head),
        _gaps(models, original, head, groups, out) if groups else {},
    )
    write_atomically(out / DECISION, _decision(made, out).encode())
    retraining_report(made).write(out / "report.html")
    return made


def _recipe(recipe: Recipe, base: Path, epochs: int) -> Recipe:
    return changed(
        recipe,
        {
            "name": f"{recipe.name}-retrained",
            "network.weights": str(base),
            "data.inner": 0.0,
            "data.counts": {},
            "data.evaluation_counts": {},
            "distillation.teachers": "",
            "augment.strong_until": 0,
            "optimizer.lr": recipe.optimizer.lr / 10,
            "optimizer.warmup_epochs": 0.0,
            "schedule.epochs": epochs,
            "schedule.sizes": (),
            "schedule.patience": 0,
            "schedule.keep": "last",  # the validation data chooses nothing: it judges
        },
    )


def _mixed(original: Dataset, given: Dataset, seed: int, replay: int | None) -> Dataset:
    """The validation part, replayed training images, and the feedback to learn from, repeated."""
    rows = np.flatnonzero(original.split == TRAIN)
    if replay is not None and replay < len(rows):
        rows = np.sort(np.random.default_rng([seed, 19]).permutation(rows)[:replay])
    learned = given.part(TRAIN)
    wanted = _FEEDBACK_SHARE / (1 - _FEEDBACK_SHARE) * len(rows) / len(learned)
    repeats = min(_MOST_REPEATS, max(1, round(wanted)))
    again = learned.take(np.tile(np.arange(len(learned)), repeats))
    names = [f"feedback {number}: {name}" for number, name in enumerate(again.names.tolist())]
    kept = original.take(np.concatenate([rows, np.flatnonzero(original.split == VALIDATION)]))
    if kept.images.shape[1:] != again.images.shape[1:]:
        raise DataError(f"feedback: got images of {again.images.shape[1:]}, expected {kept.images.shape[1:]}")
    votes = None
    if kept.votes is not None and again.votes is not None:
        pairs = zip(asdict(kept.votes).values(), asdict(again.votes).values())
        votes = Votes(*(np.concatenate(pair) for pair in pairs))
    images, labels, split = (
        np.concatenate([getattr(kept, name), getattr(again, name)]) for name in ("images", "labels", "split")
    )
    every = np.array([*kept.names.tolist(), *names])
    return Dataset(f"{original.name} and feedback", images, labels, split, votes, every)


def _compared(models: tuple[Classifier, Classifier], faces: Dataset, split: str, head: str) -> Comparison:
    truth = true_classes(models[0], faces, split)[head]
    known, images = truth >= 0, faces.part(split).images
    right, errors = [], []
    for model in models:
        logits = predict(model, images, flip=True)[head][known]
        probabilities = probabilities_at(logits, model.heads[head].temperature)
        right.append(probabilities.argmax(1) == truth[known])
        errors.append(calibration_error(probabilities.max(1), right[-1]))
    first, second = right
    low, high = _difference(first, second)
    accuracies = float(first.mean()), float(second.mean())
    return Comparison(
        f"{faces.name}, {split}", int(known.sum()), *accuracies, low, high, mcnemar(first, second), *errors
    )


def _difference(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """95% interval of the difference of two paired accuracies (Agresti and Min 2005)."""
    n, gained, lost = len(first) + 2, (second & ~first).sum() + 0.5, (first & ~second).sum() + 0.5
    middle = (gained - lost) / n
    half = 1.96 * math.sqrt((gained + lost) - (gained - lost) ** 2 / n) / n
    return float(middle - half), float(middle + half)


def _gaps(
    models: tuple[Classifier, Classifier], faces: Dataset, head: str, groups: Path, out: Path
) -> dict[str, GapTrend]:
    files = []
    for model, name in zip(models, ("champion", "challenger")):
        files.append(out / name / "predictions.csv")
        write_predictions(model, faces.part(VALIDATION), files[-1], head=head, groups=groups)
    columns = [name.strip() for name in groups.read_text("utf-8-sig").splitlines()[0].split(",")]
    result = audit_compare(*files, groups=[name for name in columns if name != "name"])
    return {one.name: one.verdict for one in result.attributes}


def _decision(made: Retraining, out: Path) -> str:
    table = asdict(replace(made, challenger=made.challenger.relative_to(out)))
    reasons = [finding.value for finding in made.findings]
    gaps = {name: verdict.value for name, verdict in made.gaps.items()}
    chosen = {"promote": made.promote, "reasons": reasons, "challenger": str(table["challenger"]), "gaps": gaps}
    return json.dumps({**table, **chosen}, indent=2) + "\n"


def retraining_report(made: Retraining) -> doc.Document:
    """The report: the recommendation, and both models on the validation data and the held-out feedback."""
    names = ("images", "n", "champion", "challenger", "difference", "McNemar", "ECE before", "ECE after")
    rows = tuple(
        (
            one.data, one.n, percent(one.champion), percent(one.challenger),
            f"{points(one.challenger - one.champion, signed=True)} [{100 * one.low:.1f}, {100 * one.high:.1f}]",
            p_value(one.p), percent(one.champion_ece), percent(one.challenger_ece),
        )
        for one in (made.validation, made.feedback)
        if one
    )  # fmt: skip
    verdict = "Promotion is recommended" if made.promote else "Promotion is not recommended"
    summary = f"{verdict}: {', '.join(finding.value.replace('_', ' ') for finding in made.findings)}."
    gaps = tuple((name, trend.value) for name, trend in made.gaps.items())
    blocks: list[doc.Block] = [doc.Table(tuple(doc.Column(name) for name in names), rows)]
    if gaps:
        blocks.append(doc.Section("Gaps between groups", (doc.Definitions(gaps),)))
    rule = (
        "Recommended if the challenger is significantly better on held-out feedback, loses at most "
        f"{points(MARGIN)} on the validation data (lower end of the interval), and widens no gap."
    )
    learned = f"{count(made.feedback_images, 'face')} of feedback, {made.replayed:,} replayed images"
    metadata = {"head": made.head, "learned from": learned}
    return doc.Document("Retraining with feedback", (*blocks, doc.Text(rule)), summary, metadata)
