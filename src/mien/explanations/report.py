"""Explanations in words, as a map over the face, and as one self-contained HTML page."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from .. import __version__
from ..drawing import caption, percent
from ..errors import OptionError
from ..extras import require
from ..io.atomic import write_atomically
from ..types import MIN_SHARPNESS, AbstainReason, Reading
from .explanation import LEAST_EFFECT, LEAST_GAIN, Explanation, Limitation, Part

#: What spoke for the emotion, and what against it: RGB, the ends of ColorBrewer's PuOr (Harrower and Brewer 2003).
FOR, AGAINST = (230, 97, 1), (94, 60, 153)
_STRONGEST = 0.8  # how much of the face the color hides where the map is strongest


def lay_over(face: npt.NDArray[np.uint8], heat: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """The face in gray, with orange where it spoke for the emotion and purple where against.

    A white line runs around the strongest places, for those who see the colors badly.

    Args:
        face: uint8 (L, L, 3), RGB.
        heat: float32 (S, S), of the same square; scaled to its own strongest place.

    Returns:
        uint8 (L, L, 3), RGB.
    """
    side = face.shape[0]
    fine = cv2.resize(heat, (side, side), interpolation=cv2.INTER_CUBIC)
    strongest = float(np.abs(fine).max())
    scaled = fine / strongest if strongest > 0 else fine
    gray = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]
    ground = 40 + 0.8 * gray  # lighter than it was: the colors must show on dark skin and hair too
    color = np.where(scaled[..., None] >= 0, np.array(FOR, np.float32), np.array(AGAINST, np.float32))
    cover = (_STRONGEST * np.clip(np.abs(scaled), 0, 1) ** 0.8)[..., None]
    mixed = ground * (1 - cover) + color * (0.55 + 0.45 * gray / 255) * cover
    canvas = np.ascontiguousarray(np.clip(np.rint(mixed), 0, 255).astype(np.uint8))
    outlines, _ = cv2.findContours((scaled > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, outlines, -1, (255, 255, 255), max(1, side // 192), cv2.LINE_AA)
    return canvas


def enlarged(crop: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """A crop, gray or RGB, as RGB with its pixels to be seen: uint8 (side, side, 3)."""
    rgb = np.repeat(crop[..., None], 3, 2) if crop.ndim == 2 else crop
    how = cv2.INTER_NEAREST if rgb.shape[0] <= side else cv2.INTER_AREA
    return np.asarray(cv2.resize(rgb, (side, side), interpolation=how), np.uint8)


#: Endings of the files that explanations can be saved to.
FORMATS = (".png", ".html", ".htm", ".json")
#: What a part is called in a sentence.
CALLED = {
    "eyes": "the eyes",
    "brows": "the brows and forehead",
    "nose": "the nose",
    "mouth": "the mouth",
    "cheeks": "the cheeks and jaw",
    "outside": "what surrounds the face",
}
_WORTH_SAYING = 0.15  # smaller shares are not worth a word
_AFTER_BLURRING = 0.3  # the share of the image that is spoken of


@dataclass(frozen=True)
class Summary:
    """An explanation in sentences.

    Attributes:
        findings: what was read and which parts drove it, the most important first.
        checks: how far the map can be trusted, one sentence a check.
    """

    findings: tuple[str, ...]
    checks: tuple[str, ...]


def summarize(explanation: Explanation) -> Summary:
    """Describe an explanation in sentences."""
    findings = [read_as(explanation.reading)]
    if explanation.emotion != explanation.reading.emotion:
        findings.append(
            f"Explained is {explanation.emotion}, with a probability of {_percent(explanation.probability)}."
        )
    findings += [*_parts_told(explanation), *_turn_told(explanation)]
    return Summary(tuple(findings), tuple(_checks(explanation)))


def read_as(reading: Reading) -> str:
    """What was read, in words; also why it abstains, and which emotions share the face."""
    best = f"{reading.emotion} ({_percent(reading.confidence)})"
    if reading.abstained:
        return f"No reading to rely on: {_and([_reason(reading, reason) for reason in reading.abstain_reasons])}."
    if reading.mixed and reading.vote_shares is not None:
        votes = dict(zip(reading.emotions, reading.vote_shares.tolist()))
        counts = [f"about {10 * votes[emotion]:.0f} would say {emotion}" for emotion in reading.mixed]
        return f"A mixed face: {_and(list(reading.mixed))} share it. Of ten people {_and(counts)}."
    return f"Read as {best}."


def _checks(explanation: Explanation) -> list[str]:
    """How far the map can be trusted, one sentence a check."""
    curves, emotion = explanation.curves, explanation.emotion
    said = []
    if Limitation.WEAK in explanation.limitations:
        said.append(
            f"Blurred beyond recognition the face still gets {_percent(explanation.blurred_probability)} for {emotion}: "
            "there is little here that parts of the face could explain."
        )
    held, random = curves.at(_AFTER_BLURRING), curves.at(_AFTER_BLURRING, random=True)
    said.append(
        f"Check 1: with the strongest 30 % of the map blurred, {emotion} goes from {_percent(explanation.probability)} to "
        f"{_percent(held)}; with 30 % elsewhere, to {_percent(random)}."
        + (_chance(explanation) if Limitation.UNFAITHFUL in explanation.limitations else "")
    )
    other = "a map of shifted patches" if explanation.method == "occlusion" else "the occlusion map"
    said.append(
        f"Check 2: {other} looks {_alike(explanation.agreement)} (correlation {explanation.agreement:.2f})."
        + (" Do not read details into it." if Limitation.UNSTABLE in explanation.limitations else "")
    )
    if not explanation.placed:
        said.append("No landmarks were found: the parts are where they lie in most faces.")
    return said


def _chance(explanation: Explanation) -> str:
    curves = explanation.curves
    if max(curves.deletion.max(), curves.insertion.max()) < LEAST_GAIN:  # then no map at all could beat chance
        return (
            f" So little of {explanation.emotion} shows anywhere that this check cannot tell: do not lean on the map."
        )
    return " The map hardly beats chance: do not lean on it."


def short(part: Part) -> str:
    """A part's share: ``59 %``, or ``-12 %`` where it spoke against the emotion."""
    return f"{round(100 * part.share)} %".replace("-", "\N{MINUS SIGN}")


