"""``mien lab export``: a trained network in the formats that others can use."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .data import Data, DetectFaces, ManifestFile

if TYPE_CHECKING:
    from ..model.card import InputSpec

_MEASURING = ("sklearn", "scipy")
_TRAINING = ("torch", "lightning", "torchmetrics", "onnxscript", *_MEASURING)


class Format(str, Enum):
    """What a model can be exported to; Typer repeats options of enumerations, not of literals."""

    ONNX = "onnx"
    INT8 = "onnx-int8"
    PROGRAM = "pt2"


def export(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A .ckpt file or the folder of a run; for onnx-int8 also a model that comes with mien, or an .onnx file.",
        ),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where NAME.onnx and its card NAME.json go.")],
    to: Annotated[
        list[Format] | None,
        typer.Option(
            "--to",
            help="[bold]onnx[/bold]; [bold]onnx-int8[/bold], a quarter of the size and faster on a CPU, named NAME-int8 "
            "(as NAME if the model is called NAME-float32); [bold]pt2[/bold], for programs that use torch. Repeatable; "
            "onnx if not given.",
            show_default=False,
        ),
    ] = None,
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    name: Annotated[
        str, typer.Option(help="What to call the model; by default as its recipe.", show_default=False)
    ] = "",
    license: Annotated[str, typer.Option(help="The license of the weights, for the card.")] = "not stated",
    trained_on: Annotated[
        str, typer.Option(metavar="TEXT", help="The training data in words, for the card; by default from --data.")
    ] = "",
) -> None:
    """Make a trained network ready for use: weights, and a card that says how to feed them and how good they are.

    [bold]--data[/bold] is what the network was trained on: its validation part calibrates the probabilities and gives the
    scores on the card. Nothing is written unless the file computes what torch computes; int8 must be right as often.

    [bold]mien lab export runs/seven --data fer2013.csv --out models --name mine[/bold]

    Both precisions, as mien ships them (models/mine.onnx is the int8 one):
    [bold]mien lab export runs/seven --data fer2013.csv --out models --name mine-float32 --to onnx --to onnx-int8[/bold]

    Then:  [bold]mien read photo.jpg --model models/mine.onnx[/bold]
    """
    from ..extras import check_installed
    from .data import read_data

    formats = tuple(dict.fromkeys(wanted.value for wanted in to or [Format.ONNX]))
    onnx_file = _onnx_of(model)
    check_installed(_MEASURING if onnx_file else _TRAINING, "lab")
    spec = _input_of(model, onnx_file, formats)
    faces = read_data(data, spec.size, spec.color, manifest=manifest, detect_faces=detect_faces)
    if onnx_file:
        from ..lab.export.int8 import export_int8

        paths = [export_int8(onnx_file, faces, out, name=name)]
    else:
        from ..lab.export.run import export_formats

        paths = export_formats(model, faces, out, formats=formats, name=name, license=license, data=trained_on)
    from ..lab.export.naming import card_path

    for path in paths:
        typer.echo(f"written: {path}\nwritten: {card_path(path)}", err=True)
    readable = next((path for path in paths if path.suffix == ".onnx"), None)
    if readable:
        typer.echo(f"Read an image with it:  mien read photo.jpg --model {readable}", err=True)


def _onnx_of(model: Path) -> str:
    """What ``load_model`` opens, where ``model`` is exported already; empty where it is a checkpoint or a run."""
    from ..model.card import shipped_models

    if model.suffix.lower() == ".onnx" or (str(model) in shipped_models() and not model.is_dir()):
        return str(model)
    return ""


def _input_of(model: Path, onnx_file: str, formats: tuple[str, ...]) -> InputSpec:
    """How the model wants its images.

    Raises:
        OptionError: an exported model is to become something that only a checkpoint can become.
    """
    from ..errors import OptionError

    if not onnx_file:
        from ..lab.training.checkpoint import find_checkpoint, restore_network
        from ..model.card import InputSpec

        given = restore_network(find_checkpoint(model))[0].input
        return InputSpec(given.size, given.mean, given.std, given.color)
    if formats != ("onnx-int8",):
        raise OptionError(
            f"--to: got {', '.join(formats)} for {model}, which is exported already; expected onnx-int8",
            hint="Give --to onnx-int8 alone, or start from the checkpoint.",
        )
    from ..model.card import load_model

    return load_model(onnx_file)[0].input
