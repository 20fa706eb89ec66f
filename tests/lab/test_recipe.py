"""Recipes: the built-in ones hold, and mistakes are named."""

import pytest

from mien.errors import RecipeError
from mien.lab.recipe import builtin_recipes, load_recipe, recipe_from_dict

GOOD = {"name": "mine", "heads": {"a": {"emotions": "seven"}}}


def test_builtin_recipes_load():
    assert builtin_recipes() == ["default", "seven", "smoke"]
    for name in builtin_recipes():
        assert load_recipe(name).name == name


def test_seven_is_default_with_one_head():
    default, seven = load_recipe("default"), load_recipe("seven")
    for part in ("input", "network", "augment", "optimizer", "schedule"):
        assert getattr(seven, part) == getattr(default, part)
    assert list(seven.heads) == ["fer2013"]


def test_size_of_the_default_network():
    from mien.lab.nets.choosing import build_network

    network = build_network(load_recipe("default"))
    assert sum(weight.numel() for weight in network.parameters()) == 1_720_007


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"shedule": {"epochs": 3}}, "unknown field shedule"),
        ({"schedule": {"epoch": 3}}, "recipe.schedule: unknown field epoch"),
        ({"schedule": {"epochs": "3"}}, "recipe.schedule.epochs"),
        ({"schedule": {"epochs": 0}}, "0 epochs"),
        ({"schedule": {"keep": "first"}}, "schedule.keep"),
        ({"schedule": {"sizes": [[0, 32, 1]]}}, r"recipe.schedule.sizes\[0\]: got 3 values"),
        ({"augment": {"zoom": 1.2}}, "recipe.augment.zoom"),
        ({"optimizer": {"name": "adam"}}, "optimizer.name"),
        ({"network": {"widths": [8]}}, "1 widths and 4 depths"),
        ({"heads": {}}, "heads"),
        ({"heads": {"a": {"targets": "vote"}}}, "heads.a.targets"),
        ({"heads": {"a": {"emotion": "seven"}}}, "heads.a: unknown field emotion"),
    ],
)
def test_typos_are_named(change, named):
    with pytest.raises(RecipeError, match=named):
        recipe_from_dict({**GOOD, **change})


def test_missing_recipe_lists_the_known(tmp_path):
    with pytest.raises(RecipeError, match="default, seven, smoke"):
        load_recipe("defualt")
    (tmp_path / "mine.toml").write_text("name = ")
    with pytest.raises(RecipeError, match="not valid TOML"):
        load_recipe(str(tmp_path / "mine.toml"))
