"""Datasets: load every layout into one Dataset, split it, find near duplicates."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .dataset import Dataset
    from .loading import load

__all__ = ["Dataset", "load"]

_MODULES = {"Dataset": ".dataset", "load": ".loading"}


def __getattr__(name: str) -> Any:
    """Import on first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name], __name__), name)
