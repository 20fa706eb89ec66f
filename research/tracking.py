"""Measure tracking, smoothing and shot boundaries on clips with known truth (``docs/concepts/tracking.md``).

    python research/tracking.py [--seed 1000] [--repeats 5] [--photos FOLDER]

Makes clips whose truth is known: the two faces of ``examples/`` (and their mirror images, as further people) move over a
background of colored noise, and the reader with its own detector reads them at 30 and at 5 frames a second. The same
readings then go to ``mien.tracking`` and to what people write first: the nearest box of the last frame. With a folder of
photos it also measures which pairs of them are taken for a cut. Prints Markdown.
"""

import argparse
import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

from mien import Frame, Reader, ReadOptions
from mien.io.images import read_image
from mien.tracking import LOST_S, ShotDetector, Smoother, Tracker
from mien.types import Box

EXAMPLES = Path(__file__).parents[1] / "examples"
WIDTH, HEIGHT = 640, 360
SECONDS = 5.0
RATES = (30, 5)
Place = tuple[float, float, float]  # x and y of the face's center, and its width, in pixels
Path_ = Callable[[float], Place | None]  # where a face is at a time; None where it is not


# ---- clips: people on paths ----


def heads(reader: Reader) -> list[tuple[np.ndarray, np.ndarray, Box]]:
    """Cut-out heads: colors, how opaque each pixel is, and the box that the detector draws on them."""
    cut = []
    for name in ("astronaut.png", "grace_hopper.jpg"):
        frame = read_image(EXAMPLES / name)
        box = reader.read(frame.image)[0].face.box
        center, w, h = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2), box.width, box.height
        left, top = round(center[0] - 0.75 * w), round(center[1] - 0.85 * h)
        right, bottom = round(center[0] + 0.75 * w), round(center[1] + 0.7 * h)
        colors = frame.image[top:bottom, left:right]
        mask = np.zeros(colors.shape[:2], np.float32)
        middle = (mask.shape[1] // 2, mask.shape[0] // 2)
        cv2.ellipse(mask, middle, (middle[0] - 6, middle[1] - 6), 0, 0, 360, 1.0, -1)
        cut.append(
            (colors, cv2.GaussianBlur(mask, (0, 0), 3), Box(box.x0 - left, box.y0 - top, box.x1 - left, box.y1 - top))
        )
    for colors, mask, box in list(cut):
        side = colors.shape[1]
        cut.append((colors[:, ::-1], mask[:, ::-1], Box(side - box.x1, box.y0, side - box.x0, box.y1)))
    return cut


def background(rng: np.random.Generator) -> np.ndarray:
    coarse = rng.integers(30, 226, (6, 9, 3)).astype(np.uint8)
    fine = rng.normal(0, 6, (HEIGHT, WIDTH, 1))
    return np.clip(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) + fine, 0, 255).astype(np.uint8)


def draw(canvas: np.ndarray, owner: np.ndarray, head: tuple, place: Place, number: int) -> tuple[Box, int]:
    """Lay a head on the image; its box, and the pixels of it that would show if nothing lay over it."""
    colors, mask, box = head
    scale = place[2] / box.width
    size = round(colors.shape[1] * scale), round(colors.shape[0] * scale)
    left = round(place[0] - (box.x0 + box.x1) / 2 * scale)
    top = round(place[1] - (box.y0 + box.y1) / 2 * scale)
    colors, mask = cv2.resize(colors, size, interpolation=cv2.INTER_AREA), cv2.resize(mask, size)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + size[0], WIDTH), min(top + size[1], HEIGHT)
    if x0 < x1 and y0 < y1:
        part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        weight = mask[part][..., None]
        there = canvas[y0:y1, x0:x1]
        there[:] = np.round(there * (1 - weight) + colors[part] * weight).astype(np.uint8)
        owner[y0:y1, x0:x1][mask[part] > 0.5] = number
    shown = Box(left + box.x0 * scale, top + box.y0 * scale, left + box.x1 * scale, top + box.y1 * scale)
    return shown, int((mask > 0.5).sum())


