"""Explanations as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from .. import __version__
from ..drawing import caption
from ..extras import require
from .heatmap import enlarged, lay_over
from .values import Explanation
from .words import doubts_told, short, told


def page(explanations: Sequence[Explanation], title: str) -> bytes:
    """The page, UTF-8: for light and dark, wide and narrow screens, without scripts; nothing is fetched from elsewhere.

    Args:
        explanations: what to show.
        title: what to call it.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    jinja2 = require("jinja2", "explain")
    template = resources.files(__package__ or "").joinpath("page.html.j2").read_text("utf-8")
    made = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True).from_string(template)
    text: str = made.render(
        title=title,
        faces=[_face(explanation) for explanation in explanations],
        made=f"Made by mien {__version__} on {datetime.now(timezone.utc):%Y-%m-%d}.",
    )
    return text.encode()


def _face(explanation: Explanation) -> dict[str, Any]:
    checks = doubts_told(explanation)
    # The bars of a face share one scale, and zero stands where the longest on either side just fits
    right = max(0.05, *(part.share for part in explanation.parts))
    left = max(0.0, *(-part.share for part in explanation.parts))
    return {
        "name": f"{Path(explanation.name).name}, face {explanation.number}",
        "caption": caption(explanation.reading),
        "emotion": explanation.emotion,
        "size": explanation.crop.shape[0],
        "crop": _png(enlarged(explanation.crop, explanation.crop.shape[0])),
        "map": _png(lay_over(explanation.face, explanation.heat)),
        "said": _unbroken([line for line in told(explanation) if line not in checks]),
        "checks": _unbroken(checks),
        "left": 100 * left / (left + right),
        "parts": [
            {"name": part.name, "words": short(part), "wide": 100 * part.share / right} for part in explanation.parts
        ],
        "deletion": _line(explanation.curves.shares, explanation.curves.deletion),
        "random": _line(explanation.curves.shares, explanation.curves.random_deletion),
    }


def _line(shares: npt.NDArray[np.float32], heights: npt.NDArray[np.float32]) -> str:
    return " ".join(f"{42 + 276 * share:.1f},{120 - 110 * height:.1f}" for share, height in zip(shares, heights))


def _unbroken(lines: Sequence[str]) -> list[str]:
    return [line.replace(" %", "\N{NO-BREAK SPACE}%") for line in lines]


def _png(image: npt.NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
