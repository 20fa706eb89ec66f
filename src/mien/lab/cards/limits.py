"""Where a model is weak, in sentences drawn from what was measured; and what was never measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .markdown import count, listed, percent
from .model_tables import clean_of, columns, is_broken, main_results
from .results import Measured

Values = Mapping[str, Any]

#: An emotion is called badly recognized below this recall, and rare below this many images.
_WEAK, _FEW = 0.6, 30


def weaknesses(found: Measured, conditions: Collection[str]) -> list[str]:
    """What the results say against the model, worst kinds first.

    Args:
        found: the results.
        conditions: names of columns that group images, not people.
    """
    sentences = _emotions(found.of("evaluation"))
    for stress in found.of("stress"):
        sentences += _spoiled(stress)
    for audit, attribute in columns(found.of("audit"), conditions, people=True):
        sentences.append(_column(audit, attribute))
    for audit, attribute in columns(found.of("audit"), conditions, people=False):
        if attribute["verdict"] == "gap":
            sentences.append(_column(audit, attribute))
    for data in found.of("inspection"):
        sentences += _copies(data)
    return sentences


def unmeasured(found: Measured, conditions: Collection[str]) -> list[str]:
    """What nobody measured for this card, each with the command that would."""
    audits = found.of("audit")
    wanted = [
        (columns(audits, conditions, people=True),
         "whether it works equally well for groups of people, such as by age, gender or ethnicity", "mien audit fairness"),
        (columns(audits, conditions, people=False),
         "whether it works equally well by light, sharpness, size and pose of the face", "mien audit attributes"),
        (found.of("stress"), "how it reads dark, blurred, covered or otherwise spoiled images", "mien lab robustness"),
        (found.of("uncertainty"), "calibration with intervals, mixed emotions and abstaining", "mien lab uncertainty"),
        (found.of("inspection"), "what is wrong with the data, and how far its annotators agree", "mien lab inspect"),
        (found.of("evaluation"), "how often it is right", "mien lab evaluate"),
    ]  # fmt: skip
    return [f"{words} (`{command}` does)" for results, words, command in wanted if not results]


def _emotions(evaluations: Sequence[Values]) -> list[str]:
    sentences = []
    for head, scores in main_results(evaluations[0]).items() if evaluations else ():
        weak = [
            f"{name} ({percent(one['recall'], 0)} of {count(one['support'])} found)"
            for name, one in scores["classes"].items()
            if one["support"] and one["recall"] < _WEAK
        ]
        never = [name for name, one in scores["classes"].items() if one["support"] and not one["recall"]]
        rare = [name for name, one in scores["classes"].items() if one["support"] < _FEW]
        if weak:
            text = f"**Badly recognized, head `{head}`:** {listed(weak)}."
            text += f" {listed(never).capitalize()} is never recognized." if len(never) == 1 else ""
            text += f" Of {listed(rare)} there are too few images to say it exactly." if rare else ""
            sentences.append(text)
    return sentences


def _spoiled(stress: Values) -> list[str]:
    """The worst level of each kind of spoiling that costs ten points or more."""
    marks = stress["marks"]
    sentences = []
    for way, words in (("detected", "through the whole reader"), ("crop", "of the true crop")):
        worst: dict[str, Values] = {}
        for mark in marks:
            if mark["way"] == way and is_broken(mark, marks):
                known = worst.setdefault(mark["family"], mark)
                worst[mark["family"]] = min(known, mark, key=lambda one: float(one["accuracy"]))
        clean = next((clean_of(mark, marks) for mark in worst.values()), None)
        if clean:
            ordered = sorted(worst.values(), key=lambda one: float(one["accuracy"]))
            named = [f"{one['family']} ({one['words']}) {_right(one)}" for one in ordered]
            sentences.append(
                f"**Spoiled images cost ten points or more** ({words}, {stress['data']}, as many images of each "
                f"emotion; clean: {_right(clean)}): {'; '.join(named)}."
            )
    return sentences


def _right(mark: Values) -> str:
    """How often right, and whether the model notices."""
    return f"{percent(mark['accuracy'], 0)} right, {percent(mark['confidence'], 0)} sure"


def _column(audit: Values, attribute: Values) -> str:
    where = audit.get("data") or "data not named"
    return f"**By {attribute['name']}** ({where}, {count(audit['n'])} images): {attribute['explanation']}"


def _copies(data: Values) -> list[str]:
    return [
        f"**Copies flatter the figures:** {count(own['exact'])} images of the {part} part are pixel for pixel in the "
        "training part too. `dedup` leaves them out."
        for part, own in data["copied_from_training"].items()
        if own["exact"]
    ]
