"""The vocabulary: the emotions, their order and their aliases. No other file writes the order of labels."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from .errors import OptionError

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")

LABEL_SETS: dict[str, tuple[str, ...]] = {
    "happy-sad": ("happy", "sad"),
    "four": ("happy", "sad", "surprise", "neutral"),
    "seven": EMOTIONS[:7],
    "eight": EMOTIONS,
}

#: Emotions with few training images, whose recall is far below the average.
RARE = ("fear", "disgust", "contempt")

#: The order of FER2013's own label numbers 0 to 6 (Goodfellow et al. 2013).
FER2013_ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

#: The emotion columns of FER+ (Barsoum et al. 2016); two more follow in its table, ``unknown`` and ``NF`` (no face).
FERPLUS_ORDER = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")

#: The order of RAF-DB's label numbers 1 to 7 (Li et al. 2017).
RAF_DB_ORDER = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")

#: The order of AffectNet's label numbers 0 to 7 (Mollahosseini et al. 2017); 8 to 10 are none, uncertain, and no face.
AFFECTNET_ORDER = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")

_ALIASES: dict[str, tuple[str, ...]] = {
    "angry": ("anger", "ang", "wut", "ärger", "wütend", "colère", "enojo", "ira", "rabbia", "raiva"),
    "disgust": ("disgusted", "dis", "ekel", "dégoût", "asco", "disgusto", "nojo"),
    "fear": ("fearful", "afraid", "scared", "fea", "angst", "furcht", "peur", "miedo", "paura", "medo"),
    "happy": ("happiness", "joy", "hap", "smile", "freude", "glücklich", "joie", "alegría", "felicità", "feliz"),
    "sad": ("sadness", "trauer", "traurig", "tristesse", "tristeza", "tristezza", "triste"),
    "surprise": ("surprised", "sur", "suprise", "überraschung", "sorpresa", "surpresa"),
    "neutral": ("neutrality", "calm", "neu", "neutre", "neutrale", "neutro"),
    "contempt": ("contemptuous", "verachtung", "mépris", "desprecio", "disprezzo", "desprezo"),
}

#: Every name and alias, in lower case, with the emotion that it stands for.
BY_NAME = {name: emotion for emotion, names in _ALIASES.items() for name in (emotion, *names)}


def parse(name: str) -> str:
    """Return the vocabulary's name of an emotion; any case and aliases such as ``"Anger"`` or ``"Freude"`` are accepted."""
    emotion = BY_NAME.get(name.strip().lower())
    if emotion is None:
        what = f"unknown emotion: got {name!r}, expected one of {', '.join(EMOTIONS)} or an alias of these"
        raise OptionError(what, hint="Rename the class, or leave it out.", field="emotion", value=name)
    return emotion


def label_set(name: str) -> tuple[str, ...]:
    """Return the emotions of a named label set, in the vocabulary's order."""
    if not isinstance(name, str) or name not in LABEL_SETS:
        what = f"emotions: got {name!r}, expected one of {', '.join(LABEL_SETS)}"
        raise OptionError(what, hint=_label_set_hint(str(name)), field="emotions", value=name)
    return LABEL_SETS[name]


def _label_set_hint(name: str) -> str:
    """The label set that someone who lists emotions, or misspells a name, probably wants."""
    listed = {BY_NAME.get(word.lower()) for word in re.split(r"[^\w]+", name) if word}
    fitting = next((known for known, emotions in LABEL_SETS.items() if listed and listed <= set(emotions)), None)
    near = [fitting] if fitting else difflib.get_close_matches(name.lower(), LABEL_SETS, 1)
    if near:
        return f"Use {near[0]!r}: {', '.join(LABEL_SETS[near[0]])}."
    return "; ".join(f"{known}: {', '.join(emotions)}" for known, emotions in LABEL_SETS.items())


def positions(wanted: Sequence[str], among: Sequence[str]) -> list[int]:
    """Return the index of each of ``wanted`` in ``among``; ``OptionError`` if some are missing."""
    missing = [emotion for emotion in wanted if emotion not in among]
    if missing:
        what = f"the model does not predict {', '.join(missing)}: its labels are {', '.join(among)}"
        fitting = [name for name, emotions in LABEL_SETS.items() if set(emotions) <= set(among)]
        hint = f"Choose the label set {' or '.join(map(repr, fitting))}." if fitting else "Leave the label set out."
        raise OptionError(what, hint=hint, field="emotions", value=tuple(missing))
    return [list(among).index(emotion) for emotion in wanted]
