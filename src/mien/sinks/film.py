"""Write an annotated film: H.264 pictures at their true times, with the sound of its source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import OptionError, OutputError
from ..extras import require
from ..values.arrays import checked
from .atomic import replacing_path, writing_to
from .sound import Sound

if TYPE_CHECKING:
    from av.container import OutputContainer

#: What the name of a film that mien writes may end in.
FILM_FORMATS = (".mp4", ".mkv", ".mov")
#: A common clock of films: its ticks hit the times of all usual frame rates.
_TICKS = 90_000
#: Constant rate factor of x264, where 18 is called visually lossless and 23 is the default.
_QUALITY = {"crf": "20", "preset": "veryfast"}


def check_film_format(path: Path) -> None:
    """Make sure that a film can be written under this name, before any work is done for it.

    Raises:
        OptionError: its extension is none of ``.mp4``, ``.mkv`` and ``.mov``.
        MissingExtraError: PyAV is not installed.
    """
    if path.suffix.lower() not in FILM_FORMATS:
        raise OptionError(
            f"unknown film format: got {path.name!r}, expected a name that ends in {', '.join(FILM_FORMATS)}",
            hint="Rename the output, for example to marked.mp4.",
        )
    require("av", "video")


@contextmanager
def film_writer(path: Path, sound_from: str | Path | None = None) -> Iterator[FilmWriter]:
    """A writer of frames, in constant memory; the film is there whole when the context ends well, and else not at all.

    Args:
        path: the film; its folder is made if need be, and what was there is replaced.
        sound_from: a film whose sound goes along, as far as the pictures last; None for a silent film.

    Raises:
        OptionError: the extension is unknown.
        OutputError: the place cannot be written to, or nothing was written.
        MissingExtraError: PyAV is not installed.
    """
    check_film_format(path)
    av = require("av", "video")
    with replacing_path(path) as temporary:
        try:
            with ExitStack() as stack:
                file = stack.enter_context(av.open(str(temporary.absolute()), "w"))
                sound = stack.enter_context(av.open(str(Path(sound_from).absolute()))) if sound_from else None
                writer = FilmWriter(path, file, Sound(sound, file) if sound and sound.streams.audio else None)
                yield writer
                writer.finish()
        except av.error.FFmpegError as error:
            raise OutputError(
                f"cannot write {path}: {error.strerror}", hint="Check that the disk has room; try .mkv."
            ) from error


class FilmWriter:
    """Use ``film_writer``."""

    def __init__(self, path: Path, file: OutputContainer, sound: Sound | None) -> None:
        self._path, self._file, self._sound = path, file, sound
        self._pictures = file.add_stream("libx264", rate=30, options=_QUALITY)
        self._pictures.pix_fmt = "yuv420p"
        self._pictures.time_base = self._pictures.codec_context.time_base = Fraction(1, _TICKS)
        self._pictures.width = 0
        self._last = -1

    def write(self, image: npt.NDArray[np.uint8], time_s: float) -> None:
        """Add a picture.

        Args:
            image: uint8 (H, W, 3), RGB, 0-255; all of one size. An odd last row or column is left out: H.264 halves colours.
            time_s: when it is shown, in seconds, later than the one before.

        Raises:
            OptionError: the image has another dtype or shape.
            OutputError: the disk is full or gone.
        """
        checked("image", image, np.uint8, (None, None, 3))
        av = require("av", "video")
        if self._last < 0:
            self._pictures.width, self._pictures.height = image.shape[1] // 2 * 2, image.shape[0] // 2 * 2
        part = np.ascontiguousarray(image[: self._pictures.height, : self._pictures.width])
        frame = av.VideoFrame.from_ndarray(part, format="rgb24")
        frame.pts = self._last = max(self._last + 1, round(time_s * _TICKS))
        frame.time_base = Fraction(1, _TICKS)
        with writing_to(self._path):
            self._file.mux(self._pictures.encode(frame))
            if self._sound:
                self._sound.up_to(time_s)

    def finish(self) -> None:
        """Write what the encoder still holds.

        Raises:
            OutputError: there was not a single picture.
        """
        if self._last < 0:
            raise OutputError(f"cannot write {self._path}: there is no picture for it", hint="Check the source.")
        self._file.mux(self._pictures.encode(None))
        if self._sound:
            self._sound.finish(self._last / _TICKS)
