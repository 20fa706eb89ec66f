"""Fit ``mien.model.occlusion.COVERED_TEMPERATURE``: how far to lower the confidence of covered faces.

    python research/covered_faces.py LFW.parquet [FACES]

Masks, dark glasses, hands and hair are drawn on faces of LFW, and tone curves applied. The temperature is fitted on the
people of one half whose faces seem covered, and reported on the other half, with the emotions of the set ``seven``.
"""

import sys
import zlib
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pyarrow.parquet
from PIL import Image, ImageDraw, ImageFilter
from scipy.optimize import minimize_scalar

from mien import Frame, Reader, ReadOptions
from mien.emotions import LABEL_SETS
from mien.io.images import read_image
from mien.model.classifier import open_classifier
from mien.model.occlusion import COVERED_TEMPERATURE, temperatures
from mien.model.preprocess import to_tensor

Points = np.ndarray


def painted(image: Image.Image, gray: int, blur: float, draw: Callable[[ImageDraw.ImageDraw], object]) -> Image.Image:
    shape = Image.new("L", image.size, 0)
    draw(ImageDraw.Draw(shape))
    copy = image.copy()
    copy.paste(Image.new("RGB", image.size, (gray,) * 3), mask=shape.filter(ImageFilter.GaussianBlur(blur)))
    return copy


def mask(image: Image.Image, points: Points, rng: np.random.Generator) -> Image.Image:
    left, right, nose, *mouth = points
    middle, across = np.mean(mouth, 0), right - left
    down = middle - (left + right) / 2
    top, low, chin = nose - 0.15 * down, middle + 0.15 * down, middle + 0.75 * down
    side, narrow = 0.75 * across, 0.3 * across
    outline = (top - side, top, top + side, low + side, chin + narrow, chin - narrow, low - side)
    return painted(image, int(rng.integers(20, 245)), 1, lambda d: d.polygon([tuple(p) for p in outline], fill=255))


def glasses(image: Image.Image, points: Points, _rng: np.random.Generator) -> Image.Image:
    width = float(np.hypot(*(points[1] - points[0])))

    def draw(d: ImageDraw.ImageDraw) -> None:
        for x, y in points[:2]:
            d.ellipse([x - 0.42 * width, y - 0.32 * width, x + 0.42 * width, y + 0.36 * width], fill=255)
        d.line([tuple(points[0]), tuple(points[1])], fill=255, width=max(2, int(width / 10)))

    return painted(image, 15, 0, draw)


def hand(image: Image.Image, points: Points, rng: np.random.Generator) -> Image.Image:
    (x, y), width = points[3:].mean(0), float(np.hypot(*(points[1] - points[0])))
    nose = points[2].clip(0, np.array(image.size) - 1).astype(int)
    skin = int(np.clip(np.asarray(image)[nose[1], nose[0]].mean() + rng.integers(-25, 25), 10, 245))
    box = [x - 0.75 * width, y - 0.45 * width, x + 0.75 * width, y + 0.6 * width]
    return painted(image, skin, 2, lambda d: d.ellipse(box, fill=255))


def hair(image: Image.Image, points: Points, rng: np.random.Generator) -> Image.Image:
    side = int(rng.integers(2))
    (x, y), width = points[side], float(np.hypot(*(points[1] - points[0])))
    x0, x1 = (x - width, x + 0.28 * width) if side == 0 else (x - 0.28 * width, x + width)
    low = (points[0][1] + points[3][1]) / 2 + 0.9 * width
    return painted(image, 25, 2, lambda d: d.rectangle([x0, y - 1.2 * width, x1, low], fill=255))


def infrared(image: Image.Image, _points: Points, _rng: np.random.Generator) -> Image.Image:
    light = (np.asarray(image) / 255) ** 0.55 * 0.75 + 0.3
    return Image.fromarray((light.clip(0, 1) * 255).astype(np.uint8))


def inverted(image: Image.Image, _points: Points, _rng: np.random.Generator) -> Image.Image:
    return Image.fromarray(255 - np.asarray(image))


