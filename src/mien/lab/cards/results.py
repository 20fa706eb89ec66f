"""Results of other commands, checked to be of a card's model, and the sections of the card that show them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ... import report as doc
from ...errors import DataError
from ...model.card import ModelCard
from ...report import count, escape, interval, join, number, p_value, percent, points
from ..calibration import HeadCalibration
from ..evaluation.evaluate import Evaluation
from ..evaluation.report import table

Values = Mapping[str, Any]
_KEPT = "mien card results"
_DIGITS = 6  # more than a card shows
_EVALUATION, _HEADS = TypeAdapter(Evaluation), TypeAdapter(list[HeadCalibration])


class Kind(str, Enum):
    """The command that wrote a result."""

    EVALUATION = "evaluation"
    CALIBRATION = "calibration"
    ROBUSTNESS = "robustness"
    AUDIT = "audit"
    INSPECTION = "inspection"


#: Fields by which a file is recognized, and those that no card shows. A calibration file is a list, an item per head.
_FIELDS = {
    Kind.EVALUATION: ("model", "data", "split", "results"),
    Kind.CALIBRATION: ("model", "overall", "answered"),
    Kind.ROBUSTNESS: ("robustness", "conditions"),
    Kind.AUDIT: ("attributes", "overall", "emotions"),
    Kind.INSPECTION: ("classes", "copied_from_training", "problems"),
}
_LEFT_OUT: dict[Kind, tuple[str, ...]] = {
    Kind.EVALUATION: ("confusion", "reliability"),
    Kind.CALIBRATION: ("bins", "coverage", "risk"),
    Kind.INSPECTION: ("notes", "groups", "files", "remarks"),  # they name images
}
#: An emotion is weak below this recall, and rare below this number of images.
WEAK_RECALL, FEW_IMAGES = 0.6, 30
#: The loss of accuracy from which a corruption is a weakness.
LARGE_LOSS = 0.10
_COMMANDS = {
    Kind.EVALUATION: "accuracy (`mien lab evaluate`)",
    Kind.CALIBRATION: "calibration with intervals, mixed emotions and abstention (`mien lab calibration`)",
    Kind.ROBUSTNESS: "robustness to darkness, blur, occlusion and other corruptions (`mien lab robustness`)",
    Kind.INSPECTION: "problems of the data, and agreement of its annotators (`mien lab inspect`)",
}


@dataclass(frozen=True)
class Result:
    """One result.

    Attributes:
        content: plain values as in the file, without what no card shows.
        verified: the file names the model by its hash, or is about data only; an audit may not name one.
        path: the file; None for the card's own scores.
    """

    kind: Kind
    content: dict[str, Any]
    verified: bool = True
    path: Path | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The measurement; of two results with the same key the later one counts."""
        names = sorted(one["name"] for one in self.content["attributes"]) if self.kind is Kind.AUDIT else []
        return self.kind, str(self.content.get("data")), str(self.content.get("split")), *names


@dataclass(frozen=True)
class Results:
    """All results that a card shows, in the order of the files."""

    results: tuple[Result, ...] = ()

    def of(self, kind: Kind) -> list[dict[str, Any]]:
        """The contents of one kind."""
        return [result.content for result in self.results if result.kind is kind]

    @property
    def evaluations(self) -> list[Evaluation]:
        """The evaluations."""
        return [_EVALUATION.validate_python(content) for content in self.of(Kind.EVALUATION)]

    @property
    def calibrations(self) -> list[list[HeadCalibration]]:
        """The calibration of all heads."""
        return [_HEADS.validate_python(content["heads"]) for content in self.of(Kind.CALIBRATION)]

    @property
    def unverified(self) -> tuple[Path, ...]:
        """Audits that do not name their model."""
        return tuple(one.path for one in self.results if one.path and not one.verified)

    def to_json(self, card: ModelCard) -> str:
        """The results of the card's model as JSON text, for ``read_results``."""
        model = {"name": card.name, "sha256": card.sha256}
        kept = [{"kind": one.kind, "verified": one.verified, "content": one.content} for one in self.results]
        return json.dumps({"kept": _KEPT, "model": model, "results": kept}, indent=1, ensure_ascii=False) + "\n"


