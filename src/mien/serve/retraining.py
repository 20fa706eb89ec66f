"""Retraining with feedback: a fine-tuned challenger, its comparison with the champion, and a decision."""

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
from ..data.dataset import TEST, VALIDATION, Dataset
from ..errors import OutputError
from ..io.atomic import write_atomically
from ..lab import finetune
from ..lab.evaluation.classifier import Classifier, open_classifier, predict
from ..lab.evaluation.evaluate import true_classes, write_predictions
from ..lab.evaluation.metrics import probabilities_at
from ..progress import Progress, no_progress
from ..report import count, interval, p_value, percent, points
from ..stats import LEVEL, calibration_error, mcnemar
from .promotion import DECISION
from .store import Store, export_feedback

#: Largest loss of accuracy on the validation data, and rise of the calibration error, that is accepted.
MARGIN, CALIBRATION_MARGIN = 0.01, 0.02
#: Fewer held-out faces decide nothing.
MIN_HELD_OUT = 20


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
    epochs: int = 8,
    groups: Path | None = None,
    notes: Callable[[str], None] = lambda _text: None,
    progress: Progress = no_progress,
) -> Retraining:
    """Fine-tune a model on feedback (``mien.lab.finetune``) and compare it with the original; nothing is promoted.

    30% of the feedback is held out. Images of the original data are replayed.

    Args:
        base: an included model, or a float32 ONNX file of ``mien lab export`` with its card.
        feedback: the database with the feedback.
        data: the data that the model was trained on, as in ``mien.data.load``.
        out: an empty folder for the run, the new model, ``decision.json`` and ``report.html``.
        epochs: passes over the training images.
        groups: CSV file with a column ``name`` and columns of groups, for the validation images.
        notes: called with what happens, a sentence at a time.
        progress: called with the batches done in each epoch.

    Raises:
        DataError: there is too little feedback with faces, or the data cannot be used.
        ModelError: the model is missing, quantized, or cannot be trained.
        OutputError: ``out`` holds a decision.
    """
    out = Path(out)
    if (out / DECISION).exists():
        raise OutputError(f"{out} holds a decision", hint="Choose another --out.", path=out)
    champion = open_classifier(base)
    size, color = champion.input.size, champion.input.color
    original = data if isinstance(data, Dataset) else load(data, size, color=color)
    exported = export_feedback(feedback, out / "feedback.parquet")
    given = load(exported.path, size, color=color, split=False)
    name = f"{champion.name}-retrained"
    tuned = finetune(
        base, given, out / "run", replay=original, epochs=epochs, name=name, notes=notes, progress=progress
    )
    models, head = (champion, open_classifier(tuned.path)), next(iter(champion.heads))
    made = Retraining(
        tuned.path,
        head,
        exported.train,
        _compared(models, original, VALIDATION, head),
        _compared(models, given, TEST, head) if exported.test >= MIN_HELD_OUT else None,
        _gaps(models, original, head, groups, out) if groups else {},
    )
    write_atomically(out / DECISION, _decision(made, out).encode())
    retraining_report(made).write(out / "report.html")
    return made


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
        files.append(out / f"{name}.csv")
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
            f"{points(one.challenger - one.champion, signed=True)} {interval((one.low, one.high))}",
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
    metadata = {"head": made.head, "learned from": f"{count(made.feedback_images, 'face')} of feedback"}
    return doc.Document("Retraining with feedback", (*blocks, doc.Text(rule)), summary, metadata)
