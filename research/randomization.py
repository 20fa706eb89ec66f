"""Randomization tests of explanations (Adebayo et al. 2018): do they depend on what the model learned?

    python research/randomization.py --model default PHOTO...

The occlusion map of each face is compared with those of copies of the model whose weights are shuffled: all of them; from
the last layer backwards, one more at a time (cascading); one layer alone (independent). Printed are Spearman's rank
correlations, means over the faces with a bootstrap interval of 95 % (faces are drawn), for the maps and for their size.
"""

import argparse
from collections import defaultdict

import numpy as np

from mien.explanations.explainer import open_explainer
from mien.explanations.faithfulness import layers, rank_correlation, shuffled_weights
from mien.io.discovery import find_images
from mien.io.images import read_image
from mien.model.card import load_model
from mien.options import ReadOptions


def mean_with_interval(values: list[float], seed: int = 0) -> str:
    array = np.array(values)
    rows = np.random.default_rng(seed).integers(0, len(array), (4000, len(array)))
    low, high = np.percentile(array[rows].mean(1), (2.5, 97.5))
    return f"{array.mean():+.2f} ({low:+.2f} to {high:+.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--model", default="default")
    parser.add_argument("--most-faces", type=int, default=30)
    parser.add_argument("--every", type=int, default=1, help="look at every so many layers only")
    args = parser.parse_args()
    options = ReadOptions(model=args.model, threads=1)
    _, weights = load_model(args.model)
    own = open_explainer(options)
    head = options.head or "ferplus"
    names = [name for name in layers(weights) if not name.startswith("heads.") or f".{head}." in name]
    copies = {"all": list(names)}
    for place in range(len(names) - 1, -1, -args.every):
        copies[f"cascading {len(names) - place:2} of {len(names)}"] = names[place:]
        copies[f"independent, layer {place + 1:2} of {len(names)}"] = [names[place]]
    faces = []
    for path in find_images(args.photos, recursive=False):
        faces += own.crops(read_image(path))
        if len(faces) >= args.most_faces:
            break
    faces = faces[: args.most_faces]
    print(f"{args.model}: {len(faces)} faces, {len(names)} layers", flush=True)
    maps = [own.occlusion_map(crop, reading.emotion) for reading, crop in faces]
    signed, sizes = defaultdict(list), defaultdict(list)
    for what, shuffled in copies.items():
        # Three orders of the weights, each for a third of the faces: one order could be an odd one
        explainers = [open_explainer(options, shuffled_weights(weights, seed, only=shuffled)) for seed in range(3)]
        for number, ((reading, crop), heat) in enumerate(zip(faces, maps)):
            other = explainers[number % 3].occlusion_map(crop, reading.emotion)
            signed[what].append(rank_correlation(heat, other))
            sizes[what].append(rank_correlation(abs(heat), abs(other)))
        print(f"{what:32} {mean_with_interval(signed[what])}   size {mean_with_interval(sizes[what])}", flush=True)


if __name__ == "__main__":
    main()