def read_results(card: ModelCard, files: Sequence[Path] = ()) -> Results:
    """Read the JSON of ``mien lab evaluate`` and other commands, or of ``Results.to_json``, on the model of ``card``.

    The card's own scores come first; a file that measured the same replaces them.

    Raises:
        DataError: a file cannot be read, is none of these, or is about another model or other data.
    """
    own = [Result(Kind.EVALUATION, dict(card.scores))] if card.scores else []
    read = [one for path in files for one in _read(path, card)]
    return Results(tuple({one.key: one for one in (*own, *read)}.values()))


def read_inspection(path: Path) -> dict[str, Any]:
    """Output of ``mien lab inspect --json``."""
    content = _json(path)
    if _kind(content) is not Kind.INSPECTION:
        raise DataError(f"{path} is not what 'mien lab inspect --json' writes", hint="Inspect the data again.")
    return dict(content)


def _read(path: Path, card: ModelCard) -> list[Result]:
    content = _json(path)
    try:
        if isinstance(content, dict) and content.get("kept") == _KEPT:
            _check_model(path, card, {content["model"]["sha256"]: content["model"]["name"]})
            read = [Result(Kind(one["kind"]), one["content"], one["verified"], path) for one in content["results"]]
        elif kind := _kind(content):
            read = [_result(kind, path, card, content)]
        else:
            expected = "'mien lab evaluate', 'calibration', 'robustness' or 'inspect', or of 'mien audit fairness'"
            hint = "Give the JSON file that such a command writes into its --out, or prints with --json."
            raise DataError(f"{path}: expected a result of {expected}", hint=hint)
        found = Results(tuple(read))
        _ = found.evaluations, found.calibrations, [one.key for one in read]  # raises ValueError for missing fields
        return read
    except DataError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        hint = "Measure it again with this version of mien, or leave the file out."
        raise DataError(f"{path}: the result is incomplete: {error}", hint=hint) from error


def _result(kind: Kind, path: Path, card: ModelCard, content: Any) -> Result:
    """The part of a result file that is about the model of ``card``."""
    models = {}  # sha256 -> name
    if kind is Kind.EVALUATION:
        models = {content["sha256"]: content["model"]}
    elif kind is Kind.CALIBRATION:
        models = {one["sha256"]: one["model"] for one in content}
        heads = [one for one in content if one["sha256"] == card.sha256]
        content = {"data": content[0]["data"], "split": content[0]["split"], "heads": heads}
    elif kind is Kind.ROBUSTNESS:
        about = content["robustness"]
        models = {sha256: name for name, sha256 in about["models"].items()}
        rows = [one for one in content["conditions"] if one["model"] == models.get(card.sha256)]
        content = {**about, "conditions": rows}
    elif kind is Kind.AUDIT and content["model"]:
        models = {content["model"]["sha256"]: content["model"]["name"]}
    elif kind is Kind.INSPECTION and content["name"] != (wanted := card.scores.get("data", content["name"])):
        hint = "Inspect the data that the model was trained on."
        about_other = f"{path} is about the data {content['name']!r}, expected {wanted!r}"
        raise DataError(f"{about_other}, on which {card.name} was measured", hint=hint)
    if models:
        _check_model(path, card, models)
    return Result(kind, _without(content, _LEFT_OUT.get(kind, ())), bool(models) or kind is Kind.INSPECTION, path)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"), parse_float=lambda digits: round(float(digits), _DIGITS))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}", hint="Check what --results points to.") from error


def _kind(content: Any) -> Kind | None:
    is_list = isinstance(content, list)
    first = content[0] if is_list and content else content
    fits = (kind for kind, names in _FIELDS.items() if isinstance(first, dict) and all(name in first for name in names))
    return next((kind for kind in fits if (kind is Kind.CALIBRATION) == is_list), None)


def _without(content: Any, names: tuple[str, ...]) -> Any:
    """The values without some fields, at any depth."""
    if isinstance(content, dict):
        return {name: _without(value, names) for name, value in content.items() if name not in names}
    return [_without(value, names) for value in content] if isinstance(content, list) else content


