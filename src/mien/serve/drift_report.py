"""The report of drift: a document, and JSON."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

from .. import report as doc
from ..report import count, number, p_value, percent
from ..stats import Estimate
from .drift import Drift, DriftResult

_ADVICE = {
    "emotion": "Check whether other people or situations are read. If so, use the corrected shares, and collect feedback.",
    "confidence": "Collect feedback on uncertain readings, measure calibration on it, and retrain if accuracy fell.",
    "brightness": "Check lighting, exposure and the camera.",
    "sharpness": "Check focus, resolution and compression of the images.",
    "size": "Check the distance to the camera and `min_face`.",
    "yaw": "Check where the camera is: accuracy falls for faces that are turned away.",
    "roll": "Check the orientation of the camera and of the images.",
}


def drift_report(result: DriftResult) -> doc.Document:
    """The report: verdicts, measures with intervals, corrected shares of emotions, and what to do."""
    tones = {Drift.NONE: doc.Tone.GOOD, Drift.SMALL: doc.Tone.MUTED, Drift.MODERATE: doc.Tone.WARNING}
    rows = tuple(
        (
            one.name, doc.Toned(one.drift.value, tones.get(one.drift, doc.Tone.BAD)), one.n, _estimate(one.psi),
            _estimate(one.distance), p_value(one.p_corrected),
        )
        for one in result.measures
    )  # fmt: skip
    names = ("measure", "drift", "readings", "stability index", "distance", "p (corrected)")
    overview = doc.Table(tuple(doc.Column(name) for name in names), rows)
    drifted = [one for one in result.measures if one.drift is not Drift.NONE]
    advice = tuple(f"**{one.name}**: {_ADVICE[one.name]}" for one in drifted)
    blocks: list[doc.Block] = [
        overview,
        doc.Section("What to do", (doc.Bullets(advice or ("Nothing: no distribution has changed.",)),)),
    ]
    if result.shift:
        columns = tuple(doc.Column(name) for name in ("emotion", "reference", "predicted", "corrected", "95% interval"))
        cells = tuple(
            (one.emotion, percent(one.reference), percent(one.predicted), percent(one.corrected.value),
             f"{percent(one.corrected.low)} to {percent(one.corrected.high)}")
            for one in result.shift
        )  # fmt: skip
        note = "Corrected for the confusions of the model; valid where faces of an emotion look as in the reference."
        blocks.append(doc.Section("Shares of emotions", (doc.Table(columns, cells), doc.Text(note))))
    for one in result.measures:
        pairs = zip(one.labels, one.reference, one.window)
        shares = tuple((label, percent(first), percent(second)) for label, first, second in pairs)
        columns = (doc.Column(one.name), doc.Column("reference"), doc.Column("window"))
        blocks.append(doc.Details(f"Distribution of {one.name}", (doc.Table(columns, shares),)))
    day = "%Y-%m-%d %H:%M UTC"
    begin, end = (time.strftime(day, time.gmtime(at)) for at in (result.since, result.until))
    summary = (
        f"{count(result.n, 'reading')} compared with {result.compared_with}: "
        f"{count(len(drifted), 'measure has', 'measures have')} drifted, {result.drift.value} at most."
        if drifted
        else f"{count(result.n, 'reading')} compared with {result.compared_with}: no drift."
    )
    metadata = {"model": result.model, "head": result.head, "window": f"{begin} to {end}"}
    return doc.Document(f"Drift: {result.model}", tuple(blocks), summary, metadata)


def _estimate(one: Estimate) -> str:
    return f"{number(one.value)} [{number(one.low)}, {number(one.high)}]"


def to_json(result: DriftResult) -> str:
    """The result as JSON text."""
    table = asdict(result) | {"drift": result.drift.value}
    for entry, one in zip(table["measures"], result.measures):
        entry["drift"] = one.drift.value
    return json.dumps(table, indent=2, allow_nan=False) + "\n"
