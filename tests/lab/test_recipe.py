"""Included recipes are valid, and mistakes in recipes are reported."""

import pytest

from mien.errors import RecipeError
from mien.lab.recipe import builtin_recipes, changed, load_recipe, recipe_from_dict

GOOD = {"name": "mine", "heads": {"a": {"emotions": "seven"}}}


def test_builtin_recipes_load():
    assert {"default", "seven", "smoke", "seven-wide"} <= set(builtin_recipes())
    for name in builtin_recipes():
        assert load_recipe(name).name == name


def test_the_recipe_seven_is_narrow_with_one_head():
    narrow, seven = load_recipe("default-narrow"), load_recipe("seven")
    for part in ("input", "network", "augment", "optimizer", "schedule"):
        assert getattr(seven, part) == getattr(narrow, part)
    assert list(seven.heads) == ["fer2013"]


@pytest.mark.parametrize(
    ("name", "weights"), [("default", 1_914_543), ("default-narrow", 1_720_007), ("tiny", 272_191)]
)
def test_sizes_of_the_shipped_networks_and_their_teachers(name, weights):
    from mien.lab.networks.build import build_network

    network = build_network(load_recipe(name))
    assert sum(weight.numel() for weight in network.parameters()) == weights


@pytest.mark.parametrize("name", ["default", "tiny"])
def test_continued_networks_keep_their_shape(name):
    first, second = load_recipe(name).network, load_recipe(f"{name}-distilled").network
    assert (first.widths, first.depths) == (second.widths, second.depths)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"shedule": {"epochs": 3}}, "shedule"),
        ({"schedule": {"epoch": 3}}, "schedule.epoch"),
        ({"schedule": {"epochs": "3"}}, "schedule.epochs"),
        ({"schedule": {"epochs": 0}}, "schedule.epochs"),
        ({"schedule": {"batch": 1}}, "schedule.batch"),
        ({"schedule": {"ema": 1.0}}, "schedule.ema"),
        ({"schedule": {"sizes": [[0, 4]]}}, "schedule.sizes[0][1]"),
        ({"schedule": {"sizes": [[0, 32, 1]]}}, "schedule.sizes[0]"),
        ({"schedule": {"sizes": [[100, 32]]}}, "schedule.sizes"),
        ({"schedule": {"keep": "first"}}, "schedule.keep"),
        ({"schedule": {"accumulate": 100}}, "schedule.accumulate"),
        ({"schedule": {"batch": 32, "accumulate": 5}}, "schedule.accumulate"),
        ({"schedule": {"monitor": "val_acc"}}, "schedule.monitor"),
        ({"schedule": {"precision": "16"}}, "schedule.precision"),
        ({"schedule": {"epochs": 2}}, "optimizer.warmup_epochs"),
        ({"input": {"size": 4}}, "input.size"),
        ({"input": {"std": 0}}, "input.std"),
        ({"input": {"color": "bgr"}}, "input.color"),
        ({"augment": {"zoom": [0, 1.2]}}, "augment.zoom[0]"),
        ({"augment": {"zoom": [1.2, 0.9]}}, "augment.zoom"),
        ({"augment": {"zoom": 1.2}}, "augment.zoom"),
        ({"augment": {"flip": 1.5}}, "augment.flip"),
        ({"network": {"dropout": 1}}, "network.dropout"),
        ({"network": {"widths": [8, 0], "depths": [1, 1]}}, "network.widths[1]"),
        ({"network": {"widths": [8]}}, "network.depths"),
        ({"network": {"name": "resnet"}}, "network.name"),
        ({"network": {"name": "layers"}}, "network.layers"),
        ({"network": {"name": "timm"}}, "network.backbone"),
        ({"network": {"name": "timm", "backbone": "vgg16"}}, "input"),
        ({"network": {"frozen": 1}}, "network.frozen"),
        ({"network": {"backbone": "vgg16"}}, "network.backbone"),
        ({"network": {"layers": ["flatten"]}}, "network.layers"),
        ({"network": {"widths": [8] * 5, "depths": [1] * 5}, "schedule": {"sizes": [[0, 8]]}}, "network.widths"),
        ({"network": {"name": "layers", "layers": ["flatten"]}, "schedule": {"sizes": [[0, 32]]}}, "schedule.sizes"),
        ({"optimizer": {"lr": float("nan")}}, "optimizer.lr"),
        ({"optimizer": {"name": "rmsprop"}}, "optimizer.name"),
        ({"optimizer": {"decay": "plateau"}}, "optimizer.warmup_epochs"),
        ({"heads": {}}, "heads"),
        ({"heads": []}, "heads"),
        ({"heads": {"a.b": {}}}, "heads.a.b"),
        ({"heads": {"a": {"label_smoothing": 1}}}, "heads.a.label_smoothing"),
        ({"heads": {"a": {"targets": "vote"}}}, "heads.a.targets"),
        ({"heads": {"a": {"emotion": "seven"}}}, "heads.a.emotion"),
        ({"heads": {"a": {"emotions": "five"}}}, "heads.a.emotions"),
        ({"heads": {"a": {"output": "sigmoid"}}}, "heads.a.output"),
        ({"heads": {"a": {"class_weights": "equal"}}}, "heads.a.class_weights"),
        ({"data": {"inner": 1}}, "data.inner"),
        ({"data": {"counts": {"joy": 5}}}, "data.counts.joy"),
        ({"data": {"counts": {"happy": 0}}}, "data.counts.happy"),
        ({"data": {"counts": {"happy": 0.5}}}, "data.counts.happy"),
        ({"data": {"sampling": "all"}}, "data.sampling"),
        ({"seed": -1}, "seed"),
        ({"semi": {"ratio": 3}}, "semi.ratio"),
        ({"semi": {"labels": 0}}, "semi.labels"),
        ({"semi": {"threshold": 1.5}}, "semi.threshold"),
        ({"distillation": {"weight": 1.5}}, "distillation.weight"),
        ({"distillation": {"temperature": 0}}, "distillation.temperature"),
        ({"distillation": {"teachers": "t.npz"}, "semi": {"labels": 0.1, "ratio": 2}}, "semi.ratio"),
        ({"balance": {"method": "both"}}, "balance.method"),
        ({"balance": {"most": 0.5}}, "balance.most"),
        ({"balance": {"column": "light"}}, "balance.groups"),
        ({"balance": {"groups": "g.csv"}}, "balance.column"),
        ({"balance": {"groups": "g.csv", "column": "c"}, "data": {"sampling": "balanced"}}, "data.sampling"),
        (
            {"balance": {"groups": "g.csv", "column": "c", "method": "weight"}, "distillation": {"teachers": "t.npz"}},
            "balance.method",
        ),
    ],
)
def test_an_invalid_field_is_named_with_what_is_expected(change, field):
    with pytest.raises(RecipeError) as caught:
        recipe_from_dict({**GOOD, **change})
    assert caught.value.field == field
    assert caught.value.expected
    assert "pydantic" not in str(caught.value)


