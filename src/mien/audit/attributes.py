"""Image attributes, measured from image, box and landmarks of each face, and groups made from them.

They describe images, not people, and must not be used as a person's gender, age or ethnicity. They are groups for datasets
without information on people.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from ..data.dataset import Dataset
from ..data.loading import load
from ..detection import create_detector
from ..detection.base import Detector, NoDetector
from ..emotions import BY_NAME, EMOTIONS
from ..errors import OptionError, SourceError
from ..extras import require
from ..io.discovery import find_images
from ..io.images import read_image
from ..model.occlusion import half_distance, occlusion
from ..model.preprocess import BELOW_CENTRE, EYES_TO_MOUTH, align_face, to_gray
from ..model.preprocess import sharpness as sharpness_of
from ..options import ReadOptions
from ..progress import Progress, no_progress
from ..types import Face, Frame

#: Side in pixels at which faces are compared.
SIDE = 96
#: Largest side of a dataset's images, in pixels.
MAX_SIDE = 128
#: Smallest face to search for in an enlarged crop, in pixels: a face fills it.
MIN_FACE_IN_CROP = 60
#: Crops are enlarged to this side before landmark detection.
_ENLARGED = 192
#: Distance of the tip of the nose from the plane of eyes and mouth, in interpupillary distances: about 27 of 63 mm.
NOSE = 0.43
#: Mean channel difference, of 255, below which an image counts as gray.
_GRAY = 2.0
#: Yaw in degrees beyond which a face hides its own far side.
_PROFILE = 35
_CHEEK = 0.2  # radius of the cheek patch, as a share of the distance from eyes to mouth

_DATA_SETS = (".npz", ".csv", ".parquet")
UNKNOWN = "unknown"
#: Upper edges of all groups but the last, and their names from low to high. Roll and yaw count in absolute value. Sharpness:
#: the first edge is where readings abstain. Size: 48 pixels is the model's input. ITA: Chardon et al. 1991. Others: by eye.
EDGES: dict[str, tuple[tuple[float, ...], tuple[str, ...]]] = {
    "brightness": ((35, 65), ("dark", "medium", "bright")),
    "contrast": ((0.12, 0.22), ("flat", "medium", "strong")),
    "sharpness": ((0.03, 0.3), ("blurred", "soft", "sharp")),
    "size": ((32, 48, 96), ("under 32 px", "32-48 px", "48-96 px", "96 px and more")),
    "roll": ((10, 25), ("upright", "tilted", "far tilted")),
    "yaw": ((15, 35), ("frontal", "turned", "far turned")),
    "skin_lightness": ((45, 65), ("dark", "medium", "light")),
    "ita": ((-30, 10, 28, 41, 55), ("dark", "brown", "tan", "intermediate", "light", "very light")),
    "occlusion": ((0.2, 0.5), ("clear", "uncertain", "likely occluded")),
}
_ABSOLUTE = {"roll", "yaw"}
_THIRDS = ("low third", "middle third", "high third")


@dataclass(frozen=True)
class Attributes:
    """Attributes of one face; None if unknown.

    Attributes:
        brightness: mean lightness of the face, CIE L*, 0 to 100.
        contrast: standard deviation of luma, 0 to 0.5 (Peli 1990).
        sharpness: detail of the face, 0 to about 2 (``mien.model.preprocess``); noise counts as detail.
        size: side of the face's box, in pixels.
        roll: tilt of the head in degrees, clockwise in the image.
        yaw: turn of the nose to the right of the image, -90 to 90 degrees. Rough: derived from the nose's position.
        skin_lightness: median lightness of the cheeks, CIE L*, 0 to 100; depends on lighting and camera too.
        ita: individual typology angle of the cheeks, -90 to 90 degrees, higher is lighter (Chardon et al. 1991); color
            images only. Depends on the color of the light: it describes the image of the skin.
        occlusion: probability that something hides a part of the face, 0 to 1 (``mien.model.occlusion``). Rough.
    """

    brightness: float
    contrast: float
    sharpness: float
    size: float
    roll: float | None
    yaw: float | None
    skin_lightness: float
    ita: float | None
    occlusion: float | None


NAMES = tuple(field.name for field in fields(Attributes))


@dataclass(frozen=True)
class FaceAttributes:
    """A measured face of an image: its number there from 1, and its label (empty without)."""

    name: str
    face: int
    label: str
    attributes: Attributes


def measure_attributes(
    sources: Sequence[Path | str],
    *,
    options: ReadOptions | None = None,
    split: str | None = None,
    recursive: bool = False,
    failed: Callable[[str], None] = lambda _why: None,
    progress: Progress = no_progress,
) -> list[FaceAttributes]:
    """Measure the attributes of every face in images, or in one dataset of cropped faces.

    If the name of an image's folder is an emotion, it is the label of the faces in the image.

    Args:
        sources: images, folders or patterns; or one dataset: ``fer2013.csv``, packed ``.npz``, parquet.
        options: detector, smallest face, threads.
        split: of a dataset: train, validation or test; None uses all of it.
        recursive: include sub-folders.
        failed: called with the reason for each image that cannot be read.
        progress: called with (images measured, images in total).

    Raises:
        OptionError: ``split`` is given for images.
        SourceError: a source does not exist, or no face was found.
        DataError: the dataset cannot be used.
    """
    options, path = options or ReadOptions(), Path(sources[0])
    is_data = path.suffix.lower() in _DATA_SETS or any(path.glob("*.parquet"))
    measured: list[FaceAttributes] = []
    if len(sources) == 1 and is_data:
        # Undivided unless asked: measuring faces does not require enough of each emotion for three splits
        faces = load(path, MAX_SIDE, color="rgb", split=bool(split), on_damaged=lambda _file, why: failed(why))
        faces = faces.part(split) if split else faces
        if options.min_face is None and options.detector != "none":
            options = replace(options, min_face=MIN_FACE_IN_CROP)
        detector = create_detector(options)
        for frame, label in zip(frames_of(faces), faces.labels):
            measured.append(FaceAttributes(frame.name, 1, EMOTIONS[label], measure(frame, *posed(frame, detector))))
            progress(len(measured), len(faces))
        return measured
    if split:
        raise OptionError(f"split {split!r} requires a dataset, got images", hint="Leave --split out.")
    paths, detector = find_images([str(source) for source in sources], recursive=recursive), create_detector(options)
    for done, image in enumerate(paths, 1):
        try:
            frame = read_image(image)
        except SourceError as error:
            failed(str(error))
        else:
            label = BY_NAME.get(image.resolve().parent.name.lower(), "")
            for number, face in enumerate(detector.detect(frame), 1):
                measured.append(FaceAttributes(str(image), number, label, measure(frame, face)))
        progress(done, len(paths))
    if not measured:
        raise SourceError("no face was found in any image", hint="For images of single faces: --detector none.")
    return measured


def measure(frame: Frame, face: Face, posed: Face | None = None) -> Attributes:
    """Measure the attributes of one face in an RGB image; without landmarks roll and yaw are unknown.

    ``posed`` is the same face with landmarks, where the model crops it without them.
    """
    posed = posed or face
    crop = align_face(frame, face, SIDE, "rgb")
    upright = crop if posed is face else align_face(frame, posed, SIDE, "rgb")
    light, _, yellow = np.median(_lab(upright)[_cheeks(posed)], 0).tolist()
    spread = crop.max(2).astype(np.float32) - crop.min(2)
    pose = angles(posed)
    return Attributes(
        brightness=float(_lab(crop)[..., 0].mean()),
        contrast=float(to_gray(crop).std() / 255),
        sharpness=float(sharpness_of(align_face(frame, face, 48)[None])[0]),
        size=math.sqrt(face.box.width * face.box.height),
        roll=pose and pose[0],
        yaw=pose and pose[1],
        skin_lightness=light,
        ita=None if spread.mean() < _GRAY else math.degrees(math.atan2(light - 50, max(yellow, 1e-6))),
        occlusion=None if pose is None or abs(pose[1]) > _PROFILE else occlusion(frame, posed),
    )


def frames_of(faces: Dataset) -> Iterator[Frame]:
    """The images of a dataset, in three channels and with their names."""
    for image, name in zip(faces.images, faces.names):
        yield Frame(np.ascontiguousarray(np.repeat(image[..., None], 3, 2)) if image.ndim == 2 else image, str(name))


def grouped(measured: Sequence[Attributes], *, thirds: bool = False) -> list[dict[str, str]]:
    """The groups of each face: attribute -> name of the group.

    ``thirds`` cuts at the thirds of these faces, not at the fixed edges: groups of two datasets are then not comparable.
    """
    columns = [_column(name, [getattr(one, name) for one in measured], thirds) for name in NAMES]
    return [dict(zip(NAMES, groups)) for groups in zip(*columns)]


def group_counts(measured: Sequence[FaceAttributes], *, thirds: bool = False) -> dict[str, dict[str, int]]:
    """Attribute -> group -> its faces, from low to high; ``thirds`` as in ``grouped``."""
    groups = grouped([one.attributes for one in measured], thirds=thirds)
    counts = {name: Counter(row[name] for row in groups) for name in NAMES}
    order = {name: (*(_THIRDS if thirds else EDGES[name][1]), UNKNOWN) for name in NAMES}
    return {name: {group: counts[name][group] for group in order[name] if counts[name][group]} for name in NAMES}


def in_order(names: Collection[str]) -> tuple[str, ...] | None:
    """Names of groups from low to high, where all are those of one attribute; else None."""
    for known in (*(words for _, words in EDGES.values()), _THIRDS):
        if {UNKNOWN} < {*names, UNKNOWN} <= {*known, UNKNOWN}:
            return tuple(name for name in (*known, UNKNOWN) if name in names)
    return None


def attribute_rows(measured: Sequence[FaceAttributes], *, thirds: bool = False) -> list[dict[str, str | int]]:
    """Rows of a CSV file: name, face, label, each attribute's value and group; ``thirds`` as in ``grouped``."""
    rows = []
    for one, group in zip(measured, grouped([one.attributes for one in measured], thirds=thirds)):
        row: dict[str, str | int] = {"name": one.name, "face": one.face, "label": one.label}
        for name in NAMES:
            value = getattr(one.attributes, name)
            row |= {name: "" if value is None else f"{value:.4g}", f"{name}_group": group[name]}
        rows.append(row)
    return rows


