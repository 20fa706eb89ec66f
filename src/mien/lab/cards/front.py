"""The front matter of cards: the YAML block by which the Hugging Face Hub sorts, filters and shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...extras import require
from ...model.card import ModelCard
from .model_tables import main_results

Values = Mapping[str, Any]

#: Licenses that the Hub knows by these names; any other is called "other", with its own name beside it.
_LICENCES = (
    "mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "unlicense",
    "cc-by-nc-sa-4.0", "gpl-3.0", "agpl-3.0", "lgpl-3.0", "mpl-2.0", "isc", "odbl", "odc-by", "cdla-permissive-2.0",
)  # fmt: skip
_SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"),
)  # fmt: skip
_TASK = "image-classification"
_TAGS = ("facial-expression-recognition", "emotion-recognition")
#: Names of the metrics as the Hub knows them, where it does, and as our scores call them.
_METRICS = (
    ("accuracy", "accuracy", "Accuracy"),
    ("f1", "macro_f1", "Macro F1"),
    ("balanced_accuracy", "balanced_accuracy", "Balanced accuracy"),
    ("expected_calibration_error", "ece", "Expected calibration error"),
    ("nll", "nll", "Negative log likelihood, nats"),
)


def model_front(card: ModelCard, evaluations: Sequence[Values]) -> str:
    """The YAML of a model card, between its rules.

    Args:
        card: of the model.
        evaluations: what was measured; each head on each part of data becomes a result, with the mirror image averaged.

    Raises:
        MissingExtraError: PyYAML is not installed.
    """
    results = [result for evaluation in evaluations for result in _results(evaluation)]
    front: dict[str, Any] = {
        **_license(card.license),
        "library_name": "mien",
        "pipeline_tag": _TASK,
        "tags": [*_TAGS, *(["onnx"] if card.weights.endswith(".onnx") else []), card.precision],
    }
    trained = dict.fromkeys(str(one["data"]) for one in evaluations[:1])
    if trained:
        front["datasets"] = [_slug(name) for name in trained]
    if results:
        front["metrics"] = [kind for kind, _, _ in _METRICS]
        front["model-index"] = [{"name": card.name, "results": results}]
    return _yaml(front)


def data_front(data: Values, license: str) -> str:
    """The YAML of a data card, between its rules.

    Args:
        data: what ``mien lab inspect`` found.
        license: of the data, as its user knows it.

    Raises:
        MissingExtraError: PyYAML is not installed.
    """
    size = next((name for most, name in _SIZES if data["images"] < most), "n>10M")
    front = {
        **_license(license),
        "pretty_name": str(data["name"]),
        "task_categories": [_TASK],
        "tags": list(_TAGS),
        "size_categories": [size],
    }
    return _yaml(front)


def _results(evaluation: Values) -> list[dict[str, Any]]:
    found = []
    for head, scores in main_results(evaluation).items():
        named = {kind: (scores[key], words) for kind, key, words in _METRICS}
        found.append(
            {
                "task": {"type": _TASK, "name": f"Facial expression recognition, head {head}"},
                "dataset": {
                    "type": _slug(str(evaluation["data"])),
                    "name": f"{evaluation['data']}, {evaluation['split']} part, labels of head {head}",
                    "config": head,
                    "split": str(evaluation["split"]),
                },
                "metrics": [
                    {"type": kind, "value": round(value, 4), "name": words} for kind, (value, words) in named.items()
                ],
            }
        )
    return found


def _license(words: str) -> dict[str, str]:
    """As the Hub wants licenses named."""
    plain = words.strip().lower()
    if plain in _LICENCES:
        return {"license": plain}
    if plain in ("", "not stated", "unknown"):
        return {"license": "unknown"}
    return {"license": "other", "license_name": _slug(words)}


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-") or "unnamed"


def _yaml(front: Mapping[str, Any]) -> str:
    text = require("yaml", "lab").safe_dump(dict(front), sort_keys=False, allow_unicode=True, width=120)
    return f"---\n{text}---\n"
