"""Histograms of oriented gradients, as an ONNX graph."""

from __future__ import annotations

import numpy as np

from .graph import Piece, nodes_of

ORIENTATIONS = 9

_GRADIENTS = """
    hog_inner_x = Conv <kernel_shape = [1, 3]> (images, hog_kernel_x)
    hog_inner_y = Conv <kernel_shape = [3, 1]> (images, hog_kernel_y)
    hog_x = Pad (hog_inner_x, hog_pads_x)
    hog_y = Pad (hog_inner_y, hog_pads_y)
    hog_gradient = Concat <axis = 1> (hog_x, hog_y)
    hog_along = Conv <kernel_shape = [1, 1]> (hog_gradient, hog_directions)
    hog_alignment = Abs (hog_along)
    hog_nearest = Hardmax <axis = 1> (hog_alignment)
    hog_squares = Mul (hog_gradient, hog_gradient)
    hog_energy = ReduceSum <keepdims = 1> (hog_squares, hog_channel)
    hog_magnitude = Sqrt (hog_energy)
    hog_votes = Mul (hog_nearest, hog_magnitude)
"""
_BLOCKS = """
    hog_top = Slice (hog_cells, hog_zero, hog_last, hog_rows)
    hog_bottom = Slice (hog_cells, hog_one, hog_end, hog_rows)
    hog_top_left = Slice (hog_top, hog_zero, hog_last, hog_columns)
    hog_top_right = Slice (hog_top, hog_one, hog_end, hog_columns)
    hog_bottom_left = Slice (hog_bottom, hog_zero, hog_last, hog_columns)
    hog_bottom_right = Slice (hog_bottom, hog_one, hog_end, hog_columns)
    hog_blocks = Concat <axis = 1> (hog_top_left, hog_top_right, hog_bottom_left, hog_bottom_right)
"""
_NORM = """
    hog_{to}_squares = Mul ({value}, {value})
    hog_{to}_sum = ReduceSum <keepdims = 1> (hog_{to}_squares, hog_channel)
    hog_{to}_safe = Add (hog_{to}_sum, hog_tiny)
    hog_{to}_length = Sqrt (hog_{to}_safe)
    hog_{to} = Div ({value}, hog_{to}_length)
"""


def hog(cell: int) -> Piece:
    """HOG of gray pixels (Dalal and Triggs 2005): 9 directions, blocks of 2 x 2 cells, norm "L2-Hys".

    The same numbers, in the same order, as ``skimage.feature.hog(image, 9, (cell, cell), (2, 2))``: a gradient votes for the
    direction that it is most nearly parallel to, which is where a histogram of 20-degree bins would put it.

    Args:
        cell: side of a cell in pixels.

    Returns:
        ``images``, float32 (N, 1, S, S) -> float32 (N, 36 * (S // cell - 1)²), each between 0 and 1.
    """
    angles = np.deg2rad((np.arange(ORIENTATIONS) + 0.5) * 180 / ORIENTATIONS)
    step = np.array([-1, 0, 1], np.float32)
    cells = f"hog_cells = AveragePool <kernel_shape = [{cell}, {cell}], strides = [{cell}, {cell}]> (hog_votes)"
    text = (
        f"{_GRADIENTS} {cells} {_BLOCKS} {_NORM.format(to='unit', value='hog_blocks')}"
        "hog_clipped = Min (hog_unit, hog_most)"
        f"{_NORM.format(to='hys', value='hog_clipped')}"
        "hog_ordered = Transpose <perm = [0, 2, 3, 1]> (hog_hys) hog = Flatten <axis = 1> (hog_ordered)"
    )
    tensors = {
        "hog_kernel_x": step.reshape(1, 1, 1, 3),
        "hog_kernel_y": step.reshape(1, 1, 3, 1),
        "hog_pads_x": np.array([0, 0, 0, 1, 0, 0, 0, 1]),
        "hog_pads_y": np.array([0, 0, 1, 0, 0, 0, 1, 0]),
        "hog_directions": np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)[:, :, None, None],
        "hog_channel": np.array([1]),
        "hog_zero": np.array([0]),
        "hog_one": np.array([1]),
        "hog_last": np.array([-1]),
        "hog_end": np.array([np.iinfo(np.int64).max]),
        "hog_rows": np.array([2]),
        "hog_columns": np.array([3]),
        "hog_tiny": np.array(1e-10, np.float32),
        "hog_most": np.array(0.2, np.float32),
    }
    return Piece(nodes_of(text), tensors, "hog")