def frames(scene: SimpleNamespace, cutouts: list, rate: int, rng: np.random.Generator) -> Iterator[tuple]:
    """Each frame of a clip, with the box of each person and how much of the head shows, and the number of its shot."""
    grounds = [background(rng) for _ in range(2)]
    for index in range(round(SECONDS * rate)):
        time_s = index / rate
        shot = int(time_s >= scene.cut_s)
        canvas, owner, boxes = grounds[shot].copy(), np.full((HEIGHT, WIDTH), -1), {}
        for person, path in enumerate(scene.people):
            place = path(time_s)
            if place:
                boxes[person] = draw(canvas, owner, cutouts[person % len(cutouts)], place, person)
        for x0, x1 in scene.pillars:
            canvas[:, x0:x1], owner[:, x0:x1] = (90, 80, 70), -1
        truth = {p: (box, float((owner == p).sum() / whole)) for p, (box, whole) in boxes.items()}
        yield Frame(canvas, "clip", index, time_s), truth, shot


def straight(start: float, speed: float, y: float, width: float, sway: float) -> Path_:
    return lambda t: (start + speed * t, y + 6 * math.sin(4 * t + sway), width * (1 + 0.04 * math.sin(2 * t + sway)))


def between(path: Path_, start_s: float, end_s: float) -> Path_:
    return lambda t: path(t) if start_s <= t < end_s else None


# ---- what happens in them ----


def crossing(r: np.random.Generator) -> SimpleNamespace:
    speed, y, width = r.uniform(90, 150), r.uniform(140, 220), r.uniform(60, 90)
    other = straight(560, -speed * r.uniform(0.7, 1.1), y + r.uniform(-15, 15), width * r.uniform(0.8, 1.1), 1)
    return SimpleNamespace(people=[other, straight(80, speed, y, width, 0)])


def turning_back(r: np.random.Generator) -> SimpleNamespace:
    """One walks behind the other, stays a moment, and comes out where he went in."""
    y, width, until = r.uniform(140, 220), r.uniform(60, 90), r.uniform(0.3, 0.5)

    def path(t: float) -> Place:
        away = max(0.0, abs(t - 2.5) - until / 2)
        return 330 - min(140 * away, 250), y, width * 0.95

    return SimpleNamespace(people=[path, straight(330, 0, y, width * 1.1, 0)])


def pillar(r: np.random.Generator) -> SimpleNamespace:
    """Two walk behind a pillar, which hides them for a third of a second to one and a half."""
    speed, width = r.uniform(150, 200), r.uniform(50, 65)
    return SimpleNamespace(
        people=[
            straight(20, speed, r.uniform(80, 130), width, 0),
            straight(600, -speed, r.uniform(250, 290), width, 1),
        ],
        pillars=[(300, 300 + round(width * r.uniform(0.8, 3)))],
    )


def coming_back(r: np.random.Generator) -> SimpleNamespace:
    """One leaves for three seconds, another one for one and a half, and each comes back to the same place."""
    a, b = straight(200, 8, r.uniform(140, 220), 75, 0), straight(440, -8, r.uniform(140, 220), 75, 1)
    first, second = between(a, 0, 1), between(b, 0, 2.5)
    return SimpleNamespace(
        people=[lambda t: first(t) or (a(t) if t >= 4 else None), lambda t: second(t) or (b(t) if t >= 4 else None)]
    )


def taking_the_place(r: np.random.Generator) -> SimpleNamespace:
    """One leaves, and another one is at the same place half a second to two seconds later."""
    y, away = r.uniform(140, 220), r.uniform(0.5, 2)
    seat = straight(320, 5, y, 80, 0)
    return SimpleNamespace(people=[between(seat, 0, 2), between(seat, 2 + away, 9)])


