"""Fit and evaluate ``mien.model.occlusion``: is a part of a face hidden?

    python research/occlusion.py fit fer2013.npz            # prints the weights
    python research/occlusion.py judge fer2013.npz          # PublicTest
    python research/occlusion.py judge faces.parquet        # other faces; nothing was fitted on them

Fitted on Training images: as they are, with light from one side (which hides nothing), and with covers drawn; and on 220
that an earlier fit was surest of, which a person then looked at. Judged by covers drawn where the landmarks of the bare face
are, found again after drawing: area under the curve with its interval of 95 % (bootstrap over faces), and how many lie above
the edges of the groups. Last come the rows of the 60 images that seem most covered and of 60 at random, to look at.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mien import Frame, ReadOptions
from mien.audit.attributes import EDGES, measure, posed
from mien.data.loading import load
from mien.detection import create_detector
from mien.lab.robustness_test.conditions import mask, sunglasses
from mien.lab.robustness_test.samples import Sample
from mien.model.occlusion import FEATURES, SIDE, features, half_distance
from mien.model.preprocess import align_face

#: Rows of the Training part whose face, looked at, is covered (hand, hair, dark glasses, object), and is not.
COVERED = """
427 742 751 1176 1214 2057 3421 3635 3749 3799 3810 4472 5223 6272 6379 6439 6958 7393 7734 8046 9199 9741 10625
11054 11117 11435 11919 12323 12572 12695 12955 13217 13803 14224 15181 15629 15834 15965 16138 16290 16391
17473 18113 18417 19323 19903 20067 21814 22408 22606 22727 23631 25072 26416 26584 26611 27603 27869 28445
28557
"""
BARE = """
208 326 492 903 1264 1284 1320 1474 1518 1531 1926 2380 2692 2728 2810 3159 3230 3359 3487 3537 3834 3839 3896
4029 4197 4199 4704 4810 4831 4854 4955 5015 5174 5188 5248 5413 5505 5710 5786 5891 5982 6302 6458 6566 6668
6934 7526 7723 7759 7961 8038 8415 8729 8819 8827 8906 8938 9004 9125 9488 9610 9895 10132 10358 10426 10634
11149 11251 11462 11674 11832 12067 12295 12400 12657 12779 12939 12969 13141 13422 13722 13745 13833 13888
14004 14066 14836 14861 15061 15249 15255 15451 15490 15534 15590 15788 15884 16373 16619 16649 16768 16809
17097 17403 17433 17454 17545 17587 17704 17945 18144 18466 18477 18598 18868 18910 19056 19207 19392 19537
19859 19866 20043 20081 20163 20168 20679 21415 21733 22609 22969 22992 23016 23036 23042 23357 23374 23721
24186 24324 24765 24895 24971 25059 25218 25842 26175 26472 26483 26594 26597 26613 27017 27189 27422 27521
27738 27847 28156 28198 28321 28652
"""


class Covers:
    """What is drawn, at random in place and lightness."""

    def __init__(self, photos, rng, vary):
        self.images, self.rng, self.vary = photos, rng, vary

    def mask(self, subject):
        """A surgical mask."""
        return self._toned(subject, mask(subject, self.rng), -190, 50)

    def sunglasses(self, subject):
        """Dark glasses."""
        return self._toned(subject, sunglasses(subject, self.rng), -15, 50)

    def half(self, subject):
        """One side behind a piece of another image."""
        eyes, down, across = axes(subject)
        side, edge, slant = self.rng.choice([-1, 1]), self.rng.uniform(0, 0.25), self.rng.uniform(-0.25, 0.25)
        ends = [(edge + slant, -1.5), (3, -1.5), (3, 3), (edge - slant, 3)]
        corners = [eyes + across * side * x + down * y for x, y in ends]
        other = self.images[self.rng.integers(len(self.images))]
        y, x = self.rng.integers(0, 24, 2)
        piece = cv2.resize(other[y : y + 24, x : x + 24], subject.image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        return pasted(subject, [np.array(corners)], piece[..., None])

    def hand(self, subject):
        """Fingers of the face's own lightness over the mouth, a cheek or an eye."""
        eyes, down, across = axes(subject)
        at = [(0, 1), (0.45, 0.75), (-0.45, 0.75), (0.5, 0), (-0.5, 0)][self.rng.integers(5)]
        center = eyes + across * at[0] + down * at[1]
        turn, length = self.rng.uniform(0, 2 * np.pi), float(np.hypot(*down))
        along = np.array([np.cos(turn), np.sin(turn)]) * length
        beside = np.array([-np.sin(turn), np.cos(turn)]) * length * 0.27
        fingers = []
        for number in (-1.5, -0.5, 0.5, 1.5):
            root, tip = (
                center + beside * number - 1.6 * along,
                center + beside * number + self.rng.uniform(0.4, 0.7) * along,
            )
            fingers.append(
                np.array([root - beside * 0.46, tip - beside * 0.4, tip + beside * 0.4, root + beside * 0.46])
            )
        level = np.median(subject.image[tuple((eyes + 0.6 * down).astype(int)[::-1])]) * self.rng.uniform(0.8, 1.2)
        height, width = subject.image.shape[:2]
        slope = np.linspace(-20, 20, width)[None, :] * self.rng.uniform(-1, 1)
        palm = np.clip(level + slope + self.rng.normal(0, 3, (height, width)), 0, 255)
        wider = [finger.mean(0) + (finger - finger.mean(0)) * 1.15 for finger in fingers]
        gaps = pasted(subject, wider, palm[..., None] * 0.7)
        return pasted(
            Sample(subject.name, gaps, subject.face, subject.landmarks, subject.side), fingers, palm[..., None]
        )

    def shadow(self, subject):
        """Light from one side: not a cover."""
        eyes, _, across = axes(subject)
        y, x = np.mgrid[: subject.image.shape[0], : subject.image.shape[1]]
        way = across * self.rng.choice([-1, 1]) / np.hypot(*across) ** 2
        place = (x - eyes[0]) * way[0] + (y - eyes[1]) * way[1] - self.rng.uniform(-0.3, 0.3)
        least = self.rng.uniform(0.15, 0.6)
        gain = least + (1 - least) / (1 + np.exp(-place / self.rng.uniform(0.08, 0.5)))
        return (subject.image * gain[..., None]).astype(np.uint8)

    def _toned(self, subject, drawn, low, high):
        if self.vary:
            new = (drawn != subject.image).any(2)
            drawn[new] = np.clip(drawn[new].astype(int) + self.rng.integers(low, high), 0, 255)
        return drawn


