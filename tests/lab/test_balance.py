"""Groups of unequal size have equal weight in training."""

import csv
from pathlib import Path

import numpy as np
import pytest

from mien.data.dataset import Dataset
from mien.data.records import groups_of, read_groups
from mien.errors import DataError
from mien.lab.recipe import Balance, changed
from mien.lab.sampling import balanced_groups, quotas

from .conftest import HAPPY, SAD, tiny, two_classes

NAMES = np.array([f"#{row}" for row in range(1000)], np.str_)
LABELS = np.where(np.arange(1000) % 4 == 0, SAD, HAPPY)  # a quarter is sad


@pytest.fixture
def table(tmp_path):
    """Write groups; gives the path."""

    def written(groups, name="groups.csv", column="light"):
        path = tmp_path / name
        path.write_text("\n".join([f"name,{column}", *(f"{one},{group}" for one, group in groups)]) + "\n", "utf-8")
        return str(path)

    return written


@pytest.fixture
def uneven(table):
    """A hundred of a thousand images are dark, twenty are unknown."""
    return table([(name, "" if row < 20 else "dark" if row < 120 else "bright") for row, name in enumerate(NAMES)])


def test_small_groups_are_drawn_as_often(uneven):
    even = balanced_groups(NAMES, LABELS, Balance(groups=uneven, column="light"))
    assert even.names == ("bright", "dark")
    assert even.quotas.tolist() == [490, 490]
    epochs = [even.drawn(np.random.default_rng([7, epoch])) for epoch in range(40)]
    for rows in epochs:
        times = np.bincount(rows, minlength=1000)
        assert times.sum() == 1000
        assert np.bincount(even.cells[rows] + 1).tolist() == [20, 490, 490]
        assert set(times[:20]) == {1}  # images without a group are left as they are
        assert set(times[20:120]) == {4, 5}
        assert set(times[120:]) <= {0, 1}
    drawn = np.bincount(np.concatenate(epochs), minlength=1000)
    assert (drawn > 0).all()  # who is left out of one epoch has a turn in another
    np.testing.assert_allclose(drawn[20:120] / 40, 4.9, atol=0.3)
    assert (epochs[0] == even.drawn(np.random.default_rng([7, 0]))).all()


def test_class_weights_are_capped_and_redistributed():
    assert quotas(np.array([10, 490, 500]), 10).tolist() == [100, 450, 450]
    assert quotas(np.array([1, 9, 90]), 5).tolist() == [5, 45, 50]
    assert quotas(np.array([300, 700]), 1).tolist() == [300, 700]  # a cap of once: nothing to balance with
    rng = np.random.default_rng(0)
    for _ in range(200):
        sizes = rng.integers(1, 1000, rng.integers(2, 9))
        most = rng.uniform(1, 12)
        made = quotas(sizes, most)
        assert made.sum() == sizes.sum()
        assert (made <= most * sizes).all()


def test_emotions_of_each_group_are_weighted_equally(uneven):
    even = balanced_groups(NAMES, LABELS, Balance(groups=uneven, column="light", by_emotion=True))
    assert even.names == ("bright x happy", "bright x sad", "dark x happy", "dark x sad")
    assert set(even.quotas.tolist()) == {245}
    assert dict(zip(even.names, even.sizes.tolist()))["dark x sad"] == 25
    assert (even.cells < 0).sum() == 20


def test_weights_are_inverse_frequencies_with_mean_one(uneven):
    times = balanced_groups(NAMES, LABELS, Balance(groups=uneven, column="light", method="weight")).times()
    assert times.mean() == pytest.approx(1)
    assert times[0] == 1
    assert times[20] * 100 == pytest.approx(times[120] * 880)


def test_columns_are_crossed(tmp_path):
    path = tmp_path / "groups.csv"
    path.write_text("\ufeffname, light,size\na,dark,small\nb,dark,\nc,bright,large\n", "utf-8")
    assert read_groups(path, ["light", "size"]) == {"a": "dark x small", "c": "bright x large"}
    assert Balance(groups="groups.csv", column="light, size,light").columns == ("light", "size")


def test_longer_paths_fit_too():
    groups = {"data/faces/train/happy/1.png": "dark", "train/happy/2.png": "bright", "elsewhere.png": "dark"}
    names = np.array(["train/happy/1.png", "train/happy/2.png", "train/happy/3.png"], np.str_)
    assert groups_of(names, groups, "groups.csv").tolist() == ["dark", "bright", ""]


