"""Dataset cards: contents and problems of a dataset, from an inspection."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...emotions import EMOTIONS
from ...errors import DataError
from ...extras import require
from ...report import Block, Bullets, Document, Section, Table, Text, count, escape, join, number, percent
from ..evaluation.report import table
from ..inspection.inspection import inspect
from .results import Values, read_inspection

#: An emotion is rare below this share of the first part.
_RARE = 0.05
CHECKLIST = "See `docs/responsible-use.md` of mien."
_USE = "Training and evaluation of models of how a face looks to people; research on the agreement of annotators."
_NO_USE = (
    "Conclusions about what people feel, think or intend, or about identity, sex, age, origin, health or character; "
    f"decisions about people; publication against the license or the will of the people in the images. {CHECKLIST}"
)
_COMPOSITION = "**Composition:** age, gender, ethnicity and health are not measured. Expect that some groups are rare."
_ADVICE = "Report accuracy with and without copies, and name the labels. Keep a part that no choice is based on."
_SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"),
)  # fmt: skip
#: Licenses with an identifier on the Hub; any other is "other", with its own name.
_LICENSES = (
    "mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "unlicense",
    "cc-by-nc-sa-4.0", "gpl-3.0", "agpl-3.0", "lgpl-3.0", "mpl-2.0", "isc", "odbl", "odc-by", "cdla-permissive-2.0",
)  # fmt: skip


@dataclass(frozen=True)
class DatasetInfo:
    """Information from the author of a dataset card; empty is "not stated".

    Attributes:
        license: license of the images.
        source: source of the images, and whether the people in them consented.
        contact: contact for questions.
        notes: paragraphs of Markdown for a separate section.
    """

    license: str = ""
    source: str = ""
    contact: str = ""
    notes: str = ""


def dataset_card(data: str | Path | Values, info: DatasetInfo = DatasetInfo()) -> str:
    """A dataset card as Markdown, with the metadata that the Hugging Face Hub reads.

    Args:
        data: as in ``mien.data.load``; or the output of ``mien lab inspect --json``, as a file or as values.
        info: information from the author.

    Raises:
        DataError: the data cannot be used, or the inspection is incomplete.
        MissingExtraError: huggingface_hub is not installed.
    """
    hub = require("huggingface_hub", "lab")
    if isinstance(data, (str, Path)):
        is_inspection = Path(data).suffix.lower() == ".json"
        data = read_inspection(Path(data)) if is_inspection else inspect(data).to_dict()
    try:
        size = next((name for most, name in _SIZES if data["images"] < most), "n>10M")
        metadata = hub.DatasetCardData(
            **hub_license(info.license),
            pretty_name=data["name"],
            task_categories=["image-classification"],
            tags=["facial-expression-recognition", "emotion-recognition"],
            size_categories=[size],
        )
        return f"---\n{metadata.to_yaml()}\n---\n\n{dataset_card_document(data, info).to_markdown()}"
    except (KeyError, TypeError, IndexError) as error:
        raise DataError(f"the inspection lacks {error}", hint="Inspect the data again.") from error


def dataset_card_document(data: Values, info: DatasetInfo = DatasetInfo()) -> Document:
    """The card without its metadata; sections after the Hub's template."""
    source = f"**Source and consent:** {escape(info.source) or 'not stated; assume that no consent was asked'}"
    n, color, (height, width) = data["images"], "color" if data["color"] == "rgb" else "gray", data["side"]
    details = (
        f"**Images:** {count(n)}, {color}, compared at {width} x {height} pixels",
        f"**Splits:** {join(list(data['classes']))}",
        f"**License:** {escape(info.license) or 'not stated'}",
        source,
    )
    left_out = join([f"{rule} {count(images)}" for rule, images in data["clean"]["left_out"].items()])
    clean = f"`mien lab inspect DATA --write-manifest clean.csv` leaves out: {left_out}. " if left_out else ""
    problems = [(one["title"], count(one["images"]), percent(one["images"] / n)) for one in data["problems"].values()]
    light = [(name, *map(number, spread)) for name, spread in data["light"].items()]
    risks = (
        Bullets((*hazards(data), _COMPOSITION)),
        Section("Problems", (table(("problem", "images", "share"), problems),)),
        Section("Light and sharpness", (table(("measure", "5th percentile", "median", "95th percentile"), light),)),
        Section("Recommendations", (Text(clean + _ADVICE),)),
    )
    sections: dict[str, Sequence[Block]] = {
        "Dataset Details": (Bullets(details), *author_notes(info.notes)),
        "Uses": (Section("Direct Use", (Text(_USE),)), Section("Out-of-Scope Use", (Text(_NO_USE),))),
        "Dataset Structure": class_tables(data),
        "Annotations": annotation_blocks(data),
        "Personal and Sensitive Information": [
            Text(f"Faces are personal data, and may be biometric data in law. {source}.")
        ],
        "Bias, Risks, and Limitations": risks,
        "Citation": [Text("See the source of the data.")],
        "Dataset Card Contact": [Text(escape(info.contact) or "Not stated.")],
    }
    summary = (
        f"{count(n, 'image')} of faces with an emotion each: how the face looks to an annotator, not what the person "
        "felt. `mien lab dataset-card` wrote this page from `mien lab inspect`."
    )
    blocks = tuple(Section(title, tuple(blocks)) for title, blocks in sections.items())
    return Document(f"Dataset card: {data['name']}", blocks, summary=summary)


