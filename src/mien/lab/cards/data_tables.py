"""The tables of a data set, from what ``mien lab inspect`` found: in its own card, and in those of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...emotions import EMOTIONS
from .markdown import count, figure, percent, table

Values = Mapping[str, Any]


def classes(data: Values) -> str:
    """Images of each emotion in each part."""
    parts: dict[str, dict[str, int]] = data["classes"]
    totals = {part: sum(own.values()) for part, own in parts.items()}
    names = [name for name in EMOTIONS if any(name in own for own in parts.values())]
    rows = [
        (
            name,
            *(f"{count(own.get(name, 0))} ({percent(own.get(name, 0) / totals[part])})" for part, own in parts.items()),
        )
        for name in names
    ]
    return table(("emotion", *parts), [*rows, ("all", *(count(total) for total in totals.values()))])


def leaks(data: Values) -> str:
    """Images of the judging parts that have copies among those that are learned from."""
    sizes = {part: sum(own.values()) for part, own in data["classes"].items()}
    rows = [
        (
            part,
            count(sizes[part]),
            *(f"{count(own[kind])} ({percent(own[kind] / sizes[part])})" for kind in ("exact", "near")),
        )
        for part, own in data["copied_from_training"].items()
    ]
    return table(("part", "images", "with an exact copy in training", "with an exact or near copy"), rows)


def problems(data: Values) -> str:
    """Every kind of problem that was looked for, those that no image has included."""
    rows = [
        (one["title"], count(one["images"]), percent(one["images"] / data["images"]))
        for one in data["problems"].values()
    ]
    return table(("looked for", "images", "share"), rows)


def light(data: Values) -> str:
    """Brightness, contrast and sharpness."""
    units = {"brightness": "mean gray, 0 to 255", "contrast": "standard deviation of the grays, 0 to 127.5"}
    units["sharpness"] = "variance of the Laplacian over that of the grays"
    rows = [(name, units.get(name, ""), *(figure(one, 2) for one in spread)) for name, spread in data["light"].items()]
    return table(("measure", "what it is", "5 % of the images are below", "half", "95 %"), rows, words=2)


def annotators(data: Values) -> str:
    """How far annotators agree with one another and with the labels; empty without votes."""
    parts = data.get("annotators", [])
    lines: tuple[tuple[str, Callable[[Values], str]], ...] = (
        ("votes an image, on average", lambda one: figure(one["votes"], 1)),
        ("no majority for any emotion", lambda one: percent(one["no_majority"])),
        ("most see no face in it, or nobody named an emotion", lambda one: percent(one["no_face"])),
        ("votes that the commonest emotion gets, on average", lambda one: percent(one["top_share"])),
        ("entropy of the votes, mean, nats (0: all agree)", lambda one: figure(one["entropy"], 2)),
        ("divided: two emotions with 30 % of the votes each", lambda one: percent(one["divided"])),
        ("label is the majority's, where there is one", lambda one: percent(one["label_agrees"])),
    )
    rows = [(words, *(value(one) for one in parts)) for words, value in lines] if parts else []
    return table(("annotators", *(f"{one['part']} (n = {count(one['n'])})" for one in parts)), rows)
