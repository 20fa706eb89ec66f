"""Values as people type them on the command line, and what they stand for."""

from __future__ import annotations

import re
import sys
from typing import Any

from ..errors import OptionError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def byte_count(text: str) -> int:
    """The number of bytes in words such as ``4GB`` or ``800 MiB``.

    Raises:
        OptionError: it is no such number.
    """
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", text)
    unit = _UNITS.get(found.group(2).upper()) if found else None
    if found is None or unit is None or float(found.group(1)) == 0:
        raise OptionError(f"memory: got {text!r}, expected a size such as 4GB or 800MB")
    return int(float(found.group(1)) * unit)


def seconds(text: str) -> float:
    """The number of seconds in words such as ``0.2s``, ``500ms``, ``2`` or ``1.5min``.

    Raises:
        OptionError: it is no such number.
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(ms|s|min|h)?\s*", text)
    if found is None or float(found.group(1)) == 0:
        raise OptionError(f"time: got {text!r}, expected one such as 0.2s, 500ms or 1min")
    return float(found.group(1)) * {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}[found.group(2) or "s"]


def field_changes(texts: list[str]) -> dict[str, Any]:
    """Fields of a recipe and their new values, from words such as ``optimizer.lr=0.01``.

    Values are written as in TOML; a word without quotes is taken as a string.

    Raises:
        OptionError: there is no ``=`` in one.
    """
    changes: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise OptionError(f"--set: got {text!r}, expected FIELD=VALUE such as optimizer.lr=0.01")
        try:
            changes[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            changes[name.strip()] = value.strip()
    return changes