def _check_model(path: Path, card: ModelCard, models: Mapping[str, str]) -> None:
    if card.sha256 not in models:
        expected = f"{card.name} with sha256 {card.sha256[:12]}"
        message = f"{path} is about another model: got {', '.join(models.values())}, expected {expected}"
        raise DataError(message, hint="Measure this model, or leave the file out.")


def attributes(results: Results, image_attributes: Collection[str], *, people: bool) -> list[tuple[Values, Values]]:
    """The attributes of all audits, each with its audit: those of people, or those of images."""
    return [
        (audit, attribute)
        for audit in results.of(Kind.AUDIT)
        for attribute in audit["attributes"]
        if people != all(part in image_attributes for part in attribute["name"].split(" x "))
    ]


def group_sections(results: Results, image_attributes: Collection[str]) -> list[doc.Section]:
    """Accuracy by groups of people, and by groups of images."""
    people: list[doc.Block] = []
    for audit, one in attributes(results, image_attributes, people=True):
        people += [doc.Text(f"By {one['name']}: {_source(audit)}. {escape(one['explanation'])}"), _groups([one])]
        people += [_recalls(one), *([_gaps(one)] if one["gaps"] else []), *_notes(audit)]
    images: list[doc.Block] = []
    for audit in results.of(Kind.AUDIT):
        if own := [one for other, one in attributes(results, image_attributes, people=False) if other is audit]:
            text = f"{_source(audit)}. Significant differences are listed among the limitations."
            images += [doc.Text(text), _groups(own), *_notes(audit)]
    return [
        doc.Section(title, tuple(blocks) or (doc.Text(f"Not measured: {command}. Expect differences."),))
        for title, command, blocks in (
            ("Groups of people", "`mien audit predict`, then `mien audit fairness`", people),
            ("Image attributes", "`mien audit attributes`, then `mien audit fairness`", images),
        )
    ]


def robustness_section(results: Results) -> doc.Section:
    """Accuracy under every corruption."""
    blocks: list[doc.Block] = []
    for measured in results.of(Kind.ROBUSTNESS):
        cells = [
            (
                f"{one['family']} {one['level'] or ''}".strip(), one["description"],
                "yes" if one["way"] == "detected" else "no", percent(one["found_share"]),
                _range(one["accuracy"], (one["accuracy_low"], one["accuracy_high"])),
                points(_change(one, measured), signed=True), percent(one["confidence"]), percent(one["abstained"]),
            )
            for one in measured["conditions"]
        ]  # fmt: skip
        names = ("corruption", "strength", "detection", "found", "accuracy", "change", "confidence", "abstained")
        images = count(measured["n"], "image")
        blocks.append(doc.Text(f"{measured['data']}, {measured['split']}, {images}, equally many of each emotion."))
        blocks.append(table(names, cells, words=3))
    return doc.Section("Robustness", tuple(blocks) or (doc.Text("Not measured: `mien lab robustness`."),))


def weaknesses(results: Results, image_attributes: Collection[str]) -> list[str]:
    """Weaknesses of the model according to the results."""
    found = [text for evaluation in results.evaluations[:1] for text in _weak_emotions(evaluation)]
    found += [text for measured in results.of(Kind.ROBUSTNESS) for text in _large_losses(measured)]
    groups = attributes(results, image_attributes, people=True)
    images = attributes(results, image_attributes, people=False)
    groups += [(audit, attribute) for audit, attribute in images if attribute["verdict"] == "difference"]
    found += [f"**By {one['name']}** ({_source(audit)}): {escape(one['explanation'])}" for audit, one in groups]
    return found + [
        f"**Copies:** {count(own['exact'])} images of the {part} part have an exact copy in training; `dedup` leaves "
        "them out."
        for data in results.of(Kind.INSPECTION)
        for part, own in data["copied_from_training"].items()
        if own["exact"]
    ]


def unmeasured(results: Results, image_attributes: Collection[str]) -> list[str]:
    """Missing measurements, with the commands that make them."""
    missing = [text for kind, text in _COMMANDS.items() if not results.of(kind)]
    if not attributes(results, image_attributes, people=True):
        missing.append(
            "differences between groups of people, such as by age, gender or ethnicity (`mien audit fairness`)"
        )
    if not attributes(results, image_attributes, people=False):
        missing.append("differences by light, sharpness, size and pose of the face (`mien audit attributes`)")
    return missing


