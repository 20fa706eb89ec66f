"""Durations as people read them."""

from __future__ import annotations


def clock(seconds: float, digits: int = 0) -> str:
    """``1:05``, ``1:02:05``, or, with a digit, ``1:05.3``."""
    whole = round(max(seconds, 0.0) * 10**digits)
    minutes, rest = divmod(whole, 60 * 10**digits)
    hours, minutes = divmod(minutes, 60)
    ending = f"{rest / 10**digits:0{3 + digits if digits else 2}.{digits}f}"
    return f"{hours}:{minutes:02}:{ending}" if hours else f"{minutes}:{ending}"
