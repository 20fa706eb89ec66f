"""The tables of a model card, each from the plain values of one result."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...errors import DataError
from ...types import SHARE
from .markdown import count, estimate, figure, percent, table, within

Values = Mapping[str, Any]

#: A drop in accuracy below the clean images from which a condition counts as broken.
BROKEN = 0.10


def accuracy(evaluation: Values, truths: Mapping[str, str]) -> str:
    """Every head, whole and without copies, with and without the mirror image averaged."""
    rows = []
    for result in evaluation["results"]:
        scores, head = result["scores"], result["head"]
        rows.append(
            (
                f"`{head}`", truths.get(head, ""), result["images"], "yes" if result["flip"] else "no", count(scores["n"]),
                within(scores["accuracy"], scores["interval"]), figure(scores["macro_f1"]),
                percent(scores["balanced_accuracy"]), figure(scores["nll"]), percent(scores["ece"]),
                figure(scores.get("kl_to_votes")),
            )
        )  # fmt: skip
    names = (
        "head",
        "marked against",
        "images",
        "mirrored",
        "n",
        "accuracy (95 %)",
        "macro-F1",
        "balanced",
        "NLL",
        "ECE",
    )
    return table((*names, "KL to votes"), rows, words=4)


def main_results(evaluation: Values, images: str = "official") -> dict[str, Values]:
    """The scores of each head as the reader works by default: the mirror image averaged.

    Raises:
        DataError: there are none of the whole part, which every evaluation has.
    """
    found = {
        result["head"]: result["scores"]
        for result in evaluation["results"]
        if result["flip"] and result["images"] == images
    }
    if not found and images == "official":
        raise DataError(
            f"an evaluation on {evaluation['data']} is not whole: got no scores with the mirror image averaged",
            hint="Measure it again: mien lab evaluate",
        )
    return found


def emotions(evaluation: Values) -> str:
    """Precision, recall and F1 of each emotion, heads beside one another."""
    heads = main_results(evaluation)
    names = list(dict.fromkeys(name for scores in heads.values() for name in scores["classes"]))
    rows = []
    for name in names:
        cells: list[str] = [name]
        for scores in heads.values():
            one = scores["classes"].get(name)
            cells += (
                [count(one["support"]), *(figure(one[what], 2) for what in ("precision", "recall", "f1"))]
                if one
                else [""] * 4
            )
        rows.append(cells)
    return table(
        ("emotion", *(title for head in heads for title in (f"`{head}` n", "precision", "recall", "F1"))), rows
    )


def calibration(certainty: Values) -> str:
    """As often right as sure: overall, and when told to choose from fewer emotions."""
    rows = [
        (
            f"`{one['head']}`", kind, count(own["n"]), estimate(own["accuracy"]), estimate(own["ece"]),
            percent(own["ece_refitted"]),
        )
        for one, kind, own in [*_overall(certainty), *_sets(certainty)]
    ]  # fmt: skip
    return table(
        ("head", "images, or emotions to choose from", "n", "accuracy (95 %)", "ECE (95 %)", "refitted"),
        rows,
        words=2,
    )


def _overall(certainty: Values) -> list[tuple[Values, str, Values]]:
    return [(one, one["images"], one["overall"]) for one in certainty["heads"]]


def _sets(certainty: Values) -> list[tuple[Values, str, Values]]:
    return [(one, f"only {name}", own) for one in _whole(certainty) for name, own in one["label_sets"].items()]


def mixed(certainty: Values) -> str:
    """How well faces are found that divide people; the reader's own setting in bold."""
    rows = [
        (
            f"`{one['head']}`", f"**{share:g}**" if share == SHARE else f"{share:g}", count(named), percent(precision),
            percent(recall),
        )
        for one in _whole(certainty)
        if one["mixed"]
        for share, named, precision, recall, *_ in one["mixed"]["rows"][::2]
    ]  # fmt: skip
    return table(("head", "share of votes", "named mixed", "precision", "recall"), rows, words=2)


def answered(certainty: Values) -> str:
    """What abstaining below a confidence gains."""
    rows = [
        (f"`{one['head']}`", f"{level:g}", percent(coverage), percent(right), percent(rest))
        for one in _whole(certainty)
        for level, coverage, right, rest in one["answered"]["rows"]
        if level in (0, 0.5, 0.6, 0.8)
    ]
    return table(("head", "abstaining below", "answered", "accuracy of those", "accuracy of the others"), rows, words=2)