def cutting(r: np.random.Generator) -> SimpleNamespace:
    """At a cut other people are at the same places, and nobody is missing for a single frame."""
    one, two = (straight(x, r.uniform(-10, 10), r.uniform(140, 220), 80, x) for x in (210, 430))
    people = [between(one, 0, 2.5), between(two, 0, 2.5), between(two, 2.5, 9), between(one, 2.5, 9)]
    return SimpleNamespace(people=people, cut_s=2.5)


def dashing(r: np.random.Generator) -> SimpleNamespace:
    """Two people dash about, 2 to 4 of their widths a second, each in its own half, and turn at once."""

    def path(x0: float, x1: float) -> Path_:
        width = r.uniform(45, 60)
        vx, vy, sx, sy = width * r.uniform(2, 4), width * r.uniform(0.5, 1), r.uniform(0, 200), r.uniform(0, 100)

        def bounce(at: float, low: float, high: float) -> float:
            at = at % (2 * (high - low))
            return low + min(at, 2 * (high - low) - at)

        return lambda t: (bounce(sx + vx * t, x0, x1), bounce(sy + vy * t, 90, 270), width)

    return SimpleNamespace(people=[path(60, 270), path(370, 580)])


def crowd(r: np.random.Generator) -> SimpleNamespace:
    """Four people mill about, and hide one another."""
    people = []
    for k in range(4):
        x, y, pace, phase = 130 + 125 * k, r.uniform(130, 230), r.uniform(0.5, 1.0), r.uniform(0, 6)
        people.append(lambda t, x=x, y=y, pace=pace, phase=phase: (
            x + 60 * math.sin(pace * t * 1.5 + phase), y + 40 * math.sin(pace * t + 2 * phase), 70))  # fmt: skip
    return SimpleNamespace(people=people)


SCENES = {
    "crossing": crossing,
    "behind a pillar": pillar,
    "hidden, then back out": turning_back,
    "crowd of four": crowd,
    "dashing about": dashing,
    "leaving, coming back": coming_back,
    "another at the place": taking_the_place,
    "cut": cutting,
}


# ---- trackers and their mistakes ----


class Nearest:
    """What people write first: a face has the number of the nearest earlier one that is at most its width away."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[float, float, float]] = {}
        self.next = 0

    def number(self, time_s: float, boxes: list[Box]) -> list[int]:
        """The number of each box of a frame."""
        self.seen = {n: at for n, at in self.seen.items() if time_s - at[2] <= LOST_S}
        centers = [((b.x0 + b.x1) / 2, (b.y0 + b.y1) / 2) for b in boxes]
        pairs = sorted((math.dist(at[:2], c), n, i) for n, at in self.seen.items() for i, c in enumerate(centers))
        given: dict[int, int] = {}
        for away, n, i in pairs:
            if away <= boxes[i].width and i not in given and n not in given.values():
                given[i] = n
        for i in range(len(boxes)):
            if i not in given:
                given[i], self.next = self.next, self.next + 1
            self.seen[given[i]] = (*centers[i], time_s)
        return [given[i] for i in range(len(boxes))]


def persons(boxes: list[Box], truth: dict[int, tuple[Box, float]]) -> list[int | None]:
    """Which person each box shows: best overlap first, at least 0.4; nobody who is all but hidden."""
    there = {p: box for p, (box, part) in truth.items() if part > 0.1}
    pairs = sorted((-b.iou(t), i, p) for i, b in enumerate(boxes) for p, t in there.items())
    shown: dict[int, int] = {}
    for iou, i, p in pairs:
        if -iou >= 0.4 and i not in shown and p not in shown.values():
            shown[i] = p
    return [shown.get(i) for i in range(len(boxes))]


def mistakes(history: list[tuple[float, int, dict[int, int]]]) -> np.ndarray:
    """What went wrong in frames given as (time, shot, person -> number).

    How often a number is passed on to somebody else; is used again after more than ``LOST_S`` and a frame, or after a
    cut; and how often a person who was in sight just before gets a new number without need.
    """
    switched = reused = broken = 0
    by_number: dict[int, tuple[float, int, int]] = {}
    by_person: dict[int, tuple[float, int, int]] = {}
    step = history[1][0] - history[0][0]
    for time_s, shot, given in history:
        for person, number in given.items():
            if number in by_number:
                then, its_shot, who = by_number[number]
                if its_shot != shot or time_s - then > LOST_S + step:
                    reused += 1
                elif who != person:
                    switched += 1
            elif person in by_person:
                then, its_shot, _ = by_person[person]
                broken += its_shot == shot and time_s - then <= LOST_S
        for person, number in given.items():
            by_number[number], by_person[person] = (time_s, shot, person), (time_s, shot, number)
    return np.array([switched, reused, broken])


def clip_counts(clip: list[tuple], rate: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces shown and found; mistakes of ``mien.tracking`` and of the nearest box."""
    follower, nearest, ours, theirs = Tracker(rate), Nearest(), [], []
    shown = found = 0
    for frame, truth, shot, readings in clip:
        boxes = [reading.face.box for reading in readings]
        who = persons(boxes, truth)
        for numbers, history in (
            ([r.track_id for r in follower.update(frame, readings)], ours),
            (nearest.number(frame.time_s, boxes), theirs),
        ):
            history.append((frame.time_s, shot, {p: n for p, n in zip(who, numbers) if p is not None}))
        in_sight = {p for p, (_, part) in truth.items() if part > 0.6}
        shown, found = shown + len(in_sight), found + len(in_sight.intersection(who))
    return np.array([shown, found]), mistakes(ours), mistakes(theirs)


