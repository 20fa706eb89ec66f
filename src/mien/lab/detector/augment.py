"""Training images: crops at many scales, mosaics, faces pasted on backgrounds, occluders."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from .data import FaceData, Floats, Labels, Photo, Pixels, fer_photo
from .recipe import DetectorRecipe

#: Order of the landmarks after a flip: eyes, nose, corners of the mouth.
_MIRRORED = [1, 0, 2, 4, 3]
#: A face of which less is visible, as a share of its box, is ignored.
_VISIBLE = 0.5
_SMALLEST_TARGET, _LARGEST_TARGET = 8.0, 280.0
_ENLARGEMENT = 2.0
_MAX_ANGLE = math.radians(45)
#: Shares of images with each photometric change.
_GRAY, _INFRARED, _DARK, _FLAT, _BLUR, _NOISE, _JPEG = 0.12, 0.06, 0.10, 0.08, 0.14, 0.14, 0.14
_VALUES = np.arange(256, dtype=np.float32) / 255
#: Weights of red, green and blue; skin is bright in infrared light.
_INFRARED_MIX = (0.95, 0.1, -0.05, 0.0)
_NOISE_BANK = 1 << 20
_noise: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []


@dataclass(frozen=True, eq=False)
class Sample:
    """One training image, RGB uint8 (size, size, 3), and its labels in pixels."""

    image: Pixels
    labels: Labels


@dataclass(frozen=True)
class View:
    """A rectangle of a photo around ``x`` and ``y``, in its pixels, shown ``width`` by ``height`` pixels large.

    ``scale`` is pixels shown per pixel of the photo; ``angle`` turns the photo clockwise, in radians; then it may be
    mirrored.
    """

    x: float
    y: float
    scale: float
    width: int
    height: int
    angle: float = 0.0
    flip: bool = False

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """float64 (2, 3): pixels of the photo to pixels shown."""
        cos, sin = self.scale * math.cos(self.angle), self.scale * math.sin(self.angle)
        linear = np.array([[cos, -sin], [sin, cos]])
        if self.flip:
            linear[0] *= -1
        shift = np.array([self.width, self.height]) / 2 - linear @ [self.x, self.y]
        return np.column_stack([linear, shift])


class Augmenter:
    """Makes training images; the same recipe, epoch and index produce the same image.

    ``cache`` keeps decoded photos in memory (2.5 GB for 8,000 photos of 640 pixels).
    """

    def __init__(self, data: FaceData, recipe: DetectorRecipe, cache: bool = False) -> None:
        self._data, self._recipe, self._cache = data, recipe, cache
        self._backgrounds = [photo for photo in data.train if not len(photo.labels.boxes) + len(photo.labels.ignore)]
        self._donors = [
            (photo, index)
            for photo in data.train
            for index, (x0, y0, x1, y1) in enumerate(photo.labels.boxes)
            if max(x1 - x0, y1 - y0) >= 48
        ]

    def sample(self, epoch: int, index: int) -> Sample:
        """The training image made of photo ``index`` in ``epoch``."""
        recipe = self._recipe
        rng = np.random.default_rng((recipe.seed, epoch, index))
        photo, choice = self._data.train[index], rng.random()
        if rng.random() < recipe.patterns:
            return Sample(change_tones(random_pattern(recipe.size, rng), rng), Labels.none())
        if self._backgrounds and rng.random() < recipe.background:
            photo = self._backgrounds[rng.integers(len(self._backgrounds))]
        if choice < recipe.mosaic:
            image, labels = self._mosaic(photo, rng)
        else:
            image, labels = self._crop(photo, rng)
            if choice < recipe.mosaic + recipe.paste or (not len(photo.labels.boxes) and rng.random() < 0.25):
                labels = self._paste(image, labels, rng)
        _occlude(image, labels, rng)
        return Sample(change_tones(image, rng), labels)

    def _crop(self, photo: Photo, rng: np.random.Generator) -> tuple[Image.Image, Labels]:
        """A square of the photo around one of its faces, at a random scale."""
        size, boxes = self._recipe.size, photo.labels.boxes
        whole = size / max(photo.width, photo.height)
        if len(boxes) and rng.random() < 0.85:
            box = boxes[rng.integers(len(boxes))]
            target = _log_uniform(rng, _SMALLEST_TARGET, _LARGEST_TARGET)
            scale = target / max(box[2] - box[0], box[3] - box[1])
            anchor = (box[:2] + box[2:]) / 2
        else:
            scale = whole * _log_uniform(rng, 0.8, 2.5)
            anchor = rng.random(2) * photo.size
        scale = float(np.clip(scale, 0.7 * whole, max(_ENLARGEMENT, 1.3 * whole)))
        center = _within(anchor + rng.uniform(-0.45, 0.45, 2) * size / scale, photo.size, size / scale)
        angle = rng.uniform(-_MAX_ANGLE, _MAX_ANGLE) if rng.random() < self._recipe.rotate else 0.0
        view = View(center[0], center[1], scale, size, size, angle, rng.random() < 0.5)
        return show(photo, view, self._recipe.smallest, rng, self._cache)

    def _mosaic(self, photo: Photo, rng: np.random.Generator) -> tuple[Image.Image, Labels]:
        """Four photos around a point, each almost whole: many small faces."""
        size, train = self._recipe.size, self._data.train
        x, y = (int(size * rng.uniform(0.3, 0.7)) for _ in range(2))
        photos = [photo, *(train[rng.integers(len(train))] for _ in range(3))]
        canvas, parts = Image.new("RGB", (size, size)), []
        for part, (x0, y0, x1, y1) in zip(photos, [(0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)]):
            width, height = x1 - x0, y1 - y0
            cover = max(width / part.width, height / part.height)
            scale = min(cover * math.exp(rng.uniform(-0.2, 0.8)), _ENLARGEMENT)
            spare = np.maximum(part.size - np.array([width, height]) / scale, 0)
            center = part.size / 2 + rng.uniform(-0.5, 0.5, 2) * spare
            view = View(center[0], center[1], scale, width, height, flip=rng.random() < 0.5)
            shown, labels = show(part, view, self._recipe.smallest, rng, self._cache)
            canvas.paste(shown, (x0, y0))
            parts.append(labels.moved(x0, y0))
        return canvas, Labels.join(parts)

    def _paste(self, image: Image.Image, labels: Labels, rng: np.random.Generator) -> Labels:
        """Paste one to four faces, and as many pieces of background, so that a seam does not indicate a face."""
        size, parts, taken = self._recipe.size, [labels], np.concatenate([labels.boxes, labels.ignore])
        for _ in range(2 * rng.integers(1, 5)):
            is_face = rng.random() < 0.6
            side = int(1.6 * _log_uniform(rng, 20, 120))
            if side >= size:
                continue
            x, y = rng.integers(0, size - side, 2)
            place = np.array([x, y, x + side, y + side], np.float32)
            if _overlap(place, taken):
                continue
            patch, marked = self._face_patch(side, rng) if is_face else self._background_patch(side, rng)
            image.paste(patch, (int(x), int(y)), _soft_edge(side))
            taken = np.concatenate([taken, place[None]])
            parts.append(marked.moved(x, y))
        return Labels.join(parts)

    def _face_patch(self, side: int, rng: np.random.Generator) -> tuple[Image.Image, Labels]:
        """One face in the middle of a square, 1.6 times as wide as the face."""
        fer = self._data.fer
        if len(fer) and (rng.random() < 0.4 or not self._donors):
            photo, index = fer_photo(fer[rng.integers(len(fer))]), 0
        elif self._donors:
            photo, index = self._donors[rng.integers(len(self._donors))]
        else:
            return self._background_patch(side, rng)
        box = photo.labels.boxes[index]
        x, y = ((box[:2] + box[2:]) / 2).tolist()
        # A FER2013 image is hardly larger than its face.
        margin = 1.6 if photo.source != "fer" else 1.15
        angle = rng.uniform(-_MAX_ANGLE, _MAX_ANGLE) if rng.random() < 0.4 else 0.0
        scale = float(side / (margin * max(box[2] - box[0], box[3] - box[1])))
        view = View(x, y, scale, side, side, angle, rng.random() < 0.5)
        image, labels = show(photo, view, 0.0, rng, self._cache)
        middle = np.abs((labels.boxes[:, :2] + labels.boxes[:, 2:]) - side).sum(1)
        best = np.argsort(middle)[:1]
        others = np.delete(labels.boxes, best, 0)
        return image, Labels(labels.boxes[best], labels.landmarks[best], np.concatenate([labels.ignore, others]))

    def _background_patch(self, side: int, rng: np.random.Generator) -> tuple[Image.Image, Labels]:
        if not self._backgrounds:
            tint = _random_color(rng)
            return Image.new("RGB", (side, side), tint), Labels.none()
        photo = self._backgrounds[rng.integers(len(self._backgrounds))]
        scale = max(side / min(photo.width, photo.height), rng.uniform(0.4, 1.2))
        center = _within(rng.random(2) * photo.size, photo.size, side / scale)
        return show(photo, View(center[0], center[1], scale, side, side), 0.0, rng, self._cache)


def random_pattern(size: int, rng: np.random.Generator) -> Image.Image:
    """A square texture without a face: noise of one scale, stripes, rings or tiles, under a few shapes.

    A detector trained on photos only may find faces in such images, which real photos hardly contain.
    """
    grid = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = np.meshgrid(grid, grid)
    kind, period = rng.integers(4), _log_uniform(rng, 4, 60) * math.pi
    if kind == 0:
        cells = int(_log_uniform(rng, 3, size))
        noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
        how = Image.Resampling.BICUBIC if rng.random() < 0.5 else Image.Resampling.NEAREST
        image = noise.resize((size, size), how)
    else:
        angle = rng.uniform(0, math.pi)
        u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
        center = rng.uniform(-1, 1, 2)
        wave = {
            1: np.sin(period * u),
            2: np.sin(period * np.hypot(x - center[0], y - center[1])),
            3: np.sin(period * u) * np.sin(period * v),
        }[int(kind)]
        if rng.random() < 0.5:
            wave = np.sign(wave)
        low, high = rng.integers(0, 256, (2, 3))
        image = Image.fromarray((low + (wave[..., None] + 1) / 2 * (high - low)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(0, 25)):
        (left, top), (width, height) = rng.uniform(-0.1, 1, 2) * size, rng.uniform(0.02, 0.4, 2) * size
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape([left, top, left + width, top + height], _random_color(rng), _random_color(rng), int(rng.integers(0, 4)))
    return image


def show(
    photo: Photo, view: View, smallest: float, rng: np.random.Generator, cache: bool = False
) -> tuple[Image.Image, Labels]:
    """A view of a photo, and its labels in pixels of the view."""
    matrix = view.matrix
    labels = transform_labels(photo.labels, matrix, view, smallest)
    fill = (0, 0, 0) if rng.random() < 0.5 else _random_color(rng)
    image = photo.image(cache)
    if view.angle == 0:
        return _show_upright(image, view, fill), labels
    shrink = max(1, int(1 / view.scale))
    if shrink > 1:  # bilinear interpolation reads 2 x 2 pixels only
        image = image.reduce(shrink)
    inverse = tuple((np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2] / shrink).ravel())
    size, how = (view.width, view.height), Image.Resampling.BILINEAR
    return image.transform(size, Image.Transform.AFFINE, inverse, how, fillcolor=fill), labels


def _show_upright(image: Image.Image, view: View, fill: tuple[int, ...]) -> Image.Image:
    """Without rotation: resample the visible part only, with an antialiasing filter."""
    center, half = np.array([view.x, view.y]), np.array([view.width, view.height]) / 2 / view.scale
    low, high = np.maximum(center - half, 0), np.minimum(center + half, image.size)
    canvas = Image.new("RGB", (view.width, view.height), fill)
    size = np.maximum(((high - low) * view.scale).round().astype(int), 1)
    if (high - low < 1).any():
        return canvas
    part = image.resize(tuple(size), Image.Resampling.BILINEAR, (*low, *high), reducing_gap=1.5)
    corner = ((low - center + half) * view.scale).round().astype(int)
    canvas.paste(part, tuple(corner))
    return canvas.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if view.flip else canvas


def transform_labels(labels: Labels, matrix: npt.NDArray[np.float64], view: View, smallest: float) -> Labels:
    """Map labels with an affine matrix (2, 3); faces that are too small or mostly outside become boxes to ignore."""
    boxes, ignore = (_transform_boxes(b, matrix) for b in (labels.boxes, labels.ignore))
    landmarks = (labels.landmarks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    if view.flip:
        landmarks = landmarks[:, _MIRRORED]
    limit = np.array([view.width, view.height, view.width, view.height], np.float32)
    clipped, clipped_ignore = np.clip(boxes, 0, limit), np.clip(ignore, 0, limit)
    visible = _area(clipped) / np.maximum(_area(boxes), 1e-6)
    long_side = (clipped[:, 2:] - clipped[:, :2]).max(1, initial=0)
    learned = (visible >= _VISIBLE) & (long_side >= max(smallest, 1.0))
    unclear = clipped[~learned & (visible > 0)]
    clipped_ignore = clipped_ignore[_area(clipped_ignore) > 0]
    return Labels(clipped[learned], landmarks[learned], np.concatenate([clipped_ignore, unclear]))


def _transform_boxes(boxes: Floats, matrix: npt.NDArray[np.float64]) -> Floats:
    """Boxes around the transformed ellipses in the boxes: the box of a rotated box would be too large for a face."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    half = np.sqrt(((boxes[:, 2:] - boxes[:, :2]) / 2) ** 2 @ (matrix[:, :2].T ** 2))
    return np.concatenate([middle - half, middle + half], 1).astype(np.float32)