def _weak_emotions(evaluation: Evaluation) -> Iterator[str]:
    for head, scores in evaluation.main().items():
        shown = {name: one for name, one in scores.classes.items() if one.support}
        weak = [name for name, one in shown.items() if one.recall < WEAK_RECALL]
        named = [f"{name} ({percent(shown[name].recall, 0)} of {count(shown[name].support)})" for name in weak]
        rare = [name for name, one in shown.items() if one.support < FEW_IMAGES]
        few = f" There are fewer than {FEW_IMAGES} images of {join(rare)}." if rare else ""
        if weak:
            yield f"**Low recall, head `{head}`:** {join(named)}.{few}"


def _large_losses(measured: Values) -> Iterator[str]:
    """The worst level of each kind of corruption with a large loss."""
    for way, where in (("detected", "with face detection"), ("crop", "on given crops")):
        worst: dict[str, Values] = {}
        for one in sorted(measured["conditions"], key=lambda one: float(one["accuracy"])):
            if one["way"] == way and (_change(one, measured) or 0) <= -LARGE_LOSS:
                worst.setdefault(one["family"], one)
        if worst:
            named = [f"{name} ({one['description']}) {percent(one['accuracy'], 0)}" for name, one in worst.items()]
            yield f"**Corruptions that cost 10 points or more** ({where}, {measured['data']}): {join(named)}."


def _change(condition: Values, measured: Values) -> float | None:
    """The change of accuracy from the clean images; None for these."""
    same_way = (one for one in measured["conditions"] if one["way"] == condition["way"])
    clean = next((one for one in same_way if not one["level"]), None)
    return float(condition["accuracy"] - clean["accuracy"]) if clean and condition["level"] else None


def _notes(audit: Values) -> list[doc.Block]:
    notes = list(map(escape, audit["notes"]))
    if not audit.get("model"):
        notes.append("The audit does not name the model; the author of this card vouches for it.")
    return [doc.Bullets(tuple(notes))] if notes else []


def _groups(audited: Sequence[Values]) -> doc.Table:
    rows = [
        (
            attribute["name"], group["name"], count(group["n"]), _range(group["accuracy"], group["interval"]),
            percent(group["standardized_accuracy"]), number(group["macro_f1"]), percent(group["detection_rate"]),
            percent(group["abstention_rate"]), percent(group["ece"]), points(group["minimum_detectable_gap"]),
        )
        for attribute in audited
        for group in attribute["groups"]
    ]  # fmt: skip
    names = ("n", "accuracy", "standardized", "macro-F1", "detected", "abstained", "ECE", "detectable gap")
    return table(("by", "group", *names), rows, words=2)


def _recalls(attribute: Values) -> doc.Table:
    emotions = list(attribute["groups"][0]["recall"])
    rows = [
        (group["name"], *(f"{percent(group['recall'][e])} ({count(group['support'].get(e, 0))})" for e in emotions))
        for group in attribute["groups"]
    ]
    return table((attribute["name"], *(f"recall of {emotion} (n)" for emotion in emotions)), rows)


def _gaps(attribute: Values) -> doc.Table:
    rows = [
        (
            " of ".join(filter(None, (gap["rate"]["measure"].replace("_", " "), gap["rate"]["emotion"]))),
            f"{gap['lowest']} {percent(gap['low'])}", f"{gap['highest']} {percent(gap['high'])}",
            f"{points(gap['difference'])} {interval(gap['interval'])}", points(gap["null_gap"]), p_value(gap["p_corrected"]),
        )
        for gap in attribute["gaps"]
    ]  # fmt: skip
    return table(("measure", "lowest", "highest", "gap", "by chance", "corrected p"), rows, words=3)


def _source(audit: Values) -> str:
    return f"{escape(audit.get('data') or 'data not named')}, {count(audit['n'], 'image')}"


def _range(share: float | None, ends: tuple[float, float] | None) -> str:
    return f"{percent(share)} {interval(ends)}".strip()
