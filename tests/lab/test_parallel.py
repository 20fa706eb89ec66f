"""Training with two processes equals training with one; checkpoints interchange, and a failed run restarts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mien.errors import OptionError
from mien.lab.recipe import changed

from .conftest import tiny, two_classes

torch = pytest.importorskip("torch", reason="the lab's tests need the extra [lab]")
pytest.importorskip("lightning.pytorch", reason="the lab's tests need the extra [lab]")

from mien.lab.sampling import BalancedGroups
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


def steady(folder: Path, more=None, **schedule):
    """A run of 50 steps whose images are not changed at random: processes draw different numbers."""
    changes = ("flip", "rotate", "shift", "contrast", "brightness", "gamma", "erase", "mixup")
    still = {**{f"augment.{name}": 0.0 for name in changes}, "augment.zoom": (1.0, 1.0)}
    recipe = changed(tiny(epochs=5, **{"precision": "32-true", **schedule}), {**still, **(more or {})})
    (folder / "recipe.json").write_text(json.dumps(recipe.model_dump()))
    return recipe


def run(folder: Path, name: str, *options: str, torchrun: tuple[str, ...] = ()):
    """Run the program, with ``torchrun`` if it has options; returns its exit status and messages."""
    environment = {key: value for key, value in os.environ.items() if "RANK" not in key and "WORLD_SIZE" not in key}
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *torchrun) if torchrun else ()
    command = [sys.executable, *launcher, str(PROGRAM), str(folder), name, *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    return done.returncode, done.stderr[-3000:]


def alone(recipe, out: Path):
    """The losses and the result of a run in this process."""
    losses = Losses()
    return losses.values, train(recipe, two_classes(427), out, callbacks=(losses,))


def check_same(folder: Path, name: str, expected, tolerance=1e-4):
    """Compare losses, history and weights with those of a run in one process."""
    values, result = expected
    found = json.loads((folder / f"{name}.json").read_text())
    assert found["losses"]
    np.testing.assert_allclose(found["losses"], values[-len(found["losses"]) :], atol=tolerance)
    for before, after in zip(result.history, found["history"], strict=True):
        for key in ("epoch", "train_loss", "val_loss", "val_score"):
            assert after[key] == pytest.approx(before[key], abs=tolerance)
    weights = load_checkpoint(folder / name / "last.ckpt")[1]
    for key, weight in load_checkpoint(result.checkpoint)[1].items():
        torch.testing.assert_close(weights[key], weight, rtol=10 * tolerance, atol=10 * tolerance)
    return len(found["losses"])


@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_processes_reach_the_loss_curve_of_one(tmp_path, accumulate):
    expected = alone(steady(tmp_path, accumulate=accumulate), tmp_path / "one")
    assert len(expected[0]) == 50 * accumulate
    status, messages = run(tmp_path, "two", "--devices=2")
    assert status == 0, messages
    assert check_same(tmp_path, "two", expected) == 50 * accumulate


def test_balanced_groups_and_copies_are_those_of_one_process(tmp_path):
    names = two_classes(427).names
    groups = [f"{name},{'dark' if row % 8 == 0 else 'bright'}" for row, name in enumerate(names)]
    (tmp_path / "groups.csv").write_text("\n".join(["name,light", *groups]))
    more = {"balance.groups": str(tmp_path / "groups.csv"), "balance.column": "light", "data.inner": 0.2}
    expected = alone(steady(tmp_path, more), tmp_path / "one")
    status, messages = run(tmp_path, "two", "--devices=2")
    assert status == 0, messages
    check_same(tmp_path, "two", expected)
    for name in ("images.csv", "balance.csv"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_bfloat16_comes_close_to_one_process(tmp_path):
    expected = alone(steady(tmp_path, precision="bf16-mixed"), tmp_path / "one")
    status, messages = run(tmp_path, "two", "--devices=2")
    assert status == 0, messages
    check_same(tmp_path, "two", expected, tolerance=0.02)


def test_torchrun_restarts_a_run_whose_worker_is_killed(tmp_path):
    expected = alone(steady(tmp_path), tmp_path / "whole")
    status, messages = run(tmp_path, "restarted", "--kill-in=3", torchrun=("--max-restarts=1",))
    assert status == 0, messages
    assert check_same(tmp_path, "restarted", expected) == 20  # epochs 4 and 5 again


def test_checkpoints_fit_other_numbers_of_processes(tmp_path):
    expected = alone(steady(tmp_path), tmp_path / "whole")
    steps = (("1", "1"), ("2", "2"), ("4", "4"))  # one process, then two, four and one; all but the last are killed
    for number, (devices, killed) in enumerate(steps):
        more = ["--resume"] if number else []
        assert run(tmp_path, "run", f"--devices={devices}", f"--kill-in={killed}", *more)[0] != 0
        assert (tmp_path / "run" / "last.ckpt").exists()
    status, messages = run(tmp_path, "run", "--resume")
    assert status == 0, messages
    assert check_same(tmp_path, "run", expected) == 10


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
    balanced = BalancedGroups(np.repeat([0, 1], [10, 40]), ("dark", "bright"), np.array([25, 25]))
    whole = list(BatchSampler(labeled, 10, 3, groups=balanced))
    shares = [list(BatchSampler(labeled, 10, 3, groups=balanced, processes=Processes(2, 1, n))) for n in (0, 1)]
    assert [sorted(a + b) for a, b in zip(*shares, strict=True)] == [sorted(one) for one in whole]
    assert sum(row < 10 for one in whole for row in one) == 25
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
