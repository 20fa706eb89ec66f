"""What a training recipe may say: a TOML file, read into frozen values and checked at once."""

from __future__ import annotations

import dataclasses
import difflib
import sys
import typing
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from ..errors import RecipeError
from .recipe_balance import Balance
from .recipe_check import check
from .recipe_fields import Augment, Data, Distil, Head, Input, Network, Optimizer, Recipe, Schedule, Semi

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "Augment",
    "Balance",
    "Data",
    "Distil",
    "Head",
    "Input",
    "Network",
    "Optimizer",
    "Recipe",
    "Schedule",
    "Semi",
    "builtin_recipes",
    "changed",
    "load_recipe",
    "recipe_from_dict",
    "recipe_text",
]

T = TypeVar("T")


def builtin_recipes() -> list[str]:
    """Names of the recipes that come with mien."""
    folder = resources.files(__package__) / "recipes"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def recipe_text(name: str) -> str:
    """The TOML text of a recipe that comes with mien.

    Raises:
        RecipeError: there is none of that name.
    """
    known = builtin_recipes()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        meant = f"did you mean {near[0]!r}?" if near else "it is no file, and mien has none of that name"
        raise RecipeError(
            f"no recipe {name!r}: {meant}",
            hint=f"Give the path of a .toml file, or one of these: {', '.join(known)}.",
        )
    return (resources.files(__package__) / "recipes" / f"{name}.toml").read_text("utf-8")


def load_recipe(name_or_path: str) -> Recipe:
    """Read a recipe: the name of one that comes with mien, or the path of a TOML file.

    Raises:
        RecipeError: it is not there, is not TOML, or says something that no recipe can say.
    """
    builtin = name_or_path in builtin_recipes() or not Path(name_or_path).is_file()
    try:
        text = recipe_text(name_or_path) if builtin else Path(name_or_path).read_text("utf-8")
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{name_or_path} is not valid TOML: {error}") from error
    return recipe_from_dict(table)


def recipe_from_dict(table: dict[str, Any]) -> Recipe:
    """Build and check a recipe from plain values, as TOML or a checkpoint holds them.

    Raises:
        RecipeError: an unknown field, a wrong type or a contradiction.
    """
    table = dict(table)
    heads = table.pop("heads", None)
    if not isinstance(heads, dict) or not heads:
        raise RecipeError("heads: got none, expected at least one [heads.NAME] table")
    parsed = {name: _build(Head, entry, f"heads.{name}") for name, entry in heads.items()}
    recipe = _build(Recipe, {**table, "heads": parsed}, "recipe")
    check(recipe)
    return recipe


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with some of its fields changed.

    Args:
        recipe: stays as it is.
        changes: new values by the path of the field, such as ``optimizer.lr``, ``heads.labels.label_smoothing`` or, for one
            element of a list, ``network.layers.0``.

    Raises:
        RecipeError: there is no such field, or it cannot hold the value.
    """
    table = dataclasses.asdict(recipe)
    for path, value in changes.items():
        *way, last = path.split(".")
        place: Any = table
        for step in way:
            place = place[step] if isinstance(place, dict) and step in place else None
        if isinstance(place, dict) and (last in place or path.startswith("data.")):
            place[last] = value
        elif isinstance(place, tuple) and last.isdecimal() and int(last) < len(place):
            at = int(last)
            recipe_part: Any = table
            for step in way[:-1]:
                recipe_part = recipe_part[step]
            recipe_part[way[-1]] = (*place[:at], value, *place[at + 1 :])
        else:
            raise RecipeError(
                f"{path}: the recipe {recipe.name!r} has no such field",
                hint="Give the table and the field, such as optimizer.lr or heads.NAME.weight.",
            )
    return recipe_from_dict(table)


def _build(kind: type[T], table: Any, where: str) -> T:
    if not isinstance(table, dict):
        raise RecipeError(f"{where}: got {table!r}, expected a table")
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(table) - set(hints))
    if unknown:
        raise RecipeError(f"{where}: unknown field {', '.join(unknown)}; the fields are {', '.join(hints)}")
    needed = [f.name for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING]  # type: ignore[arg-type]  # kind is always a dataclass here
    missing = [name for name in needed if name not in table]
    if missing:
        raise RecipeError(f"{where}: missing field {', '.join(missing)}")
    return kind(**{name: _value(hints[name], value, f"{where}.{name}") for name, value in table.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    """``value`` as ``hint`` wants it: TOML has no tuples and writes 1.0 as 1."""
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else _build(hint, value, where)  # type: ignore[arg-type]  # never an instance
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)
        if not isinstance(value, (list, tuple)):
            raise RecipeError(f"{where}: got {value!r}, expected a list")
        if inner[-1] is not Ellipsis and len(value) != len(inner):
            raise RecipeError(f"{where}: got {len(value)} values, expected {len(inner)}")
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        return tuple(_value(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(kinds, value)))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if typing.get_origin(hint) is dict:
        return _table(typing.get_args(hint)[1], value, where)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise RecipeError(f"{where}: got {value!r}, expected {hint.__name__}")
    return value


def _table(kind: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RecipeError(f"{where}: got {value!r}, expected a table")
    return {name: _value(kind, item, f"{where}.{name}") for name, item in value.items()}
