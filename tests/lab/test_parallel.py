"""Training with two processes equals training with one; checkpoints interchange, and a failed run restarts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mien.errors import OptionError, OutputError
from mien.lab.recipe import changed

from .conftest import tiny, two_classes

torch = pytest.importorskip("torch", reason="the lab's tests need the extra [lab]")
lightning = pytest.importorskip("lightning.pytorch", reason="the lab's tests need the extra [lab]")

from mien.lab.training.batches import BatchSampler
from mien.lab.training.checkpoint import load_checkpoint
from mien.lab.training.parallel import (
    Processes,
    SynchronizedBatchNorm2d,
    processes,
    share_of,
    synchronize_batch_norm,
)
from mien.lab.training.run import train

from .parallel_program import Losses

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("parallel_program.py")


def steady(folder: Path, **schedule):
    """A run of 50 steps whose images are not changed at random: processes draw different numbers."""
    changes = ("flip", "rotate", "shift", "contrast", "brightness", "gamma", "erase", "mixup")
    still = {**{f"augment.{name}": 0.0 for name in changes}, "augment.zoom": (1.0, 1.0)}
    recipe = changed(tiny(epochs=5, precision="32-true", **schedule), still)
    (folder / "recipe.json").write_text(json.dumps(recipe.model_dump()))
    return recipe


def run(folder: Path, name: str, devices: int):
    """Run the program, which starts ``devices`` processes; returns its exit status and messages."""
    environment = {key: value for key, value in os.environ.items() if "RANK" not in key and "WORLD_SIZE" not in key}
    command = [sys.executable, str(PROGRAM), str(folder), name, str(devices)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    return done.returncode, done.stderr[-3000:]


def check_same(folder: Path, name: str, expected, losses, history=None):
    """Compare losses, history and weights with those of a run in one process."""
    whole, result = expected
    np.testing.assert_allclose(losses, whole.values[-len(losses) :], atol=1e-4)
    for before, after in zip(result.history, history, strict=True):
        for key in ("epoch", "train_loss", "val_loss", "val_score"):
            assert after[key] == pytest.approx(before[key], abs=1e-4)
    weights = load_checkpoint(folder / name / "last.ckpt")[1]
    for key, weight in load_checkpoint(result.checkpoint)[1].items():
        torch.testing.assert_close(weights[key], weight, rtol=1e-3, atol=1e-3)


def test_two_processes_reach_the_loss_curve_of_one(tmp_path):
    recipe, losses = steady(tmp_path), Losses()
    whole = train(recipe, two_classes(427), tmp_path / "one", callbacks=(losses,))
    assert len(losses.values) == 50
    status, messages = run(tmp_path, "two", devices=2)
    assert status == 0, messages
    found = json.loads((tmp_path / "two.json").read_text())
    assert len(found["losses"]) == 50
    check_same(tmp_path, "two", (losses, whole), found["losses"], found["history"])


class EndIn(lightning.Callback):  # type: ignore[misc, name-defined]  # a module that may be missing has no types
    """Ends a run in the epoch ``number``, as a lost process does."""

    def __init__(self, number: int) -> None:
        self._number = number

    def on_train_epoch_start(self, trainer, pl_module) -> None:
        if trainer.current_epoch == self._number:
            raise KeyboardInterrupt


def test_a_run_that_torchrun_restarts_continues_from_its_last_checkpoint(tmp_path, monkeypatch):
    recipe, rest = steady(tmp_path), Losses()
    with pytest.raises(KeyboardInterrupt):
        train(recipe, two_classes(427), tmp_path / "run", callbacks=(EndIn(2),))
    with pytest.raises(OutputError):
        train(recipe, two_classes(427), tmp_path / "run")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    result = train(recipe, two_classes(427), tmp_path / "run", callbacks=(rest,))
    assert [row["epoch"] for row in result.history] == [1, 2, 3, 4, 5]
    assert len(rest.values) == 30


def test_shares_of_processes_are_the_batches_of_one():
    labeled, unlabeled = np.arange(50), np.arange(50, 90)
    more = {"unlabeled": unlabeled, "ratio": 2}
    whole = list(BatchSampler(labeled, 8, 3, **more))
    first, second = (list(BatchSampler(labeled, 8, 3, **more, processes=Processes(2, 1, rank))) for rank in (0, 1))
    assert len(whole) == len(first) == len(second) == 6
    for one, a, b in zip(whole, first, second, strict=True):
        assert len(a) == len(b) == 12
        assert sorted(a + b) == sorted(one)
        assert all(row < 50 for row in a[:4] + b[:4])  # labeled rows come first in each share
        assert all(row >= 50 for row in a[4:] + b[4:])
    assert [share_of(range(5), Processes(1, 3, rank)) for rank in range(3)] == [[0], [1, 2], [3, 4]]


def test_processes_are_counted_and_checked(monkeypatch):
    assert processes() == Processes(1, 1, 0)
    assert processes(2, 2).world == 4
    for field, wrong in (("devices", (0,)), ("nodes", (1, 0)), ("strategy", (1, 1, "fsdp"))):
        with pytest.raises(OptionError) as error:
            processes(*wrong)
        assert error.value.field == field
    with pytest.raises(OptionError) as error:
        Processes(3).check(tiny())
    assert error.value.field == "devices"
    launched = {
        "TORCHELASTIC_RUN_ID": "a",
        "LOCAL_WORLD_SIZE": "2",
        "GROUP_WORLD_SIZE": "3",
        "RANK": "4",
        "LOCAL_RANK": "0",
    }
    for name, value in launched.items():
        monkeypatch.setenv(name, value)
    assert processes() == processes(2, 3) == Processes(2, 3, 4)
    with pytest.raises(OptionError):
        processes(4)


def test_batch_norms_of_a_network_are_replaced_in_place():
    from torch import nn

    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    synchronized = synchronize_batch_norm(network)
    assert isinstance(synchronized[1], SynchronizedBatchNorm2d)
    assert synchronized.state_dict().keys() == before.keys()
    images = torch.rand(4, 1, 8, 8)
    torch.testing.assert_close(synchronized(images), nn.Sequential(network[0], nn.BatchNorm2d(2))(images))  # alone
    with pytest.raises(OptionError):
        synchronize_batch_norm(nn.Sequential(nn.BatchNorm1d(2)))
