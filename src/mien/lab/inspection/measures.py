"""Measurements of each image: brightness, contrast, sharpness, the header of its file, and whether a face is found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from scipy.ndimage import laplace

from ...data.dataset import Dataset
from ...detection import create_detector
from ...errors import SourceError
from ...io.images import damage_reported, identified, opened
from ...io.pillow_warnings import pillow_warnings_ignored
from ...model.preprocess import to_gray
from ...options import ReadOptions
from ...progress import Progress, no_progress
from ...stats import wilson
from ...types import Frame

#: Images whose gray values have a smaller standard deviation (of 255) are blank.
LEAST_CONTRAST = 2.0
#: Robust standard deviations below the median at which a value is an outlier (Iglewicz and Hoaglin 1993).
OUTLYING = 3.5
#: Images on which the face detector runs at most; more would take minutes.
MAX_FACE_CHECKS = 2000
#: Makes the median absolute deviation of normal values their standard deviation.
_MAD_TO_STD = 1.4826
#: A median of fewer images is too uncertain for a limit.
_LEAST_IMAGES = 20
#: Images are enlarged to about this side: in tight crops detection is best on large faces (``docs/concepts/detection.md``).
_DETECTION_SIDE = 192
#: The smallest face to look for, as a share of the image: in a crop the face fills most of it.
_LEAST_FACE = 1 / 4

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Quality:
    """Measurements of N images, float32 (N,): mean, deviation and 95th percentile of the gray values, and sharpness.

    Sharpness is the variance of the Laplacian (Pech-Pacheco et al. 2000) over that of the gray values, so that low contrast
    does not look like blur; 0 for a blank image. Below the limits an image is dark or blurred; they are -inf and 0 if the
    dataset is too small or too uniform for one.
    """

    brightness: Floats
    contrast: Floats
    light: Floats
    sharpness: Floats
    least_light: float
    least_sharpness: float

    @property
    def blank(self) -> Mask:
        """Bool (N,): uniform gray, or nearly so."""
        return np.asarray(self.contrast < LEAST_CONTRAST, bool)

    @property
    def dark(self) -> Mask:
        """Bool (N,): even the brightest parts are dark, compared with the dataset."""
        return np.asarray((self.light < self.least_light) & ~self.blank, bool)

    @property
    def blurred(self) -> Mask:
        """Bool (N,): fewer edges than the images of this dataset have."""
        return np.asarray((self.sharpness < self.least_sharpness) & ~self.blank, bool)


def measure_quality(images: npt.NDArray[np.uint8], progress: Progress = no_progress) -> Quality:
    """Measure all images, uint8 (N, H, W) gray or (N, H, W, 3) RGB; the limits come from the dataset itself."""
    values = np.zeros((4, len(images)), np.float32)
    for row, image in enumerate(images):
        gray = to_gray(image) if image.ndim == 3 else image
        deviation = float(gray.std())
        edges = 0.0 if deviation < LEAST_CONTRAST else float(laplace(gray.astype(np.float32), mode="mirror").std())
        light = np.percentile(gray, 95, method="lower")
        values[:, row] = gray.mean(), deviation, light, (edges / max(deviation, LEAST_CONTRAST)) ** 2
        if row % 512 == 0:
            progress(row, len(images), "image quality")
    brightness, contrast, light, sharpness = values
    seen = contrast >= LEAST_CONTRAST
    # Sharpness spans powers of ten, and is nearly normal on a logarithmic scale.
    least_sharpness = float(np.exp(low_outlier(np.log(np.maximum(sharpness[seen], 1e-6)))))
    return Quality(brightness, contrast, light, sharpness, low_outlier(light[seen]), least_sharpness)


def low_outlier(values: Floats) -> float:
    """The median less 3.5 robust standard deviations (1.4826 x median absolute deviation).

    Minus infinity for fewer than 20 values, or where half of them are equal.
    """
    if len(values) < _LEAST_IMAGES:
        return -np.inf
    middle = float(np.median(values))
    spread = _MAD_TO_STD * float(np.median(np.abs(values - middle)))
    return middle - OUTLYING * spread if spread > 0 else -np.inf


@dataclass(frozen=True)
class FileHeaders:
    """The headers of N image files: width and height such as ``48 x 48``, and Pillow's mode such as ``L`` (gray) or ``RGB``.

    Strings are empty and ``shorter_side``, in pixels, is 0 if an image has no file of its own.
    """

    size: Words
    mode: Words
    shorter_side: npt.NDArray[np.int64]


def most_common(values: Words) -> list[tuple[str, int]]:
    """Each value of a header and how many files have it, most common first."""
    return Counter(values[values != ""].tolist()).most_common()


def unusual(values: Words) -> Mask:
    """Bool (N,): files with another value than most; none where no value is that of most."""
    most, times = most_common(values)[0]
    is_majority = 2 * times >= (values != "").sum()
    return np.asarray((values != most) & (values != "") & is_majority, bool)


def read_headers(faces: Dataset, folder: Path, progress: Progress = no_progress) -> FileHeaders | None:
    """Read the headers of image files in ``folder`` without decoding them; None if the images have no files."""
    if not folder.is_dir():
        return None
    size, mode, shorter = [""] * len(faces), [""] * len(faces), np.zeros(len(faces), np.int64)
    for row, name in enumerate(faces.names.tolist()):
        try:
            with (
                opened(folder / name) as file,
                damage_reported(name),
                pillow_warnings_ignored(),
                identified(file, name) as image,
            ):
                size[row], mode[row] = f"{image.width} x {image.height}", image.mode
                shorter[row] = min(image.size)
        except SourceError:  # no file of its own; damaged ones were found when the data was loaded
            continue
        progress(row + 1, len(faces), "file headers")
    return FileHeaders(np.array(size, np.str_), np.array(mode, np.str_), shorter) if any(mode) else None


@dataclass(frozen=True)
class FaceCheck:
    """Images without a detected face: rows ``missed``, int64 (M,), of ``n``; 95% interval of their share (Wilson 1927)."""

    n: int
    missed: npt.NDArray[np.int64]
    interval: tuple[float, float]


def check_faces(faces: Dataset, *, threads: int = 0, progress: Progress = no_progress) -> FaceCheck:
    """Run mien's detector on the images, or on a sample drawn with a fixed seed; 0 ``threads`` takes all."""
    rows = np.sort(np.random.default_rng(0).permutation(len(faces))[:MAX_FACE_CHECKS])
    detector = create_detector(ReadOptions(min_face=round(_DETECTION_SIDE * _LEAST_FACE), threads=threads))
    missed = []
    for done, row in enumerate(rows.tolist(), start=1):
        if not detector.detect(Frame(_enlarged(faces.images[row]), str(faces.names[row]))):
            missed.append(row)
        progress(done, len(rows), "faces")
    return FaceCheck(len(rows), np.array(missed, np.int64), wilson(len(missed), len(rows)))


def _enlarged(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    times = max(1.0, _DETECTION_SIDE / max(image.shape[:2]))
    return np.asarray(ImageOps.scale(Image.fromarray(image).convert("RGB"), times, Image.Resampling.BICUBIC))
