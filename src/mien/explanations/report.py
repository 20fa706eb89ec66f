"""Explanations as a report document, as one PNG, and as JSON."""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from .. import __version__
from .. import report as doc
from ..drawing import caption
from ..drawing import percent as at_most_99
from ..io.atomic import check_ending, write_atomically
from ..model.preprocess import to_gray
from ..report import decimal, escape, join, percent
from ..types import MIN_SHARPNESS, AbstainReason, Reading
from .explainer import MIN_EFFECT, MIN_GAIN, Explanation, Limitation
from .faithfulness import MAX_CORRELATION, Curves, Sanity
from .perturbation import Floats

#: What supports the emotion, and what opposes it: RGB, the ends of ColorBrewer's PuOr (Harrower and Brewer 2003).
SUPPORTS, OPPOSES = (230, 97, 1), (94, 60, 153)
_STRONGEST = 0.8  # opacity of the color where the map is strongest
#: Endings of the files that explanations can be saved to.
FORMATS = (".png", ".html", ".htm", ".md", ".json")
SANITY_FORMATS = FORMATS[1:]
_LONG_NAMES = {"brows": "brows and forehead", "cheeks": "cheeks and jaw", "outside": "surroundings of the face"}
_MIN_SHARE = 0.15  # parts of smaller shares are not mentioned in sentences
_BLURRED_SHARE = 0.3  # the share of the image for which the faithfulness check is reported
_GUIDE = (
    "Orange regions support the emotion: its probability drops if they are blurred. Purple regions oppose it. Each map is "
    "scaled to its maximum, so the strengths of two maps are not comparable. A white line marks the strongest regions.",
    "The percentages divide the support for the emotion among parts of the face. Each is the mean effect of blurring the "
    "part, over all combinations of the other parts (Shapley value).",
    "An explanation shows which parts of the face drove the prediction for this image. It does not show that the "
    "prediction is correct, or what the person feels.",
)


