"""A page out of a template and the look that all pages of audits share."""

from __future__ import annotations

from datetime import datetime, timezone
from importlib import resources
from typing import Any

from ... import __version__
from ...extras import require

_BASE = "base.html.j2"


def page_from(package: str, **values: Any) -> bytes:
    """One HTML page that needs nothing but itself: for light and dark, wide and narrow screens, without scripts.

    Args:
        package: the package whose ``page.html.j2`` is filled in; it extends ``base.html.j2``.
        values: what the template names; ``made`` says by what and when the page was made.

    Returns:
        The page, UTF-8.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    jinja2 = require("jinja2", "audit")

    def text_of(name: str) -> str:
        home = __package__ or "" if name == _BASE else package
        return resources.files(home).joinpath(name).read_text("utf-8")

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(text_of), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    made = f"Made by mien {__version__} on {datetime.now(timezone.utc):%Y-%m-%d}."
    text: str = environment.get_template("page.html.j2").render(made=made, **values)
    for apart, together in ((" %", "\N{NO-BREAK SPACE}%"), ("p = ", "p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")):
        text = text.replace(apart, together)  # where a line ends
    return text.encode()
