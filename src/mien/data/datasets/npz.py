"""FER2013 with its FER+ votes in one small file: xz over the residuals of a median edge predictor.

The predictor is that of LOCO-I (Weinberger, Seroussi and Sapiro 2000): each pixel is guessed from its left, upper and
upper-left neighbors, and only the difference is stored.
"""

from __future__ import annotations

import lzma
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...emotions import EMOTIONS, FER2013_ORDER
from ...errors import DataError
from ..dataset import Dataset, Votes, named_by_content
from ..names import USAGE
from ..preprocessing import LoadOptions, refuse_options

_KEYS = {"residuals", "shape", "labels", "usage", "votes"}


NAME, KNOWN_BY = "packed FER2013", "a .npz file"


def matches(path: Path) -> bool:
    """Whether this is an ``.npz`` file."""
    return path.suffix.lower() == ".npz"


def load(path: Path, options: LoadOptions) -> Dataset:
    """Load FER2013 from a packed ``.npz`` file.

    Raises:
        DataError: the file is damaged, or is another kind of ``.npz``, or a label, usage or vote is none of FER2013's.
    """
    refuse_options(path, options, "votes", "detect_faces", "label_names")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = _KEYS - set(file.files)
            if missing:
                raise DataError(f"{path}: not packed FER2013: missing {', '.join(sorted(missing))}")
            images = _unpack(file["residuals"].tobytes(), file["shape"])
            labels, usage, table = file["labels"].astype(np.int64), file["usage"], file["votes"]
    except (lzma.LZMAError, zipfile.BadZipFile, ValueError, EOFError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: damaged: {error}", hint="Fetch the file again.") from error
    _check(path, labels, usage, table)
    return Dataset(
        name=path.stem,
        images=images,
        labels=np.array([EMOTIONS.index(emotion) for emotion in FER2013_ORDER])[labels],
        split=np.array([USAGE[str(name)] for name in usage]),
        votes=Votes.from_ferplus(table),
        names=named_by_content([f"row {row}" for row in range(len(labels))], images),
    )


def _check(
    path: Path, labels: npt.NDArray[np.int64], usage: npt.NDArray[np.str_], table: npt.NDArray[np.uint8]
) -> None:
    """Labels, usages and votes are such as FER2013 has them."""
    strange = labels[(labels < 0) | (labels >= len(FER2013_ORDER))]
    if len(strange):
        raise DataError(
            f"{path}: labels: got {strange[0]}, expected 0 to {len(FER2013_ORDER) - 1}", hint="Fetch the file again."
        )
    unknown = sorted({str(name) for name in usage} - set(USAGE))
    if unknown:
        raise DataError(
            f"{path}: usage: got {unknown[0]!r}, expected one of {', '.join(USAGE)}", hint="Fetch the file again."
        )
    if table.shape != (len(labels), 10):
        raise DataError(
            f"{path}: votes: got {table.shape}, expected {(len(labels), 10)}: eight emotions, unknown, no face",
            hint="Fetch the file again.",
        )


def _unpack(blob: bytes, shape: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    n, height, width = (int(side) for side in shape)
    flat = np.frombuffer(lzma.decompress(blob), np.uint8)
    if flat.size != n * height * width:
        raise DataError(f"damaged: {flat.size} bytes unpacked, expected {n * height * width}")
    residual = flat.reshape(n, height * width).T.astype(np.int16)
    pixels = np.zeros((height + 1, width + 1, n), np.int16)
    for y in range(height):
        for x in range(width):
            left, up, corner = pixels[y + 1, x], pixels[y, x + 1], pixels[y, x]
            low, high = np.minimum(left, up), np.maximum(left, up)
            guess = np.where(corner >= high, low, np.where(corner <= low, high, left + up - corner))
            pixels[y + 1, x + 1] = (guess + residual[y * width + x]) & 255
    return np.ascontiguousarray(pixels[1:, 1:].transpose(2, 0, 1).astype(np.uint8))
