"""Choose the balanced prior: accuracy against balanced accuracy for exponents of the class frequencies.

    python research/prior.py fer2013.npz faces.parquet [MODEL]

PublicTest with the FER+ majority as the truth, and LFW (columns ``image``, ``emotion``) with detection, over seven emotions;
balanced accuracy there is over the five emotions with enough images. Head ``ferplus``, mirror images averaged.
"""

import sys
from unittest.mock import patch

import numpy as np
import pyarrow.parquet

from mien import Reader, ReadOptions
from mien.data import load
from mien.emotions import EMOTIONS, LABEL_SETS
from mien.io.images import read_image
from mien.lab.recipe import Head
from mien.lab.sampling import hard_targets
from mien.model.preprocess import to_tensor
from mien.stats import calibration_error

FIVE = ("happy", "neutral", "surprise", "angry", "sad")


def main(fer2013: str, lfw: str, model: str) -> None:
    options = ReadOptions(model=model, emotions="seven")
    reader, classifier = Reader(options), Reader(ReadOptions(model=model)).classifier
    public = load(fer2013).part("validation")
    truth = hard_targets(public, Head(emotions="eight", targets="votes"))
    public, truth = public.take(truth >= 0), truth[truth >= 0]
    table = pyarrow.parquet.read_table(lfw, columns=["image", "emotion"]).to_pylist()
    table = [row for row in table if row["emotion"] in LABEL_SETS["seven"]]
    crops, labels = [], []
    for row in table:
        frame = read_image(row["image"]["bytes"])
        if faces := reader.detect(frame):
            crops.append(reader.crop(frame, [max(faces, key=lambda face: face.box.width)])[0])
            labels.append(reader.emotions.index(row["emotion"]))
    print(f"{model}: {len(truth)} images of PublicTest, {len(labels)} faces of LFW")
    print("exponent  FER+: accuracy  balanced  ECE    LFW: accuracy  balanced  ECE    recall of", *FIVE)
    for exponent in (0, 0.3, 0.4, 0.5, 0.6, 0.7, 1):
        with patch("mien.model.classifier.BALANCE", exponent):
            on_public = measures(classifier, public.images, truth, range(len(EMOTIONS)))
            on_lfw = measures(
                reader.classifier, np.stack(crops), np.array(labels), [reader.emotions.index(e) for e in FIVE]
            )
        parts = [f"{a:13.1%} {b:9.3f} {e:7.3f}" for a, b, e, _ in (on_public, on_lfw)]
        print(f"{exponent:8}", *parts, "  ", " ".join(f"{recall:.2f}" for recall in on_lfw[3]))


def measures(classifier, images, truth, emotions):
    parts = [images[start : start + 256] for start in range(0, len(images), 256)]
    found = np.concatenate([classifier.predict(to_tensor(part, classifier.input)).probabilities for part in parts])
    right = found.argmax(1) == truth
    recalls = [right[truth == emotion].mean() for emotion in emotions]
    return right.mean(), np.mean(recalls), calibration_error(found.max(1), right), recalls


if __name__ == "__main__":
    main(*sys.argv[1:3], sys.argv[3] if len(sys.argv) > 3 else "default")
