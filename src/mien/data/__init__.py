"""Datasets: load every layout into one Dataset, split it, find near duplicates."""

from .dataset import Dataset
from .loading import load

__all__ = ["Dataset", "load"]
