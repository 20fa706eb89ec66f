"""Datasets: load every layout into one Dataset, split it, find near duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .dataset import Dataset
    from .loading import load

__all__ = ["Dataset", "load"]


def __getattr__(name: str) -> Any:
    """Import on first use (PEP 562): loading takes packages that ``mien.data.dataset`` does not."""
    if name == "load":
        from .loading import load  # noqa: PLC0415

        return load
    if name == "Dataset":
        from .dataset import Dataset  # noqa: PLC0415

        return Dataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