def test_a_misspelled_field_gets_a_suggestion():
    with pytest.raises(RecipeError) as caught:
        recipe_from_dict({**GOOD, "schedule": {"epoch": 3}})
    assert (caught.value.value, "epochs" in caught.value.hint) == (3, True)


def test_missing_recipe_lists_the_known(tmp_path):
    with pytest.raises(RecipeError) as caught:
        load_recipe("defualt")
    assert "default" in caught.value.hint
    (tmp_path / "mine.toml").write_text("name = ")
    with pytest.raises(RecipeError):
        load_recipe(str(tmp_path / "mine.toml"))


def test_any_field_can_be_changed():
    recipe = load_recipe("happy-sad-4")
    new = changed(
        recipe,
        {
            "optimizer.lr": 1,
            "heads.labels.label_smoothing": 0.1,
            "network.layers.1": "conv 16x3 valid > relu",
            "data.counts.happy": 10,
            "seed": 3,
        },
    )
    assert new.optimizer.lr == 1.0
    assert new.heads["labels"].label_smoothing == 0.1
    assert new.network.layers == (recipe.network.layers[0], "conv 16x3 valid > relu", *recipe.network.layers[2:])
    assert new.data.counts == {"happy": 10, "sad": 75}
    assert new.seed == 3
    assert recipe == load_recipe("happy-sad-4")


@pytest.mark.parametrize("path", ["optimizer.rate", "network.layers.9", "network.layers.x", "lr", "name.first"])
def test_unknown_fields_cannot_be_changed(path):
    with pytest.raises(RecipeError) as caught:
        changed(load_recipe("happy-sad-4"), {path: 1})
    assert caught.value.field == path