CHANGES = {
    "nothing": lambda image, _points, _rng: image, "mask": mask, "hand": hand, "glasses": glasses, "hair": hair,
    "infrared": infrared, "inverted": inverted,
}  # fmt: skip
COVERS = ("mask", "hand", "glasses", "hair")


def softened(p: np.ndarray, temperature: np.ndarray | float) -> np.ndarray:
    raised = p ** (1 / np.reshape(temperature, (-1, 1)))
    return raised / raised.sum(1, keepdims=True)


def error(p: np.ndarray, y: np.ndarray) -> float:
    """Expected calibration error, 15 bins of equal mass."""
    sure, right = p.max(1), p.argmax(1) == y
    bins = np.array_split(np.argsort(sure), 15)
    return sum(abs(sure[rows].mean() - right[rows].mean()) * len(rows) for rows in bins) / len(y)


def main(path: str, count: int) -> None:
    reader = Reader(ReadOptions(emotions="seven", prior="data", threads=1))
    balanced = open_classifier(ReadOptions(emotions="seven", threads=1))
    table = [row for row in pyarrow.parquet.read_table(path).to_pylist() if row["emotion"] in LABEL_SETS["seven"]]
    order = np.random.default_rng(0).permutation(len(table))[:count]
    found = defaultdict(list)  # probabilities, truth, half, whether it seems covered
    shipped = []  # of covered faces of the other half: probabilities under the balanced prior, before and after; truth
    for number in order.tolist():
        row = table[number]
        frame = read_image(row["image"]["bytes"])
        bare = max(reader.detect(frame), key=lambda face: face.box.width, default=None)
        if bare is None:
            continue
        half = zlib.crc32(row["person"].encode()) % 2
        for name, change in CHANGES.items():
            rng = np.random.default_rng(number)
            image = np.asarray(change(Image.fromarray(frame.image), bare.landmarks, rng))
            changed = Frame(np.ascontiguousarray(image))
            faces = sorted(reader.detect(changed), key=lambda face: -face.box.width)[:1]
            if faces:
                crops = reader.crop(changed, faces)
                tensor = to_tensor(crops, reader.classifier.input)
                p = reader.classifier.predict(tensor).probabilities[0]
                truth, covered = reader.emotions.index(row["emotion"]), temperatures(crops, faces)[0] > 1
                found[name].append((p, truth, half, covered))
                if covered and half == 1 and name in COVERS:
                    extra = np.array([COVERED_TEMPERATURE], np.float32)
                    both = [balanced.predict(tensor, one).probabilities[0] for one in (None, extra)]
                    shipped.append((*both, truth))
    columns = {name: [np.array(column) for column in zip(*rows)] for name, rows in found.items()}
    p, y, half, covered = (np.concatenate([columns[name][i] for name in COVERS]) for i in range(4))
    fit, rest = covered & (half == 0), covered & (half == 1)

    def loss(temperature: float) -> float:
        return -np.log(softened(p[fit], temperature)[np.arange(fit.sum()), y[fit]] + 1e-12).mean()

    best = float(minimize_scalar(loss, bounds=(0.5, 5), method="bounded").x)
    before, after = error(p[rest], y[rest]), error(softened(p[rest], best), y[rest])
    print(f"temperature {best:.2f}, fitted on {fit.sum()}; ECE of {rest.sum()} others {before:.3f} -> {after:.3f}")
    bare, softer, truth = (np.array(column) for column in zip(*shipped))
    print(
        f"balanced prior, {COVERED_TEMPERATURE}: ECE of the same {error(bare, truth):.3f} -> {error(softer, truth):.3f}"
    )
    for name, (p, y, half, covered) in columns.items():
        rows = half == 1
        later = softened(p[rows], np.where(covered[rows], best, 1.0))
        sure = [(q.max(1).mean(), np.mean(q.max(1) < 0.5)) for q in (p[rows], later)]
        words = ", ".join(f"confidence {mean:.3f} abstains {share:.3f}" for mean, share in sure)
        print(f"{name:9s} n {rows.sum():4d} accuracy {np.mean(later.argmax(1) == y[rows]):.3f}; before, after: {words}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1500)
