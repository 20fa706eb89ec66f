"""Numbers as text, the same way in every report, table and message; and the inline markup of report texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: What stands for an unknown value.
UNKNOWN = "\N{EN DASH}"
#: ``**bold**``, `` `code` `` and ``[label](url)``, with backslash escapes.
_MARKUP = re.compile(
    r"\\(?P<escaped>[\\*`\[\]])|\*\*(?P<bold>.+?)\*\*|`(?P<code>[^`]+)`|\[(?P<label>[^\]]+)\]\((?P<url>[^)\s]+)\)"
)


def percent(share: float | None, digits: int = 1) -> str:
    """Format a share in [0, 1], such as ``87.9%``; ``<0.1%`` for a positive share that would round to zero."""
    if share is None:
        return UNKNOWN
    least = 10.0**-digits
    if 0 < share < least / 200:
        return f"<{least:.{digits}f}%"
    return f"{100 * share:.{digits}f}%"


def decimal(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    """Format a number with a fixed number of decimals, such as ``-0.25``, or signed ``+1.20``; a zero has no sign."""
    if value is None:
        return UNKNOWN
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    return text.lstrip("+-") if float(text) == 0 else text


def points(difference: float | None, digits: int = 1, *, signed: bool = False) -> str:
    """Format a difference of two shares in percentage points, such as ``11.1 points``."""
    return UNKNOWN if difference is None else f"{decimal(100 * difference, digits, signed=signed)} points"


def interval(ends: tuple[float, float] | None, digits: int = 1, *, scale: float = 100.0) -> str:
    """Format an interval of shares, such as ``[86.7, 89.0]``; ``scale=1`` for other numbers. Empty if unknown."""
    return "" if ends is None else f"[{', '.join(decimal(scale * end, digits) for end in ends)}]"


def estimate(share: float | None, ends: tuple[float, float] | None, digits: int = 1) -> str:
    """Format a share with its 95% confidence interval, such as ``87.9% (95% CI [86.7, 89.0])``."""
    text = percent(share, digits)
    return text if ends is None else f"{text} (95% CI {interval(ends, digits)})"


def number(value: float | None, digits: int = 3) -> str:
    """Format a number to significant digits, such as ``0.285`` or ``1,234``."""
    if value is None:
        return UNKNOWN
    value += 0.0  # -0.0 becomes 0.0
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:,.{digits}g}"


def count(n: int, noun: str = "", plural: str = "") -> str:
    """Format a count with an optional noun, such as ``28,709``, ``1 image`` or ``3 images``."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}" if noun else f"{n:,}"


def seconds(value: float | None) -> str:
    """Format a duration: ``0.8 s``, ``42 s``, ``1 min 15 s``, ``2 h 03 min``."""
    if value is None:
        return UNKNOWN
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def p_value(p: float | None) -> str:
    """Format a p-value, such as ``p = 0.012`` or ``p < 0.001``."""
    if p is None:
        return UNKNOWN
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def join(names: Sequence[str], word: str = "and", most: int | None = None) -> str:
    """Join names: ``a``, ``a and b``, ``a, b and c``; beyond ``most`` names, ``a, b and 3 more``."""
    if most is not None and len(names) > most:
        names = [*names[:most], f"{len(names) - most:,} more"]
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def clock(value: float, digits: int = 0) -> str:
    """Format a position in a video: ``1:05``, ``1:02:05``, or with one digit ``1:05.3``."""
    minutes, rest = divmod(round(max(value, 0.0) * 10**digits), 60 * 10**digits)
    hours, minutes = divmod(minutes, 60)
    ending = f"{rest / 10**digits:0{3 + digits if digits else 2}.{digits}f}"
    return f"{hours}:{minutes:02}:{ending}" if hours else f"{minutes}:{ending}"


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
        kind = match.lastgroup or ""
        style = {"escaped": "plain", "url": "link"}.get(kind, kind)
        yield Span(match["label"] or match[kind], style, match["url"] or "")
    if end < len(text):
        yield Span(text[end:])


def escape(text: str) -> str:
    """Escape text that comes from users, such as file names, so that it is shown as it is."""
    return re.sub(r"([\\*`\[\]])", r"\\\1", text)
