"""Local binary patterns, as an ONNX graph."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .graph import Piece, nodes_of

#: The eight neighbors of a pixel, (row, column), going around it.
_RING = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))

_TEXT = """
    lbp_wide = Pad <mode = "edge"> (images, lbp_pads)
    lbp_differences = Conv <kernel_shape = [3, 3]> (lbp_wide, lbp_kernels)
    lbp_brighter = GreaterOrEqual (lbp_differences, lbp_zero)
    lbp_bits = Cast <to = 1> (lbp_brighter)
    lbp_numbers = Conv <kernel_shape = [1, 1]> (lbp_bits, lbp_powers)
    lbp_indices = Cast <to = 7> (lbp_numbers)
    lbp_flat = Squeeze (lbp_indices, lbp_channel)
    lbp_patterns = Gather <axis = 0> (lbp_table, lbp_flat)
    lbp_planes = Transpose <perm = [0, 3, 1, 2]> (lbp_patterns)
    lbp_shares = AveragePool <kernel_shape = [REGION, REGION], strides = [REGION, REGION]> (lbp_planes)
    lbp = Flatten <axis = 1> (lbp_shares)
"""


def lbp(region: int) -> Piece:
    """How often each uniform pattern of brighter and darker neighbors occurs in each square (Ahonen et al. 2006).

    A pattern has 8 bits: is this neighbor at least as bright as the pixel (Ojala et al. 2002)? The 58 patterns with at most
    two changes around the ring are counted one by one, all others together; the border's pixels stand in for what lies
    beyond it. Pixels are compared as whole numbers, so there is no rounding.

    Args:
        region: side of a square in pixels.

    Returns:
        ``images``, float32 (N, 1, S, S), whole numbers -> float32 (N, 59 * (S // region)²), shares that sum to 1 in each
        square.
    """
    kernels = np.zeros((8, 1, 3, 3), np.float32)
    kernels[:, 0, 1, 1] = -1
    for number, (row, column) in enumerate(_RING):
        kernels[number, 0, 1 + row, 1 + column] = 1
    tensors = {
        "lbp_pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        "lbp_kernels": kernels,
        "lbp_zero": np.array(0, np.float32),
        "lbp_powers": (2.0 ** np.arange(8)).astype(np.float32).reshape(1, 8, 1, 1),
        "lbp_channel": np.array([1]),
        "lbp_table": np.eye(59, dtype=np.float32)[uniform_classes()],
    }
    return Piece(nodes_of(_TEXT.replace("REGION", str(region))), tensors, "lbp")


def uniform_classes() -> npt.NDArray[np.int64]:
    """int64 (256,): for each pattern its number among the 58 uniform ones, and 58 for every other."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    uniform = (bits != np.roll(bits, 1, axis=1)).sum(1) <= 2
    return np.where(uniform, np.cumsum(uniform) - 1, 58)
