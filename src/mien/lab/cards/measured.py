"""Sections of a model card about results: groups, robustness, weaknesses, and what is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ... import report as doc
from ...report import count, escape, interval, join, number, p_value, percent, points
from ..evaluation.evaluate import Evaluation
from ..evaluation.report import table
from .results import Kind, Results, Values

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
    sections = []
    for people, title, command in (
        (True, "Groups of people", "`mien audit predict`, then `mien audit fairness`"),
        (False, "Image attributes", "`mien audit attributes`, then `mien audit fairness`"),
    ):
        blocks: list[doc.Block] = []
        for audit, one in attributes(results, image_attributes, people=people):
            blocks += [doc.Text(f"By {one['name']}: {_source(audit)}. {escape(one['explanation'])}"), _groups(one)]
            blocks += [_recalls(one), *([_gaps(one)] if one["gaps"] else [])] if people else []
            notes = list(map(escape, audit["notes"]))
            if not audit.get("model"):
                notes.append("The audit does not name the model; the author of this card vouches for it.")
            blocks += [doc.Bullets(tuple(notes))] if notes else []
        sections.append(
            doc.Section(title, tuple(blocks) or (doc.Text(f"Not measured: {command}. Expect differences."),))
        )
    return sections


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
    """What the results say against the model."""
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
    """What is not measured, each with the command that measures it."""
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


def _groups(attribute: Values) -> doc.Table:
    rows = [
        (
            group["name"], count(group["n"]), _range(group["accuracy"], group["interval"]),
            percent(group["standardized_accuracy"]), number(group["macro_f1"]), percent(group["detection_rate"]),
            percent(group["abstention_rate"]), percent(group["ece"]), points(group["minimum_detectable_gap"]),
        )
        for group in attribute["groups"]
    ]  # fmt: skip
    names = ("n", "accuracy", "standardized", "macro-F1", "detected", "abstained", "ECE", "detectable gap")
    return table((attribute["name"], *names), rows)


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