def test_mistakes_in_the_file_are_errors_with_a_hint(table, tmp_path):
    def error(path, column="light"):
        with pytest.raises(DataError) as caught:
            balanced_groups(NAMES, LABELS, Balance(groups=str(path), column=column))
        return caught.value

    (tmp_path / "bytes.csv").write_bytes(b"name,light\n\xff\xfe,\x00\n")
    assert "mien audit attributes" in error(tmp_path / "none.csv").hint
    assert "'light'" in error(table([("#1", "dark")]), "Lihgt").hint
    assert error(table([("x.png", "dark")])).hint
    assert error(table([("#1", "")])).hint
    assert error(table([("#1", "dark"), ("#1", "bright")])).hint
    assert error(table([("#1", "dark"), ("#2", "dark")])).hint
    assert error(tmp_path / "bytes.csv").hint


torch = pytest.importorskip("torch", reason="the lab's tests need the extra [lab]")

from mien.lab.training.batches import training_batches  # needs torch
from mien.lab.training.checkpoint import load_checkpoint  # needs torch
from mien.lab.training.run import train  # needs torch

from .test_training import InterruptAt  # needs torch


def faces_of(n=1000):
    images = np.zeros((n, 16, 16), np.uint8)
    images[20:120] = 1  # dark ones can be told by their pixels
    return Dataset("made up", images, LABELS[:n], np.full(n, "train"))


def test_batches_are_balanced_over_groups(uneven):
    wanted = {"heads.fer2013.emotions": "happy-sad", "balance.groups": uneven, "balance.column": "light"}
    batches = training_batches(faces_of(), changed(tiny(), wanted)).loader
    batches.sampler.set_epoch(3)
    dark = torch.cat([images[:, 0, 0, 0] for images, _ in batches])
    assert dark.float().mean() == pytest.approx(0.49, abs=0.02)
    weighted = training_batches(faces_of(), changed(tiny(), {**wanted, "balance.method": "weight"}))
    sums = {0: 0.0, 1: 0.0}
    for images, targets in weighted.loader:
        for kind in sums:
            sums[kind] += float(targets[images[:, 0, 0, 0] == kind].sum())
    assert sums[1] == pytest.approx(490, rel=0.1)
    assert sums[0] == pytest.approx(510, rel=0.1)


@pytest.mark.slow
@pytest.mark.usefixtures("float32")
def test_a_balanced_run_resumes_as_if_never_interrupted(tmp_path, table):
    faces = two_classes(160)
    path = table([(name, "dark" if row < 30 else "bright") for row, name in enumerate(faces.names.tolist())])
    recipe = changed(tiny(epochs=2), {"balance.groups": path, "balance.column": "light"})
    whole = load_checkpoint(train(recipe, faces, tmp_path / "whole").checkpoint)[1]
    with pytest.raises(KeyboardInterrupt):
        train(recipe, faces, tmp_path / "parts", callbacks=(InterruptAt(1),))
    resumed = load_checkpoint(train(recipe, faces, tmp_path / "parts", resume=True).checkpoint)[1]
    for name, weight in whole.items():
        torch.testing.assert_close(resumed[name], weight, rtol=0, atol=0)
    rows = list(csv.DictReader((tmp_path / "whole" / "balance.csv").read_text("utf-8").splitlines()))
    assert (rows[0]["group"], rows[0]["times"], len(rows)) == ("dark", "2", 120)
    table([(name, "dark" if row < 31 else "bright") for row, name in enumerate(faces.names.tolist())])
    with pytest.raises(DataError):
        train(recipe, faces, tmp_path / "parts", resume=True)


def test_predictions_carry_their_groups(tmp_path):
    from mien.lab.evaluation.classifier import open_classifier
    from mien.lab.evaluation.evaluate import write_predictions

    faces = two_classes(40)
    (tmp_path / "groups.csv").write_text("name,face,truth,light\n#1,1,happy,dark\nelse,1,sad,bright\n", "utf-8")
    path = tmp_path / "predictions.csv"
    assert (
        write_predictions(open_classifier(Path("tiny")), faces, path, head="fer2013", groups=tmp_path / "groups.csv")
        == 40
    )
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert [row["light"] for row in rows[:3]] == ["", "dark", ""]
    assert {row["truth"] for row in rows} == {"happy", "sad"}
    assert all(float(row[row["predicted"]]) == float(row["confidence"]) for row in rows)
    with pytest.raises(DataError):
        write_predictions(open_classifier(Path("tiny")), faces, path, head="x")
    (tmp_path / "groups.csv").write_text("name,light\nelse,bright\n", "utf-8")
    with pytest.raises(DataError):
        write_predictions(open_classifier(Path("tiny")), faces, path, groups=tmp_path / "groups.csv")
