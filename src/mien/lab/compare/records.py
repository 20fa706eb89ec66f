"""A comparison as plain values: for spreadsheets and for programs."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from .standing import Comparison, Standing
from .words import notes, peeked, verdict


def records(comparison: Comparison) -> list[dict[str, Any]]:
    """Plain values, one dict a member: unrounded, times in seconds or milliseconds, sizes in bytes, None where unknown."""
    return [_record(comparison, row) for row in comparison.standings]


def as_csv(comparison: Comparison) -> str:
    """``records`` as CSV text with a header; unknown values are empty."""
    text = io.StringIO()
    rows = records(comparison)
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """Everything as plain values, ready for JSON."""
    return {
        "data": comparison.data,
        "split": comparison.split,
        "emotions": list(comparison.question.emotions),
        "truth": comparison.question.truth,
        "images": len(comparison.exam.answers),
        "date": comparison.date,
        "machine": comparison.machine,
        "verdict": verdict(comparison),
        "notes": notes(comparison),
        "models": records(comparison),
    }


def as_json(comparison: Comparison) -> str:
    """``as_dict`` as JSON text."""
    return json.dumps(as_dict(comparison), indent=2, ensure_ascii=False) + "\n"


def kept_value(row: Standing, name: str) -> float | None:
    """What a run's history says in column ``name`` of the epoch that it kept; None where it does not say."""
    return row.member.record.kept_value(name) if row.member.record else None


def own_accuracy(row: Standing) -> float | None:
    """The accuracy, 0 to 1, that a run noted for the head asked here, at the epoch that it kept; None if it did not."""
    return kept_value(row, f"val_acc_{row.head}")


def _record(comparison: Comparison, row: Standing) -> dict[str, Any]:
    member, scores, record = row.member, row.scores, row.member.record
    return {
        "model": member.name,
        "path": str(member.path),
        "head": row.head,
        "engine": member.engine,
        "trained_parameters": member.trained,
        "fixed_parameters": member.fixed,
        "input_size": member.classifier.input.size,
        "input_color": member.classifier.input.color,
        "own_val_loss": kept_value(row, "val_loss"),
        "own_val_accuracy": own_accuracy(row),
        "epochs": record and len(record.rows),
        "kept_epoch": kept_value(row, "epoch"),
        "images": scores.n,
        "accuracy": scores.accuracy,
        "accuracy_low": scores.interval[0],
        "accuracy_high": scores.interval[1],
        "dedup_images": row.dedup and row.dedup.n,
        "dedup_accuracy": row.dedup and row.dedup.accuracy,
        "macro_f1": scores.macro_f1,
        "ece": scores.ece,
        "p_vs_best": row.p,
        "tuned_on_these_images": peeked(comparison, row),
        "training_seconds": record and record.seconds,
        "ms_per_face": row.latency.median,
        "ms_per_face_low": row.latency.quartiles[0],
        "ms_per_face_high": row.latency.quartiles[1],
        "cpu_ms_per_face": row.latency.processor,
        "file_bytes": member.size,
    }
