"""The result files of other commands: what each is, whose it is, and what of it a card shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import DataError
from ...model.card import ModelCard

_AGAIN = "Measure again with the command named in the card; it writes into its result which model it was."
_SHAPE = "mien card results"
_DIGITS = 6  # more than any card shows
_MARK = (
    "family", "level", "words", "way", "n", "found_share", "accuracy", "accuracy_low", "accuracy_high", "confidence",
    "abstained",
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """One result.

    Attributes:
        kind: ``evaluation``, ``uncertainty``, ``stress``, ``audit`` or ``inspection``.
        content: plain values as in the file, without what no card shows.
        vouched: the file says by its hash that it was made with this very model, or speaks of data only.
    """

    kind: str
    content: dict[str, Any]
    vouched: bool = True

    @property
    def place(self) -> tuple[str, ...]:
        """What it stands for: of two results with the same place, the later one counts."""
        about = self.content
        if self.kind == "audit":
            names = sorted(attribute["name"] for attribute in about["attributes"])
            return self.kind, str(about.get("data", "")), *names
        return (
            (self.kind,) if self.kind == "inspection" else (self.kind, str(about.get("data")), str(about.get("split")))
        )


@dataclass(frozen=True)
class Measured:
    """All that a card may show.

    Attributes:
        results: of the files, the later one where two stand for the same.
        notes: what the user should know of the files, a sentence each.
    """

    results: tuple[Found, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The contents of one kind, in the order of the files."""
        return [found.content for found in self.results if found.kind == kind]


def measured(card: ModelCard, files: Sequence[Path]) -> Measured:
    """Read result files, and see that each was made with the model of ``card``.

    Args:
        card: of the model; its own scores come first, and a file that measured the same takes their place.
        files: JSON that ``mien lab evaluate``, ``uncertainty``, ``stress`` and ``inspect`` or ``mien audit fairness`` wrote,
            or ``kept`` results.

    Raises:
        DataError: a file cannot be read, is none of these, or is about another model or data.
    """
    own = [Found("evaluation", _slim_evaluation(dict(card.scores)))] if card.scores else []
    results = {found.place: found for found in own}
    notes = []
    for path in files:
        for found in _read(path, card):
            results[found.place] = found
            if not found.vouched:
                notes.append(f"{path} does not say which model gave its predictions: shown as said of {card.name}.")
    return Measured(tuple(results.values()), tuple(notes))


def kept(card: ModelCard, found: Measured) -> str:
    """The results as JSON text, cut to what a card shows; ``measured`` takes it in again."""
    table = {
        "kept": _SHAPE,
        "model": {"name": card.name, "sha256": card.sha256},
        "results": [{"kind": one.kind, "vouched": one.vouched, "content": one.content} for one in found.results],
    }
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"


def inspection_of(path: Path) -> dict[str, Any]:
    """What ``mien lab inspect --json`` wrote, cut to what a card shows.

    Raises:
        DataError: it cannot be read, or is something else.
    """
    content = _json(path)
    if not _has(content, "classes", "copied_from_training", "problems"):
        raise DataError(f"{path}: got {_words(content)}, expected what 'mien lab inspect --json' writes")
    return slim_inspection(content)


def slim_inspection(content: Mapping[str, Any]) -> dict[str, Any]:
    """An inspection without the names of images."""
    problems = {key: {"title": one["title"], "images": one["images"]} for key, one in content["problems"].items()}
    return {**{key: value for key, value in content.items() if key != "notes"}, "problems": problems}


def _read(path: Path, card: ModelCard) -> list[Found]:
    content = _json(path)
    try:
        if _has(content, "kept", "model", "results") and content["kept"] == _SHAPE:
            _check(path, card, content["model"]["name"], content["model"]["sha256"])
            return [_kept(path, one) for one in content["results"]]
        kind = next((kind for kind, fits in _KINDS.items() if fits[0](content)), None)
        if kind is None:
            raise DataError(
                f"{path}: got {_words(content)}, expected a result of 'mien lab evaluate', 'uncertainty', 'stress' or "
                "'inspect', or of 'mien audit fairness'",
                hint="Give the JSON file that such a command writes into its --out, or prints with --json.",
            )
        return _KINDS[kind][1](path, card, content)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise DataError(f"{path}: the result is not whole: {error}", hint="Measure it again.") from error


def _kept(path: Path, one: Mapping[str, Any]) -> Found:
    if one["kind"] not in _KINDS or not isinstance(one["content"], dict):
        raise DataError(
            f"{path}: the result is not whole: got {_words(one['content'])} as {one['kind']!r}",
            hint="Measure it again.",
        )
    return Found(one["kind"], one["content"], bool(one["vouched"]))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"), parse_float=lambda digits: round(float(digits), _DIGITS))
    except FileNotFoundError as error:
        raise DataError(f"no result file at {path}", hint="Check what --with points to.") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}", hint="Measure it again.") from error


