"""Options that several commands share, and parsers of their values."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from ..emotions import parse
from ..errors import OptionError

if TYPE_CHECKING:
    from ..io.tables import ListSeparator

OUTPUT = "Output"
PRIVACY = "Privacy"
ADVANCED = "Advanced options"


def option(panel: str, help_text: str, *names: str, **more: Any) -> Any:
    """Return a ``typer.Option`` with its help and panel."""
    return typer.Option(*names, help=help_text, rich_help_panel=panel or None, **more)


def events_option(what: str = "Events") -> Any:
    """The option that names a file of events."""
    return option("", f"{what}: CSV, BIDS, BORIS, .eaf, .TextGrid, .xlsx.", metavar="FILE")


def excel_separator(excel: bool, chosen: Literal["comma", "semicolon"] | None) -> ListSeparator | None:
    """The separator that ``--excel`` and ``--list-separator`` ask for; the latter implies the former."""
    from ..io.tables import locale_separator

    if chosen:
        return "," if chosen == "comma" else ";"
    return locale_separator() if excel else None


def existing_data(path: Path) -> Path:
    """A dataset that is there: a wrong path is reported before a missing package."""
    from ..data.loading import check_exists

    check_exists(path)
    return path


def existing_replay(path: Path | None) -> Path | None:
    """A dataset that is there, if one is given."""
    return existing_data(path) if path else None


def existing_table(path: Path) -> Path:
    """A table that is there, of a known format."""
    from ..audit.table import check_table

    check_table(path)
    return path


def known_recipe(name: str | None) -> str | None:
    """A recipe that is there, or ``detector``."""
    from importlib import resources

    from ..lab.recipes import read_text

    if name not in (None, "detector"):
        read_text(name, resources.files("mien.lab.recipes"))
    return name


def known_models(models: list[Path] | Path) -> Any:
    """Models that are there."""
    from ..lab.evaluation.classifier import check_model

    for model in models if isinstance(models, list) else [models]:
        check_model(model)
    return models


# Values are checked in the library, which names the accepted ones and suggests a correction
Emotions: TypeAlias = Annotated[
    str | None, option("", "Label set: happy-sad, four, seven or eight. Default: all of the head.", metavar="SET")
]
Head: TypeAlias = Annotated[
    str | None,
    option(ADVANCED, "Training labels: ferplus (the default) or fer2013.", metavar="NAME"),
]
Model: TypeAlias = Annotated[
    str, option("", "Model: default, tiny (faster), accurate (slower) or an .onnx file.", metavar="NAME|FILE")
]
MinConfidence: TypeAlias = Annotated[float, option("", "Abstain below this confidence, 0 to 1.", metavar="SHARE")]
Flip: TypeAlias = Annotated[bool, option(ADVANCED, "Average mirror images (the default); slower.", "--flip/--no-flip")]
Prior: TypeAlias = Annotated[
    str,
    option(ADVANCED, "Class frequencies to assume: balanced, or data (those of the training data).", metavar="NAME"),
]
PreferRecall: TypeAlias = Annotated[
    str | None,
    option(ADVANCED, "Emotions to find 90% of, with more false readings.", "--prefer-recall", metavar="A,B,..."),
]
WhichDetector: TypeAlias = Annotated[
    str,
    option(ADVANCED, "Face detector: mien, centerface, yunet:FILE, or none (an image is a face).", metavar="NAME"),
]
MinFace: TypeAlias = Annotated[
    int | None,
    option(ADVANCED, "Smallest face, at least 4; larger is faster. Default: from the image.", metavar="PIXELS"),
]
Rotate: TypeAlias = Annotated[
    str,
    option(ADVANCED, "Turn images: auto, 0, 90, 180, 270.", metavar="ANGLE"),
]
Device: TypeAlias = Annotated[
    str, option(ADVANCED, "Where networks run: cpu, cuda, coreml or openvino.", metavar="NAME")
]
Threads: TypeAlias = Annotated[int, option(ADVANCED, "Processor cores to use; 0 takes all.", min=0, metavar="N")]
Out: TypeAlias = Annotated[
    Path | None,
    option(OUTPUT, "Write a row per face: csv, tsv, xlsx, jsonl, parquet.", dir_okay=False, metavar="FILE"),
]
MaskOthers: TypeAlias = Annotated[bool, option(PRIVACY, "Mask all people but one: the widest face.", "--mask-others")]
NoImageOutput: TypeAlias = Annotated[bool, option(PRIVACY, "Show and write no image.", "--no-image-output")]
Excel: TypeAlias = Annotated[bool, option(OUTPUT, "Write .csv for Excel, separated as in your locale.", "--excel")]
Separator: TypeAlias = Annotated[
    Literal["comma", "semicolon"] | None, option(OUTPUT, "Separator for Excel: comma, semicolon.", metavar="NAME")
]
Overwrite: TypeAlias = Annotated[bool, option(OUTPUT, "Replace --out if it exists.", "--overwrite")]
OverwriteFiles: TypeAlias = Annotated[bool, option(OUTPUT, "Replace files that exist.", "--overwrite")]
OutFolder: TypeAlias = Annotated[
    Path, option(OUTPUT, "Folder for tables and the report.", metavar="DIR", file_okay=False)
]
VideoTable: TypeAlias = Annotated[
    Path, typer.Argument(metavar="TABLE", help="Table that 'mien read VIDEO --out TABLE' wrote.")
]
OneVideo: TypeAlias = Annotated[
    str | None, option("", "Use this video only, of a table that holds several.", metavar="NAME")
]
Interval: TypeAlias = Annotated[
    str | None, option("", "Time between frames, e.g. 0.2s. Default: all frames.", metavar="TIME")
]
Baseline: TypeAlias = Annotated[
    str | None,
    option("", "Usual face: a window (0:00-0:30), calmest, or a condition or event.", metavar="WHEN"),
]
AsJson: TypeAlias = Annotated[bool, option(OUTPUT, "Print JSON and nothing else.", "--json")]
Data: TypeAlias = Annotated[
    Path,
    typer.Option(
        metavar="PATH",
        help="Dataset: fer2013.csv, class folders such as happy/*.jpg, parquet, or .npz.",
        callback=existing_data,
    ),
]
ManifestFile: TypeAlias = Annotated[
    Path | None,
    option(
        ADVANCED, "Images, labels and splits to use; 'mien lab inspect' writes one.", "--manifest", metavar="FILE.csv"
    ),
]
LabelNames: TypeAlias = Annotated[
    str | None,
    option(ADVANCED, "Emotions in the order of label numbers.", "--label-names", metavar="A,B,..."),
]
DetectFaces: TypeAlias = Annotated[bool, option(ADVANCED, "Crop the face from each image.", "--detect-faces")]

OneHead: TypeAlias = Annotated[
    str, option(ADVANCED, "Head to use where a model has several.", "--head", metavar="NAME")
]
License: TypeAlias = Annotated[str, option(ADVANCED, "License of the model, for the card.", metavar="TEXT")]
RunFolder: TypeAlias = Annotated[Path, typer.Option(metavar="DIR", help="Folder for checkpoints, history and curves.")]
RecipeName: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE", help="Name of a recipe (see 'mien lab recipes'), or a .toml file.", callback=known_recipe
    ),
]

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}


def rotation(text: str) -> int | None:
    """Parse ``auto`` (None) or degrees; ``OptionError`` for other words. ``ReadOptions`` checks the number."""
    if text == "auto":
        return None
    if not text.isdecimal():
        message = f"--rotate: got {text!r}, expected auto, 0, 90, 180 or 270"
        raise OptionError(message, field="rotate", value=text)
    return int(text)


def byte_count(text: str) -> int:
    """Parse a size such as ``4GB`` or ``800 MiB``; ``OptionError`` where it is none above 0."""
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", text)
    unit = _UNITS.get(found.group(2).upper()) if found else None
    if found is None or unit is None or float(found.group(1)) == 0:
        raise OptionError(f"memory: got {text!r}, expected a size such as 4GB or 800MB", field="memory", value=text)
    return int(float(found.group(1)) * unit)


def emotion_list(text: str | None) -> tuple[str, ...]:
    """Parse emotions separated by commas; ``OptionError`` for an unknown one."""
    return tuple(parse(name.strip()) for name in text.split(",")) if text else ()


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
