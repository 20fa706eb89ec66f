"""Compare the formats of a model: size, speed on one thread, accuracy; prints a Markdown table.

    python research/formats.py default --data fer2013.npz         # as shipped: float32 and int8
    python research/formats.py mine.onnx --data fer2013.npz       # and an int8 copy made of it
    python research/formats.py runs/default --data fer2013.npz    # a run or checkpoint: torch's .pt2 too

Accuracy is that of the whole validation part with the mirror image averaged, as the reader reads. Speeds are those of the
network alone, one view of a face: averaging the mirror image takes twice as long. Run it on a machine with nothing else
to do.
"""

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mien.data.dataset import Dataset
from mien.data.loading import load
from mien.lab.evaluation.classifier import Classifier, Logits, classifier_of_onnx, open_classifier, predict
from mien.lab.evaluation.evaluate import evaluate, machine
from mien.lab.evaluation.metrics import accuracy_text
from mien.lab.exporting import FORMATS, card_path, export, input_of, is_exported
from mien.model.card import SHIPPED, load_model, read_card, shipped_models
from mien.model.classifier import probabilities
from mien.model.preprocess import resize, to_tensor
from mien.model.session import onnxruntime


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """Median duration, after three calls to warm up."""
    for _ in range(3):
        work()
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken)


def classifier_of(path: Path) -> Classifier:
    """Weights of any exported format, on one thread."""
    if path.suffix == ".onnx":
        return open_classifier(path, threads=1)
    import io

    import torch

    torch.set_num_threads(1)
    card = read_card(card_path(path))
    module = torch.export.load(io.BytesIO(path.read_bytes())).module()

    def run(batch: np.ndarray) -> Logits:
        with torch.inference_mode():
            return {name: value.numpy() for name, value in module(torch.from_numpy(batch)).items()}

    known = classifier_of_onnx(load_model(path.with_suffix(".onnx"))[1], card, 1)
    return Classifier(card.name, card.input, card.heads, known.recipe_heads, card.parameters, run)


def exported(model: str, data: Path, folder: Path) -> tuple[list[Path], Dataset]:
    """The model in every format that it can have, and its data."""
    formats = ("onnx-int8",) if is_exported(model) else FORMATS
    spec = input_of(model, formats)
    faces = load(data, spec.size, color=spec.color)
    if model in shipped_models():
        return [Path(str(SHIPPED / f"{name}.onnx")) for name in (f"{model}-float32", model)], faces
    first = [Path(model)] if is_exported(model) else []
    return [*first, *export(model, faces, folder, formats=formats)], faces


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument(
        "model", nargs="?", default="default", help="a model that comes with mien, an .onnx file, or a run"
    )
    asked.add_argument("--data", type=Path, required=True, help="what it was trained on")
    given = asked.parse_args()
    print(f"{machine()}, onnxruntime {onnxruntime.__version__}, Python {platform.python_version()}, ", end="")
    print(f"{time.strftime('%Y-%m-%d')}, one thread\n")
    with tempfile.TemporaryDirectory() as folder:
        paths, faces = exported(given.model, given.data, Path(folder))
        images = faces.part("validation").images
        first: dict[str, np.ndarray] = {}
        for path in paths:
            classifier = classifier_of(path)
            spec, heads = classifier.input, list(classifier.heads)
            if not first:
                print(
                    f"| file | MB | ms, batch 1 | faces/s, batch 64 | {' | '.join(heads)} | largest, mean difference |"
                )
                print(f"|---|---|---|---|{'---|' * len(heads)}---|")
            faces64 = to_tensor(resize(images[:64], spec.size), spec)
            one = milliseconds(lambda: classifier.run(faces64[:1]), 200)  # noqa: B023  # called at once
            many = 64_000 / milliseconds(lambda: classifier.run(faces64), 15)  # noqa: B023  # called at once
            logits = predict(classifier, images, flip=True)
            sure = {name: probabilities(logits[name], head.temperature) for name, head in classifier.heads.items()}
            first = first or sure
            apart = np.concatenate([np.abs(sure[name] - first[name]).ravel() for name in heads])
            measured = evaluate(classifier, faces)
            right = [accuracy_text(measured.find(name, "official", flip=True)) for name in heads]
            size = path.stat().st_size / 1e6
            cells = (path.name, f"{size:.2f}", f"{one:.2f}", f"{many:.0f}", *right)
            print(f"| {' | '.join(cells)} | {apart.max():.2g}, {apart.mean():.2g} |", flush=True)


if __name__ == "__main__":
    main()
