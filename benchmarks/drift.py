"""Power and false alarms of the drift test, by simulation: how often a planted shift of the happy share is detected.

python benchmarks/drift.py --windows 1000
"""

from __future__ import annotations

import argparse

import numpy as np

from mien.emotions import EMOTIONS
from mien.model.card import load_model
from mien.serve.drift import measure_drift
from mien.stats import LEVEL, wilson


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=1000)
    given = parser.parse_args()
    counts = np.array(load_model("default")[0].reference["ferplus"]["histograms"]["emotion"])
    shares, happy = counts / counts.sum(), EMOTIONS.index("happy")
    rng = np.random.default_rng(0)
    print("| happy share | readings | detected | 95% CI | median stability index |\n|---|---:|---:|---:|---:|")
    for shift in (0.0, 0.05, 0.10):
        moved = shares * (1 - shares[happy] - shift) / (1 - shares[happy])
        moved[happy] = shares[happy] + shift
        for readings in (100, 300, 1000):
            found, indices = 0, []
            for _ in range(given.windows):
                reference = rng.multinomial(counts.sum(), shares)  # a new reference, as it is a sample as well
                one = measure_drift("emotion", reference, rng.multinomial(readings, moved), EMOTIONS, rng)
                found += one.p < LEVEL
                indices.append(one.psi.value)
            low, high = wilson(found, given.windows)
            detected = f"{found / given.windows:.1%} | [{100 * low:.1f}, {100 * high:.1f}]"
            row = f"| {100 * shift:+.0f} points | {readings:,} | {detected} | {np.median(indices):.3f} |"
            print(row, flush=True)


if __name__ == "__main__":
    main()
