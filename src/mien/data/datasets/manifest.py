"""A manifest beside its images: its names are paths relative to its folder."""

from __future__ import annotations

from pathlib import Path

from ...errors import DataError
from ..dataset import Dataset
from ..manifest import COLUMNS, is_manifest, read_manifest
from ..preprocessing import LoadOptions, Sample, collect, refuse_options

NAME, KNOWN_BY = "manifest", f"a CSV file with the columns {','.join(COLUMNS)}"


def matches(path: Path) -> bool:
    """Whether this is a manifest."""
    return is_manifest(path)


def load(path: Path, options: LoadOptions) -> Dataset:
    """Load the images that the manifest uses, with its emotions and splits.

    Raises:
        DataError: it is broken, or its first image is not there.
        SourceError: an image cannot be decoded, or has no face, and ``options.on_damaged`` is None.
    """
    refuse_options(path, options, "votes", "label_names")
    manifest = read_manifest(path)
    rows = [row for row, use in enumerate(manifest.use) if use]
    names = manifest.names.tolist()
    missing = next((names[row] for row in rows if not (path.parent / names[row]).is_file()), None)
    if missing is not None or not rows:
        raise DataError(
            f"{path}: got {missing!r}, which is no image beside the manifest" if rows else f"{path}: uses no image",
            hint="Give the data that it was made for, and the manifest with --manifest.",
        )
    samples = (
        Sample(
            path.parent / names[row],
            names[row],
            int(manifest.labels[row]),
            str(manifest.split[row]),
            path.parent / names[row],
        )
        for row in rows
    )
    return collect(samples, len(rows), path, options)