def _area(boxes: Floats) -> Floats:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).prod(1))


def _within(center: npt.NDArray[np.float64], photo: npt.NDArray[np.int64], side: float) -> npt.NDArray[np.float64]:
    """Move a square's center so that it shows as much of the photo as it can."""
    low, high = np.minimum(side / 2, photo / 2), np.maximum(photo - side / 2, photo / 2)
    return np.clip(center, low, high)


def _overlap(box: Floats, others: Floats) -> bool:
    return bool(((others[:, :2] < box[2:]) & (others[:, 2:] > box[:2])).all(1).any())


def _random_color(rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(rng.integers(0, 256, 3).tolist())


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def _soft_edge(side: int) -> Image.Image:
    """A mask for pasting a square: opaque in a circle, fading toward the corners."""
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    distance = np.sqrt(axis[:, None] ** 2 + axis[None] ** 2)
    return Image.fromarray((np.clip((1.12 - distance) / 0.2, 0, 1) * 255).astype(np.uint8))


def _occlude(image: Image.Image, labels: Labels, rng: np.random.Generator) -> None:
    """Cover parts of some faces with a mask over the lower face, a hand-like shape, or a rectangle."""
    draw = ImageDraw.Draw(image)
    for x0, y0, x1, y1 in labels.boxes.tolist():
        kind, width, height = rng.random(), x1 - x0, y1 - y0
        if kind > 0.14 or width < 10:
            continue
        tint = _random_color(rng)
        if kind < 0.05:
            top = y0 + height * rng.uniform(0.45, 0.65)
            cut = width * rng.uniform(0, 0.2)
            draw.polygon([(x0, top), (x1, top), (x1 - cut, y1 + 1), (x0 + cut, y1 + 1)], tint)
        elif kind < 0.10:
            skin = tuple(int(value * rng.uniform(0.35, 1.05)) for value in (225, 180, 150))
            x, y = x0 + width * rng.uniform(0, 1), y0 + height * rng.uniform(0.4, 1)
            for finger in range(4):
                left = x + (finger - 2) * width * 0.12
                draw.ellipse([left, y - height * rng.uniform(0.1, 0.3), left + width * 0.12, y + height * 0.25], skin)
        else:
            x, y = x0 + width * rng.uniform(-0.1, 0.7), y0 + height * rng.uniform(-0.1, 0.7)
            draw.rectangle([x, y, x + width * rng.uniform(0.15, 0.5), y + height * rng.uniform(0.15, 0.5)], tint)


def change_tones(image: Image.Image, rng: np.random.Generator) -> Pixels:
    """Change color, light, sharpness and noise at random; the result is RGB uint8 (H, W, 3)."""
    chance = rng.random(7)
    infrared = chance[0] < _INFRARED
    if infrared:
        image = image.convert("L", _INFRARED_MIX).convert("RGB")
    elif chance[0] < _INFRARED + _GRAY:
        image = image.convert("L").convert("RGB")
    image = image.point(_curves(rng, infrared, bool(chance[1] < _DARK), bool(chance[2] < _FLAT)))
    if chance[3] < _BLUR:
        image = _blurred(image, rng)
    pixels = np.asarray(image)
    if chance[4] < _NOISE or (chance[1] < _DARK and chance[5] < 0.5):
        pixels = _noisy(pixels, rng)
    return _compressed(pixels, rng) if chance[6] < _JPEG else pixels


def _curves(rng: np.random.Generator, infrared: bool, dark: bool, flat: bool) -> list[int]:
    """A lookup table of 3 x 256 values for gamma, contrast, brightness and color cast."""
    gamma = np.exp(rng.uniform(-0.45, 0.45)) * (0.6 if infrared else 1.0)
    cast = np.exp(rng.normal(0, 0 if infrared else 0.06, 3))[:, None]
    curve = _VALUES**gamma * cast
    contrast, brightness = rng.uniform(0.75, 1.3), rng.uniform(-0.12, 0.12)
    if infrared and rng.random() < 0.5:
        contrast *= 1.5
    curve = (curve - 0.5) * contrast + 0.5 + brightness
    if dark:
        curve = curve * rng.uniform(0.06, 0.4)
    if flat:
        share = rng.uniform(0.15, 0.5)
        curve = curve * share + rng.uniform(0, 1 - share)
    return list(np.clip(curve * 255 + 0.5, 0, 255).astype(np.uint8).ravel().tolist())


def _blurred(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    if rng.random() < 0.5:
        return image.filter(ImageFilter.BoxBlur(rng.uniform(0.5, 2.5)))
    width, height = (max(1, round(side / rng.uniform(1.3, 3.0))) for side in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR).resize(image.size, Image.Resampling.BILINEAR)


def _noisy(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    if not _noise:  # drawing normal numbers is the slowest step
        _noise.append(np.random.default_rng(0).standard_normal(_NOISE_BANK).astype(np.float32))
    start = int(rng.integers(_NOISE_BANK - pixels.size)) if pixels.size < _NOISE_BANK else 0
    noise = np.resize(_noise[0][start : start + pixels.size], pixels.shape)
    if rng.random() < 0.3:
        noise = np.repeat(noise[..., :1], 3, 2)
    return np.clip(pixels + noise * rng.uniform(2, 18), 0, 255).astype(np.uint8)


def _compressed(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(rng.integers(15, 65)))
    return np.asarray(Image.open(file).convert("RGB"))