KINDS = ("mask", "sunglasses", "half", "hand", "shadow")


def axes(subject):
    points = subject.landmarks.astype(float)
    eyes, down = points[:2].mean(0), points[3:].mean(0) - points[:2].mean(0)
    return eyes, down, np.array([down[1], -down[0]]) * max(0.75, np.hypot(*(points[1] - points[0])) / np.hypot(*down))


def pasted(subject, shapes, texture):
    share = np.zeros(subject.image.shape[:2], np.float32)
    for shape in shapes:
        cv2.fillPoly(share, [shape.round().astype(np.int32)], 1)
    share = cv2.GaussianBlur(share, (0, 0), subject.side / 100)[..., None]
    return (subject.image * (1 - share) + texture * share).astype(np.uint8)


def seen(photos, kinds, vary, seed):
    """Every face that is found: its row, its kind, the frame, and the face with and without landmarks."""
    detector = create_detector(ReadOptions(threads=1))
    drawing = Covers(list(photos.values())[:400], np.random.default_rng(seed), vary)
    for row, photo in photos.items():
        side = max(96, photo.shape[0])
        frame = Frame(cv2.cvtColor(cv2.resize(photo, (side, side), interpolation=cv2.INTER_CUBIC), cv2.COLOR_GRAY2RGB))
        whole, face = posed(frame, detector)
        if face is None:
            continue
        yield row, "bare", frame, whole, face
        for kind in kinds(row):
            subject = Sample("", frame.image, whole, face.landmarks, side / 1.15)
            changed = Frame(np.ascontiguousarray(getattr(drawing, kind)(subject)))
            again = posed(changed, detector)[1]
            if again is not None:
                yield row, kind, changed, whole, again


def fit(path):
    data = load(path, 48).part("train")
    hidden, bare = ({int(row) for row in text.split()} for text in (COVERED, BARE))
    drawn = np.random.default_rng(2).permutation(len(data.images))
    once, more = set(drawn[:1000].tolist()), set(drawn[-2000:].tolist())
    photos = {row: data.images[row] for row in sorted(once | more | hidden | bare)}
    found, truth, weights = [], [], []
    for row, kind, frame, _, face in seen(photos, lambda row: KINDS if row in once else (), True, 3):
        found += [*features(align_face(frame, face, SIDE)[None], np.array([half_distance(face)]))]
        truth.append(row in hidden if kind == "bare" else kind != "shadow")
        usual = {"bare": 12.0 if row in hidden else 8.0 if row in bare else 1.5, "shadow": 0.7, "half": 0.3}
        weights.append(usual.get(kind, 0.5))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(np.array(found), truth, logisticregression__sample_weight=np.array(weights))
    scale, line = model[0], model[1]
    per = line.coef_[0] / scale.scale_
    for name, weight in zip((*FEATURES, "constant"), (*per, line.intercept_[0] - per @ scale.mean_)):
        print(f"{weight:8.3f}, # {name}")


def judge(path, n=600):
    if path.suffix == ".parquet":
        cells = pq.read_table(path, columns=["image"]).column(0)
        images = {
            row: cv2.imdecode(np.frombuffer(cells[row].as_py()["bytes"], np.uint8), 0) for row in range(len(cells))
        }
    else:
        images = dict(enumerate(load(path, 48).part("validation").images))
    some = set(np.random.default_rng(1).permutation(len(images))[:n].tolist())
    values = {kind: [] for kind in ("bare", *KINDS)}
    rows = []
    for row, kind, frame, whole, face in seen(images, lambda row: KINDS if row in some else (), False, 4):
        value = measure(frame, whole, face).occlusion
        if value is not None:
            values[kind].append(value)
            rows += [row] if kind == "bare" else []
    rng, bare = np.random.default_rng(0), np.array(values["bare"])
    for kind, given in values.items():
        one = np.array(given)
        above = ", ".join(f"{100 * (one >= edge).mean():.1f} % at or above {edge}" for edge in EDGES["occlusion"][0])
        areas = [auc(rng.choice(bare, len(bare)), rng.choice(one, len(one))) for _ in range(400)]
        low, high = np.percentile(areas, (2.5, 97.5))
        print(f"{kind:10s} n = {len(one)}, AUC {auc(bare, one):.3f} ({low:.3f} to {high:.3f}), {above}")
    print("most covered:", [rows[place] for place in np.argsort(-bare)[:60]])
    print("at random:", rng.choice(rows, 60, replace=False).tolist())


def auc(bare, covered):
    return roc_auc_score(np.r_[np.zeros(len(bare)), np.ones(len(covered))], np.r_[bare, covered])


if __name__ == "__main__":
    {"fit": fit, "judge": judge}[sys.argv[1]](Path(sys.argv[2]))
