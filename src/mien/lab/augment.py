"""Random changes to a batch of training images, made in a few tensor operations for the whole batch.

All functions take and give float (N, C, H, W) with values 0-1, and draw from torch's global generator.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from .corruptions import corrupt
from .recipe import Augment


def augment(images: torch.Tensor, how: Augment, size: int, strong: bool) -> torch.Tensor:
    """Change images, (N, C, H, W), at random as ``how`` says and scale them to ``size``; ``strong`` may erase too."""
    moved = move(images, how)
    grows = size > moved.shape[-1]  # light is changed where there are fewer pixels
    lit = resize(relight(moved, how), size) if grows else relight(resize(moved, size), how)
    if how.noise:
        lit = (lit + how.noise * torch.randn_like(lit)).clamp(0, 1)
    if how.corrupt:
        lit = corrupt(lit, how.corrupt)
    return erase(lit, how.erase) if strong and how.erase else lit


def glance(images: torch.Tensor, how: Augment, size: int) -> torch.Tensor:
    """Images changed so little that their emotion is as easy to tell as before: mirrored and shifted."""
    still = how.model_copy(update={"rotate": 0.0, "shear": 0.0, "zoom": (1.0, 1.0), "shift": min(how.shift, 0.06)})
    return resize(move(images, still), size)


def move(images: torch.Tensor, how: Augment) -> torch.Tensor:
    """Rotate, shear, scale, shift and mirror in one resampling; the border is repeated outwards."""
    n = len(images)
    angle = _between(n, -how.rotate, how.rotate, images) * math.pi / 180
    low, high = how.zoom
    zoom = torch.exp(_between(n, math.log(low), math.log(high), images))
    mirror = torch.where(torch.rand(n, device=images.device) < how.flip, -1.0, 1.0)
    if how.shear:
        slant = torch.tan(_between(n, -how.shear, how.shear, images) * math.pi / 180)
    else:
        slant = torch.zeros(n, device=images.device)
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    shift_x, shift_y = (_between(n, -2 * how.shift, 2 * how.shift, images) for _ in range(2))
    rows = [mirror * cos, slant * cos - sin, shift_x], [mirror * sin, slant * sin + cos, shift_y]
    theta = torch.stack([torch.stack(row, 1) for row in rows], 1)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def resize(images: torch.Tensor, size: int) -> torch.Tensor:
    """Scale to a square of side ``size``, averaging what is lost."""
    if images.shape[-2:] == (size, size):
        return images
    return functional.interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False)


def relight(images: torch.Tensor, how: Augment) -> torch.Tensor:
    """Change contrast, brightness and gamma; the result stays within 0-1."""
    if not (how.contrast or how.brightness or how.gamma):
        return images
    n = len(images)
    limits = math.log1p(how.gamma)
    contrast = _between(n, 1 - how.contrast, 1 + how.contrast, images).view(n, 1, 1, 1)
    brightness = _between(n, -how.brightness, how.brightness, images).view(n, 1, 1, 1)
    gamma = torch.exp(_between(n, -limits, limits, images)).view(n, 1, 1, 1)
    mean = images.mean((1, 2, 3), keepdim=True)
    return ((images - mean) * contrast + mean + brightness).clamp(1e-6, 1) ** gamma


def erase(images: torch.Tensor, probability: float) -> torch.Tensor:
    """Fill a random rectangle of some images with one gray (random erasing, Zhong et al. 2017)."""
    n, _, height, width = images.shape
    area = _between(n, 0.02, 0.25, images)
    ratio = torch.exp(_between(n, -math.log(2.5), math.log(2.5), images))
    tall, wide = torch.sqrt(area * ratio), torch.sqrt(area / ratio)
    top, left = _between(n, 0, 1, images) * (1 - tall), _between(n, 0, 1, images) * (1 - wide)
    ys = (torch.arange(height, device=images.device) + 0.5) / height
    xs = (torch.arange(width, device=images.device) + 0.5) / width
    inside_y = (ys >= top[:, None]) & (ys < (top + tall)[:, None])
    inside_x = (xs >= left[:, None]) & (xs < (left + wide)[:, None])
    chosen = _between(n, 0, 1, images) < probability
    mask = (chosen[:, None, None] & inside_y[:, :, None] & inside_x[:, None, :]).unsqueeze(1)
    return torch.where(mask, _between(n, 0, 1, images).view(n, 1, 1, 1), images)


def mixup_pairs(n: int, alpha: float) -> tuple[torch.Tensor, float]:
    """Which image to blend each with, int (n,), and the share of the first (mixup, Zhang et al. 2018)."""
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    return torch.randperm(n), share


def _between(n: int, low: float, high: float, like: torch.Tensor) -> torch.Tensor:
    return torch.rand(n, device=like.device) * (high - low) + low
