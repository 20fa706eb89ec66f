"""Searching for better values of a recipe's fields."""

import itertools
import math
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
import torch

from mien.data.dataset import Dataset
from mien.errors import DataError, MienError, OptionError, OutputError, RecipeError
from mien.lab.recipe import Data, builtin_recipes, load_recipe
from mien.lab.tune import ledger as ledger_room
from mien.lab.tune import run as run_room
from mien.lab.tune import trial as trial_room
from mien.lab.tune.figures import draw_history, draw_importance
from mien.lab.tune.fitting import fit
from mien.lab.tune.images import tuning_images
from mien.lab.tune.ledger import begin, opened
from mien.lab.tune.plan import Epoch, Plan
from mien.lab.tune.results import Row
from mien.lab.tune.run import tune
from mien.lab.tune.space import Choices, Range, builtin_spaces, load_space, space_from_dict
from mien.lab.tune.working import work

from .conftest import tiny, two_classes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LR = {"optimizer.lr": {"low": 1e-4, "high": 1e-1, "log": True}}


def space(ways=LR, **settings):
    return space_from_dict("made-up", {"space": ways, **settings})


@pytest.fixture(scope="module")
def faces() -> Dataset:
    return two_classes(160)


class Trainer:
    """Stands in for training: the score of a trial follows from its learning rate, and is best near 0.01."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, set[bytes]]] = []
        self.troubles: dict[int, BaseException] = {}
        self.seconds = 0.0

    def __call__(self, recipe, faces, out: Path, *, callbacks):
        call = len(self.seen)
        self.seen.append((recipe.optimizer.lr, {image.tobytes() for image in faces.images}))
        out.mkdir(parents=True)
        (out / "last.ckpt").write_bytes(b"weights")
        if call in self.troubles:
            raise self.troubles[call]
        trainer = SimpleNamespace(max_epochs=recipe.schedule.epochs, should_stop=False, callback_metrics={})
        for epoch in range(1, recipe.schedule.epochs + 1):
            time.sleep(self.seconds)
            score = 0.9 - 0.1 * abs(math.log10(recipe.optimizer.lr) + 2) - 0.1 / epoch
            trainer.callback_metrics = {"val_score": torch.tensor(score), "val_loss": torch.tensor(1 - score)}
            for callback in callbacks:
                callback.on_train_batch_end()
                callback.on_train_epoch_end(trainer, None)
            if trainer.should_stop:
                break

    @property
    def rates(self) -> list[float]:
        return [rate for rate, _ in self.seen]


@pytest.fixture
def trainer(monkeypatch) -> Trainer:
    fake = Trainer()
    monkeypatch.setattr(trial_room, "train", fake)
    monkeypatch.setattr(trial_room, "gc", SimpleNamespace(collect=lambda: None))  # slow, and nothing large to free here
    monkeypatch.setattr(run_room, "draw_history", lambda *_: None)
    monkeypatch.setattr(run_room, "draw_importance", lambda *_: False)
    return fake


def test_the_best_recipe_can_be_trained(tmp_path, faces, float32):
    found = tune(tiny(epochs=4), space(), faces, tmp_path / "study", trials=1, epochs=1)
    (only,) = found.rows
    assert (only.state, only.epochs) == ("finished", 1)
    recipe = load_recipe(str(tmp_path / "study" / "best.toml"))
    assert recipe == replace(tiny(epochs=4), optimizer=replace(tiny().optimizer, lr=only.values["optimizer.lr"]))


def test_only_the_best_trial_keeps_its_weights(tmp_path, faces, trainer):
    ways = {"optimizer.lr": {"low": 1e-4, "high": 1e-1, "log": True}, "network.widths": {"choices": [[4, 8], [8, 16]]}}
    found = tune(tiny(), space(ways, objective="loss"), faces, tmp_path / "study", trials=3)
    best = min(found.rows, key=lambda row: row.loss)
    kept = [file.parent.name for file in (tmp_path / "study" / "trials").rglob("*.ckpt")]
    assert kept == [f"{best.number:04}"]
    text = (tmp_path / "study" / "best.toml").read_text()
    assert text.startswith(f"# smoke, tuned over made-up: trial {best.number}, the best of 3 finished; loss ")
    assert tomllib.loads(text)["network"]["widths"] == best.values["network.widths"]


def test_no_image_of_validation_or_test_reaches_a_trial(tmp_path, trainer):
    faces = two_classes(200)
    split = faces.split.astype("<U10")
    split[-20:] = "test"
    faces = replace(faces, split=split)
    hidden = {image.tobytes() for image in faces.images[split != "train"]}
    recipe = replace(tiny(), data=Data(counts={"happy": 40, "sad": 40}, judge_counts={"happy": 2, "sad": 2}))
    found = tune(recipe, space(), faces, tmp_path / "study", trials=3)
    assert len(trainer.seen) == 3
    for _, seen in trainer.seen:
        assert not seen & hidden
        assert len(seen) == 80
    assert found.judged == {"fer2013": 16}


def test_the_recipe_says_how_much_is_set_aside(faces):
    parts = tuning_images(faces, replace(tiny(), data=Data(inner=0.5)))
    assert set(parts.split) == {"train", "validation"}
    assert (parts.split == "validation").mean() == pytest.approx(0.5, abs=0.02)
    with pytest.raises(DataError, match="train"):
        tuning_images(faces.part("validation"), tiny())


def test_copies_are_not_torn_apart(faces):
    doubled = replace(faces.part("train"), images=np.repeat(faces.images[:60], 2, 0), votes=None)
    parts = tuning_images(replace(doubled, labels=np.repeat(faces.labels[:60], 2)), tiny())
    sides = [{image.tobytes() for image in parts.part(name).images} for name in ("train", "validation")]
    assert not sides[0] & sides[1]


@pytest.mark.parametrize("sampler", ["tpe", "grid"])
def test_an_interrupted_study_goes_on_as_if_it_had_never_been(tmp_path, faces, trainer, sampler):
    # After ten random trials the estimator takes over: its draws depend on all that came before.
    trials = 11 if sampler == "tpe" else 4
    ways = LR if sampler == "tpe" else {"optimizer.lr": {"choices": [0.1, 0.01, 0.001, 0.0001]}}
    asked = space(ways, sampler=sampler, seed=3, trials=trials)
    tune(tiny(), asked, faces, tmp_path / "whole")
    whole, trainer.seen = trainer.rates, []

    trainer.troubles = {2: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        tune(tiny(), asked, faces, tmp_path / "torn")
    assert (tmp_path / "torn" / "trials.csv").read_text().splitlines()[3].startswith("2,interrupted,")
    found = tune(tiny(), asked, faces, tmp_path / "torn", resume=True)
    assert trainer.rates == [*whole[:3], *whole[2:]]
    assert sum(row.state == "interrupted" for row in found.rows) == 1
    assert len(set(whole)) == trials


def test_a_trial_worse_than_the_median_is_pruned(tmp_path, faces, trainer):
    found = tune(tiny(), space(sampler="random"), faces, tmp_path / "study", trials=9)
    finished, pruned = ([row for row in found.rows if row.state == state] for state in ("finished", "pruned"))
    assert len(finished) + len(pruned) == 9
    assert pruned
    assert all(row.epochs < 3 for row in pruned)
    assert min(row.number for row in pruned) >= 5
    assert max(row.score for row in pruned) < max(row.score for row in finished)


def test_the_figures_are_drawn(tmp_path):
    rows = [
        Row(number, state, {"optimizer.lr": 0.1 / (number + 1)}, score, 1.0, 3, 2.0)
        for number, (state, score) in enumerate(
            [("finished", 0.5), ("pruned", 0.2), ("failed", None), ("finished", 0.7), ("interrupted", None)]
        )
    ]
    draw_history(rows, space(), "made up", tmp_path / "history.png", {"fer2013": 50})
    draw_history(rows[:3], space(objective="loss"), "made up", tmp_path / "loss.png", {"a": 5, "b": 5})
    study = optuna.create_study(direction="maximize")
    assert not draw_importance(study, space(), "made up", tmp_path / "importance.png")
    ways = {name: optuna.distributions.FloatDistribution(0, 1) for name in ("much", "nothing")}
    for _ in range(20):
        trial = study.ask(ways)
        study.tell(trial, trial.params["much"])
    assert draw_importance(study, space(), "made up", tmp_path / "importance.png")
    for name in ("history", "loss", "importance"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_failures_are_written_down_and_do_not_end_the_study(tmp_path, faces, trainer):
    trainer.troubles = {
        0: DataError("too few images"),
        1: MemoryError(),
        2: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    }
    found = tune(tiny(), space(), faces, tmp_path / "study", trials=4)
    assert [row.state for row in found.rows] == ["failed", "failed", "failed", "finished"]
    assert [row.why for row in found.rows[:2]] == ["too few images", "not enough memory"]
    assert "allocate 2 GiB" in (tmp_path / "study" / "trials.csv").read_text()
    trainer.seen, trainer.troubles = [], {0: RuntimeError("shapes do not match")}
    with pytest.raises(RuntimeError, match="shapes"):  # a mistake in the program must be seen
        tune(tiny(), space(), faces, tmp_path / "other", trials=4)


def test_a_diverged_trial_is_a_failure(tmp_path, faces, trainer, monkeypatch):
    monkeypatch.setattr(trial_room, "train", lambda *_, callbacks: callbacks[0].on_train_epoch_end(diverged, None))
    diverged = SimpleNamespace(
        max_epochs=3,
        should_stop=False,
        callback_metrics={"val_score": torch.tensor(0.5), "val_loss": torch.tensor(math.nan)},
    )
    found = tune(tiny(), space(), faces, tmp_path / "study", trials=1)
    assert (found.rows[0].state, "diverged" in found.rows[0].why) == ("failed", True)
    assert not (tmp_path / "study" / "best.toml").exists()


def test_several_workers_share_one_study(tmp_path, faces, trainer):
    trainer.seconds = 0.01
    plan = Plan(tiny(), fit(space(sampler="random", pruner="none"), tiny()), tmp_path / "study", trials=10)
    begin(plan, {}, resume=False)
    events = []
    threads = [threading.Thread(target=work, args=(plan, faces, events.append)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    rows = sorted(event.number for event in events if isinstance(event, Row))
    assert rows == list(range(10))
    assert len(set(trainer.rates)) == 10
    assert {event.epochs for event in events if isinstance(event, Epoch)} == {3}


def test_a_trial_whose_process_died_is_tried_again(tmp_path, faces, trainer):
    plan = Plan(tiny(), fit(space(), tiny()), tmp_path / "study", trials=2)
    begin(plan, {}, resume=False)
    with opened(plan) as dying:
        claimed = dying.claim()
        with opened(plan) as other:  # while it lives, nobody takes its trial
            assert other.claim().number == 1
            assert other.claim() is None
    del dying, other  # frees the locks, as the end of a process does
    work(plan, faces, lambda _event: None)
    with opened(plan) as ledger:
        rows = ledger.rows()
    assert [row.state for row in rows] == ["interrupted", "interrupted", "finished", "finished"]
    assert rows[2].values["optimizer.lr"] == claimed.params["optimizer.lr"]


def test_no_trial_begins_when_the_time_is_up(tmp_path, faces, trainer, monkeypatch):
    clock = SimpleNamespace(time=itertools.count().__next__)  # a second passes whenever somebody looks
    monkeypatch.setattr(run_room, "time", clock)
    monkeypatch.setattr(ledger_room, "time", clock)
    assert len(tune(tiny(), space(), faces, tmp_path / "study", trials=1000, seconds=4).rows) == 3


@pytest.mark.parametrize(("keep", "counts"), [("best", 0.7), ("last", 0.6)])
def test_the_epoch_counts_that_the_recipe_keeps(tmp_path, faces, trainer, monkeypatch, keep, counts):
    def up_and_down(recipe, faces, out, *, callbacks):
        for score in (0.5, 0.7, 0.6):
            metrics = {"val_score": torch.tensor(score), "val_loss": torch.tensor(1.0)}
            callbacks[0].on_train_epoch_end(SimpleNamespace(max_epochs=3, callback_metrics=metrics), None)

    monkeypatch.setattr(trial_room, "train", up_and_down)
    (row,) = tune(tiny(keep=keep), space(), faces, tmp_path / "study", trials=1).rows
    assert row.score == pytest.approx(counts)


def test_a_folder_holds_one_question(tmp_path, faces, trainer):
    out = tmp_path / "study"
    with pytest.raises(OutputError, match="no study to resume"):
        tune(tiny(), space(), faces, out, trials=1, resume=True)
    tune(tiny(), space(), faces, out, trials=1)
    with pytest.raises(OutputError, match="holds a study already"):
        tune(tiny(), space(), faces, out, trials=1)
    with pytest.raises(RecipeError, match="space differ"):
        tune(tiny(), space(seed=1), faces, out, trials=2, resume=True)
    with pytest.raises(RecipeError, match="images differ"):
        tune(tiny(), space(), two_classes(160, seed=1), out, trials=2, resume=True)
    assert len(tune(tiny(), space(), faces, out, trials=2, resume=True).rows) == 2
    (out / "study.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(OutputError, match="cannot be used as a study"):
        tune(tiny(), space(), faces, out, trials=3, resume=True)


@pytest.mark.parametrize(
    ("ways", "told"),
    [
        ({"optimizer.speed": {"low": 0.1, "high": 1.0}}, "no such field"),
        ({"optimizer.lr": {"low": -1.0, "high": 1.0}}, "optimizer.lr = -1.0"),
        ({"optimizer.name": {"choices": ["adam", "adagrad"]}}, "'adagrad'"),
        ({"optimizer.name": {"low": 0, "high": 1}}, "the recipe holds 'adamw'"),
        ({"schedule.batch": {"low": 16.5, "high": 32}}, "whole numbers"),
        ({"network.widths": {"choices": [[8, 16], [8]]}}, "as many"),
        ({"network.layers.0": {"choices": ["conv 8x3 same > pool"]}}, "no such field"),
        ({"data.inner": {"low": 0.1, "high": 0.5}}, "cannot be tuned"),
        ({"heads.fer2013.emotions": {"choices": ["seven", "four"]}}, "cannot be tuned"),
        ({"optimizer.lr": {"low": 0.0, "high": 1.0, "log": True}}, "above 0"),
        ({"optimizer.lr": {"low": 1.0, "high": 0.1}}, "smaller number first"),
        ({"schedule.batch": {"low": 16, "high": 40, "step": 16}}, "leads from 16 to 40"),
        ({"optimizer.lr": {"choices": []}}, "list of values"),
        ({"optimizer.lr": {"choices": [0.1, 0.1]}}, "twice"),
        ({"optimizer.lr": {"low": 0.1}}, "low and high"),
        ({"optimizer.lr": 0.1}, "choices, or low and high"),
        ({}, "no field to vary"),
    ],
)
def test_a_space_with_a_mistake_is_refused_before_any_training(tmp_path, faces, trainer, ways, told):
    with pytest.raises(RecipeError, match=told):
        tune(tiny(), space(ways), faces, tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_words_of_a_space_are_checked(tmp_path, faces):
    for settings in ({"sampler": "guess"}, {"objective": "speed"}, {"trials": 0}, {"seed": True}, {"epochs": 3}):
        with pytest.raises(RecipeError):
            space(**settings)
    with pytest.raises(RecipeError, match="needs points"):
        tune(tiny(), space(sampler="grid"), faces, tmp_path / "study")
    with pytest.raises(OptionError):
        tune(tiny(), space(), faces, tmp_path / "study", workers=0)
    with pytest.raises(RecipeError, match="no search space 'nothing'"):
        load_space("nothing")


def test_layers_that_make_no_network_are_refused():
    with pytest.raises(RecipeError, match="blur"):
        fit(space({"network.layers.0": {"choices": ["blur 3"]}}), load_recipe("happy-sad-4"))


def test_ranges_take_the_kind_of_their_field():
    ways = {"augment": {"rotate": {"low": 0, "high": 30}}, "schedule.batch": {"low": 16, "high": 64, "step": 16}}
    fitted = fit(space(ways), tiny())
    assert fitted.ways["augment.rotate"] == Range(0.0, 30.0)
    assert fitted.ways["schedule.batch"] == Range(16, 64, step=16, whole=True)
    lists = Choices(((1, 2), [3, 4], "x"))
    assert [lists.value(label) for label in lists.labels] == [(1, 2), [3, 4], "x"]


def test_the_spaces_that_ship_fit():
    assert {"quick", "happy-sad-small"} <= set(builtin_spaces())
    for name in builtin_recipes():
        if load_recipe(name).network.name != "timm":
            fit(load_space("quick"), load_recipe(name))
    small = fit(load_space("happy-sad-small"), load_recipe("happy-sad-4"))
    assert math.prod(len(way.values) for way in small.ways.values()) == 4 * 4 * 4 * 3
    assert (small.sampler, small.trials) == ("random", 10)


def test_times_are_read_as_people_write_them():
    from mien.cli.tuning import seconds_in

    assert [seconds_in(text) for text in ("90s", "30m", "1h", "1h30m", "0.5h")] == [90, 1800, 3600, 5400, 1800]
    for text in ("", "10", "soon", "0s", "1d"):
        with pytest.raises(MienError):
            seconds_in(text)


def test_lines_are_short(capsys):
    from mien.cli.trial_lines import TrialLines, short_names, short_values

    small = load_space("happy-sad-small")
    assert set(short_values(small)["network.layers.0"].values()) == {"16x3", "32x3", "48x3", "64x3"}
    assert short_names(["a.lr", "b.lr", "network.layers.0"]) == ["a.lr", "b.lr", "layers.0"]
    values = {path: way.values[0] for path, way in small.ways.items()}
    TrialLines(small).show(Row(0, "finished", values, 0.5, 0.7, 15, 3.2))
    head, line = capsys.readouterr().out.splitlines()
    assert line.split() == ["0", "50.00", "%", "0.7000", "15", "3.2", "16x3", "16x3", "128", "0.01", "finished"]
    assert head.split()[-2:] == ["lr", "state"]
