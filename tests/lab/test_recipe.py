"""Recipes: the built-in ones hold, and mistakes are named."""

import pytest

from mien.errors import RecipeError
from mien.lab.recipe import builtin_recipes, changed, load_recipe, recipe_from_dict

GOOD = {"name": "mine", "heads": {"a": {"emotions": "seven"}}}


def test_builtin_recipes_load():
    assert {"default", "seven", "smoke", "seven-wide"} <= set(builtin_recipes())
    for name in builtin_recipes():
        assert load_recipe(name).name == name


def test_seven_is_the_narrow_one_with_one_head():
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
def test_what_goes_on_from_a_network_has_its_shape(name):
    first, second = load_recipe(name).network, load_recipe(f"{name}-taught").network
    assert (first.widths, first.depths) == (second.widths, second.depths)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"shedule": {"epochs": 3}}, "unknown field shedule"),
        ({"schedule": {"epoch": 3}}, "recipe.schedule: unknown field epoch"),
        ({"schedule": {"epochs": "3"}}, "recipe.schedule.epochs"),
        ({"schedule": {"epochs": 0}}, r"schedule\.epochs: got 0, expected at least 1"),
        ({"schedule": {"batch": 1}}, r"schedule\.batch: got 1"),
        ({"schedule": {"ema": 1.0}}, r"schedule\.ema: got 1\.0, expected at least 0 and less than 1"),
        ({"schedule": {"sizes": [[0, 4]]}}, r"schedule\.sizes\[0\]\[1\]: got 4, expected at least 8"),
        ({"input": {"size": 4}}, r"input\.size: got 4, expected at least 8"),
        ({"input": {"std": 0}}, r"input\.std: got 0\.0, expected more than 0"),
        ({"augment": {"zoom": [0, 1.2]}}, r"augment\.zoom\[0\]: got 0\.0, expected more than 0"),
        ({"augment": {"zoom": [1.2, 0.9]}}, r"augment\.zoom: got \[1\.2, 0\.9\], expected the smaller"),
        ({"augment": {"flip": 1.5}}, r"augment\.flip: got 1\.5"),
        ({"network": {"dropout": 1}}, r"network\.dropout: got 1\.0"),
        ({"network": {"widths": [8, 0], "depths": [1, 1]}}, r"network\.widths\[1\]: got 0, expected at least 1"),
        ({"optimizer": {"lr": float("nan")}}, r"optimizer\.lr: got nan"),
        ({"heads": {"a": {"label_smoothing": 1}}}, r"heads\.a\.label_smoothing: got 1\.0"),
        ({"schedule": {"keep": "first"}}, "schedule.keep"),
        ({"schedule": {"sizes": [[0, 32, 1]]}}, r"recipe.schedule.sizes\[0\]: got 3 values"),
        ({"augment": {"zoom": 1.2}}, "recipe.augment.zoom"),
        ({"optimizer": {"name": "rmsprop"}}, "optimizer.name"),
        ({"network": {"widths": [8]}}, "1 widths and 4 depths"),
        ({"heads": {}}, "heads"),
        ({"heads": {"a": {"targets": "vote"}}}, "heads.a.targets"),
        ({"heads": {"a": {"emotion": "seven"}}}, "heads.a: unknown field emotion"),
        ({"heads": {"a": {"emotions": "five"}}}, r"heads\.a\.emotions: got 'five', expected one of happy-sad, four"),
        ({"heads": {"a": {"output": "sigmoid"}}}, r"got 'sigmoid' for 'seven', expected a label set of two"),
        ({"heads": {"a": {"class_weights": "equal"}}}, r"heads\.a\.class_weights"),
        ({"data": {"inner": 1}}, r"data\.inner: got 1\.0"),
        ({"data": {"counts": {"joy": 5}}}, r"data\.counts: got 'joy', expected one of angry"),
        ({"data": {"counts": {"happy": 0}}}, r"data\.counts\.happy: got 0, expected at least 1"),
        ({"data": {"counts": {"happy": 0.5}}}, r"recipe\.data\.counts\.happy: got 0\.5, expected int"),
        ({"data": {"sampling": "all"}}, r"data\.sampling"),
        ({"input": {"color": "bgr"}}, r"input\.color: got 'bgr', expected one of gray, rgb"),
        ({"network": {"name": "vgg"}}, r"network\.name: got 'vgg', expected one of plain, layers, timm"),
        ({"network": {"name": "layers"}}, r"network\.layers: got none"),
        ({"network": {"name": "timm"}}, r"network\.backbone: got none"),
        ({"network": {"name": "timm", "backbone": "vgg16"}}, "input: a network of timm takes RGB"),
        ({"network": {"frozen": 1}}, r"recipe\.network\.frozen: got 1, expected bool"),
        ({"optimizer": {"decay": "plateau"}}, r"optimizer\.warmup_epochs: got 2\.0, expected 0"),
        ({"schedule": {"accumulate": 100}}, r"schedule\.accumulate: got 100 parts of a batch of 128"),
        ({"schedule": {"watch": "val_acc"}}, r"schedule\.watch: got 'val_acc', expected one of score, loss"),
        (
            {"schedule": {"batch": 32, "accumulate": 5}},
            r"accumulate: got 5 parts of a batch of 32, expected equal parts",
        ),
        ({"schedule": {"precision": "16"}}, r"schedule\.precision: got '16'"),
        ({"seed": -1}, r"seed: got -1, expected 0 to 4294967295"),
        ({"heads": {"a.b": {}}}, r"heads\.a\.b: got 'a\.b', expected a name of letters"),
        (
            {"network": {"backbone": "vgg16"}},
            r"network\.backbone: got 'vgg16', for which a network 'plain' has no use",
        ),
        ({"network": {"layers": ["flatten"]}}, r"network\.layers: got \('flatten',\), for which"),
        ({"semi": {"ratio": 3}}, r"semi\.ratio: got 3, but semi\.labels = 1"),
        ({"schedule": {"epochs": 2}}, r"optimizer\.warmup_epochs: got 2, expected less than the 2 epochs"),
        (
            {"schedule": {"sizes": [[100, 32]]}},
            r"schedule\.sizes: the last size begins with epoch 100, but the run ends",
        ),
        (
            {"schedule": {"sizes": [[0, 8]]}, "network": {"widths": [8] * 5, "depths": [1] * 5}},
            "5 stages halve images of 8",
        ),
        (
            {"schedule": {"sizes": [[0, 32]]}, "network": {"name": "layers", "layers": ["flatten"]}},
            r"sizes: got 32, but a network with 'flatten' takes one size only",
        ),
        ({"semi": {"labels": 0}}, r"semi\.labels: got 0\.0"),
        ({"semi": {"threshold": 1.5}}, r"semi\.threshold"),
    ],
)
def test_typos_are_named(change, named):
    with pytest.raises(RecipeError, match=named):
        recipe_from_dict({**GOOD, **change})


def test_missing_recipe_lists_the_known(tmp_path):
    with pytest.raises(RecipeError, match="no recipe 'defualt': did you mean 'default'") as caught:
        load_recipe("defualt")
    assert "seven-wide, smoke" in caught.value.hint
    (tmp_path / "mine.toml").write_text("name = ")
    with pytest.raises(RecipeError, match="not valid TOML"):
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
def test_fields_that_are_not_there_cannot_be_changed(path):
    with pytest.raises(RecipeError, match="has no such field|unknown field"):
        changed(load_recipe("happy-sad-4"), {path: 1})
