"""Options that several commands share, and the values that people type for them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

from ..errors import OptionError

DETECTION = "Detection"
OUTPUT = "Output"
MODEL = "What to read"
PRIVACY = "Privacy"

Emotions: TypeAlias = Annotated[
    Literal["happy-sad", "four", "seven", "eight"] | None,
    typer.Option(
        help="Which emotions to tell apart; probabilities sum to 1 over these. By default all that the head knows.",
        rich_help_panel=MODEL,
    ),
]
Head: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="ferplus|fer2013",
        help="Whose labels: ten annotators an image (ferplus, the default) or one label an image (fer2013).",
        rich_help_panel=MODEL,
    ),
]
Model: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE",
        help="A model that comes with mien: default; tiny, several times as fast and less often right; default-float32 and "
        "tiny-float32, their originals. Or an .onnx file with its card.",
        rich_help_panel=MODEL,
    ),
]
MinConfidence: TypeAlias = Annotated[
    float,
    typer.Option(help="Call a reading unsure when its confidence is lower.", min=0, max=1, rich_help_panel=MODEL),
]
Flip: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--flip/--no-flip", help="Read each face and its mirror image: better, half as fast.", rich_help_panel=MODEL
    ),
]
WhichDetector: TypeAlias = Annotated[
    Literal["centerface", "yunet", "none"],
    typer.Option(help="What finds the faces; 'whole' takes each image for one face.", rich_help_panel=DETECTION),
]
DetectorFile: TypeAlias = Annotated[
    str | None, typer.Option(metavar="FILE", help="Weights for --detector yunet.", rich_help_panel=DETECTION)
]
MinFace: TypeAlias = Annotated[
    int | None,
    typer.Option(
        help="Smallest face to look for, in pixels; larger is faster. By default a twelfth of the height in videos; in "
        "photos as small as the faces found suggest, down to 20.",
        min=4,
        rich_help_panel=DETECTION,
    ),
]
Threads: TypeAlias = Annotated[int, typer.Option(help="Processor threads; 0 takes all.", min=0)]
Out: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Write one row a face to this .csv, .jsonl or .parquet file.", dir_okay=False, rich_help_panel=OUTPUT
    ),
]
MaskOthers: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--mask-others",
        help="Keep one person, the widest face: all other faces are covered with a flat color, which nothing can undo, in "
        "every image, and nothing read off them is shown or written. Slower, as small and half-sure faces count too.",
        rich_help_panel=PRIVACY,
    ),
]
NoImageOutput: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--no-image-output",
        help="Nothing but numbers and words leaves this process: no image is shown or written, and options that ask for "
        "one are refused.",
        rich_help_panel=PRIVACY,
    ),
]
Overwrite: TypeAlias = Annotated[
    bool, typer.Option("--overwrite", help="Replace --out if it exists.", rich_help_panel=OUTPUT)
]

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def byte_count(text: str) -> int:
    """The number of bytes in words such as ``4GB`` or ``800 MiB``.

    Raises:
        OptionError: it is no such number.
    """
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", text)
    unit = _UNITS.get(found.group(2).upper()) if found else None
    if found is None or unit is None or float(found.group(1)) == 0:
        raise OptionError(f"memory: got {text!r}, expected a size such as 4GB or 800MB")
    return int(float(found.group(1)) * unit)


def seconds(text: str) -> float:
    """The number of seconds in words such as ``0.2s``, ``500ms``, ``2`` or ``1.5min``.

    Raises:
        OptionError: it is no such number.
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(ms|s|min|h)?\s*", text)
    if found is None or float(found.group(1)) == 0:
        raise OptionError(f"time: got {text!r}, expected one such as 0.2s, 500ms or 1min")
    return float(found.group(1)) * {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}[found.group(2) or "s"]


def field_changes(texts: list[str]) -> dict[str, Any]:
    """Fields of a recipe and their new values, from words such as ``optimizer.lr=0.01``.

    Values are written as in TOML; a word without quotes is taken as a string.

    Raises:
        OptionError: there is no ``=`` in one.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    changes: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise OptionError(f"--set: got {text!r}, expected FIELD=VALUE such as optimizer.lr=0.01")
        try:
            changes[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            changes[name.strip()] = value.strip()
    return changes
