"""Options that several commands share, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

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
