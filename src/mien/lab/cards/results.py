"""Results of other commands, as a card shows them: recognized by their fields, checked to be of the card's model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ...errors import DataError
from ...model.card import ModelCard
from ..calibration import HeadCalibration
from ..evaluation.evaluate import Evaluation

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
        """What it measured: of two results with the same key the later one counts."""
        names = sorted(one["name"] for one in self.content["attributes"]) if self.kind is Kind.AUDIT else []
        return self.kind, str(self.content.get("data")), str(self.content.get("split")), *names


@dataclass(frozen=True)
class Results:
    """All results that a card shows."""

    results: tuple[Result, ...] = ()

    def of(self, kind: Kind) -> list[dict[str, Any]]:
        """The contents of one kind, in the order of the files."""
        return [result.content for result in self.results if result.kind is kind]

    @property
    def evaluations(self) -> list[Evaluation]:
        """The evaluations, in the order of the files."""
        return [_EVALUATION.validate_python(content) for content in self.of(Kind.EVALUATION)]

    @property
    def calibrations(self) -> list[list[HeadCalibration]]:
        """The calibration of all heads, in the order of the files."""
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
    """Read result files of the model of ``card``.

    Args:
        card: its own scores come first; a file that measured the same replaces them.
        files: JSON of ``mien lab evaluate``, ``calibration``, ``robustness`` and ``inspect``, of ``mien audit fairness``, or
            of ``Results.to_json``.

    Raises:
        DataError: a file cannot be read, is none of these, or is about another model or other data.
    """
    own = [Result(Kind.EVALUATION, dict(card.scores))] if card.scores else []
    read = [one for path in files for one in _read(path, card)]
    return Results(tuple({one.key: one for one in (*own, *read)}.values()))


def read_inspection(path: Path) -> dict[str, Any]:
    """What ``mien lab inspect --json`` wrote.

    Raises:
        DataError: the file cannot be read, or is something else.
    """
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
            raise DataError(
                f"{path}: expected a result of 'mien lab evaluate', 'calibration', 'robustness' or 'inspect', or of "
                "'mien audit fairness'",
                hint="Give the JSON file that such a command writes into its --out, or prints with --json.",
            )
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
        raise DataError(
            f"{path} is about another model: got {', '.join(models.values())}, expected {card.name} with sha256 "
            f"{card.sha256[:12]}",
            hint="Measure this model, or leave the file out.",
        )
