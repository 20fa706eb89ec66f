"""When do emotions share a face, and when is a reading too unsure? The measurements behind ``MODEL_CARD.md``.

    python scripts/study_mixed.py fer2013.npz MODEL.onnx

On validation pictures without copies of training pictures. A face is truly mixed where at least two emotions have 30 % of
the annotators' votes each; the table says how well the model's expected votes find such faces, at each share it may ask for.
"""

import sys
from pathlib import Path

from mien.classify.calibrate import probabilities
from mien.lab.dataset.faces import VALIDATION, copies_of_training
from mien.lab.dataset.opening import open_data
from mien.lab.evaluate.predict import open_classifier, predict

TRULY = 0.3


def main(data: Path, model: Path) -> None:
    faces = open_data(data, 48)
    part = faces.part(VALIDATION).take(~copies_of_training(faces, VALIDATION))
    classifier = open_classifier(model)
    card = classifier.heads["ferplus"]
    logits = predict(classifier, part.images, flip=True)["ferplus"]
    votes = part.votes.distribution()
    used = votes.sum(1) > 0
    truth = (votes[used] >= TRULY).sum(1) > 1
    expected = probabilities(logits[used], card.vote_temperature or card.temperature)
    print(
        f"{used.sum()} faces, {truth.sum()} of them mixed\nshare asked  named mixed  precision  recall     F1  both right"
    )
    for share in (0.2, 0.225, 0.25, 0.275, 0.3, 0.325, 0.35):
        named = (expected >= share).sum(1) > 1
        hit = named & truth
        both = ((expected >= share) == (votes[used] >= TRULY)).all(1)[hit].mean()
        precision, recall = hit.sum() / named.sum(), hit.sum() / truth.sum()
        f1 = 2 * precision * recall / (precision + recall)
        print(f"{share:11.3f} {named.sum():12d} {precision:10.3f} {recall:7.3f} {f1:6.3f} {both:11.3f}")

    answers = part.votes.majority()
    known = answers >= 0
    made = probabilities(logits[known], card.temperature)
    sure, right = made.max(1), made.argmax(1) == answers[known]
    print(f"\n{known.sum()} faces with a majority\nunsure below  kept   accuracy of the kept  of the others")
    for least in (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        kept = sure >= least
        others = f"{right[~kept].mean():.3f}" if (~kept).any() else "-"
        print(f"{least:12.2f} {kept.mean():5.3f} {right[kept].mean():22.3f} {others:>14s}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
