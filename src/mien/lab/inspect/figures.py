"""The charts and thumbnails of the inspection report."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter

from ...data.dataset import SPLITS, TRAIN, Dataset
from ...emotions import EMOTIONS
from .measures import Quality

#: Colors of the parts that are told apart by people with any color vision (Okabe and Ito 2008), on light and on dark.
_PARTS = ("#0072B2", "#CC79A7", "#D55E00", "#009E73")
_LIGHT_INK, _DARK_INK = "#1f2430", "#e6e8ee"
_WIDTH = 5.0  # inches: on a telephone, letters of 10 points are still read


@dataclass(frozen=True)
class Chart:
    """A drawing: ``light`` and ``dark`` are SVG, the same but for the ink, on no ground of their own."""

    light: bytes
    dark: bytes


def class_bars(faces: Dataset) -> Chart:
    """The share of each emotion in each part."""
    parts = [split for split in SPLITS if (faces.split == split).any()]
    labels = np.unique(faces.labels)
    height = 0.8 / len(parts)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, part in enumerate(parts):
            counts = np.bincount(faces.labels[faces.split == part], minlength=len(EMOTIONS))[labels]
            places = np.arange(len(labels)) + (number - (len(parts) - 1) / 2) * height
            color = _PARTS[SPLITS.index(part)]
            bars = axes.barh(places, counts / counts.sum(), height * 0.92, color=color, label=part)
            axes.bar_label(bars, [f"{100 * n / counts.sum():.1f}" for n in counts], padding=2, fontsize=8)
        axes.set_yticks(range(len(labels)), [EMOTIONS[label] for label in labels])
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.set_xlabel("share of the part's images")
        axes.xaxis.set_major_formatter(PercentFormatter(1, 0, " %"))
        _calm(axes, "x")
        figure.legend(frameon=False, ncols=4, loc="outside upper left")

    return _chart(draw, 0.9 + len(labels) * (0.2 + 0.17 * len(parts)))


def spread(faces: Dataset, quality: Quality) -> Chart:
    """How brightness, contrast and sharpness are spread in each part, and where the limits lie."""
    seen = ~quality.blank
    sharp = np.log10(np.maximum(quality.sharpness, 1e-3))
    limit = np.log10(quality.least_sharpness) if quality.least_sharpness > 0 else -np.inf
    panels = (
        ("brightness: mean gray, 0 to 255", quality.brightness, -np.inf, ""),
        ("light: the gray that 95 % of the pixels stay below", quality.light, quality.least_light, "dark"),
        ("contrast: standard deviation of the grays", quality.contrast, -np.inf, ""),
        ("sharpness: variance of Laplacian / of grays, log scale", sharp, limit, "blurred"),
    )

    def draw(figure: Figure) -> None:
        for axes, (title, values, least, word) in zip(figure.subplots(len(panels), 1), panels):
            _histogram(axes, faces, values, seen)
            axes.set_title(title, fontsize=10, loc="left")
            if np.isfinite(least):
                axes.axvline(least, color="#D55E00", linewidth=1.2, linestyle="--")
                axes.text(
                    least, 0.97, f"{word} ", transform=axes.get_xaxis_transform(), ha="right", va="top", fontsize=9
                )
            if values is sharp:
                axes.xaxis.set_major_locator(MultipleLocator(1))
                axes.xaxis.set_major_formatter(lambda power, _: f"{10**power:g}")
        if len(set(faces.split.tolist())) > 1:
            figure.legend(*figure.axes[0].get_legend_handles_labels(), frameon=False, ncols=4, loc="outside upper left")
        figure.supylabel("share of the part's images", fontsize=10)

    return _chart(draw, 8.2)


def _histogram(axes: Axes, faces: Dataset, values: npt.NDArray[np.float32], seen: npt.NDArray[np.bool_]) -> None:
    low, high = (float(values[seen].min()), float(values[seen].max())) if seen.any() else (0.0, 1.0)
    edges = np.linspace(low, max(high, low + 1e-3), 41)
    for number, part in enumerate(SPLITS):
        rows = seen & (faces.split == part)
        if rows.any():
            shares = np.histogram(values[rows], edges)[0] / rows.sum()
            axes.stairs(shares, edges, color=_PARTS[number], label=part, linewidth=1.6, fill=False)
            if part == TRAIN:  # several fills would mix into a color of no part
                axes.stairs(shares, edges, color=_PARTS[number], alpha=0.18, fill=True)
    axes.yaxis.set_major_formatter(PercentFormatter(1, 0, " %"))
    axes.set_ylim(bottom=0)
    _calm(axes, "y")


def _chart(draw: Callable[[Figure], None], height: float) -> Chart:
    return Chart(*(_drawn(draw, height, ink) for ink in (_LIGHT_INK, _DARK_INK)))


def _drawn(draw: Callable[[Figure], None], height: float, ink: str) -> bytes:
    settings: Any = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), ink
    )
    with mpl.rc_context({**settings, "font.size": 10, "svg.hashsalt": "mien"}):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        draw(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


def _calm(axes: Axes, grid: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, axis=grid)  # type: ignore[arg-type]  # the stubs want a literal
    axes.set_axisbelow(True)


_MOST_SIDE = 96
_SAMPLES = 12


@dataclass(frozen=True)
class Shown:
    """An image: its data, its name for those who point at it or cannot see it, and the lines below it."""

    uri: str
    title: str
    lines: tuple[str, ...] = ()


def shown(faces: Dataset, row: int, remark: str = "") -> Shown:
    """One image with its label (or the remark), name, and part."""
    label = EMOTIONS[faces.labels[row]]
    lines = (remark or label, f"{faces.names[row]}, {faces.split[row]}")
    return Shown(_uri(faces.images[row]), f"{faces.names[row]}: {label}", lines)


def samples(faces: Dataset) -> list[tuple[str, list[Shown]]]:
    """Some images of each class, drawn with a fixed seed."""
    rng = np.random.default_rng(0)
    drawn = []
    for label in np.unique(faces.labels):
        rows = rng.permutation(np.flatnonzero(faces.labels == label))[:_SAMPLES]
        images = [Shown(_uri(faces.images[row]), str(faces.names[row])) for row in rows]
        drawn.append((EMOTIONS[label], images))
    return drawn


def mean_faces(faces: Dataset, rows: npt.NDArray[np.bool_]) -> list[Shown]:
    """The mean image of each class.

    Args:
        faces: N images.
        rows: bool (N,), those to take.
    """
    means = []
    for label in np.unique(faces.labels[rows]):
        there = np.flatnonzero(rows & (faces.labels == label))
        total = np.zeros(faces.images.shape[1:], np.float64)
        for row in there:
            total += faces.images[row]
        mean = np.rint(total / len(there)).astype(np.uint8)
        words = f"mean of {len(there):,}"
        means.append(Shown(_uri(mean), f"{EMOTIONS[label]}: {words}", (EMOTIONS[label], words)))
    return means


def _uri(image: npt.NDArray[np.uint8]) -> str:
    """The image as a PNG data URI, or as JPEG where it is large."""
    scale = _MOST_SIDE / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR) if small.ndim == 3 else small
    kind = "png" if small.ndim == 2 and max(small.shape) <= 64 else "jpeg"
    data = cv2.imencode(f".{kind}", bgr)[1].tobytes()
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
