"""Drift: detection of planted shifts, false alarms at their level, corrected label shares, reports."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("statsmodels", reason="drift reports need the extra audit")

from scipy.spatial.distance import jensenshannon
from typer.testing import CliRunner

from mien import Reader, ReadOptions
from mien.cli.app import app
from mien.data import load
from mien.emotions import EMOTIONS
from mien.errors import DataError, OptionError
from mien.model.card import load_model
from mien.serve.drift import (
    Drift,
    distance,
    label_shift,
    measure_drift,
    measure_reference,
    monitor,
    stability_index,
)
from mien.serve.store import Record, Store
from mien.types import Box, Face

from ..conftest import optional_data

CARD = replace(load_model("default")[0], reference={})
SHARES = np.array([0.1, 0.03, 0.05, 0.3, 0.12, 0.1, 0.28, 0.02])


def drift(first: np.ndarray, second: np.ndarray, seed: int = 0):
    return measure_drift("emotion", first, second, EMOTIONS, np.random.default_rng(seed))


def test_a_planted_shift_is_found_and_equal_windows_raise_few_alarms():
    rng = np.random.default_rng(0)
    moved = SHARES + np.array([0, 0, 0, -0.12, 0.12, 0, 0, 0])
    reference = rng.multinomial(3000, SHARES)
    found = [drift(reference, rng.multinomial(400, moved), seed).p < 0.05 for seed in range(40)]
    alarms = [drift(rng.multinomial(3000, SHARES), rng.multinomial(400, SHARES), seed).p < 0.05 for seed in range(200)]
    assert np.mean(found) > 0.95
    assert np.mean(alarms) < 0.09


def test_measures_match_published_values():
    first, second = np.array([50.0, 30, 20]), np.array([20.0, 30, 50])
    assert distance(first, second) == pytest.approx(jensenshannon(first, second, base=2))
    assert stability_index(first * 1e6, second * 1e6) == pytest.approx(2 * 0.3 * np.log(2.5), rel=1e-4)
    assert distance(first, first) == 0
    assert distance(np.array([1.0, 0]), np.array([0.0, 1])) == 1
    one = drift(np.array([300, 0, 0, 0, 0, 0, 0, 0]), np.array([300, 0, 0, 0, 0, 0, 0, 0]))
    assert (one.p, one.drift) == (1, Drift.NONE)
    far = drift(np.array([300, 0, 0, 0, 0, 0, 0, 0]), np.array([0, 300, 0, 0, 0, 0, 0, 0]))
    assert far.drift is Drift.LARGE
    assert far.psi.low <= far.psi.value <= far.psi.high


def test_label_shares_are_corrected_for_confusions():
    rng = np.random.default_rng(1)
    truth = np.array([0.6, 0.3, 0.1])
    recall = np.array([[0.8, 0.2, 0.1], [0.15, 0.7, 0.2], [0.05, 0.1, 0.7]])  # predicted x true, columns sum to 1
    confusion = rng.multinomial(4000, (recall * np.array([0.2, 0.3, 0.5])).ravel()).reshape(3, 3)
    predicted = rng.multinomial(3000, recall @ truth)
    shift = label_shift(confusion, predicted, EMOTIONS[:3], rng)
    assert [one.corrected.value for one in shift] == pytest.approx(truth, abs=0.05)
    assert all(one.corrected.low <= share <= one.corrected.high for one, share in zip(shift, truth))
    assert label_shift(np.zeros((3, 3), np.int64), predicted, EMOTIONS[:3], rng) == ()


def recorded(store: Store, n: int, begin: float, shares: np.ndarray, light: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    store.add(
        [
            Record(
                f"{seed:016x}{number:016x}", begin + number, "images", CARD.sha256, "ferplus", "",
                EMOTIONS[rng.choice(8, p=shares)], False, rng.uniform(0.4, 1), rng.normal(light, 0.1),
                rng.uniform(0.1, 0.6), rng.uniform(40, 200), rng.normal(0, 10), rng.normal(0, 5),
            )
            for number in range(n)
        ]
    )  # fmt: skip
    store.flush()


@pytest.fixture
def store(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'mien.db'}")
    recorded(store, 600, 1000.0, SHARES, 0.5, 1)
    recorded(store, 600, 5000.0, SHARES, 0.5, 2)
    recorded(store, 600, 9000.0, SHARES, 0.3, 3)  # darker
    yield store
    store.close()


def test_a_window_is_compared_with_an_earlier_one(store):
    same = monitor(store, CARD, since=5000, until=6000, baseline=(1000, 2000))
    assert same.drift is Drift.NONE
    dark = monitor(store, CARD, since=9000, until=9999, baseline=(1000, 2000))
    assert {one.name: one.drift for one in dark.measures if one.drift is not Drift.NONE} == {"brightness": Drift.LARGE}
    with pytest.raises(DataError):
        monitor(store, CARD, since=1e6, baseline=(1000, 2000))
    with pytest.raises(DataError):
        monitor(store, CARD, since=5000)


def test_a_window_is_compared_with_the_card(store):
    counts = np.random.default_rng(4).multinomial(3000, SHARES)
    reference = {
        "n": 3000,
        "data": "faces",
        "confusion": np.diag(counts).tolist(),
        "histograms": {"emotion": counts.tolist()},
    }
    result = monitor(store, replace(CARD, reference={"ferplus": reference}), until=6000)
    assert ([one.name for one in result.measures], result.drift) == (["emotion"], Drift.NONE)
    assert [one.corrected.value for one in result.shift] == pytest.approx(SHARES, abs=0.05)


def test_the_command_reports(store, tmp_path):
    words = ["monitor", "report", "--store", str(tmp_path / "mien.db"), "--since", "1970-01-01T02:30"]
    words += ["--baseline", "1970-01-01", "1970-01-01T01:00"]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "drift.html"), "--json"])
    assert done.exit_code == 3
    assert json.loads(done.stdout)["drift"] == "large"
    assert "brightness" in (tmp_path / "drift.html").read_text()
    done = CliRunner().invoke(app, [*words[:4], "--since", "yesterday"])
    assert isinstance(done.exception, OptionError)


def test_cards_of_included_models_have_references():
    for name in ("default", "tiny"):
        card = load_model(name)[0]
        assert set(card.reference) == set(card.heads)
        for head, reference in card.reference.items():
            confusion = np.array(reference["confusion"])
            assert confusion.shape == (len(card.heads[head].emotions),) * 2
            assert confusion.sum(1).tolist() == reference["histograms"]["emotion"]
            assert {"confidence", "brightness", "sharpness", "yaw"} < set(reference["histograms"])


@pytest.mark.slow
def test_references_hold_readings_under_the_prior():
    path = optional_data("fer2013/fer2013.npz")
    reference = measure_reference("tiny", path, pose=False)["ferplus"]
    part = load(path, 48, color="gray").part("validation")
    known = np.random.default_rng(0).permutation(len(part))[:500]
    reader = Reader(ReadOptions(model="tiny", detector="none"))
    crops = part.images[known]
    readings = reader.classify([Face(Box(0, 0, 48, 48))] * len(crops), crops)
    shares = np.array(reference["histograms"]["emotion"]) / reference["n"]
    said = np.array([sum(one.emotion == emotion for one in readings) for emotion in reader.emotions]) / len(readings)
    assert np.abs(shares - said).max() < 0.06  # 500 images, and those without a majority of votes
    sure = sum(reference["histograms"]["confidence"][-1:]) / reference["n"]
    assert sure == pytest.approx(np.mean([one.confidence >= 0.99 for one in readings]), abs=0.06)
