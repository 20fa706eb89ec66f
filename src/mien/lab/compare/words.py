"""What a reader must know to read a comparison rightly: the caption, the footnotes and the verdict, in words."""

from __future__ import annotations

import numpy as np

from .members import ONNX, OTHER, TORCH
from .significance import LEVEL
from .standing import Comparison, Standing

#: Beside the name of a member that the footnote about peeking is about.
MARK = "†"


def title(comparison: Comparison) -> str:
    """Such as ``fer2013, validation: 3,589 images, 7 emotions``."""
    question, n = comparison.question, len(comparison.exam.answers)
    return f"{comparison.data}, {comparison.split}: {n:,} images, {len(question.emotions)} emotions"


def verdict(comparison: Comparison) -> list[str]:
    """Which models the best one is better than, and which it cannot be told from; empty for a single model."""
    best, *others = comparison.standings
    how = "McNemar's exact test on the same images, Holm's correction over all pairs"
    beaten = [one.member.name for one in others if one.p is not None and one.p < LEVEL]
    close = [f"{one.member.name} (p = {p_text(one)})" for one in others if one.p is not None and one.p >= LEVEL]
    lines = []
    if beaten:
        lines.append(f"{best.member.name} is better than {_and(beaten)}: p < {LEVEL:g}; {how}.")
    if close:
        lines.append(f"These images do not show that {best.member.name} is better than {_and(close)}; {how}.")
    return lines


def notes(comparison: Comparison) -> list[str]:
    """All that the figures depend on, one sentence or two a line."""
    lines = [*_images(comparison), *_stuck(comparison), *_heads(comparison), *_peeking(comparison)]
    lines += _history(comparison)
    lines.append(
        "Accuracy with its 95 % interval (Wilson), macro-F1 and ECE (15 bins) from one view of each image. ECE at the "
        "temperature on the model's card, which its export fitted on the part that its recipe chooses by; checkpoints have "
        "none yet (1)."
    )
    lines.append(_timing(comparison))
    if any(one.member.engine == TORCH for one in comparison.standings):
        lines.append("The file of a checkpoint holds the optimizer's state too; exported weights do not.")
    return lines


def p_text(standing: Standing) -> str:
    """The p-value as the table has it."""
    p = standing.p
    return "" if p is None else "< 0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.1 else f"{p:.2f}"


def peeked(comparison: Comparison, standing: Standing) -> bool:
    """Whether a member tuned itself on the very images that it is marked on here."""
    return comparison.split == "validation" and bool(standing.member.peeked)


def comparable_history(comparison: Comparison) -> bool:
    """Whether the runs' own losses and accuracies answer one question: same heads, same emotions, same targets."""
    kinds = {
        tuple((head.emotions, head.targets, head.weight) for head in one.member.recipe.heads.values())
        for one in comparison.standings
        if one.member.record is not None and one.member.recipe is not None
    }
    return len(kinds) < 2


def _stuck(comparison: Comparison) -> list[str]:
    """Models that have learned nothing yet: no table of figures says it as plainly."""
    stuck = [one.member.name for one in comparison.standings if len(np.unique(one.guesses)) == 1]
    if not stuck or len(comparison.exam.names) == 1:
        return []
    return [f"The same answer to every image: {', '.join(stuck)}. Train longer, or with another learning rate."]


def _images(comparison: Comparison) -> list[str]:
    question, asked = comparison.question, comparison.exam
    truth = "the majority of the votes" if question.truth == "votes" else "the labels"
    line = f"The same images and the same question for all: {', '.join(question.emotions)}; marked against {truth}."
    if asked.other_emotion:
        line += f" Left out: {asked.other_emotion:,} images of another emotion, or of none."
    if asked.not_judged:
        line += f" Left out: {asked.not_judged:,} images that not every run's recipe judges on."
    if asked.copies is None:
        return [line, "The data has no training part, so copies of training images could not be looked for."]
    copies = int(asked.copies.sum())
    if copies:
        return [line, f"dedup: without the {copies:,} images whose exact copy is in the training part."]
    return [line + " None is an exact copy of a training image."]


def _heads(comparison: Comparison) -> list[str]:
    lines = []
    several = [one for one in comparison.standings if len(one.member.classifier.heads) > 1]
    if several:
        chosen = ", ".join(f"{one.member.name}: {one.head}" for one in several)
        lines.append(f"Models with several heads were asked through one: {chosen}.")
    more = [
        f"{one.member.name} ({len(one.member.classifier.heads[one.head].emotions)})"
        for one in comparison.standings
        if len(one.member.classifier.heads[one.head].emotions) > len(comparison.question.emotions)
    ]
    if more:
        lines.append(
            f"Models that know more emotions chose among these {len(comparison.question.emotions)} only: {', '.join(more)}."
        )
    by_votes = [
        one.member.name
        for one in comparison.standings
        if one.member.classifier.marks[one.head].targets == "votes" and comparison.question.truth == "labels"
    ]
    if by_votes:
        lines.append(f"Marked against labels, though the head learned from votes: {', '.join(by_votes)}.")
    return lines


def _peeking(comparison: Comparison) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for one in comparison.standings:
        if peeked(comparison, one):
            for reason in one.member.peeked:
                reasons.setdefault(reason, []).append(one.member.name)
    return [f"{MARK} {reason} on these images, which flatters it: {', '.join(who)}." for reason, who in reasons.items()]


def _history(comparison: Comparison) -> list[str]:
    if all(one.member.record is None for one in comparison.standings):
        return []
    line = (
        "own val loss, own val %: what the run itself noted for the epoch that it kept, in the precision of its training, "
        "over its own emotions and the images that it chose by"
    )
    if comparable_history(comparison):
        return [f"{line}. trained: all its epochs, in h:mm:ss."]
    return [f"{line}, which are not the same for all. trained: all its epochs, in h:mm:ss."]


def _timing(comparison: Comparison) -> str:
    by = {
        engine: [one.member.name for one in comparison.standings if one.member.engine == engine] for engine in _ENGINES
    }
    said = "; ".join(f"{_ENGINES[engine]}: {', '.join(names)}" for engine, names in by.items() if names)
    calls = min(one.latency.calls for one in comparison.standings)
    line = (
        f"ms a face: one image at a time, one thread, preprocessing included, median of {calls} rounds in which all "
        f"models took turns, on {comparison.machine}; {said}."
    )
    if any(one.latency.disturbed for one in comparison.standings):
        line += (
            " The machine was busy with other things, which slows long calls most: measure again when it is idle, or "
            "compare cpu_ms_per_face in compare.csv."
        )
    return line


_ENGINES = {ONNX: "through onnxruntime", TORCH: "through torch", OTHER: "each member in turn"}


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