def read_clip(
    scene: SimpleNamespace, reader: Reader, cutouts: list, rate: int, rng: np.random.Generator
) -> list[tuple]:
    scene.pillars, scene.cut_s = getattr(scene, "pillars", []), getattr(scene, "cut_s", math.inf)
    made = list(frames(scene, cutouts, rate, rng))
    read = reader.read_frames(frame for frame, _, _ in made)
    return [(frame, truth, shot, readings) for (frame, truth, shot), (_, readings) in zip(made, read)]


def tracking(reader: Reader, seed: int, repeats: int) -> None:
    cutouts = heads(reader)
    print("| what happens | fps | faces in sight | found | passed on | used again | new without need |")
    print("|---|---|---|---|---|---|---|")
    totals = {rate: np.zeros((2, 3), int) for rate in RATES}
    for (name, scene), rate in itertools.product(SCENES.items(), RATES):
        sums = [np.zeros(2, int), np.zeros(3, int), np.zeros(3, int)]
        for repeat in range(repeats):
            rng = np.random.default_rng([seed, repeat])
            counts = clip_counts(read_clip(scene(rng), reader, cutouts, rate, rng), rate)
            sums = [total + count for total, count in zip(sums, counts)]
        totals[rate] += np.array(sums[1:])
        row(name, rate, f"{sums[0][0]} | {100 * sums[0][1] / sums[0][0]:.0f} %", sums[1:])
    for rate, total in totals.items():
        row("all", rate, " | ", total)


def row(name: str, rate: int, found: str, mistakes_: np.ndarray | list) -> None:
    print(f"| {name} | {rate} | {found} | " + " | ".join(f"{a} / {b}" for a, b in zip(*mistakes_)) + " |", flush=True)


# ---- smoothing ----


