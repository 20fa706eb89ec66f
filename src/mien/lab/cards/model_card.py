"""A model card: prose from the template that mien carries, figures from what was measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ...errors import DataError
from ...extras import require
from ...model.card import ModelCard
from ...options import ReadOptions
from ...types import SHARE
from . import data_tables, describing, model_tables
from .cost import Assumed, cost_words
from .front import model_front
from .limits import unmeasured, weaknesses
from .markdown import count, percent, within
from .results import Measured


@dataclass(frozen=True)
class Words:
    """What only the card's maker can say.

    Attributes:
        by: who developed the model.
        contact: whom to ask.
        notes: paragraphs in Markdown that go under a heading of their own; empty for none.
        docs: where mien's ``docs`` folder is, seen from the card, with a slash at the end; empty names its pages instead.
        shipped: the model comes with mien, so that its name will do to call it.
    """

    by: str = ""
    contact: str = ""
    notes: str = ""
    docs: str = ""
    shipped: bool = False


class Tables:
    """The tables that the template asks for, by name."""

    accuracy = staticmethod(model_tables.accuracy)
    emotions = staticmethod(model_tables.emotions)
    calibration = staticmethod(model_tables.calibration)
    answered = staticmethod(model_tables.answered)
    mixed = staticmethod(model_tables.mixed)
    groups = staticmethod(model_tables.groups)
    recalls = staticmethod(model_tables.recalls)
    gaps = staticmethod(model_tables.gaps)
    spoiled = staticmethod(model_tables.spoiled)
    classes = staticmethod(data_tables.classes)
    leaks = staticmethod(data_tables.leaks)
    annotators = staticmethod(data_tables.annotators)


def model_card(
    card: ModelCard,
    found: Measured,
    words: Words = Words(),  # frozen
    assumed: Assumed = Assumed(),  # noqa: B008  # frozen
    conditions: Collection[str] = (),
) -> str:
    """The card as Markdown: front matter that the Hugging Face Hub reads, then the sections of its template.

    Args:
        card: of the model.
        found: what was measured of it, from ``measured``.
        words: what only its maker can say.
        assumed: what nobody measured of its training.
        conditions: names of columns of an audit that group images, not people.

    Raises:
        DataError: a result lacks figures that every such result has.
        MissingExtraError: jinja2 or PyYAML is not installed.
    """
    jinja = require("jinja2", "lab")
    audits = found.of("audit")
    try:
        context: dict[str, Any] = {
            "card": card,
            "front": model_front(card, found.of("evaluation")),
            "short": _short(found, conditions),
            "evaluations": found.of("evaluation"),
            "certainties": found.of("uncertainty"),
            "stresses": found.of("stress"),
            "inspections": found.of("inspection"),
            "people": model_tables.columns(audits, conditions, people=True),
            "circumstances": model_tables.columns(audits, conditions, people=False),
            "weaknesses": weaknesses(found, conditions),
            "missing": unmeasured(found, conditions),
            "cost": cost_words(card, assumed),
            **_described(card, words),
        }
        return rendered("model.md.j2", context)
    except (KeyError, TypeError, IndexError, ValueError, jinja.UndefinedError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"a result is not whole: {type(error).__name__}: {error}",
            hint="Measure it again with this version of mien; if the card itself is old, export the model again.",
        ) from error


def rendered(template: str, context: dict[str, Any]) -> str:
    """A template of this room, filled; paragraphs stand one blank line apart."""
    jinja = require("jinja2", "lab")
    text = resources.files(__package__ or "").joinpath(template).read_text("utf-8")
    page = jinja.Environment(  # Markdown, not HTML
        undefined=jinja.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(text)
    filled = str(page.render(count=count, percent=percent, **context))
    while "\n\n\n" in filled:
        filled = filled.replace("\n\n\n", "\n\n")
    return filled.strip() + "\n"


def doc_link(docs: str, page: str, title: str) -> str:
    """A link to a page of mien's docs, or its name where the card lies elsewhere."""
    return f"[{title}]({docs}{page})." if docs else f"{title}: `docs/{page}` of mien."


def _described(card: ModelCard, words: Words) -> dict[str, Any]:
    first = next(iter(card.heads.values()))
    learned = next(iter(describing.targets(card).values()))
    name = card.name if words.shipped else card.weights
    return {
        "tables": Tables,
        "by": words.by,
        "contact": words.contact,
        "notes": words.notes.strip(),
        "notes_title": "In Its Makers' Words",
        "doc": lambda page, title: doc_link(words.docs, page, title),
        "emotions": len(first.emotions),
        "named": "most annotators would name" if learned == "votes" else "a labeller would write under it",
        "heads": describing.heads(card),
        "truths": describing.truths(card),
        "model_type": describing.model_type(card),
        "started": describing.started(card),
        "procedure": describing.procedure(card),
        "objective": describing.objective(card),
        "infrastructure": describing.infrastructure(card),
        "references": describing.references(card),
        "mixes": any(head.vote_temperature is not None for head in card.heads.values()),
        "share": SHARE,
        "min_confidence": ReadOptions().min_confidence,
        "inner": bool(card.recipe.get("data", {}).get("inner")),
        "model_option": "" if name == ReadOptions().model else f" --model {name}",
        "model_argument": "" if name == ReadOptions().model else f'model="{name}"',
    }


def _short(found: Measured, conditions: Collection[str]) -> list[tuple[str, str]]:
    """The answers to what a reader asks first."""
    evaluations, lines = found.of("evaluation"), []
    if evaluations:
        first = evaluations[0]
        head, scores = next(iter(model_tables.main_results(first).items()))
        fewer = model_tables.main_results(first, "dedup").get(head)
        words = within(scores["accuracy"], scores["interval"])
        words += f"; {within(fewer['accuracy'], fewer['interval'])} without copies of training images" if fewer else ""
        lines.append((f"how often right ({first['data']}, {first['split']}, head `{head}`)", words))
        lines.append(
            ("how far its sureness is off, on average", f"{percent(scores['ece'])} (expected calibration error)")
        )
    else:
        lines.append(("how often right", "not measured"))
    for audit, attribute in model_tables.columns(found.of("audit"), conditions, people=True):
        lines.append(
            (f"equally well by {attribute['name']} ({audit.get('data') or 'data not named'})", _verdict(attribute))
        )
    if not any(words.startswith("equally") for words, _ in lines):
        lines.append(("equally well for everyone", "not measured; expect that it does not"))
    return [*lines, ("for decisions about people", "no: it must not be used")]


_VERDICTS = {
    "difference": "no: a difference was found",
    "no_difference": "no difference was found",
    "inconclusive": "inconclusive: too few images",
}


def _verdict(attribute: Mapping[str, Any]) -> str:
    return _VERDICTS[attribute["verdict"]]
