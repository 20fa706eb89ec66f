"""A model's card, and made-up results as other commands write them."""

import json
from pathlib import Path

import numpy as np
import pytest

from mien.model.card import ModelCard, load_model

pytest.importorskip("huggingface_hub", reason="cards need the extra [lab]")
pytest.importorskip("fairlearn", reason="audits need the extra [audit]")

from mien.audit.fairness import audit_fairness
from mien.audit.fairness_report import to_json
from mien.audit.predictions import ModelInfo, Predictions


@pytest.fixture(scope="session")
def card() -> ModelCard:
    """The card of the default model."""
    return load_model("default")[0]


@pytest.fixture
def audited(tmp_path, card):
    """Writes an audit of predictions that are correct in the given shares of two groups; gives its path."""

    def write(shares=(0.9, 0.5), column="gender", model=None, n=400) -> Path:
        rng = np.random.default_rng(0)
        truth = rng.integers(2, size=2 * n)
        groups = np.repeat(np.array(["a", "b"], object), n)
        correct = rng.random(2 * n) < np.repeat(shares, n)
        by = ModelInfo(card.name, card.sha256, "") if model is None else ModelInfo(**model) if model else None
        predicted = np.where(correct, truth, 1 - truth)
        given = Predictions(("happy", "sad"), truth, predicted, None, None, False, {column: groups}, model=by)
        path = tmp_path / f"{column}.json"
        path.write_text(to_json(audit_fairness(given, resamples=200), "faces.csv"))
        return path

    return write


@pytest.fixture
def write(tmp_path):
    """Puts plain values into a JSON file; gives its path."""

    def put(name: str, content: object) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(content), "utf-8")
        return path

    return put