def _parts_told(explanation: Explanation) -> list[str]:
    emotion = explanation.emotion
    loud = [part for part in explanation.parts if part.share >= _WORTH_SAYING]
    against = [part for part in reversed(explanation.parts) if part.share <= -_WORTH_SAYING]
    if not loud or max(part.effect for part in explanation.parts) < LEAST_EFFECT / 10:
        hindered = f"; {_and([CALLED[part.name] for part in against])} spoke against it" if against else ""
        return [f"No part of the face spoke for {emotion}{hindered}."]
    first = "Mostly" if loud[0].share >= 0.5 else "First"
    names = [f"{CALLED[part.name]} ({short(part)})" for part in loud]
    line = f"{first} {names[0]}" + (f", then {_and(names[1:])}" if names[1:] else "") + f" spoke for {emotion}"
    return [line + (f"; {_and([CALLED[part.name] for part in against])} spoke against it." if against else ".")]


def _turn_told(explanation: Explanation) -> list[str]:
    read = explanation.reading.emotion
    if not explanation.turning:
        return [f"Whatever is blurred, even the whole face, the network goes on reading {read}."]
    gone = [CALLED[name] for name in explanation.turning]
    if len(gone) >= len(CALLED) - 1:
        return [f"Only with nearly the whole face blurred it would read {explanation.turned}."]
    return [f"Without {_and(gone)} it would read {explanation.turned}."]


def _reason(reading: Reading, reason: AbstainReason) -> str:
    if reason is AbstainReason.BLURRED:
        return f"the face is too small or too blurred (detail {reading.sharpness or 0:.3f}, needed {MIN_SHARPNESS:g})"
    if reason is AbstainReason.LOW_CONFIDENCE:
        first, second = list(reading.scores().items())[:2]
        return (
            f"the likeliest emotion, {first[0]}, gets only {_percent(first[1])}, with {second[0]} next at "
            f"{_percent(second[1])}; {_percent(reading.min_confidence)} are needed"
        )
    return (
        f"the face most likely shows none of the emotions asked about ({_percent(reading.in_label_set)} that it does)"
    )


def _alike(agreement: float) -> str:
    return "much the same" if agreement >= 0.85 else "similar" if agreement >= 0.7 else "rather different"


def _percent(probability: float) -> str:
    return "under 1 %" if probability < 0.005 else percent(probability)


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def save(path: Path, explanations: Sequence[Explanation]) -> None:
    """Write explanations as an image (.png), a page (.html) or all numbers (.json).

    Args:
        path: what to write; its folder is made if need be.
        explanations: at least one.

    Raises:
        OptionError: the name has another ending.
        OutputError: the place cannot be written to.
        MissingExtraError: a page needs Jinja2, which is not installed.
    """
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise OptionError(
            f"got {path.name!r}, expected a name that ends in {', '.join(FORMATS)}", hint=f"Use {path.stem}.html."
        )
    if kind == ".json":
        table = [one.to_dict() for one in explanations]
        content = (json.dumps(table, ensure_ascii=False, allow_nan=False) + "\n").encode()
    elif kind == ".png":
        from .image import image  # noqa: PLC0415  # it draws what this module says

        content = image(explanations)
    else:
        names = {one.name for one in explanations}
        content = page(explanations, Path(explanations[0].name).name if len(names) == 1 else f"{len(names)} photos")
    write_atomically(path, content)


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
    summary = summarize(explanation)
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
        "said": _unbroken(summary.findings),
        "checks": _unbroken(summary.checks),
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