def smoothing(reader: Reader, seed: int, seconds: int, rate: int) -> None:
    """Flicker and delay: a noisy, swaying face that turns from one expression to another every other second."""
    rng, cutouts, made = np.random.default_rng(seed), heads(reader), []
    for index in range(seconds * rate):
        t = index / rate
        canvas, owner = np.full((HEIGHT, WIDTH, 3), 110, np.uint8), np.zeros((HEIGHT, WIDTH), int)
        draw(canvas, owner, cutouts[1 - int(t // 2) % 2], (320 + 10 * math.sin(3 * t), 180, 32), 0)
        noisy = np.clip(canvas[90:270, 200:440] + rng.normal(0, 30, (180, 240, 3)), 0, 255).astype(np.uint8)
        made.append(Frame(noisy, "clip", index, t))
    read = [(frame.time_s, found[0]) for frame, found in reader.read_frames(made) if found]
    print(f"\n{rate} frames a second: {len(read)} of {len(made)} faces found\n")
    print("| time constant, s | changes a minute too many | delay, s |\n|---|---|---|")
    for constant in (0.001, 0.125, 0.25, 0.5, 1.0, 2.0):
        smoother = Smoother(constant)
        said = [(t, smoother.smooth(t, reading, 0).emotion) for t, reading in read]
        changes = sum(a[1] != b[1] for a, b in itertools.pairwise(said)) - (seconds // 2 - 1)
        delays = [delay(said, turn) for turn in range(2, seconds, 2)]
        late = "never within 2 s" if None in delays else f"{np.median(delays):.2f}"
        print(f"| {constant if constant > 0.01 else 'none'} | {60 * changes / seconds:.0f} | {late} |")


def delay(said: list[tuple[float, str]], turn: int) -> float | None:
    """Seconds from the turn at ``turn`` to the first frame that is told the new expression; None if the next comes first."""
    shown = "happy" if (turn // 2) % 2 else "neutral"
    return next((t - turn for t, emotion in said if turn <= t < turn + 2 and emotion == shown), None)


# ---- cuts ----


def cuts(folder: Path) -> None:
    """Pairs of other photos are cuts; a photo moved, brightened or partly covered is none.

    Every second photo chose the numbers in ``cuts.py``; the others are reported.
    """
    photos = [read_image(path).image for path in sorted(folder.glob("*.jpg"))][1::2]

    def share(pairs: list[tuple[np.ndarray, np.ndarray]]) -> str:
        called = 0
        for one, other in pairs:
            watch = ShotDetector()
            watch.at(one)
            called += watch.at(other)
        return f"{called} of {len(pairs)}"

    def moved(image: np.ndarray, part: float) -> tuple[np.ndarray, np.ndarray]:
        by = round(part * image.shape[1])
        return image[:, :-by], image[:, by:]

    def covered(image: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        height, width = image.shape[:2]
        after = image.copy()
        after[height // 4 : height, width // 4 : width // 4 + width // 2] = cv2.resize(
            other, (width // 2, height - height // 4)
        )
        return image, after

    def barred(image: np.ndarray) -> np.ndarray:
        bar = image.shape[0] // 8
        return cv2.copyMakeBorder(image[bar:-bar], bar, bar, 0, 0, cv2.BORDER_CONSTANT)

    pairs = list(itertools.combinations(photos, 2))
    print("\n| from one image to the next | taken for a cut |\n|---|---|")
    print(f"| another photo | {share(pairs)} |")
    print(f"| another photo, black bars above and below both | {share([(barred(a), barred(b)) for a, b in pairs])} |")
    for part in (0.05, 0.1, 0.2):
        print(f"| moved by {100 * part:.0f} % of its width | {share([moved(photo, part) for photo in photos])} |")
    for gain in (0.4, 1.5):
        lit = [(photo, np.clip(photo * gain, 0, 255).astype(np.uint8)) for photo in photos]
        print(f"| {gain} times as bright | {share(lit)} |")
    print(f"| three eighths covered | {share([covered(a, b) for a, b in itertools.pairwise(photos)])} |")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seed", type=int, default=1000, help="other clips: 1 and 2 chose the numbers")
    asked.add_argument("--repeats", type=int, default=5, help="clips of each kind")
    asked.add_argument("--photos", type=Path, help="folder of photos to measure cuts on")
    given = asked.parse_args()
    reads = Reader(ReadOptions(min_face=40))
    tracking(reads, given.seed, given.repeats)
    for length, fps in ((60, 30), (120, 5)):
        smoothing(Reader(ReadOptions(min_face=20)), given.seed, length, fps)
    if given.photos:
        cuts(given.photos)