def overlay(face: npt.NDArray[np.uint8], heat: Floats) -> npt.NDArray[np.uint8]:
    """Draw a map over the face in gray: orange supports the emotion, purple opposes it.

    A white line around the strongest places makes them visible without color. From RGB uint8 (L, L, 3) to the same;
    ``heat`` is float32 (S, S), scaled to its maximum.
    """
    side = face.shape[0]
    fine = np.asarray(Image.fromarray(heat).resize((side, side), Image.Resampling.BICUBIC))
    scaled = fine / (float(np.abs(fine).max()) or 1.0)
    gray = to_gray(face).astype(np.float32)[..., None]
    background = 40 + 0.8 * gray  # lighter than the image: the colors must show on dark skin and hair too
    color = np.where(scaled[..., None] >= 0, np.array(SUPPORTS, np.float32), np.array(OPPOSES, np.float32))
    opacity = (_STRONGEST * np.abs(scaled) ** 0.8)[..., None]
    mixed = background * (1 - opacity) + color * (0.55 + 0.45 * gray / 255) * opacity
    mixed[_outline(scaled > 0.5, max(1, side // 192))] = 255
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _outline(mask: npt.NDArray[np.bool_], width: int) -> npt.NDArray[np.bool_]:
    grown = mask.copy()
    for axis in (0, 1):
        shifted = [np.roll(np.pad(grown, width), step, axis) for step in range(-width, width + 1)]
        grown = np.logical_or.reduce(shifted)[width:-width, width:-width]
    return np.asarray(grown & ~mask)


def enlarged(crop: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """A crop, gray or RGB, as RGB with visible pixels: uint8 (side, side, 3)."""
    method = Image.Resampling.NEAREST if crop.shape[0] <= side else Image.Resampling.BOX
    return np.asarray(Image.fromarray(crop).convert("RGB").resize((side, side), method))


def findings(explanation: Explanation) -> list[str]:
    """The prediction and what drove it, in sentences."""
    emotion, reading = explanation.emotion, explanation.reading
    sentences = [describe(reading)]
    if emotion != reading.emotion:
        sentences.append(f"Explained emotion: {emotion}, probability {_percent(explanation.probability)}.")
    names = {part.name: _LONG_NAMES.get(part.name, part.name) for part in explanation.parts}
    supports = [f"{names[p.name]} ({_share(p.share)})" for p in explanation.parts if p.share >= _MIN_SHARE]
    opposes = [names[p.name] for p in reversed(explanation.parts) if p.share <= -_MIN_SHARE]
    if max(part.effect for part in explanation.parts) < MIN_EFFECT / 10 or not supports:
        sentences.append(f"No part of the face supports {emotion}.")
    else:
        sentences.append(f"{emotion.capitalize()} is supported by the {join(supports)}.")
    if opposes:
        sentences.append(f"It is opposed by the {join(opposes)}.")
    if not explanation.decisive_parts:
        sentences.append(f"The prediction stays {reading.emotion} whatever is blurred, even the whole face.")
    elif len(explanation.decisive_parts) >= len(explanation.parts) - 1:
        sentences.append(f"It changes to {explanation.changed_emotion} only with nearly the whole face blurred.")
    else:
        decisive = join([names[name] for name in explanation.decisive_parts])
        sentences.append(f"Without the {decisive} the prediction is {explanation.changed_emotion}.")
    return sentences


def checks(explanation: Explanation) -> list[str]:
    """Describe the reliability of the map, with one or two sentences per check."""
    curves, emotion, failed = explanation.curves, explanation.emotion, explanation.limitations
    sentences = []
    if Limitation.WEAK in failed:
        blurred = _percent(explanation.blurred_probability)
        sentences.append(f"Weak: the fully blurred face still gets {blurred} for {emotion}; parts explain little.")
    by_map, at_random = (
        _percent(float(np.interp(_BLURRED_SHARE, curves.shares, curve)))
        for curve in (curves.deletion, curves.random_deletion)
    )
    faithful = (
        f"Faithfulness: blurring the strongest 30% of the map changes {emotion} from "
        f"{_percent(explanation.probability)} to {by_map}; blurring a random 30%, to {at_random}."
    )
    if Limitation.UNFAITHFUL in failed:
        hopeless = max(curves.deletion.max(), curves.insertion.max()) < MIN_GAIN  # no map could beat random places
        why = "The emotion is too unlikely to test the map." if hopeless else "The map hardly beats random places."
        faithful += f" {why} Do not rely on it."
    other = "a map of shifted patches" if explanation.method == "occlusion" else "the occlusion map"
    stable = f"Stability: the correlation with {other} is {decimal(explanation.agreement)}."
    if Limitation.UNSTABLE in failed:
        stable += " Do not interpret details of the map."
    sentences += [faithful, stable]
    if not explanation.has_landmarks:
        sentences.append("No landmarks were found: the parts are placed as in most faces.")
    return sentences


def describe(reading: Reading) -> str:
    """The prediction in a sentence; also why it abstains, and which emotions share the face."""
    if reading.abstained:
        return f"No reliable prediction: {join([_reason(reading, reason) for reason in reading.abstain_reasons])}."
    if reading.mixed and reading.vote_shares is not None:
        votes = dict(zip(reading.emotions, reading.vote_shares.tolist()))
        counts = [f"about {10 * votes[emotion]:.0f} would label it {emotion}" for emotion in reading.mixed]
        return f"Mixed expression: {join(reading.mixed)}. Of ten people, {join(counts)}."
    return f"Prediction: {reading.emotion} ({_percent(reading.confidence)})."


def _reason(reading: Reading, reason: AbstainReason) -> str:
    if reason is AbstainReason.NOT_A_FACE:
        least = _percent(reading.min_face_score)
        return f"it is probably not a face (detection score {_percent(reading.face.score)}, minimum {least})"
    if reason is AbstainReason.BLURRED:
        return (
            f"the face is too small or too blurred (sharpness {reading.sharpness or 0:.3f}, minimum {MIN_SHARPNESS:g})"
        )
    if reason is AbstainReason.LOW_CONFIDENCE:
        (first, best), (second, next_best) = list(reading.scores().items())[:2]
        return (
            f"{first} has a probability of only {_percent(best)}, followed by {second} with {_percent(next_best)} "
            f"(minimum {_percent(reading.min_confidence)})"
        )
    return f"the probability that the face shows one of these emotions is {_percent(reading.in_label_set)}"


def _percent(probability: float) -> str:
    return percent(probability, 0) if probability < 0.5 else at_most_99(probability)


def _share(share: float) -> str:
    return f"{round(100 * share)}%".replace("-", "\N{MINUS SIGN}")


def document(explanations: Sequence[Explanation]) -> doc.Document:
    """Build the report of explanations: for each face the prediction, the map, the parts and the checks."""
    names = {one.name for one in explanations}
    subject = Path(next(iter(names))).name if len(names) == 1 else f"{len(names)} images"
    guide = doc.Details("How to read this report", tuple(doc.Text(text) for text in _GUIDE))
    sections = (section(one) for one in explanations)
    return doc.Document(f"Explanation: {subject}", (*sections, guide), metadata={"mien": __version__})


def section(explanation: Explanation) -> doc.Section:
    """Build the part of the report that explains one face."""
    one, size = explanation, explanation.crop.shape[0]
    bars = [
        doc.Bar(part.name, part.share, _share(part.share), f"rgb{SUPPORTS if part.share >= 0 else OPPOSES}")
        for part in one.parts
    ]
    seen, drawn = _png(enlarged(one.crop, 384)), _png(overlay(one.face, one.heat))
    crop = doc.Figure(seen, "The network's input", f"Network input, {size} x {size}")
    heat = doc.Figure(drawn, f"Map of {one.emotion}", f"Orange supports {one.emotion}, purple opposes it")
    chart = doc.BarChart(tuple(bars), f"Share of the support for {one.emotion}")
    key = "is blurred: strongest places first (solid), random places (dashed)"
    curves = doc.Figure(
        _curves_svg(one.curves),
        f"Probability of {one.emotion} while the face is blurred",
        f"Probability of {one.emotion} while 0 to 100% of the image {key}",
    )
    texts = (doc.Text(escape(sentence)) for sentence in findings(one))
    trust = doc.Bullets(tuple(escape(sentence) for sentence in checks(one)))
    blocks: list[doc.Block] = [*texts, doc.Row((crop, heat)), doc.Row((chart, curves)), trust]
    return doc.Section(f"{_title(one)}: {caption(one.reading)}", tuple(blocks))


def _title(one: Explanation | Sanity) -> str:
    return f"{Path(one.name).name}, face {one.number}"


def _curves_svg(curves: Curves) -> str:
    def line(heights: Floats, style: str) -> str:
        points = " ".join(f"{42 + 276 * x:.1f},{120 - 110 * y:.1f}" for x, y in zip(curves.shares, heights))
        return f'<polyline points="{points}" fill="none" stroke-width="3" {style}/>'

    grid = "".join(
        f'<line x1="42" x2="318" y1="{y}" y2="{y}" stroke="var(--line)"/>'
        f'<text x="36" y="{y + 4}" text-anchor="end" font-size="11" fill="var(--soft)">{label}</text>'
        for y, label in ((10, "100%"), (65, "50%"), (120, "0%"))
    )
    random = line(curves.random_deletion, 'stroke="var(--soft)" stroke-dasharray="6 4"')
    deletion = line(curves.deletion, f'stroke="rgb{SUPPORTS}"')
    return f'<svg viewBox="0 0 320 130">{grid}{random}{deletion}</svg>'


def sanity_document(results: Sequence[Sanity]) -> doc.Document:
    """Build the report of the randomization test."""
    rows = [
        (_title(one), one.emotion, decimal(one.mean, signed=True), "yes" if one.passed else "NO") for one in results
    ]
    columns = (doc.Column("face"), doc.Column("emotion"), doc.Column("mean correlation", "right"), doc.Column("passed"))
    failed, mean = sum(not one.passed for one in results), sum(one.mean for one in results) / len(results)
    verdict = "Passed: the maps depend on the trained weights."
    if failed:
        verdict = f"Failed for {failed} of {len(results)} faces: random weights give a similar map."
    maps = [
        doc.Tile(_png(overlay(one.face, heat)), f"{one.emotion}, {label}")
        for one in results
        for label, heat in zip(
            ("model", *(f"shuffled: {decimal(r, signed=True)}" for r in one.correlations)), (one.own, *one.shuffled)
        )
    ]
    return doc.Document(
        "Randomization test",
        (
            doc.Note(verdict, doc.Tone.BAD if failed else doc.Tone.GOOD),
            doc.Table(columns, tuple(rows)),
            doc.Text(
                f"Mean over {len(results)} faces: {decimal(mean, signed=True)}. A map passes up to {MAX_CORRELATION}."
            ),
            doc.Gallery(tuple(maps), 160),
        ),
        "Rank correlation of each map with those of copies whose weights are shuffled (Adebayo et al. 2018).",
        {"mien": __version__},
    )


_WIDTH, _MARGIN, _GAP = 840, 28, 16
_SIDE = (_WIDTH - 2 * _MARGIN - _GAP) // 2
_INK, _GRAY = (31, 36, 48), (93, 100, 116)
#: An image of more faces would be too tall to read.
MAX_FACES = 12


class _Sheet:
    """A white image of fixed width that grows downward."""

    def __init__(self, height: int) -> None:
        self.image = Image.new("RGB", (_WIDTH, height), "white")
        self.pen = ImageDraw.Draw(self.image)
        self.y = _MARGIN

    def text(self, words: str, size: int = 22, color: tuple[int, int, int] = _INK) -> None:
        font = ImageFont.load_default(size)
        for line in textwrap.wrap(words.replace("\N{MINUS SIGN}", "-"), round(1.9 * (_WIDTH - 2 * _MARGIN) / size)):
            self.pen.text((_MARGIN, self.y), line, fill=color, font=font)
            self.y += round(1.35 * size)
        self.y += size // 4

    def images(self, images: Sequence[npt.NDArray[np.uint8]]) -> None:
        for place, image in enumerate(images):
            self.image.paste(Image.fromarray(image), (_MARGIN + place * (image.shape[1] + _GAP), self.y))
        self.y += images[0].shape[0] + 10

    def bars(self, explanation: Explanation) -> None:
        font, zero, room = ImageFont.load_default(20), _MARGIN + 260, 240
        for part in explanation.parts:
            end = zero + room * part.share
            self.pen.text((_MARGIN, self.y), part.name, fill=_INK, font=font)
            color = SUPPORTS if part.share >= 0 else OPPOSES
            self.pen.rectangle((min(zero, end), self.y + 3, max(zero, end), self.y + 21), fill=color)
            label = _share(part.share).replace("\N{MINUS SIGN}", "-")
            self.pen.text((max(zero, end) + 8, self.y), label, fill=_INK, font=font)
            self.y += 30
        self.y += 10

    def png(self) -> bytes:
        return _png(np.asarray(self.image.crop((0, 0, _WIDTH, min(self.image.height, self.y + _MARGIN)))))


def png(explanations: Sequence[Explanation]) -> bytes:
    """Draw the first twelve faces as a PNG, 840 pixels wide: for each the crop, the map, the parts and the sentences."""
    sheet = _Sheet(1600 * min(len(explanations), MAX_FACES) + 100)
    for one in explanations[:MAX_FACES]:
        sheet.text(_title(one), 20, _GRAY)
        sheet.text(caption(one.reading), 38)
        sheet.images([enlarged(one.crop, _SIDE), overlay(enlarged(one.face, _SIDE), one.heat)])
        sheet.text(f"Orange supports {one.emotion}, purple opposes it.", 20, _GRAY)
        sheet.bars(one)
        for sentence in findings(one):
            sheet.text(sentence)
        for sentence in checks(one):
            sheet.text(sentence, 18, _GRAY)
        sheet.y += _MARGIN
    if len(explanations) > MAX_FACES:
        sheet.text(f"{len(explanations) - MAX_FACES} more faces are not drawn; an .html file holds all.", 20, _GRAY)
    return sheet.png()


def save(path: Path, results: Sequence[Explanation] | Sequence[Sanity]) -> None:
    """Write at least one result as a report (.html, .md), all numbers (.json) or, of explanations only, an image (.png).

    Raises:
        OptionError: the name has another ending.
        OutputError: the place cannot be written to.
    """
    explanations = [one for one in results if isinstance(one, Explanation)]
    sanity = [one for one in results if isinstance(one, Sanity)]
    check_ending(path, FORMATS if explanations else SANITY_FORMATS)
    kind = path.suffix.lower()
    if kind == ".json":
        table = json.dumps([one.to_dict() for one in results], ensure_ascii=False, allow_nan=False)
        write_atomically(path, f"{table}\n".encode())
    elif kind == ".png":
        write_atomically(path, png(explanations))
    else:
        (document(explanations) if explanations else sanity_document(sanity)).write(path)


def _png(image: npt.NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", optimize=True)
    return file.getvalue()
