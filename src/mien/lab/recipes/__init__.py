"""Recipes as text, by their names or paths, without pydantic; this folder has those that come with mien."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import RecipeError

if TYPE_CHECKING:
    from importlib.abc import Traversable


def builtin_names(folder: Traversable) -> list[str]:
    """Names of the TOML files in a folder of the package."""
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def read_text(name_or_path: str | Path, folder: Traversable) -> str:
    """The text of a TOML file: one in ``folder`` by its name, or any by its path.

    Raises:
        RecipeError: it does not exist or is not text.
    """
    name, known = str(name_or_path), builtin_names(folder)
    file = folder / f"{name}.toml" if name in known else Path(name_or_path)
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"cannot read {name!r}: expected the path of a .toml file, or one of {', '.join(known)}",
            hint=f"Did you mean {near[0]!r}?" if (near := difflib.get_close_matches(name, known, 1)) else "",
        ) from error
