"""TextGrid files of Praat, read in the long and the short text format, and written in the long one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import DataError

_TOKEN = re.compile(r'"((?:[^"]|"")*)"|\[[^\]\n]*\]|![^\n]*|<(\w+)>|(?<![\w.])(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)')
_MIN_S = 1e-6


def read_textgrid(text: str, path: Path) -> list[tuple[float, float, str, str]]:
    """Return start, end, label and tier of all intervals and points of a file that have a text."""
    tokens = _tokens(text)
    try:
        kind, name = next(tokens), next(tokens)
        if "ootextfile" not in kind.lower() or name != "TextGrid":
            raise ValueError(f"it begins with {kind[:40]!r}")
        float(next(tokens)), float(next(tokens))
        found = []
        tiers = int(next(tokens)) if next(tokens) == "exists" else 0
        for _ in range(tiers):
            intervals, tier = next(tokens) == "IntervalTier", next(tokens)
            float(next(tokens)), float(next(tokens))
            for _ in range(int(next(tokens))):
                start = float(next(tokens))
                end = float(next(tokens)) if intervals else start
                label = next(tokens).replace('""', '"').strip()
                if label:
                    found.append((start, end, label, tier))
    except (StopIteration, ValueError) as error:
        why = "it ends too early" if isinstance(error, StopIteration) else str(error)
        message = f"{path} is not a TextGrid: {why}"
        raise DataError(message, hint="Save it in Praat as a text file.", path=path) from error
    return found


def _tokens(text: str) -> Iterator[str]:
    """Texts, numbers and flags in the order of the file: the same in both formats."""
    for match in _TOKEN.finditer(text):
        quoted, flag, number = match.groups()
        token = quoted if quoted is not None else flag or number
        if token is not None:
            yield token


def write_textgrid(tiers: Mapping[str, Sequence[tuple[float, float, str]]], start_s: float, end_s: float) -> bytes:
    """Return a TextGrid with one interval tier per name, in UTF-8; times without annotation are empty intervals.

    Args:
        tiers: name -> start, end and label of its annotations, in order, which must not overlap.
        start_s: start of all tiers.
        end_s: their end.
    """
    end_s = max([end_s, *(end for found in tiers.values() for _, end, _ in found)])
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', ""]
    lines += [f"xmin = {start_s:.6f}", f"xmax = {end_s:.6f}", "tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, found) in enumerate(tiers.items(), 1):
        filled = _filled(found, start_s, end_s)
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(name)}"]
        lines += [f"        xmin = {start_s:.6f}", f"        xmax = {end_s:.6f}"]
        lines.append(f"        intervals: size = {len(filled)}")
        for place, (start, end, text) in enumerate(filled, 1):
            lines += [
                f"        intervals [{place}]:",
                f"            xmin = {start:.6f}",
                f"            xmax = {end:.6f}",
            ]
            lines.append(f"            text = {_quoted(text)}")
    return ("\n".join(lines) + "\n").encode()


def _filled(found: Sequence[tuple[float, float, str]], start_s: float, end_s: float) -> list[tuple[float, float, str]]:
    """Annotations with empty ones in between, so that they cover the whole range."""
    filled, at = [], start_s
    for start, end, text in found:
        if start > at + _MIN_S:
            filled.append((at, start, ""))
        filled.append((at if abs(start - at) <= _MIN_S else start, end, text))
        at = end
    if end_s > at + _MIN_S or not filled:
        filled.append((at, end_s, ""))
    return filled


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
