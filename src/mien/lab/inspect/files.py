"""Of which size and mode the image files are, read from their headers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...data.dataset import Dataset
from ...errors import SourceError
from ...io.images import damage_reported, identified, opened, pillow_warnings_ignored

#: What most files must share before the others are called odd.
_MOST = 0.5


@dataclass(frozen=True)
class FileFacts:
    """The headers of N image files.

    Attributes:
        size: int64 (N, 2), width and height in pixels as stored; 0 where an image has no file of its own.
        mode: str (N,), Pillow's name of how the pixels are stored, such as ``L`` (gray), ``RGB`` or ``P`` (palette);
            empty where an image has no file of its own.
    """

    size: npt.NDArray[np.int64]
    mode: npt.NDArray[np.str_]

    @property
    def sizes(self) -> list[tuple[str, int]]:
        """Each size, such as ``48 x 48``, and how many files have it; the commonest first."""
        return Counter(f"{width} x {height}" for width, height in self.size[self.mode != ""]).most_common()

    @property
    def modes(self) -> list[tuple[str, int]]:
        """Each mode and how many files have it; the commonest first."""
        return Counter(self.mode[self.mode != ""].tolist()).most_common()

    @property
    def odd_size(self) -> npt.NDArray[np.bool_]:
        """Bool (N,): of another size than most; none where no size is that of most."""
        return np.asarray(
            _odd(np.array([f"{width} x {height}" for width, height in self.size]), self.sizes) & (self.mode != ""), bool
        )

    @property
    def odd_mode(self) -> npt.NDArray[np.bool_]:
        """Bool (N,): of another mode than most; none where no mode is that of most."""
        return np.asarray(_odd(self.mode, self.modes) & (self.mode != ""), bool)

    def smaller_than(self, side: int) -> npt.NDArray[np.bool_]:
        """Bool (N,): whose shorter side is less than ``side`` pixels."""
        return np.asarray((self.size.min(1) < side) & (self.mode != ""), bool)


def read_headers(
    faces: Dataset, folder: Path, tell: Callable[[int, int], None] = lambda _done, _total: None
) -> FileFacts | None:
    """Read the header of each image's file; nothing is decoded.

    Args:
        faces: N images, named by their files.
        folder: what the names are relative to.
        tell: called with (files done, files in all).

    Returns:
        The facts; None where the images have no files of their own, as in a CSV file.
    """
    size, mode = np.zeros((len(faces), 2), np.int64), [""] * len(faces)
    if not folder.is_dir():
        return None
    for row, name in enumerate(faces.names.tolist()):
        try:
            with (
                opened(folder / name) as file,
                damage_reported(name),
                pillow_warnings_ignored(),
                identified(file, name) as image,
            ):
                size[row], mode[row] = image.size, image.mode
        except SourceError:  # no file of its own; a damaged one was told of when the data was opened
            continue
        tell(row + 1, len(faces))
    return FileFacts(size, np.array(mode, np.str_)) if any(mode) else None


def _odd(values: npt.NDArray[np.str_], counted: list[tuple[str, int]]) -> npt.NDArray[np.bool_]:
    commonest, times = counted[0]
    if times < _MOST * sum(n for _, n in counted):
        return np.zeros(len(values), bool)
    return np.asarray(values != commonest, bool)
