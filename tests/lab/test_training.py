"""Small training runs: they learn, resume, stop early and can be interrupted."""

import csv
import errno
import signal
from dataclasses import replace

import numpy as np
import pytest

from mien.emotions import EMOTIONS
from mien.errors import DataError, ModelError, OutputError, RecipeError
from mien.lab.evaluation.classifier import open_classifier, predict
from mien.lab.evaluation.metrics import Weakness
from mien.lab.recipe import changed, load_recipe

from .conftest import tiny, two_classes

pytestmark = pytest.mark.usefixtures("float32")

lightning = pytest.importorskip("lightning.pytorch", reason="the lab's tests need the extra [lab]")
torch = pytest.importorskip("torch", reason="the lab's tests need the extra [lab]")

from mien.lab.training.checkpoint import (
    find_checkpoint,
    load_checkpoint,
    used_precision,  # needs torch
)
from mien.lab.training.run import (
    Row,  # needs torch
    train,  # needs torch
    weaknesses_of,
)


class InterruptAt(lightning.Callback):  # type: ignore[misc, name-defined]  # a module that may be missing has no types
    """Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        if trainer.current_epoch == self.epoch and batch_idx == 2:
            raise KeyboardInterrupt


def test_training_improves_and_is_recorded(tmp_path, synthetic):
    shown, batches = [], []
    result = train(
        tiny(epochs=6),
        synthetic,
        tmp_path,
        on_epoch=lambda rows: shown.append(len(rows)),
        progress=lambda *at: batches.append(at),
    )
    assert result.checkpoint == tmp_path / "last.ckpt"
    assert [row["epoch"] for row in result.history] == [1, 2, 3, 4, 5, 6]
    assert result.cost["epochs"] == 6
    assert shown == [1, 2, 3, 4, 5, 6]
    assert batches[0] == (1, 7, "epoch 1")
    assert batches[-1] == (7, 7, "epoch 6")
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == list("123456")
    assert float(rows[-1]["val_acc_fer2013"]) > 0.95
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    judged = synthetic.part("validation")
    logits = predict(open_classifier(tmp_path), judged.images, flip=True)["fer2013"]
    assert (logits.argmax(1) == judged.labels).mean() > 0.95


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, synthetic):
    recipe = tiny(sizes=((0, 8), (2, 16)))
    whole = load_checkpoint(train(recipe, synthetic, tmp_path / "whole").checkpoint)[1]
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, synthetic, tmp_path / "parts", callbacks=(InterruptAt(1),))
    assert signal.getsignal(signal.SIGINT) == handler
    assert used_precision(tmp_path / "parts" / "last.ckpt") == "32-true"
    rows: list[list[Row]] = []
    resumed = load_checkpoint(
        train(recipe, synthetic, tmp_path / "parts", resume=True, on_epoch=rows.append).checkpoint
    )[1]
    assert [row["epoch"] for row in rows[-1]] == [1, 2, 3]  # the history goes on where it stopped
    for name, weight in whole.items():
        torch.testing.assert_close(resumed[name], weight, rtol=0, atol=0)


def test_it_stops_early(tmp_path, synthetic):
    recipe = changed(tiny(epochs=8, patience=1, keep="best"), {"optimizer.lr": 0.0})  # never gets better
    rows: list[list[Row]] = []
    assert train(recipe, synthetic, tmp_path, on_epoch=rows.append).checkpoint == tmp_path / "best.ckpt"
    assert len(rows[-1]) == 2
    assert find_checkpoint(tmp_path) == tmp_path / "best.ckpt"


def test_refusals(tmp_path, synthetic):
    with pytest.raises(OutputError):
        train(tiny(), synthetic, tmp_path, resume=True)
    with pytest.raises(DataError):
        train(tiny(), synthetic.part("train"), tmp_path)
    unknown = replace(synthetic, labels=np.full(len(synthetic), EMOTIONS.index("contempt")))
    with pytest.raises(DataError) as caught:
        train(tiny(), unknown, tmp_path)
    assert caught.value.hint
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        train(tiny(), synthetic, tmp_path / "file")
    with pytest.raises(DataError) as caught:
        train(load_recipe("default"), replace(synthetic, votes=None), tmp_path)
    assert "seven" in caught.value.hint
    train(tiny(epochs=1), two_classes(100), tmp_path)
    with pytest.raises(OutputError):
        train(tiny(epochs=1), synthetic, tmp_path)
    with pytest.raises(RecipeError) as caught:
        train(tiny(epochs=2), synthetic, tmp_path, resume=True)
    assert (caught.value.field, caught.value.value) == ("schedule.epochs", 2)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
def test_damaged_checkpoints(tmp_path, content):
    (tmp_path / "last.ckpt").write_bytes(content)
    with pytest.raises(ModelError):
        open_classifier(tmp_path)


def test_missing_models(tmp_path):
    with pytest.raises(ModelError):
        open_classifier(tmp_path)
    with pytest.raises(ModelError):
        open_classifier(tmp_path / "a.ckpt")
    with pytest.raises(ModelError):
        open_classifier(tmp_path / "a.bin")
    with pytest.raises(ModelError):
        open_classifier(tmp_path / "a.onnx")


def test_images_of_any_size_are_read(tmp_path):
    train(tiny(epochs=1), two_classes(100), tmp_path)
    images = np.zeros((2, 40, 30), np.uint8)
    assert open_classifier(tmp_path).logits(images)["fer2013"].shape == (2, 7)


def test_a_full_disk_loses_only_the_current_epoch(tmp_path, synthetic, monkeypatch):
    whole = load_checkpoint(train(tiny(), synthetic, tmp_path / "whole").checkpoint)[1]

    def full_at_epoch_two(rows: list[Row]) -> None:
        if len(rows) == 2:
            monkeypatch.setattr("mien.io.atomic.os.fsync", no_space)

    def no_space(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError) as caught:
        train(tiny(), synthetic, tmp_path / "run", on_epoch=full_at_epoch_two)
    assert caught.value.hint
    monkeypatch.undo()
    monkeypatch.setattr("mien.lab.training.run.chosen_precision", lambda recipe: "32-true")
    assert not list((tmp_path / "run").glob(".mien-*"))
    resumed = load_checkpoint(train(tiny(), synthetic, tmp_path / "run", resume=True).checkpoint)[1]
    for name, weight in whole.items():
        torch.testing.assert_close(resumed[name], weight, rtol=0, atol=0)


def test_a_run_is_not_resumed_with_other_labels(tmp_path, synthetic):
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), synthetic, tmp_path, callbacks=(InterruptAt(1),))
    labels = synthetic.labels.copy()
    labels[0] = EMOTIONS.index("angry")
    with pytest.raises(DataError):
        train(tiny(), replace(synthetic, labels=labels), tmp_path, resume=True)


def test_a_run_can_start_from_the_weights_of_another(synthetic, tmp_path, float32):
    before = tiny(epochs=1)
    train(before, synthetic, tmp_path / "before")
    begun = load_checkpoint(tmp_path / "before" / "last.ckpt")[1]
    for standardize in (False, True):
        weights = str(tmp_path / "before")
        still = {"network.instance_norm": standardize, "network.weights": weights, "optimizer.lr": 1e-12}
        out = tmp_path / f"after-{standardize}"
        train(changed(before, still), synthetic, out)
        after = load_checkpoint(out / "last.ckpt")[1]
        kernels = [value for name, value in after.items() if name.endswith("layers.0.weight")]
        np.testing.assert_allclose(kernels[0], begun["trunk.layers.0.weight"], atol=1e-6)
    wider = changed(before, {"network.widths": [8, 24], "network.weights": str(tmp_path / "before")})
    with pytest.raises(RecipeError) as caught:
        train(wider, synthetic, tmp_path / "wider")
    assert caught.value.field == "network.weights"


def test_an_uninformative_head_is_reported():
    truth = np.repeat([0, 1, 2], [50, 30, 20])
    constant = [{"val_acc_a": 0.5, "epoch": n} for n in range(5)]
    assert set(weaknesses_of("a", constant, truth)) == set(Weakness)
    assert weaknesses_of("a", [{"val_acc_a": 0.45}], truth) == (Weakness.NOT_ABOVE_MAJORITY,)
    assert weaknesses_of("a", [{"val_acc_a": 0.7}] * 5, truth) == ()
    assert weaknesses_of("a", constant, np.zeros(9, np.int64)) == ()  # one class cannot tell


def test_a_run_begins_with_an_estimate(synthetic, tmp_path, float32):
    notes = []
    train(tiny(epochs=1), synthetic, tmp_path / "run", notes=notes.append)
    assert any(note.startswith("estimate:") for note in notes)
