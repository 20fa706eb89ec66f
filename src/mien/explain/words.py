"""An explanation in words."""

from __future__ import annotations

from collections.abc import Sequence

from ..drawing import percent
from ..types import MIN_SHARPNESS, AbstainReason, Reading
from .values import LEAST_EFFECT, LEAST_GAIN, Explanation, Part

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


def told(explanation: Explanation) -> tuple[str, ...]:
    """The explanation, a sentence or two at a time, the most important first."""
    said = [read_as(explanation.reading)]
    if explanation.emotion != explanation.reading.emotion:
        said.append(f"Asked about {explanation.emotion}, which got {_percent(explanation.probability)}.")
    said += [*_parts_told(explanation), *_turn_told(explanation), *doubts_told(explanation)]
    return tuple(said)


def read_as(reading: Reading) -> str:
    """What was read, in words; also why it abstains, and which emotions share the face."""
    best = f"{reading.emotion} ({_percent(reading.confidence)})"
    if reading.abstained:
        return f"No reading to rely on: {_and([_doubt(reading, doubt) for doubt in reading.abstain_reasons])}."
    if reading.mixed and reading.vote_shares is not None:
        votes = dict(zip(reading.emotions, reading.vote_shares.tolist()))
        counts = [f"about {10 * votes[emotion]:.0f} would say {emotion}" for emotion in reading.mixed]
        return f"A mixed face: {_and(list(reading.mixed))} share it. Of ten people {_and(counts)}."
    return f"Read as {best}."


def doubts_told(explanation: Explanation) -> list[str]:
    """How far the map can be trusted, one sentence a check."""
    curves, emotion = explanation.curves, explanation.emotion
    said = []
    if "weak" in explanation.doubts:
        said.append(
            f"Blurred beyond recognition the face still gets {_percent(explanation.blurred_probability)} for {emotion}: "
            "there is little here that parts of the face could explain."
        )
    held, random = curves.at(_AFTER_BLURRING), curves.at(_AFTER_BLURRING, random=True)
    said.append(
        f"Check 1: with the strongest 30 % of the map blurred, {emotion} goes from {_percent(explanation.probability)} to "
        f"{_percent(held)}; with 30 % elsewhere, to {_percent(random)}."
        + (_chance(explanation) if "unfaithful" in explanation.doubts else "")
    )
    other = "a map of shifted patches" if explanation.method == "occlusion" else "the occlusion map"
    said.append(
        f"Check 2: {other} looks {_alike(explanation.agreement)} (correlation {explanation.agreement:.2f})."
        + (" Do not read details into it." if "unstable" in explanation.doubts else "")
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


def _doubt(reading: Reading, doubt: AbstainReason) -> str:
    if doubt is AbstainReason.BLURRED:
        return f"the face is too small or too blurred (detail {reading.sharpness or 0:.3f}, needed {MIN_SHARPNESS:g})"
    if doubt is AbstainReason.LOW_CONFIDENCE:
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
