"""Augmentation of training images, and image corruptions: light, lens, low resolution and occlusion.

All functions take and return float (N, C, H, W) with values 0-1; random ones draw from torch's global generator. The
robustness test uses corruptions of a given strength; ``corrupt`` draws strengths for training (Hendrycks and Dietterich
2019, arXiv 1903.12261). ``docs/results/robustness.md`` describes each corruption.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch.nn import functional

from .recipe import Augment

Corruption = Callable[[torch.Tensor], torch.Tensor]
Strength = float | torch.Tensor


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
    """Weak augmentation: mirror and shift images."""
    still = how.model_copy(update={"rotate": 0.0, "shear": 0.0, "zoom": (1.0, 1.0), "shift": min(how.shift, 0.06)})
    return resize(move(images, still), size)


def move(images: torch.Tensor, how: Augment) -> torch.Tensor:
    """Rotate, shear, scale, shift and mirror in one resampling; the border is repeated outwards."""
    n = len(images)
    angle = _between(images, -how.rotate, how.rotate).view(n) * math.pi / 180
    low, high = how.zoom
    zoom = torch.exp(_between(images, math.log(low), math.log(high)).view(n))
    mirror = torch.where(torch.rand(n, device=images.device) < how.flip, -1.0, 1.0)
    if how.shear:
        slant = torch.tan(_between(images, -how.shear, how.shear).view(n) * math.pi / 180)
    else:
        slant = torch.zeros(n, device=images.device)
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    shift_x, shift_y = (_between(images, -2 * how.shift, 2 * how.shift).view(n) for _ in range(2))
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
    contrast = _between(images, 1 - how.contrast, 1 + how.contrast)
    brightness = _between(images, -how.brightness, how.brightness)
    gamma = torch.exp(_between(images, -limits, limits).view(n)).view(n, 1, 1, 1)
    mean = images.mean((1, 2, 3), keepdim=True)
    return ((images - mean) * contrast + mean + brightness).clamp(1e-6, 1) ** gamma


def erase(images: torch.Tensor, probability: float) -> torch.Tensor:
    """Fill a random rectangle of some images with one gray (random erasing, Zhong et al. 2017)."""
    n, _, height, width = images.shape
    area = _between(images, 0.02, 0.25).view(n)
    ratio = torch.exp(_between(images, -math.log(2.5), math.log(2.5)).view(n))
    tall, wide = torch.sqrt(area * ratio), torch.sqrt(area / ratio)
    top, left = _between(images, 0, 1).view(n) * (1 - tall), _between(images, 0, 1).view(n) * (1 - wide)
    ys = (torch.arange(height, device=images.device) + 0.5) / height
    xs = (torch.arange(width, device=images.device) + 0.5) / width
    inside_y = (ys >= top[:, None]) & (ys < (top + tall)[:, None])
    inside_x = (xs >= left[:, None]) & (xs < (left + wide)[:, None])
    chosen = _between(images, 0, 1).view(n) < probability
    mask = (chosen[:, None, None] & inside_y[:, :, None] & inside_x[:, None, :]).unsqueeze(1)
    return torch.where(mask, _between(images, 0, 1), images)


def mixup_pairs(n: int, alpha: float) -> tuple[torch.Tensor, float]:
    """The partner of each image to blend with, int (n,), and the weight of the image (mixup, Zhang et al. 2018)."""
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    return torch.randperm(n), share


def dim(images: torch.Tensor, light: Strength, noise: torch.Tensor) -> torch.Tensor:
    """Values times ``light``, with sensor noise: ``noise`` times photon noise and read noise of 2 gray levels."""
    values = images * light
    return values + noise * torch.sqrt(values * (0.2 / 255) + (2 / 255) ** 2)


def scale_contrast(images: torch.Tensor, factor: Strength, mean: torch.Tensor | None = None) -> torch.Tensor:
    """Distances from the mean value times ``factor``, around ``mean`` (by default the image's own)."""
    own = images.mean((1, 2, 3), keepdim=True)
    return (images - own) * factor + (own if mean is None else mean)


def gaussian_blur(images: torch.Tensor, sigma: Strength, reach: int) -> torch.Tensor:
    """Blur with a Gaussian of ``sigma`` pixels, (N, 1, 1) or a number, cut off at ``reach`` pixels."""
    place = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
    kernels = torch.exp(-(place[:, None] ** 2 + place**2) / (2 * torch.as_tensor(sigma) ** 2))
    return _filtered(images, kernels.expand(len(images), -1, -1))


def motion_blur(images: torch.Tensor, length: Strength, angle: Strength, reach: int) -> torch.Tensor:
    """Motion blur: the mean along a line of ``length`` pixels at ``angle`` radians, (N, 1, 1) or numbers."""
    half, angle = torch.as_tensor(length) / 2, torch.as_tensor(angle)
    place = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
    x, y = place[None, None, :], place[None, :, None]
    along, beside = x * torch.cos(angle) + y * torch.sin(angle), y * torch.cos(angle) - x * torch.sin(angle)
    kernels = (1 - beside.abs()).clamp(0) * (half + 0.5 - along.abs()).clamp(0, 1)
    return _filtered(images, kernels.expand(len(images), -1, -1))


def corrupt(images: torch.Tensor, probability: float) -> torch.Tensor:
    """Corrupt each image with ``probability``, each in one way, drawn by the weights of ``MIX``; not in place."""
    device = images.device
    weights = torch.tensor([weight for weight, _ in MIX])
    kinds = torch.multinomial(weights, len(images), replacement=True).to(device)
    kinds = torch.where(torch.rand(len(images), device=device) < probability, kinds, -1)
    corrupted = images.clone()
    for number, (_, change) in enumerate(MIX):
        rows = torch.nonzero(kinds == number).squeeze(1)
        if len(rows):
            corrupted[rows] = change(images[rows]).clamp(0, 1)
    return corrupted


def darken(images: torch.Tensor) -> torch.Tensor:
    """Darkness: 0.06 to 0.7 of the light, with sensor noise, in 256 levels."""
    light = _log_between(images, 0.06, 0.7)
    # at 48 pixels a pixel is the mean of several of the camera's, so the noise is half as strong as in the camera
    return _steps(dim(images, light, 0.5 * torch.randn_like(images)))


def flatten(images: torch.Tensor) -> torch.Tensor:
    """Low contrast: contrast times 0.08 to 0.7 around a mean shifted by up to 0.2, in 256 levels."""
    moved = (images.mean((1, 2, 3), keepdim=True) + _between(images, -0.2, 0.2)).clamp(0.1, 0.9)
    return _steps(scale_contrast(images, _log_between(images, 0.08, 0.7), moved))


def overexpose(images: torch.Tensor) -> torch.Tensor:
    """Overexposure: values times 1.2 to 2, clipped at white."""
    return images * _between(images, 1.2, 2.0)


def blur(images: torch.Tensor) -> torch.Tensor:
    """Defocus: a Gaussian of 0.8 to 4.5% of the side."""
    sigma = _log_between(images, 0.008, 0.045) * images.shape[-1]
    return gaussian_blur(images, sigma.view(-1, 1, 1), max(1, math.ceil(0.09 * images.shape[-1])))


def shake(images: torch.Tensor) -> torch.Tensor:
    """Motion blur: the mean along a line of 5 to 22% of the side, in any direction."""
    length = _between(images, 0.05, 0.22).view(-1, 1, 1) * images.shape[-1]
    angle = _between(images, 0, math.pi).view(-1, 1, 1)
    return motion_blur(images, length, angle, math.ceil(0.11 * images.shape[-1]) + 1)


def shrink(images: torch.Tensor) -> torch.Tensor:
    """Low resolution: reduce to 0.2 to 0.7 of the side and enlarge again, with one size for all images."""
    side = images.shape[-1]
    low, high = math.log(0.2), math.log(0.7)
    fewer = max(2, round(side * math.exp(low + (high - low) * float(torch.rand(())))))
    small = functional.interpolate(images, (fewer, fewer), mode="bilinear", antialias=True, align_corners=False)
    return functional.interpolate(small, images.shape[-2:], mode="bilinear", align_corners=False)


def roughen(images: torch.Tensor) -> torch.Tensor:
    """Gaussian noise with a standard deviation of 0.02 to 0.18, per pixel or per square of two by two pixels."""
    noise = torch.randn_like(images)
    if torch.rand(()) < 0.3:
        side = -(-images.shape[-1] // 2)
        noise = functional.interpolate(noise[..., :side, :side], images.shape[-2:], mode="nearest")
    return images + _log_between(images, 0.02, 0.18) * noise


def compress(images: torch.Tensor) -> torch.Tensor:
    """JPEG compression: 8 x 8 blocks, rounded in the frequencies (Wallace 1992) with the standard's table for brightness.

    Quality 3 to 40, as in libjpeg. Chroma and Huffman coding, which do not affect a gray crop, are left out.
    """
    height, width = images.shape[-2:]
    padded = functional.pad(images, (0, -width % 8, 0, -height % 8), mode="replicate")
    # blocks as rows, so that one matrix of 64 x 64 does both directions at once
    blocks = functional.pixel_unshuffle(padded.flatten(0, 1).unsqueeze(1), 8)
    base, table = _cosines().to(images), _TABLE.to(images)
    quality = _log_between(images, 3, 40)
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality) / 100
    steps = (table * scale.view(-1, 1)).clamp(1, 255).repeat_interleave(images.shape[1], 0)[:, :, None, None] / 255
    frequencies = torch.einsum("fk,nkhw->nfhw", base, blocks - 0.5)
    rounded = torch.round(frequencies / steps) * steps
    back = functional.pixel_shuffle(torch.einsum("fk,nfhw->nkhw", base, rounded), 8) + 0.5
    return back.view(padded.shape)[..., :height, :width]


def cover_below(images: torch.Tensor) -> torch.Tensor:
    """A mask or a hand: one gray level, from below the eyes to the chin, with a round upper edge."""
    x, y = _grid(images)
    top, wide = _between(images, 0.48, 0.66), _between(images, 0.30, 0.46)
    middle, bend = _between(images, 0.42, 0.58), _between(images, 0.0, 0.14)
    across = (x - middle) / wide
    narrower = 1 - 0.55 * ((y - 0.72) / 0.28).clamp(0, 1) ** 2
    inside = (y > top + bend * across**2) & (across.abs() < narrower) & (y < _between(images, 0.92, 1.05))
    return torch.where(inside, _shade(images, 0.1, 0.95), images)


def cover_eyes(images: torch.Tensor) -> torch.Tensor:
    """Sunglasses: two lenses with a bridge, mostly dark; sometimes one bar, such as hair."""
    x, y = _grid(images)
    down = _between(images, 0.36, 0.44)
    apart, wide = _between(images, 0.16, 0.21), _between(images, 0.11, 0.18)
    tall = _between(images, 0.07, 0.13)
    side = x - _between(images, 0.47, 0.53)
    lens = ((side.abs() - apart) / wide) ** 4 + ((y - down) / tall) ** 4 < 1
    bridge = (side.abs() < 0.46) & ((y - down + 0.04).abs() < 0.02)
    bar = (side.abs() < 0.46) & ((y - down).abs() < tall)
    one_bar = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.2
    return torch.where(torch.where(one_bar, bar, lens | bridge), _shade(images, 0.0, 0.35), images)


#: How often each corruption is drawn, and what it is.
MIX: tuple[tuple[float, Corruption], ...] = (
    (0.16, darken),
    (0.12, flatten),
    (0.05, overexpose),
    (0.14, blur),
    (0.12, shake),
    (0.13, shrink),
    (0.09, roughen),
    (0.05, compress),
    (0.08, cover_below),
    (0.06, cover_eyes),
)


def _filtered(images: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
    """Each image averaged by its own kernel, (N, K, K), K odd; the border is repeated outwards."""
    n, channels, height, width = images.shape
    reach = kernels.shape[-1] // 2
    kernels = (kernels / kernels.sum((1, 2), keepdim=True)).repeat_interleave(channels, 0).unsqueeze(1)
    padded = functional.pad(images, (reach,) * 4, mode="replicate").view(1, n * channels, height + 2 * reach, -1)
    return functional.conv2d(padded, kernels, groups=n * channels).view(n, channels, height, width)


@lru_cache(maxsize=1)
def _cosines() -> torch.Tensor:
    """(64, 64): the discrete cosine transform of a block of 8 x 8, both directions at once; orthonormal."""
    place = torch.arange(8, dtype=torch.float64)
    rows = torch.cos(math.pi * (2 * place[None] + 1) * place[:, None] / 16) / 2
    rows[0] /= math.sqrt(2)
    return torch.kron(rows, rows).float()


#: Step sizes of the JPEG standard (ITU-T T.81, table K.1), for values 0-255, at quality 50.
_TABLE = torch.tensor(
    [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87,
     80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92,
     95, 98, 112, 100, 103, 99],
    dtype=torch.float32,
)  # fmt: skip


def _steps(values: torch.Tensor) -> torch.Tensor:
    """Values as a file of 8 bits holds them."""
    return torch.round(values.clamp(0, 1) * 255) / 255


def _grid(like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """X (1, 1, 1, W) and y (1, 1, H, 1) of the pixels' middles, in shares of the side."""
    height, width = like.shape[-2:]
    x = (torch.arange(width, device=like.device, dtype=like.dtype) + 0.5) / width
    y = (torch.arange(height, device=like.device, dtype=like.dtype) + 0.5) / height
    return x.view(1, 1, 1, -1), y.view(1, 1, -1, 1)


def _shade(like: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """One shade an image, with a little texture."""
    return _between(like, low, high) + 0.03 * torch.randn_like(like)


def _between(like: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """(N, 1, 1, 1): one number per image."""
    return torch.rand(len(like), 1, 1, 1, device=like.device, dtype=like.dtype) * (high - low) + low


def _log_between(like: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """(N, 1, 1, 1): one number per image, as often between 1 and 2 as between 2 and 4."""
    return torch.exp(_between(like, math.log(low), math.log(high)))