def hazards(data: Values) -> list[str]:
    """Risks of training and evaluating on the data."""
    found = []
    part, counts = next(iter(data["classes"].items()), ("", {}))
    total = sum(counts.values())
    rare = [f"{name} ({percent(n / total)})" for name, n in counts.items() if n < _RARE * total]
    if rare:
        most = max(counts, key=counts.__getitem__)
        found.append(
            f"**Imbalance:** in the {part} part {join(rare)} are rare; {most} is {percent(counts[most] / total)}."
        )
    found += [
        f"**Leaks:** {count(own['exact'])} images of the {part} part have an exact copy in training, {count(own['near'])} "
        "an exact or near one; scores on them are too high. `mien lab inspect --write-manifest` lists what to leave out."
        for part, own in data["copied_from_training"].items()
        if own["near"]
    ]
    conflicts = data["problems"].get("exact-conflict", {}).get("images", 0)
    if conflicts:
        found.append(f"**Contradictions:** {count(conflicts, 'image')} have an exact copy with another label.")
    annotated = max(data["annotators"], key=lambda one: int(one["n"]), default=None)
    if annotated is None:
        return [*found, "**One label per image:** the agreement of annotators is unknown."]
    agrees = annotated["label_agrees"]
    known = "" if agrees is None else f"; where there is one, it equals the label in {percent(agrees)}"
    share = percent(annotated["no_majority"])
    return [*found, f"**Disagreement:** {share} of the images of the {annotated['part']} part have no majority{known}."]


def annotation_blocks(data: Values) -> list[Block]:
    """Agreement of annotators, and probable label errors."""
    if data["annotators"]:
        blocks: list[Block] = [_annotators_table(data), Text("Who the annotators were is not stated.")]
    else:
        blocks = [Text("One label per image. Agreement of annotators: not measured, there are no votes.")]
    check = data["label_check"]
    if not check:
        return [*blocks, Text("Probable label errors: too few images.")]
    n = data["problems"]["label"]["images"]
    blocks.append(Text(
        f"Probable label errors: {count(n)} ({percent(n / data['images'])}), by confident learning (Northcutt et al. 2021) "
        f"with a simple classifier that agrees with {percent(check['accuracy'])} of the labels: candidates, not proven "
        "errors."
    ))  # fmt: skip
    rows = [
        (row["images"], count(row["n"]), percent(row["not_label"]), percent(row["as_guessed"]))
        for row in check["agreement"]
    ]
    if rows:
        blocks.append(table(("images", "n", "votes against the label", "votes for the guess"), rows))
    return blocks


def class_tables(data: Values) -> list[Block]:
    """Images of each emotion in each part, and images of the evaluation parts that have copies in training."""
    parts: Mapping[str, Mapping[str, int]] = data["classes"]
    totals = {part: sum(own.values()) for part, own in parts.items()}
    rows = [
        (name, *(_counted(own.get(name, 0), totals[part]) for part, own in parts.items()))
        for name in EMOTIONS
        if any(name in own for own in parts.values())
    ]
    copies = [
        (part, count(totals[part]), *(_counted(own[kind], totals[part]) for kind in ("exact", "near")))
        for part, own in data["copied_from_training"].items()
    ]
    blocks: list[Block] = [table(("emotion", *parts), [*rows, ("all", *map(count, totals.values()))])]
    if copies:
        blocks.append(table(("part", "images", "exact copy in training", "exact or near copy"), copies))
    return blocks


def _counted(n: int, total: int) -> str:
    return f"{count(n)} ({percent(n / total)})"


def _annotators_table(data: Values) -> Table:
    shares = ("no_majority", "no_face", "top_share", "divided", "label_agrees")
    rows = [
        (
            one["part"],
            count(one["n"]),
            f"{one['votes']:.1f}",
            number(one["entropy"]),
            *(percent(one[s]) for s in shares),
        )
        for one in data["annotators"]
    ]
    names = ("no majority", "no face", "share of the top emotion", "divided", "majority equals label")
    return table(("part", "n", "mean votes", "entropy (nats)", *names), rows)


def author_notes(notes: str) -> list[Block]:
    """The author's own paragraphs under a heading."""
    paragraphs = [Text(paragraph) for paragraph in notes.strip().split("\n\n") if paragraph.strip()]
    return [Section("Notes by the Author", tuple(paragraphs))] if paragraphs else []


def hub_license(license: str) -> dict[str, str]:
    """The license as the Hub's metadata names it."""
    name = license.strip().lower()
    if name in _LICENSES:
        return {"license": name}
    if name in ("", "not stated", "unknown"):
        return {"license": "unknown"}
    return {"license": "other", "license_name": slug(license)}


def slug(name: str) -> str:
    """An identifier for the Hub: lower case, with hyphens."""
    allowed = string.ascii_lowercase + string.digits + "._"
    return "-".join("".join(letter if letter in allowed else " " for letter in name.lower()).split()) or "unnamed"
