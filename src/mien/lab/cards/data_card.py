"""A data card: what a data set holds and what is wrong with it, from what ``mien lab inspect`` found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import DataError
from ...extras import require
from . import data_tables
from .front import data_front
from .markdown import count, listed, percent
from .model_card import doc_link, rendered

#: An emotion is called rare below this share of the part that is learned from.
_RARE = 0.05


@dataclass(frozen=True)
class Told:
    """What only the card's maker can say of the data.

    Attributes:
        license: of the images; empty is "not stated".
        source: where they come from, and whether those imaged agreed.
        contact: whom to ask.
        notes: paragraphs in Markdown that go under a heading of their own.
        docs: where mien's ``docs`` folder is, seen from the card, with a slash at the end; empty names its pages instead.
    """

    license: str = ""
    source: str = ""
    contact: str = ""
    notes: str = ""
    docs: str = ""


def data_card(data: Mapping[str, Any], told: Told = Told()) -> str:
    """The card as Markdown: front matter that the Hugging Face Hub reads, then the sections of its data set template.

    Args:
        data: what ``mien lab inspect --json`` gives, with or without the names of images.
        told: what only its maker can say.

    Raises:
        DataError: the inspection lacks something that every inspection has.
        MissingExtraError: jinja2 or PyYAML is not installed.
    """
    jinja = require("jinja2", "lab")
    try:
        return rendered(
            "data.md.j2",
            {
                "data": data,
                "front": data_front(data, told.license),
                "told": told,
                "tables": data_tables,
                "hazards": hazards(data),
                "color": "color" if data["color"] == "rgb" else "gray",
                "doc": lambda page, title: doc_link(told.docs, page, title),
            },
        )
    except (KeyError, TypeError, IndexError, jinja.UndefinedError) as error:
        raise DataError(
            f"the inspection is not whole: {type(error).__name__}: {error}", hint="Inspect the data again."
        ) from error


def hazards(data: Mapping[str, Any]) -> list[str]:
    """What may go wrong for those who use it, drawn from what was found."""
    return [*_rare(data), *_leaks(data), *_contradictions(data), *_annotators(data)]


def _rare(data: Mapping[str, Any]) -> list[str]:
    part, own = next(iter(data["classes"].items()), ("", {}))
    total = sum(own.values())
    if not total:
        return []
    rare = [f"{name} ({percent(n / total)})" for name, n in own.items() if n < _RARE * total]
    most = max(own, key=lambda name: int(own[name]))
    if not rare:
        return []
    return [
        f"**Uneven:** in the {part} part {listed(rare)} {'is' if len(rare) == 1 else 'are'} rare, {most} is "
        f"{percent(own[most] / total)}. Who learns from it will miss the rare ones; accuracy alone hides that."
    ]


def _leaks(data: Mapping[str, Any]) -> list[str]:
    return [
        f"**Leaks:** {count(own['exact'])} images of the {part} part have an exact copy in training, {count(own['near'])} "
        "an exact or near one: who is judged by them is judged too well. `mien lab inspect --write-manifest` lists what to "
        "leave out."
        for part, own in data["copied_from_training"].items()
        if own["near"]
    ]


def _contradictions(data: Mapping[str, Any]) -> list[str]:
    found = data["problems"].get("exact-conflict", {}).get("images", 0)
    words = f"**Contradictions:** {count(found)} images have an exact copy with another label"
    return [f"{words}; at most one of the labels can be right."] if found else []


def _annotators(data: Mapping[str, Any]) -> list[str]:
    parts = data.get("annotators", [])
    if not parts:
        return ["**One label an image:** how far people disagree about it is not known; with faces, they do."]
    one = max(parts, key=lambda part: int(part["n"]))
    share, agrees = percent(one["no_majority"]), one["label_agrees"]
    known = "" if agrees is None else f"; where one has, it is the label in {percent(agrees)}"
    words = f"**Disagreement:** on {share} of the images of the {one['part']} part no emotion has a majority{known}"
    return [f"{words}. A single label hides that."]
