"""From faces to the features that were chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper

from ...errors import ModelError
from ...model.card import InputSpec
from ...model.preprocess import resize, to_tensor
from ...model.registry import load_model
from ...model.session import open_session
from .embedding import embedding
from .graph import Front, Piece, front_of
from .hog import hog
from .lbp import lbp
from .settings import Classical


def open_features(settings: Classical) -> tuple[Front, dict[str, Any]]:
    """What computes the features, and where it comes from.

    Returns:
        The extractor, and for an embedding the name, sha256 and training data of its base (nothing for the others).

    Raises:
        ModelError: there is no such base, or it has no features to give.
    """
    if settings.features == "embedding":
        try:
            card, weights = load_model(settings.base)
        except ModelError as error:
            raise ModelError(
                f"base: {error}", hint="Give 'default', or an .onnx file with its card; export checkpoints first."
            ) from error
        return embedding(weights, card), {"name": card.name, "sha256": card.sha256, "data": card.data}
    pieces = [hog(settings.cell)] if "hog" in settings.features else []
    pieces += [lbp(settings.region)] if "lbp" in settings.features else []
    # Mean 0 and this std leave pixels as they are, 0 to 255: LBP counts on whole numbers.
    return front_of(_beside(pieces), InputSpec(settings.size, 0.0, 1 / 255)), {}


def compute_features(
    front: Front,
    images: npt.NDArray[np.uint8],
    *,
    batch: int = 64,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> npt.NDArray[np.float32]:
    """The features of many images.

    Args:
        front: from ``open_features``.
        images: uint8 (N, H, W) gray, or (N, H, W, 3) RGB; one face each; N > 0.
        batch: images at a time.
        progress: called with (images done, images in all).

    Returns:
        float32 (N, D).
    """
    session = open_session(front.model.SerializeToString(), 0, "the feature extractor")
    parts = []
    for start in range(0, len(images), batch):
        some = images[start : start + batch]
        pictures = to_tensor(resize(some, front.input.size), front.input)
        parts.append(session.run([front.features], {"images": pictures})[0].reshape(len(some), -1))
        progress(start + len(some), len(images))
    return np.concatenate(parts)


def _beside(pieces: list[Piece]) -> Piece:
    """Several kinds of features, one after the other in each row."""
    if len(pieces) == 1:
        return pieces[0]
    nodes = [node for piece in pieces for node in piece.nodes]
    nodes.append(helper.make_node("Concat", [piece.output for piece in pieces], ["features"], axis=1))
    return Piece(tuple(nodes), {name: value for piece in pieces for name, value in piece.tensors.items()}, "features")
