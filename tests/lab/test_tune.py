"""Searching for better values of a recipe's fields."""

import csv
import itertools
import math
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
import torch
from optuna.trial import TrialState

from mien.data.dataset import Dataset
from mien.errors import DataError, MissingExtraError, OptionError, OutputError, RecipeError
from mien.lab.recipe import builtin_recipes, changed, load_recipe
from mien.lab.tuning import storage as storage_module
from mien.lab.tuning import study as study_module
from mien.lab.tuning.report import draw_figures
from mien.lab.tuning.space import Parameter, builtin_spaces, fit_space, load_space, space_from_dict
from mien.lab.tuning.study import tune, tuning_images

from .conftest import tiny, two_classes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LR = {"optimizer.lr": {"low": 1e-4, "high": 1e-1, "log": True}}


def space(ways=LR, **settings):
    return space_from_dict("synthetic", {"space": ways, **settings})


@pytest.fixture(scope="module")
def faces() -> Dataset:
    return two_classes(160)


class Trainer:
    """Stands in for training: the score of a trial follows from its learning rate, and is best near 0.01."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, set[bytes]]] = []
        self.troubles: dict[int, BaseException] = {}

    def __call__(self, recipe, faces, out: Path, *, callbacks):
        call = len(self.seen)
        self.seen.append((recipe.optimizer.lr, {image.tobytes() for image in faces.images}))
        out.mkdir(parents=True)
        (out / "last.ckpt").write_bytes(b"weights")
        if call in self.troubles:
            raise self.troubles[call]
        trainer = SimpleNamespace(max_epochs=recipe.schedule.epochs, should_stop=False, callback_metrics={})
        for epoch in range(1, recipe.schedule.epochs + 1):
            score = 0.9 - 0.1 * abs(math.log10(recipe.optimizer.lr) + 2) - 0.1 / epoch
            trainer.callback_metrics = {"val_score": torch.tensor(score), "val_loss": torch.tensor(1 - score)}
            for callback in callbacks:
                callback.on_train_epoch_end(trainer, None)
            if trainer.should_stop:
                break

    @property
    def rates(self) -> list[float]:
        return [rate for rate, _ in self.seen]


@pytest.fixture
def trainer(monkeypatch) -> Trainer:
    fake = Trainer()
    monkeypatch.setattr(study_module, "train", fake)
    monkeypatch.setattr(study_module, "gc", SimpleNamespace(collect=lambda: None))  # slow, with nothing to free here
    monkeypatch.setattr(study_module, "draw_figures", lambda *_: [])
    return fake


def test_the_best_recipe_can_be_trained(tmp_path, faces, float32):
    found = tune(tiny(epochs=4), space(), faces, tmp_path / "study", trials=1, epochs=1)
    (only,) = found.trials
    assert (only.state, only.epochs) == (TrialState.COMPLETE, 1)
    recipe = load_recipe(str(tmp_path / "study" / "best.toml"))
    assert recipe == changed(tiny(epochs=4), {"optimizer.lr": only.values["optimizer.lr"]})
    assert {file.name for file in found.written} == {"study.db", "results.csv", "best.toml", "history.png", "slice.png"}


def test_only_the_best_trial_keeps_its_weights(tmp_path, faces, trainer):
    ways = {"optimizer.lr": {"low": 1e-4, "high": 1e-1, "log": True}, "network.widths": {"choices": [[4, 8], [8, 16]]}}
    found = tune(tiny(), space(ways, objective="loss"), faces, tmp_path / "study", trials=3)
    best = min(found.trials, key=lambda trial: trial.loss)
    assert found.best == best
    kept = [file.parent.name for file in (tmp_path / "study" / "trials").rglob("*.ckpt")]
    assert kept == [f"{best.number:04}"]
    text = (tmp_path / "study" / "best.toml").read_text()
    assert tomllib.loads(text)["network"]["widths"] == best.values["network.widths"]


def test_no_validation_or_test_image_reaches_a_trial(tmp_path, trainer):
    faces = two_classes(200)
    split = faces.split.astype("<U10")
    split[-20:] = "test"
    faces = replace(faces, split=split)
    hidden = {image.tobytes() for image in faces.images[split != "train"]}
    recipe = changed(
        tiny(), {"data.counts": {"happy": 40, "sad": 40}, "data.evaluation_counts": {"happy": 2, "sad": 2}}
    )
    found = tune(recipe, space(), faces, tmp_path / "study", trials=3)
    assert len(trainer.seen) == 3
    for _, seen in trainer.seen:
        assert not seen & hidden
        assert len(seen) == 80
    assert found.n_validation == {"fer2013": 16}


def test_the_recipe_sets_the_held_out_share(faces):
    parts = tuning_images(faces, changed(tiny(), {"data.inner": 0.5}))
    assert set(parts.split) == {"train", "validation"}
    assert (parts.split == "validation").mean() == pytest.approx(0.5, abs=0.02)
    with pytest.raises(DataError):
        tuning_images(faces.part("validation"), tiny())


def test_exact_copies_stay_on_one_side(faces):
    doubled = replace(faces.part("train"), images=np.repeat(faces.images[:60], 2, 0), votes=None)
    parts = tuning_images(replace(doubled, labels=np.repeat(faces.labels[:60], 2)), tiny())
    sides = [{image.tobytes() for image in parts.part(name).images} for name in ("train", "validation")]
    assert not sides[0] & sides[1]


@pytest.mark.parametrize("sampler", ["tpe", "grid"])
def test_an_interrupted_study_resumes_with_the_same_draws(tmp_path, faces, trainer, sampler):
    # After ten random trials the estimator takes over: its draws depend on all that came before.
    trials = 11 if sampler == "tpe" else 4
    ways = LR if sampler == "tpe" else {"optimizer.lr": {"choices": [0.1, 0.01, 0.001, 0.0001]}}
    asked = space(ways, sampler=sampler, seed=3, trials=trials)
    tune(tiny(), asked, faces, tmp_path / "whole")
    whole, trainer.seen = trainer.rates, []

    trainer.troubles = {2: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        tune(tiny(), asked, faces, tmp_path / "torn")
    rows = list(csv.DictReader((tmp_path / "torn" / "results.csv").read_text().splitlines()))
    assert rows[2]["state"] == "interrupted"
    found = tune(tiny(), asked, faces, tmp_path / "torn", resume=True)
    assert trainer.rates == [*whole[:3], *whole[2:]]
    assert sum(trial.interrupted for trial in found.trials) == 1
    assert len(set(whole)) == trials


def test_a_trial_worse_than_the_median_is_pruned(tmp_path, faces, trainer):
    found = tune(tiny(), space(sampler="random"), faces, tmp_path / "study", trials=9)
    complete, pruned = (
        [trial for trial in found.trials if trial.state == state] for state in (TrialState.COMPLETE, TrialState.PRUNED)
    )
    assert len(complete) + len(pruned) == 9
    assert pruned
    assert all(trial.epochs < 3 for trial in pruned)
    assert min(trial.number for trial in pruned) >= 5
    assert max(trial.score for trial in pruned) < max(trial.score for trial in complete)


def test_figures_are_drawn_where_trials_completed(tmp_path):
    study = optuna.create_study(direction="maximize")
    assert draw_figures(study, space(), "synthetic", tmp_path) == []
    ways = {name: optuna.distributions.FloatDistribution(0, 1) for name in ("much", "nothing")}
    for _ in range(20):
        trial = study.ask(ways)
        study.tell(trial, trial.params["much"])
    drawn = draw_figures(study, space(), "synthetic", tmp_path)
    assert [path.name for path in drawn] == ["history.png", "slice.png", "importance.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)


def test_failed_trials_are_recorded_and_the_study_continues(tmp_path, faces, trainer):
    trainer.troubles = {
        0: DataError("too few images"),
        1: MemoryError(),
        2: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    }
    found = tune(tiny(), space(), faces, tmp_path / "study", trials=4)
    assert [trial.state for trial in found.trials] == [TrialState.FAIL] * 3 + [TrialState.COMPLETE]
    assert found.trials[0].reason == "too few images"
    assert all(trial.reason for trial in found.trials[:3])
    trainer.seen, trainer.troubles = [], {0: RuntimeError("shapes do not match")}
    with pytest.raises(RuntimeError):  # a programming error must be seen
        tune(tiny(), space(), faces, tmp_path / "other", trials=4)


def test_a_diverged_trial_fails(tmp_path, faces, trainer, monkeypatch):
    metrics = {"val_score": torch.tensor(0.5), "val_loss": torch.tensor(math.nan)}
    diverged = SimpleNamespace(max_epochs=3, should_stop=False, callback_metrics=metrics)
    monkeypatch.setattr(study_module, "train", lambda *_, callbacks: callbacks[0].on_train_epoch_end(diverged, None))
    found = tune(tiny(), space(), faces, tmp_path / "study", trials=1)
    assert found.trials[0].state == TrialState.FAIL
    assert diverged.should_stop
    assert not (tmp_path / "study" / "best.toml").exists()


@pytest.mark.slow
def test_workers_share_one_study(tmp_path, faces):
    told = []
    grid = space({"optimizer.lr": {"choices": [1e-2, 1e-3, 1e-4]}}, sampler="grid")
    found = tune(tiny(), grid, faces, tmp_path / "study", epochs=1, workers=2, on_trial=told.append)
    assert sorted(trial.values["optimizer.lr"] for trial in told) == [1e-4, 1e-3, 1e-2]
    assert [trial.state for trial in found.trials] == [TrialState.COMPLETE] * 3


def test_machines_share_a_study_through_a_database(tmp_path, faces, trainer):
    url = f"sqlite:///{tmp_path}/shared.db"
    first = tune(tiny(), space(), faces, tmp_path / "one" / "study", trials=2, storage=url)
    assert "study.db" not in {path.name for path in first.written}
    with pytest.raises(OutputError):  # another machine joins on request only
        tune(tiny(), space(), faces, tmp_path / "two" / "study", trials=4, storage=url)
    second = tune(tiny(), space(), faces, tmp_path / "two" / "study", trials=4, storage=url, resume=True)
    assert [trial.values for trial in second.trials[:2]] == [trial.values for trial in first.trials]
    assert len(second.trials) == 4
    assert sorted(path.name for path in (tmp_path / "two" / "study" / "trials").iterdir()) == ["0002", "0003"]
    assert tune(tiny(), space(seed=3), faces, tmp_path / "other", trials=1, storage=url).best  # a study of its own
    with pytest.raises(RecipeError):
        tune(tiny(), space(seed=1), faces, tmp_path / "two" / "study", trials=5, storage=url, resume=True)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("no database", OptionError),
        ("nosuch://host/studies", OptionError),
        ("sqlite://", OptionError),
        ("oracle+oracledb://me:secret@localhost/studies", MissingExtraError),
        ("sqlite:////no/such/folder/study.db", OutputError),
    ],
)
def test_a_database_that_cannot_be_used_is_an_error(tmp_path, faces, trainer, url, error):
    with pytest.raises(error) as caught:
        tune(tiny(), space(), faces, tmp_path / "study", trials=1, storage=url)
    assert caught.value.hint
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "study").exists()


def test_the_trial_of_a_dead_process_is_retried(tmp_path, faces, trainer, monkeypatch):
    monkeypatch.setattr(storage_module, "GRACE_S", 4)
    tune(tiny(), space(), faces, tmp_path / "study", trials=1)
    with storage_module.open_storage(tmp_path / "study") as storage:
        study = optuna.load_study(study_name="mien", storage=storage)
        with pytest.warns(UserWarning, match="Heartbeat"):  # a study outside of its own loop
            dying = study.ask()
        rate = dying.suggest_float("optimizer.lr", 1e-4, 1e-1, log=True)
        storage.record_heartbeat(dying._trial_id)
    time.sleep(6)
    found = tune(tiny(), space(), faces, tmp_path / "study", trials=3, resume=True)
    assert [trial.interrupted for trial in found.trials] == [False, True, False, False]
    assert rate in [trial.values["optimizer.lr"] for trial in found.trials[2:]]


def test_no_trial_starts_after_the_time_limit(tmp_path, faces, trainer, monkeypatch):
    clock = SimpleNamespace(time=itertools.count().__next__)  # a second passes at each look
    monkeypatch.setattr(study_module, "time", clock)
    assert len(tune(tiny(), space(), faces, tmp_path / "study", trials=1000, seconds=4).trials) == 3


@pytest.mark.parametrize(("keep", "counts"), [("best", 0.7), ("last", 0.6)])
def test_the_objective_is_that_of_the_kept_epoch(tmp_path, faces, trainer, monkeypatch, keep, counts):
    def up_and_down(recipe, faces, out, *, callbacks):
        for score in (0.5, 0.7, 0.6):
            metrics = {"val_score": torch.tensor(score), "val_loss": torch.tensor(1.0)}
            callbacks[0].on_train_epoch_end(SimpleNamespace(max_epochs=3, callback_metrics=metrics), None)

    monkeypatch.setattr(study_module, "train", up_and_down)
    (trial,) = tune(tiny(keep=keep), space(), faces, tmp_path / "study", trials=1).trials
    assert trial.score == pytest.approx(counts)


def test_a_folder_holds_one_study(tmp_path, faces, trainer):
    out = tmp_path / "study"
    with pytest.raises(OutputError):
        tune(tiny(), space(), faces, out, trials=1, resume=True)
    tune(tiny(), space(), faces, out, trials=1)
    with pytest.raises(OutputError):
        tune(tiny(), space(), faces, out, trials=1)
    with pytest.raises(RecipeError):
        tune(tiny(), space(seed=1), faces, out, trials=2, resume=True)
    with pytest.raises(RecipeError):
        tune(tiny(), space(), two_classes(160, seed=1), out, trials=2, resume=True)
    assert len(tune(tiny(), space(), faces, out, trials=2, resume=True).trials) == 2
    (out / "study.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(OutputError):
        tune(tiny(), space(), faces, out, trials=3, resume=True)


@pytest.mark.parametrize(
    "ways",
    [
        {"optimizer.speed": {"low": 0.1, "high": 1.0}},
        {"optimizer.lr": {"low": -1.0, "high": 1.0}},
        {"optimizer.name": {"choices": ["adam", "adagrad"]}},
        {"optimizer.name": {"low": 0, "high": 1}},
        {"schedule.batch": {"low": 16.5, "high": 32}},
        {"network.widths": {"choices": [[8, 16], [8]]}},
        {"network.layers.0": {"choices": ["conv 8x3 same > pool"]}},
        {"data.inner": {"low": 0.1, "high": 0.5}},
        {"heads.fer2013.emotions": {"choices": ["seven", "four"]}},
        {"optimizer.lr": {"low": 0.0, "high": 1.0, "log": True}},
        {"optimizer.lr": {"low": 1.0, "high": 0.1}},
        {"optimizer.lr": {"low": True, "high": 2.0}},
        {"schedule.batch": {"low": 16, "high": 40, "step": 16}},
        {"optimizer.lr": {"choices": []}},
        {"optimizer.lr": {"choices": [0.1, 0.1]}},
        {"optimizer.lr": {"low": 0.1}},
        {"optimizer.lr": 0.1},
        {},
    ],
)
def test_a_wrong_space_is_refused_before_any_training(tmp_path, faces, trainer, ways):
    with pytest.raises(RecipeError):
        tune(tiny(), space(ways), faces, tmp_path / "study")
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    "settings", [{"sampler": "guess"}, {"objective": "speed"}, {"trials": 0}, {"seed": True}, {"epochs": 3}]
)
def test_wrong_settings_of_a_space_are_refused(settings):
    with pytest.raises(RecipeError):
        space(**settings)


def test_a_grid_needs_steps_and_tune_positive_numbers(tmp_path, faces):
    with pytest.raises(RecipeError):
        tune(tiny(), space(sampler="grid"), faces, tmp_path / "study")
    with pytest.raises(OptionError):
        tune(tiny(), space(), faces, tmp_path / "study", workers=0)
    with pytest.raises(RecipeError):
        load_space("nothing")


def test_invalid_layers_are_refused():
    with pytest.raises(RecipeError):
        fit_space(space({"network.layers.0": {"choices": ["blur 3"]}}), load_recipe("happy-sad-4"))


def test_ranges_take_the_type_of_their_field():
    ways = {"augment": {"rotate": {"low": 0, "high": 30}}, "schedule.batch": {"low": 16, "high": 64, "step": 16}}
    fitted = fit_space(space(ways), tiny())
    assert not fitted.space["augment.rotate"].integer
    assert fitted.space["schedule.batch"] == Parameter(low=16, high=64, step=16)
    assert fitted.space["schedule.batch"].grid == (16, 32, 48, 64)
    lists = Parameter(choices=[[1, 2], [3, 4], "x"])
    assert [lists.value(label) for label in lists.labels] == [[1, 2], [3, 4], "x"]


def test_the_built_in_spaces_fit_their_recipes():
    assert {"quick", "happy-sad-small"} <= set(builtin_spaces())
    for name in builtin_recipes():
        if load_recipe(name).network.name != "timm":
            fit_space(load_space("quick"), load_recipe(name))
    small = fit_space(load_space("happy-sad-small"), load_recipe("happy-sad-4"))
    assert math.prod(map(len, small.grid.values())) == 4 * 4 * 4 * 3
    assert (small.sampler, small.trials) == ("random", 10)
