"""``mien lab recipes``."""

from __future__ import annotations

from typing import Annotated

import typer


def recipes(
    name: Annotated[
        str | None, typer.Argument(help="Print this recipe's text instead of the list.", show_default=False)
    ] = None,
) -> None:
    """List the recipes that come with mien, or print one.

    A recipe of your own begins as a copy:  [bold]mien lab recipes seven > mine.toml[/bold]
    """
    from ..extras import check_installed

    check_installed(("pydantic",), "lab")
    from ..lab.recipe import builtin_recipes, recipe_text

    if name is not None:
        typer.echo(recipe_text(name), nl=False)
        return
    known = {name: recipe_text(name).partition("\n")[0].lstrip("# ") for name in builtin_recipes()}
    width = max(map(len, known))
    for entry, about in known.items():
        typer.echo(f"{entry:{width}}  {about}")
