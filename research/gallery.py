"""Find and track the people of a gallery view: 5 x 5 tiles at 1920 x 1080 (``docs/concepts/detection.md``).

    python research/gallery.py --photos PHOTOS

``PHOTOS`` is a folder with ``faces.json``: file -> ``faces``, boxes in pixels. A face counts as found if a box holds its
center and is between half as high and twice as high.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from mien import Box, Frame, Reader, ReadOptions, Tracker
from mien.io.images import read_image

WIDTH, HEIGHT, TILES = 1920, 1080, 5
WIDE, HIGH = WIDTH // TILES, HEIGHT // TILES
#: The center of a face in its tile.
CENTER = (WIDE // 2, 100)
HEIGHTS = (40, 50, 60, 70, 80, 90)
SHARES = (12, 15, 18, 24, 30)
GALLERIES, FRAMES, RATE = 4, 30, 10

Person = tuple[np.ndarray, Box]


def people(folder: Path) -> Iterator[Person]:
    """Photos with the detected box, from brow to chin, of each person."""
    reader = Reader(ReadOptions(threads=1))
    for name, known in json.loads((folder / "faces.json").read_text("utf-8")).items():
        frame = read_image(folder / name)
        found = reader.detect(frame) if known["faces"] else []
        for x0, y0, x1, y1 in known["faces"]:
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            boxes = [face.box for face in found if face.box.x0 < x < face.box.x1 and face.box.y0 < y < face.box.y1]
            if boxes:
                yield frame.image, boxes[0]


def tile(person: Person, height: float, shift: tuple[int, int]) -> np.ndarray:
    """A person on gray, the face ``height`` pixels high."""
    image, box = person
    scale = height / box.height
    photo = Image.fromarray(image)
    photo = photo.resize((max(1, round(photo.width * scale)), max(1, round(photo.height * scale))))
    made = Image.new("RGB", (WIDE, HIGH), (90, 90, 90))
    x, y = scale * (box.x0 + box.x1) / 2, scale * (box.y0 + box.y1) / 2
    made.paste(photo, (round(CENTER[0] + shift[0] - x), round(CENTER[1] + shift[1] - y)))
    return np.asarray(made)


def gallery(shown: list[Person], height: float, number: int = 0) -> Frame:
    """A frame in which all people sway a little."""
    page = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for place, person in enumerate(shown):
        row, column = divmod(place, TILES)
        shift = round(6 * np.sin(number / 4 + place)), round(4 * np.sin(number / 5 + 2 * place))
        page[HIGH * row : HIGH * (row + 1), WIDE * column : WIDE * (column + 1)] = tile(person, height, shift)
    return Frame(page, "gallery", number, number / RATE)


def place_of(box: Box, height: float) -> int | None:
    """The tile whose face this box is; None if it is none."""
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    column, row = int(x // WIDE), int(y // HIGH)
    near = abs(x - WIDE * column - CENTER[0]) < box.width / 2 and abs(y - HIGH * row - CENTER[1]) < box.height / 2
    inside = 0 <= column < TILES and 0 <= row < TILES
    return TILES * row + column if inside and near and 0.5 < box.height / height < 2 else None


def main() -> None:
    """Print recall and time by the smallest face, and tracks by the height of faces."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    everyone = list(people(parser.parse_args().photos))
    random = np.random.default_rng(0)
    shown = [[everyone[i] for i in random.choice(len(everyone), TILES**2, replace=False)] for _ in range(GALLERIES)]
    print(f"{len(everyone)} people; recall in % of n = {GALLERIES * TILES**2} faces by their height in pixels")
    print("| smallest face | CPU time of detection |", *(f"{height} |" for height in HEIGHTS))
    for share in SHARES:
        reader = Reader(ReadOptions(min_face=round(HEIGHT / share), threads=1))
        took, cells = [], []
        for height in HEIGHTS:
            hits = 0
            for those in shown:
                frame = gallery(those, height)
                start = time.process_time()
                faces = reader.detect(frame)
                took.append(time.process_time() - start)
                hits += len({place_of(face.box, height) for face in faces} - {None})
            cells.append(f"{hits} |")
        print(f"| 1/{share} ({round(HEIGHT / share)}) | {1000 * np.median(took):.0f} ms |", *cells, flush=True)
    print(f"\nTracks of {TILES**2} people in {FRAMES} frames at {RATE} frames/s, smallest face 1/18")
    print("| height | seen, % of faces | numbers given | numbers that changed person |")
    reader = Reader(ReadOptions(min_face=round(HEIGHT / 18), threads=1))
    for height in HEIGHTS[1::2]:
        tracker, where, seen = Tracker(RATE), {}, 0
        for number in range(FRAMES):
            frame = gallery(shown[0], height, number)
            for reading in tracker.update(frame, reader.read(frame.image)):
                place = place_of(reading.face.box, height)
                if place is not None:
                    seen += 1
                    where.setdefault(reading.track_id, set()).add(place)
        changed = sum(len(places) > 1 for places in where.values())
        print(f"| {height} | {100 * seen / FRAMES / TILES**2:.0f} | {len(where)} | {changed} |", flush=True)


if __name__ == "__main__":
    main()
