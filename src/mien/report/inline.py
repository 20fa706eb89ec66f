"""The inline markup of report texts: ``**bold**``, `` `code` `` and ``[label](url)``, with backslash escapes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_MARKUP = re.compile(
    r"\\(?P<escaped>[\\*`\[\]])|\*\*(?P<bold>.+?)\*\*|`(?P<code>[^`]+)`|\[(?P<label>[^\]]+)\]\((?P<url>[^)\s]+)\)"
)


@dataclass(frozen=True)
class Span:
    """A piece of text with one style: ``plain``, ``bold``, ``code`` or ``link``."""

    text: str
    style: str = "plain"
    url: str = ""


def spans(text: str) -> Iterator[Span]:
    """Split a text into spans of one style."""
    end = 0
    for match in _MARKUP.finditer(text):
        if match.start() > end:
            yield Span(text[end : match.start()])
        end = match.end()
        if match["escaped"]:
            yield Span(match["escaped"])
        elif match["bold"]:
            yield Span(match["bold"], "bold")
        elif match["code"]:
            yield Span(match["code"], "code")
        else:
            yield Span(match["label"], "link", match["url"])
    if end < len(text):
        yield Span(text[end:])


def escape(text: str) -> str:
    """Escape text that comes from users, such as file names, so that it is shown as it is."""
    return re.sub(r"([\\*`\[\]])", r"\\\1", text)
