"""Training cost is recorded and reaches the card."""

from mien.lab.exporting import export
from mien.lab.training.checkpoint import cost_of
from mien.lab.training.run import History, train
from mien.model.card import read_card

from .conftest import tiny


def test_training_time_reaches_the_card(synthetic, tmp_path, float32):
    kept = train(tiny(epochs=2), synthetic, tmp_path / "run").checkpoint
    cost = cost_of(kept)
    assert cost["epochs"] == 2
    assert cost["seconds"] > 0
    assert cost["cpu_seconds"] > 0
    assert cost["accelerator"] == ""
    out = export(tmp_path / "run", synthetic, tmp_path / "model", name="mine")[0]
    assert read_card(out.with_suffix(".json")).training == cost


def test_older_runs_have_no_training_cost(tmp_path):
    history = History(tmp_path, lambda _rows: None)
    history.load_state_dict({"rows": [{"epoch": 1.0, "seconds": 5.0}]})
    assert history.cost == {}
    assert history.state_dict()["cost"] == {}
