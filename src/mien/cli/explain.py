"""``mien explain``: what the user may say, and its translation into values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import (
    MODEL,
    OUTPUT,
    DetectorFile,
    Emotions,
    Flip,
    Head,
    MaskOthers,
    MinConfidence,
    MinFace,
    NoImageOutput,
    Overwrite,
    Threads,
    WhichDetector,
)


def explain(
    photos: Annotated[
        list[str] | None,
        typer.Argument(metavar="PHOTO...", help="Images, folders of them, or patterns such as 'trip/*.jpg'."),
    ] = None,
    *,
    emotion: Annotated[
        str | None,
        typer.Option(help="Ask what spoke for this emotion; by default for the one that was read off each face."),
    ] = None,
    method: Annotated[
        Literal["occlusion", "hirescam"],
        typer.Option(
            help="How the map is made: by blurring places, or from the last feature map of a checkpoint, which is coarser."
        ),
    ] = "occlusion",
    sanity: Annotated[
        bool,
        typer.Option(
            "--sanity",
            help="Check the method: do copies of the model with shuffled weights give other maps? Without photos it takes "
            "two portraits that come with mien.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Write an image (.png), a page (.html) or all numbers (.json).",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    overwrite: Overwrite = False,
    mask_others: MaskOthers = False,
    no_image_output: NoImageOutput = False,
    emotions: Emotions = None,
    head: Head = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="A model that comes with mien, an .onnx file with its card, or a checkpoint or folder of a training run "
            "(needs the extra lab).",
            rich_help_panel=MODEL,
        ),
    ] = "default",
    min_confidence: MinConfidence = 0.5,
    flip: Flip = True,
    detector: WhichDetector = "centerface",
    detector_file: DetectorFile = None,
    min_face: MinFace = None,
    threads: Threads = 0,
) -> None:
    """Show which parts of a face moved the reading, and how far that answer can be trusted.

    A part that is blurred takes its say with it: what the network then says less of, the part spoke for.

    [bold]Examples[/bold]

      mien explain photo.jpg
      mien explain photo.jpg --out why.png
      mien explain photo.jpg --emotion sad
      mien explain holiday/ --out why.html
      mien explain --sanity

    Exit code 0 when everything was explained, 3 when an image could not be read: it is listed at the end.
    """
    from ..errors import OptionError
    from ..options import ReadOptions
    from ..redaction import Privacy

    Privacy(no_image_output=no_image_output).refuse_images(
        {"--out": out if out and out.suffix.lower() != ".json" else None}
    )

    options = ReadOptions(
        emotions=emotions,
        model=model,
        head=head,
        detector=detector,
        detector_file=detector_file,
        min_face=min_face,
        min_confidence=min_confidence,
        flip=flip,
        threads=threads,
    )
    if sanity:
        from .explain_sanity import run_sanity

        if method != "occlusion":
            raise OptionError("--sanity checks the occlusion map: got --method hirescam", hint="Leave --method out.")
        if mask_others:
            raise OptionError("--sanity asks about the method: got --mask-others", hint="Leave --mask-others out.")
        failures = run_sanity(photos or [], options, emotion, out, overwrite=overwrite)
    else:
        from .explaining import run

        hirescam = method == "hirescam"
        failures = run(
            photos or [], options, emotion, out, overwrite=overwrite, hirescam=hirescam, mask_others=mask_others
        )
    if failures:
        raise typer.Exit(3)
