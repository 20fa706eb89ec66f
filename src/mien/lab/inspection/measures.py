"""What is measured of each image: light, contrast, sharpness, the header of its file, and whether a face is found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from ...data.dataset import Dataset
from ...detection.centerface import centerface
from ...errors import SourceError
from ...io.images import damage_reported, identified, opened, pillow_warnings_ignored
from ...progress import Progress, no_progress
from ...types import Frame

#: An image whose gray values spread less than this (standard deviation, of 255) shows nothing.
LEAST_CONTRAST = 2.0
#: How many robust standard deviations below the median a value must lie to stand out (Iglewicz and Hoaglin 1993).
OUTLYING = 3.5
#: Makes the median absolute deviation of normal values their standard deviation.
_MAD_TO_STD = 1.4826
#: A median of fewer images says little.
_LEAST_IMAGES = 20

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Quality:
    """What was measured of N images.

    Attributes:
        brightness: float32 (N,), mean gray, 0 to 255.
        contrast: float32 (N,), standard deviation of the grays, 0 to 127.5.
        light: float32 (N,), the gray that 95 % of the pixels stay below, 0 to 255: how bright the brightest parts are.
        sharpness: float32 (N,), variance of the Laplacian (Pech-Pacheco et al. 2000) as a multiple of the variance of the
            grays, so that a faint image is not taken for a blurred one; 0 for a blank image.
        least_light: below it an image is dark; -inf where the set is too small or too even to say.
        least_sharpness: below it an image is blurred; 0 where the set is too small or too even to say.
    """

    brightness: Floats
    contrast: Floats
    light: Floats
    sharpness: Floats
    least_light: float
    least_sharpness: float

    @property
    def blank(self) -> npt.NDArray[np.bool_]:
        """Bool (N,): one gray all over, or nearly so."""
        return np.asarray(self.contrast < LEAST_CONTRAST, bool)

    @property
    def dark(self) -> npt.NDArray[np.bool_]:
        """Bool (N,): even the brightest parts are dark, as this set goes."""
        return np.asarray((self.light < self.least_light) & ~self.blank, bool)

    @property
    def blurred(self) -> npt.NDArray[np.bool_]:
        """Bool (N,): fewer edges than this set's images have."""
        return np.asarray((self.sharpness < self.least_sharpness) & ~self.blank, bool)


def measure_quality(images: npt.NDArray[np.uint8], progress: Progress = no_progress) -> Quality:
    """Measure all images; the limits come from the set itself: the median less 3.5 robust standard deviations.

    Args:
        images: uint8 (N, H, W) gray, or (N, H, W, 3) RGB; 0-255.
        progress: called with images done.
    """
    values = np.zeros((4, len(images)), np.float32)
    for row, image in enumerate(images):
        values[:, row] = _measured(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image)
        if row % 512 == 0:
            progress(row, len(images), "image quality")
    brightness, contrast, light, sharpness = values
    seen = contrast >= LEAST_CONTRAST
    return Quality(
        brightness,
        contrast,
        light,
        sharpness,
        least_light=low_outlier(light[seen]),
        # Sharpness spans powers of ten, and is nearly normal on their scale.
        least_sharpness=float(np.exp(low_outlier(np.log(np.maximum(sharpness[seen], 1e-6))))),
    )


def low_outlier(values: Floats) -> float:
    """Below what a value stands out: the median less 3.5 robust standard deviations (1.4826 x median absolute deviation).

    Minus infinity for fewer than 20 values, or where half of them are equal.
    """
    if len(values) < _LEAST_IMAGES:
        return -np.inf
    middle = float(np.median(values))
    spread = _MAD_TO_STD * float(np.median(np.abs(values - middle)))
    return middle - OUTLYING * spread if spread > 0 else -np.inf


def _measured(gray: npt.NDArray[np.uint8]) -> tuple[float, float, float, float]:
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(gray))
    flat = gray.reshape(-1)
    light = float(np.partition(flat, int(0.95 * (flat.size - 1)))[int(0.95 * (flat.size - 1))])
    if deviation < LEAST_CONTRAST:
        return mean, deviation, light, 0.0
    edges = float(cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_32F))[1][0, 0])
    return mean, deviation, light, (edges / deviation) ** 2


#: What most files must share before the others are called odd.
_MAJORITY = 0.5


@dataclass(frozen=True)
class FileHeaders:
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


def read_headers(faces: Dataset, folder: Path, progress: Progress = no_progress) -> FileHeaders | None:
    """Read the header of each image's file; nothing is decoded.

    Args:
        faces: N images, named by their files.
        folder: what the names are relative to.
        progress: called with images done.

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
        progress(row + 1, len(faces), "file headers")
    return FileHeaders(size, np.array(mode, np.str_)) if any(mode) else None


def _odd(values: npt.NDArray[np.str_], counted: list[tuple[str, int]]) -> npt.NDArray[np.bool_]:
    commonest, times = counted[0]
    if times < _MAJORITY * sum(n for _, n in counted):
        return np.zeros(len(values), bool)
    return np.asarray(values != commonest, bool)


#: Images looked at; more would take minutes and tell little more.
MAX_FACE_CHECKS = 2000
#: Images are enlarged to about this side: detection in tight crops is best when faces are large (``docs/detection.md``).
_DETECTION_SIDE = 192
#: The smallest face to look for, as a share of the image: in a crop the face fills most of it.
_LEAST_FACE = 1 / 4


@dataclass(frozen=True)
class FaceCheck:
    """Where no face was found.

    Attributes:
        n: how many images were looked at.
        missed: int64 (M,), rows without a face.
        interval: 95 % interval of the share of images without one (Wilson 1927).
    """

    n: int
    missed: npt.NDArray[np.int64]
    interval: tuple[float, float]


def check_faces(
    faces: Dataset,
    *,
    most: int = MAX_FACE_CHECKS,
    threads: int = 0,
    progress: Progress = no_progress,
) -> FaceCheck:
    """Run mien's detector on the images, or on a sample drawn with a fixed seed.

    Args:
        faces: the images.
        most: images to look at.
        threads: processor threads; 0 takes all.
        progress: called with images done.

    Raises:
        ModelError: the detector's weights are missing or damaged.
    """
    rows = np.sort(np.random.default_rng(0).permutation(len(faces))[:most])
    detector = centerface(min_face=round(_DETECTION_SIDE * _LEAST_FACE), threads=threads)
    missed = []
    for done, row in enumerate(rows.tolist(), start=1):
        if not detector.detect(Frame(_enlarged(faces.images[row]), str(faces.names[row]))):
            missed.append(row)
        progress(done, len(rows), "faces")
    interval = binomtest(len(missed), len(rows)).proportion_ci(0.95, method="wilson")
    return FaceCheck(len(rows), np.array(missed, np.int64), (float(interval.low), float(interval.high)))


def _enlarged(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    times = max(1.0, _DETECTION_SIDE / max(image.shape[:2]))
    large = cv2.resize(image, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(cv2.cvtColor(large, cv2.COLOR_GRAY2RGB) if large.ndim == 2 else large, np.uint8)
