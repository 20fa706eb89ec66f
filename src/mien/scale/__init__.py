"""Reading on many machines: ``read_dataset``, on Ray Data (extra ``ray``)."""

from __future__ import annotations

from .dataset import DatasetResult, read_dataset

__all__ = ["DatasetResult", "read_dataset"]
