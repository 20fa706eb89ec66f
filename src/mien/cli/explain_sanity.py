"""The run behind ``mien explain --sanity``: the maps of the model, and of copies with shuffled weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ..bench.photos import PORTRAITS
from ..errors import OptionError, SourceError
from ..explain.explainer import open_explainer
from ..explain.sanity import Sanity, shuffled_weights
from ..io.atomic import write_atomically
from ..io.discovery import find_images
from ..model.registry import load_model
from ..options import ReadOptions
from .explaining import check_output, frames, is_run, patient, told_failures

_SHUFFLES = 5


def run_sanity(
    photos: Sequence[str], options: ReadOptions, emotion: str | None, out: Path | None, *, overwrite: bool
) -> list[str]:
    """Compare the maps of the model with those of copies whose weights were shuffled.

    Returns:
        What could not be read, in words; already shown.

    Raises:
        OptionError: the model is a checkpoint, or ``out`` is of the wrong kind.
        SourceError: no photo has a face.
    """
    check_output(out, (".png", ".json"), overwrite=overwrite)
    if is_run(str(options.model)):
        raise OptionError(
            f"--sanity: got the checkpoint {options.model}, expected ONNX weights", hint="Export it: mien lab export"
        )
    paths = find_images(photos, recursive=False) if photos else list(PORTRAITS)
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    failures: list[str] = []
    _, weights = load_model(options.model)
    own = open_explainer(options)
    copies = [open_explainer(options, shuffled_weights(weights, seed)) for seed in range(_SHUFFLES)]
    checks: list[Sanity] = []
    with patient(notes, len(paths) * (1 + _SHUFFLES)) as asked:
        for frame in frames(paths, failures):
            for number, (reading, crop) in enumerate(own.crops(frame), 1):
                wanted = own.known(emotion) if emotion else reading.emotion
                heats = []
                for explainer in (own, *copies):
                    heats.append(explainer.heat(crop, wanted))
                    asked(1)
                checks.append(Sanity(frame.name, number, wanted, own.face(frame, reading), heats[0], tuple(heats[1:])))
    if not checks:
        raise SourceError("no face was found in any photo", hint="Give a photo with a face, or none at all.")
    _show_sanity(Console(highlight=False), checks)
    if out:
        write_atomically(out, _sanity_content(checks, out))
        notes.print(f"written: {out}", markup=False)
    return told_failures(notes, failures)


def _show_sanity(console: Console, checks: Sequence[Sanity]) -> None:
    for check in checks:
        each = ", ".join(f"{value:+.2f}" for value in check.correlations)
        console.print(f"{check.name}, face {check.number}: {check.emotion}", markup=False, style="bold")
        console.print(f"  rank correlation with maps of shuffled weights: {check.mean:+.2f} ({each})", soft_wrap=True)
        console.print(
            "  passed: the map depends on what the model learned"
            if check.passed
            else "  FAILED: a model with random weights gives much the same map"
        )
    if len(checks) > 1:
        mean = sum(check.mean for check in checks) / len(checks)
        console.print(f"Mean over {len(checks)} faces: {mean:+.2f}; 0 is no likeness, 1 the same map.", highlight=False)


def _sanity_content(checks: Sequence[Sanity], out: Path) -> bytes:
    if out.suffix.lower() == ".png":
        from ..explain.image import sanity_image

        return sanity_image(checks)
    rows = [
        {
            "name": check.name,
            "face": check.number,
            "emotion": check.emotion,
            "rank_correlations": [round(value, 4) for value in check.correlations],
            "mean": round(check.mean, 4),
            "passed": check.passed,
        }
        for check in checks
    ]
    return (json.dumps(rows, ensure_ascii=False, allow_nan=False) + "\n").encode()