def angles(face: Face) -> tuple[float, float] | None:
    """Roll and yaw in degrees; None without landmarks, or where they have collapsed.

    Seen from the front, the nose lies on the line from between the eyes to the middle of the mouth. A turn by ``a`` moves it
    off by ``NOSE * sin(a)`` while the eyes' distance shrinks to ``cos(a)``; the quotient gives the angle.
    """
    if face.landmarks is None:
        return None
    left, right, nose, mouth_left, mouth_right = face.landmarks.astype(np.float64)
    eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
    down = mouth - eyes
    length = float(np.hypot(*down))
    if length < 0.1 * math.sqrt(face.box.width * face.box.height):
        return None
    down /= length
    across = np.array([down[1], -down[0]])
    off, apart = float((nose - eyes) @ across), abs(float((right - left) @ across))
    roll = math.degrees(math.atan2(-down[0], down[1]))
    return roll, math.degrees(math.atan2(off / NOSE, max(apart, 1e-6)))


def _column(name: str, values: Sequence[float | None], thirds: bool) -> list[str]:
    known = np.array([np.nan if value is None else value for value in values], float)
    if name in _ABSOLUTE:
        known = np.abs(known)
    edges, words = EDGES[name]
    if thirds:
        there = known[~np.isnan(known)]
        edges, words = (tuple(np.quantile(there, (1 / 3, 2 / 3)).tolist()) if len(there) else (0.0, 0.0)), _THIRDS
    places = np.searchsorted(np.array(edges), known, side="right")
    return [UNKNOWN if np.isnan(value) else words[place] for value, place in zip(known, places)]