def spoiled(stress: Values) -> str:
    """Every condition; those that cost ten points or more in bold."""
    rows = []
    for mark in stress["marks"]:
        name = f"{mark['family']} {mark['level']}" if mark["level"] else mark["family"]
        right = within(mark["accuracy"], (mark["accuracy_low"], mark["accuracy_high"]))
        rows.append(
            (
                f"**{name}**" if is_broken(mark, stress["marks"]) else name, mark["words"],
                "true crop" if mark["way"] == "crop" else "whole reader", percent(mark["found_share"]), right,
                percent(mark["confidence"]), percent(mark["abstained"]),
            )
        )  # fmt: skip
    return table(
        ("condition", "level", "face", "found", "right of all (95 %)", "confidence", "abstained"), rows, words=3
    )


def clean_of(mark: Values, marks: Sequence[Values]) -> Values | None:
    """The clean images that a condition is compared with."""
    return next((one for one in marks if one["level"] == 0 and one["way"] == mark["way"]), None)


def is_broken(mark: Values, marks: Sequence[Values]) -> bool:
    """Whether a condition costs ten points or more."""
    clean = clean_of(mark, marks)
    return clean is not None and mark["accuracy"] <= clean["accuracy"] - BROKEN


def groups(attribute: Values) -> str:
    """The groups of one column of an audit."""

    def least_gap(group: Mapping[str, Any]) -> str:
        gap = group["minimum_detectable_gap"]
        return "none" if gap is None else f"{100 * gap:.1f}"

    rows = [
        (
            group["name"],
            count(group["n"]),
            within(group["accuracy"], group["interval"]),
            percent(group["standardized_accuracy"]),
            figure(group["macro_f1"]),
            percent(group["detection_rate"]),
            percent(group["abstention_rate"]),
            percent(group["ece"]),
            least_gap(group),
        )
        for group in attribute["groups"]
    ]
    names = (
        "n",
        "accuracy (95 %)",
        "standardized accuracy",
        "macro-F1",
        "detected",
        "abstained",
        "ECE",
        "minimum detectable gap",
    )
    return table((attribute["name"], *names), rows)


def recalls(attribute: Values) -> str:
    """How much of each emotion is recognized, group by group, with its images in brackets."""
    emotions = list(attribute["groups"][0]["recall"]) if attribute["groups"] else []
    rows = [
        (group["name"], *(_recall(group["recall"][name], group["support"].get(name, 0)) for name in emotions))
        for group in attribute["groups"]
    ]
    return table((attribute["name"], *emotions), rows)


def _recall(share: float | None, shown: int) -> str:
    return "" if share is None else f"{percent(share)} ({count(shown)})"


def gaps(attribute: Values) -> str:
    """Gaps between the groups of one column."""
    rows = [
        (
            _measure(gap), f"{gap['lowest']} {percent(gap['low'])}", f"{gap['highest']} {percent(gap['high'])}",
            f"{100 * gap['difference']:.1f} ({100 * gap['interval'][0]:.1f} to {100 * gap['interval'][1]:.1f})",
            f"{100 * gap['null_gap']:.1f}", _p(gap["p_corrected"]),
        )
        for gap in attribute["gaps"]
    ]  # fmt: skip
    return table(
        ("measure", "lowest", "highest", "gap, points (95 %)", "by chance up to", "p, corrected"), rows, words=3
    )


def _measure(gap: Values) -> str:
    name, rate = _rate_name(gap), _rate_name(gap["rate"])
    return name if name == rate else f"{name}: {rate}"


def _rate_name(rate: Values) -> str:
    name = str(rate["measure"]).replace("_", " ")
    return f"{name} of {rate['emotion']}" if rate["emotion"] else name


def columns(audits: Sequence[Values], conditions: Collection[str], *, people: bool) -> list[tuple[Values, Values]]:
    """The columns of all audits, each with its audit: those that group people, or those that group images."""
    return [
        (audit, attribute)
        for audit in audits
        for attribute in audit["attributes"]
        if people != all(part in conditions for part in str(attribute["name"]).split(" x "))
    ]


def _whole(certainty: Values) -> list[Values]:
    return [one for one in certainty["heads"] if one["images"] == "official"]


def _p(value: float | None) -> str:
    if value is None:
        return "-"
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}" if value < 0.1 else f"{value:.2f}"
