"""Does the exported file compute what the network computes?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from ...errors import ModelError
from ...models.session import open_session
from ..nets.heads import MultiHead

TOLERANCE = 1e-4


def max_difference(network: MultiHead, weights: bytes, pictures: npt.NDArray[np.float32]) -> float:
    """The largest difference of any logit between torch and onnxruntime, both in float32.

    Args:
        network: in evaluation mode, on the CPU.
        weights: content of the ONNX file.
        pictures: float32 (N, C, S, S), network input; real pictures, for noise excites a network too little.

    Raises:
        ModelError: onnxruntime cannot run the file, or it lacks an output.
    """
    session = open_session(weights, 0, "the exported file")
    missing = set(network.heads) - {output.name for output in session.get_outputs()}
    if missing:
        raise ModelError(f"the exported file lacks the outputs {', '.join(sorted(missing))}")
    names = list(network.heads)
    return largest_difference(
        network, dict(zip(names, session.run(names, {"pictures": pictures}), strict=True)), pictures
    )


def largest_difference(
    network: MultiHead, found: Mapping[str, npt.NDArray[np.float32]], pictures: npt.NDArray[np.float32]
) -> float:
    """The largest difference of any logit that was ``found`` from what torch gives, float32 (N, K) for each head."""
    with torch.inference_mode():
        expected = network(torch.from_numpy(pictures))
    return max(float(np.abs(found[name] - value.numpy()).max()) for name, value in expected.items())


def check_parity(network: MultiHead, weights: bytes, pictures: npt.NDArray[np.float32]) -> float:
    """``max_difference``, which must not be above 0.0001.

    Raises:
        ModelError: it is, or the file cannot be run.
    """
    return check_difference(max_difference(network, weights, pictures))


def check_difference(difference: float) -> float:
    """``difference``, which must not be above 0.0001.

    Raises:
        ModelError: it is.
    """
    if not difference <= TOLERANCE:  # also where it is NaN
        raise ModelError(
            f"the exported file differs from the network: got logits {difference:.2g} apart, expected at most {TOLERANCE}",
            hint="Nothing was written. Try another version of torch or onnxruntime, and report this as a bug.",
        )
    return difference