def posed(frame: Frame, detector: Detector) -> tuple[Face, Face | None]:
    """The whole image as a face, and again with the landmarks of the best detection in it."""
    (whole,) = NoDetector().detect(frame)
    scale = max(1.0, _ENLARGED / min(frame.width, frame.height))
    image = frame.image
    if scale != 1:
        image = np.asarray(ImageOps.scale(Image.fromarray(image), scale, Image.Resampling.BICUBIC))
    found = [face for face in detector.detect(Frame(image)) if face.landmarks is not None]
    if not found or found[0].landmarks is None:
        return whole, None
    points = ((found[0].landmarks + 0.5) / scale - 0.5).astype(np.float32)
    return whole, Face(whole.box, found[0].score, points, whole.margin)


def _lab(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """CIE Lab (D65) of an sRGB image."""
    return np.asarray(require("skimage.color", "audit").rgb2lab(image), np.float32)


def _cheeks(face: Face) -> npt.NDArray[np.bool_]:
    """Bool (SIDE, SIDE): two patches below the eyes, beside the nose, upright in the crop."""
    half, pixels = half_distance(face), (np.arange(SIDE) + 0.5) / SIDE
    x, y = pixels[None, :], pixels[:, None]
    middle = 0.5 + BELOW_CENTRE - EYES_TO_MOUTH / 2 + 0.58 * EYES_TO_MOUTH
    # Slightly outside of the eyes, clear of the nose and of the folds beside the mouth
    patches = [np.hypot(x - (0.5 + side * 1.1 * half), y - middle) <= _CHEEK * EYES_TO_MOUTH for side in (-1, 1)]
    return np.asarray(patches[0] | patches[1])