def _words(content: Any) -> str:
    """What a file of an unknown kind holds."""
    if isinstance(content, dict):
        return f"an object with {', '.join(map(repr, list(content)[:4])) or 'nothing in it'}"
    return f"a list of {len(content)}" if isinstance(content, list) else f"a {type(content).__name__}"


def _has(content: Any, *keys: str) -> bool:
    return isinstance(content, dict) and all(key in content for key in keys)


def _check(path: Path, card: ModelCard, name: str, sha256: str) -> bool:
    """Whether the hash proves that the result is this model's; the name must do where a file has no hash.

    Raises:
        DataError: it is another's.
    """
    if sha256 and sha256 != card.sha256:
        raise DataError(
            f"{path} was measured on another model: got {name!r} with sha256 {sha256[:12]}..., expected {card.name!r} with "
            f"{card.sha256[:12]}...",
            hint="Measure this model, or leave the file out.",
        )
    if not sha256 and name != card.name:
        raise DataError(f"{path} was measured on {name!r}, expected {card.name!r}", hint=_AGAIN)
    return bool(sha256)


def _evaluation(path: Path, card: ModelCard, content: dict[str, Any]) -> list[Found]:
    vouched = _check(path, card, content["model"], content.get("sha256") or "")
    return [Found("evaluation", _slim_evaluation(content), vouched)]


def _slim_evaluation(content: dict[str, Any]) -> dict[str, Any]:
    """Without confusion matrices and reliability bins."""
    left_out = ("confusion", "reliability")
    results = [
        {**one, "scores": {key: value for key, value in one["scores"].items() if key not in left_out}}
        for one in content["results"]
    ]
    return {**content, "results": results}


def _uncertainty(path: Path, card: ModelCard, content: list[dict[str, Any]]) -> list[Found]:
    own = [one for one in content if one.get("sha256") == card.sha256 or one["model"] == card.name]
    if not own:
        others = ", ".join(dict.fromkeys(str(one["model"]) for one in content))
        raise DataError(f"{path} was measured on {others}, expected {card.name}", hint=_AGAIN)
    vouched = [_check(path, card, one["model"], one.get("sha256") or "") for one in own]
    heads = []
    for one in own:
        answered = {key: value for key, value in one["answered"].items() if key not in ("coverage", "risk")}
        heads.append(
            {**{key: value for key, value in one.items() if key not in ("bins", "classes")}, "answered": answered}
        )
    about = {"data": own[0].get("data", ""), "split": own[0].get("split", ""), "heads": heads}
    return [Found("uncertainty", about, all(vouched))]


def _stress(path: Path, card: ModelCard, content: dict[str, Any]) -> list[Found]:
    about, marks = content["stress"], content["marks"]
    name = next((name for name, sha256 in about["models"].items() if sha256 == card.sha256), card.name)
    if name not in about["models"]:
        raise DataError(f"{path} was measured on {', '.join(about['models'])}, expected {card.name}", hint=_AGAIN)
    vouched = _check(path, card, name, about["models"][name])
    heads = {name: about["heads"][name]}
    own = [{key: mark[key] for key in _MARK} for mark in marks if mark["model"] == name]
    return [
        Found("stress", {**about, "models": {name: card.sha256}, "heads": heads, "marks": own}, vouched),
    ]


def _audit(path: Path, card: ModelCard, content: dict[str, Any]) -> list[Found]:
    by = content.get("model")
    vouched = _check(path, card, by["name"], by["sha256"]) if by else False
    return [Found("audit", content, vouched)]


def _inspection(path: Path, card: ModelCard, content: dict[str, Any]) -> list[Found]:
    wanted = card.scores.get("data", content["name"])
    if content["name"] != wanted:
        raise DataError(
            f"{path} is about the data {content['name']!r}, expected {wanted!r}, on which {card.name} was measured",
            hint="Inspect the data that the model was trained on.",
        )
    return [Found("inspection", slim_inspection(content))]


_Fits = Callable[[Any], bool]
_KINDS: dict[str, tuple[_Fits, Callable[[Path, ModelCard, Any], list[Found]]]] = {
    "evaluation": (lambda found: _has(found, "model", "split", "results", "data"), _evaluation),
    "uncertainty": (
        lambda found: isinstance(found, list) and bool(found) and _has(found[0], "model", "overall", "answered"),
        _uncertainty,
    ),
    "stress": (lambda found: _has(found, "stress", "marks"), _stress),
    "audit": (lambda found: _has(found, "summary", "attributes", "overall"), _audit),
    "inspection": (lambda found: _has(found, "classes", "copied_from_training", "problems"), _inspection),
}
