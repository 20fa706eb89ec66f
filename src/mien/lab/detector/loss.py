"""Assign faces to anchor points, and compute the loss.

Assignment: SimOTA (Ge et al. 2021, arXiv 2107.08430) among the 3 x 3 anchor points around a face's center on each stride
that suits its size. Score: quality focal loss (Li et al. 2020, arXiv 2006.04388). Box: EIoU (Zhang et al. 2021,
arXiv 2101.08158).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from ...detection.anchor_free import STRIDES, UNIT, anchor_points

#: The long sides of faces, in strides, that each feature map detects.
_SMALLEST = (0.0, 1.5, 2.0)
_LARGEST = (12.0, 14.0, 1e9)
_EPSILON = 1e-6


@dataclass(frozen=True, eq=False)
class Targets:
    """The faces of a batch: the image that each is in, int64 (F,), boxes (F, 4) and landmarks (F, 5, 2) in pixels.

    Landmarks are NaN if unknown; ``ignored``, bool (N, A), are anchor points that are neither face nor background.
    """

    image: Tensor
    boxes: Tensor
    landmarks: Tensor
    ignored: Tensor


@lru_cache(maxsize=8)
def _grid(height: int, width: int) -> tuple[Tensor, Tensor]:
    centers, strides = anchor_points(height, width)
    return torch.from_numpy(centers), torch.from_numpy(strides)


def decode_boxes(raw: Tensor, centers: Tensor, unit: Tensor) -> Tensor:
    """Raw box outputs (P, 4) at ``centers`` (P, 2) with ``unit`` (P, 1) to x0, y0, x1, y1 in pixels."""
    middle = centers + raw[:, :2] * unit
    half = raw[:, 2:].clamp(max=8.0).exp() * unit / 2
    return torch.cat([middle - half, middle + half], 1)


def iou_and_eiou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection over union, and the EIoU loss, of pairs of boxes (P, 4)."""
    size_a, size_b = a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]
    shared = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(1)
    iou = shared / (size_a.prod(1) + size_b.prod(1) - shared + _EPSILON)
    around = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    apart = ((a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]) / 2).square().sum(1) / (around.square().sum(1) + _EPSILON)
    shape = ((size_a - size_b).square() / (around.square() + _EPSILON)).sum(1)
    return iou, 1 - iou + apart + shape


@torch.no_grad()
def assign(outputs: Tensor, targets: Targets, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Choose the anchor points that predict each face, from outputs (N, A, 15) of inputs of ``height`` by ``width`` pixels.

    Gives pairs of a face and an anchor point: int64 (P,), and int64 (P,) into the flat (N x A) outputs.
    """
    centers, strides = _grid(height, width)
    candidates, allowed = _candidates(targets.boxes, height, width)  # (F, 27)
    count, total = outputs.shape[1], outputs.shape[0] * outputs.shape[1]
    flat = candidates + targets.image[:, None] * count
    raw = outputs.reshape(total, -1)[flat.flatten()].float()
    boxes = decode_boxes(raw[:, 1:5], centers[candidates.flatten()], strides[candidates.flatten(), None] * UNIT)
    iou, _ = iou_and_eiou(boxes, targets.boxes.repeat_interleave(candidates.shape[1], 0))
    iou = iou.reshape(candidates.shape) * allowed
    cost = torch.nn.functional.softplus(-raw[:, 0]).reshape(iou.shape) - 3 * (iou + 1e-8).log()
    middle = (targets.boxes[:, None, :2] + targets.boxes[:, None, 2:]) / 2
    distance = (centers[candidates] - middle).norm(dim=2) / strides[candidates]
    cost = cost + distance + (~allowed) * 1e5
    wanted = iou.topk(10, 1).values.sum(1).int().clamp(min=1)
    rank = cost.argsort(1).argsort(1)
    chosen = (rank < wanted[:, None]) & allowed
    # A point that several faces want goes to the one of least cost.
    least = torch.full((total,), float("inf")).scatter_reduce(0, flat[chosen], cost[chosen], "amin")
    chosen &= cost <= least[flat]
    face = torch.arange(len(flat))[:, None].expand_as(flat)[chosen]
    return face, flat[chosen]


def _candidates(boxes: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The 3 x 3 anchor points around each face's center on every stride, (F, 27), and which of them may predict it."""
    middle, long_side = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).amax(1)
    step = torch.arange(-1, 2)
    found, allowed, start = [], [], 0
    for stride, smallest, largest in zip(STRIDES, _SMALLEST, _LARGEST):
        rows, columns = height // stride, width // stride
        y = (middle[:, 1] / stride).floor().long()[:, None, None] + step[:, None]
        x = (middle[:, 0] / stride).floor().long()[:, None, None] + step
        inside = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
        suits = (long_side >= smallest * stride) & (long_side <= largest * stride)
        found.append((start + y.clamp(0, rows - 1) * columns + x.clamp(0, columns - 1)).flatten(1))
        allowed.append((inside & suits[:, None, None]).flatten(1))
        start += rows * columns
    return torch.cat(found, 1), torch.cat(allowed, 1)


def detection_loss(
    outputs: Tensor, targets: Targets, height: int, width: int, box_weight: float = 3.0, landmark_weight: float = 1.0
) -> dict[str, Tensor]:
    """The ``loss`` of a batch, its terms, and ``positives``, of outputs (N, A, 15) of ``height`` by ``width`` pixels.

    ``box_weight`` and ``landmark_weight`` are relative to the score loss; ``positives`` is the number of pairs.
    """
    outputs = outputs.float()
    faces, flat_points = assign(outputs, targets, height, width)
    flat = outputs.reshape(-1, outputs.shape[2])
    centers, strides = _grid(height, width)
    point = flat_points % outputs.shape[1]
    unit, raw, boxes = strides[point, None] * UNIT, flat[flat_points], targets.boxes[faces]
    iou, eiou = iou_and_eiou(decode_boxes(raw[:, 1:5], centers[point], unit), boxes)

    # Half of the target is for the face itself; the rest ranks its points by the fit of their boxes.
    quality = torch.zeros(len(flat)).index_put((flat_points,), 0.5 + iou.detach().clamp(0, 1) / 2)
    counted = (~targets.ignored.flatten()).index_fill(0, flat_points, True)
    scores = flat[:, 0]
    focus = (scores.detach().sigmoid() - quality).square()
    cost = binary_cross_entropy_with_logits(scores, quality, reduction="none")
    normalizer = max(len(point), 1)
    score_loss = (cost * focus * counted).sum() / normalizer
    box_loss = eiou.sum() / normalizer

    points = centers[point, None] + raw[:, 5:].reshape(-1, 5, 2) * unit[:, None]
    known = targets.landmarks[faces].isfinite().all(2).all(1)
    size = (boxes[known, 2:] - boxes[known, :2]).prod(1).sqrt()[:, None, None]
    error = (points[known] - targets.landmarks[faces][known]) / size
    landmark_loss = smooth_l1_loss(error, torch.zeros_like(error), beta=0.05, reduction="sum") / 10
    landmark_loss = landmark_loss / max(int(known.sum()), 1)
    return {
        "loss": score_loss + box_weight * box_loss + landmark_weight * landmark_loss,
        "score_loss": score_loss,
        "box_loss": box_loss,
        "landmark_loss": landmark_loss,
        "positives": torch.tensor(len(point)),
    }
