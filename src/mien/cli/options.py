"""Options that several commands share, and parsers of their values."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

from ..errors import OptionError

DETECTION = "Detection"
OUTPUT = "Output"
MODEL = "Model"
PRIVACY = "Privacy"


def option(panel: str, help_text: str, *names: str, **more: Any) -> Any:
    """Return a ``typer.Option`` with its help and panel."""
    return typer.Option(*names, help=help_text, rich_help_panel=panel, **more)


Emotions: TypeAlias = Annotated[
    Literal["happy-sad", "four", "seven", "eight"] | None,
    option(MODEL, "Label set; probabilities sum to 1 over it. Default: all labels of the head."),
]
Head: TypeAlias = Annotated[
    str | None,
    option(
        MODEL,
        "Training labels: ten annotators per image (ferplus, the default) or one label per image (fer2013).",
        metavar="ferplus|fer2013",
    ),
]
Model: TypeAlias = Annotated[
    str,
    option(
        MODEL,
        "Included model: default, tiny (faster, less accurate), their -float32 originals; or an .onnx file with its card.",
        metavar="NAME|FILE",
    ),
]
MinConfidence: TypeAlias = Annotated[float, option(MODEL, "Abstain below this confidence.", min=0, max=1)]
Flip: TypeAlias = Annotated[
    bool, option(MODEL, "Average mirror images: more accurate, half as fast.", "--flip/--no-flip")
]
WhichDetector: TypeAlias = Annotated[
    str,
    option(
        DETECTION,
        "Face detector: centerface, mien (faster), yunet:FILE, or none (each image is one face).",
        metavar="NAME",
    ),
]
MinFace: TypeAlias = Annotated[
    int | None,
    option(
        DETECTION,
        "Smallest face to look for, in pixels; larger is faster. Default: 1/12 of the height in videos, adaptive down to 20 "
        "in images.",
        min=4,
    ),
]
Threads: TypeAlias = Annotated[int, typer.Option(help="Processor threads; 0 takes all.", min=0)]
Out: TypeAlias = Annotated[
    Path | None, option(OUTPUT, "Write one row per face to a .csv, .jsonl or .parquet file.", dir_okay=False)
]
MaskOthers: TypeAlias = Annotated[
    bool,
    option(
        PRIVACY,
        "Keep one person, the widest face; cover all other faces with a flat color and drop their readings. Slower, as "
        "small and uncertain faces count too.",
        "--mask-others",
    ),
]
NoImageOutput: TypeAlias = Annotated[
    bool, option(PRIVACY, "Show and write no image; refuse options that ask for one.", "--no-image-output")
]
Overwrite: TypeAlias = Annotated[bool, option(OUTPUT, "Replace --out if it exists.", "--overwrite")]
Data: TypeAlias = Annotated[
    Path,
    typer.Option(
        metavar="PATH",
        help="Dataset: fer2013.csv from Kaggle (with FER+ votes if fer2013new.csv is beside it), class folders such as "
        "train/happy/*.png or happy/*.jpg, parquet, or a packed .npz file.",
    ),
]
ManifestFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--manifest",
        metavar="FILE",
        help="Images to use, their labels and splits, as [bold]mien lab inspect --write-manifest[/bold] writes.",
        show_default=False,
    ),
]
LabelNames: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--label-names",
        metavar="A,B,...",
        help="Emotions in the order of the label numbers, for data with numbers only.",
        show_default=False,
    ),
]
DetectFaces: TypeAlias = Annotated[bool, typer.Option("--detect-faces", help="Crop the face from each image.")]

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}


def byte_count(text: str) -> int:
    """Parse a size such as ``4GB`` or ``800 MiB``; ``OptionError`` where it is none above 0."""
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", text)
    unit = _UNITS.get(found.group(2).upper()) if found else None
    if found is None or unit is None or float(found.group(1)) == 0:
        raise OptionError(f"memory: got {text!r}, expected a size such as 4GB or 800MB", field="memory", value=text)
    return int(float(found.group(1)) * unit)


def seconds(text: str, option: str) -> float:
    """Parse the value of an option: a duration above 0 such as ``0.2s``, ``500ms``, ``2`` or ``1.5min``."""
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(ms|s|min|h)?\s*", text)
    if found is None or float(found.group(1)) == 0:
        raise OptionError(f"{option}: got {text!r}, expected a time such as 0.2s or 1min", field=option, value=text)
    return float(found.group(1)) * _SECONDS[found.group(2) or "s"]


def field_changes(texts: list[str]) -> dict[str, Any]:
    """Parse fields and values such as ``optimizer.lr=0.01``; values are TOML, or strings without quotes."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    changes: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            message = f"--set: got {text!r}, expected FIELD=VALUE such as optimizer.lr=0.01"
            raise OptionError(message, field="set", value=text)
        try:
            changes[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            changes[name.strip()] = value.strip()
    return changes
