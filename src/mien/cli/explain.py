"""``mien explain``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from . import options as opt
from .output import progress_bar

if TYPE_CHECKING:
    from ..errors import SourceError
    from ..explanations.explainer import Explainer, Explanation
    from ..explanations.faithfulness import Sanity
    from ..io.sources import ImageSource
    from ..options import ReadOptions
    from ..types import Frame


def explain(
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE...", help="Images, folders of images, or patterns such as 'trip/*.jpg'."),
    ] = None,
    *,
    emotion: Annotated[
        str | None, typer.Option(metavar="NAME", help="Emotion to explain. Default: the prediction of each face.")
    ] = None,
    method: Annotated[
        Literal["occlusion", "hirescam"],
        typer.Option(metavar="NAME", help="occlusion, or hirescam for a checkpoint (coarser)."),
    ] = "occlusion",
    sanity: Annotated[
        bool, typer.Option("--sanity", help="Test that maps depend on the weights; IMAGE may be left out.")
    ] = False,
    emotions: opt.Emotions = None,
    model: Annotated[
        str,
        typer.Option(metavar="NAME|FILE", help="Model: default, tiny, an .onnx file, a checkpoint or a run folder."),
    ] = "default",
    min_confidence: opt.MinConfidence = 0.5,
    out: Annotated[
        Path | None,
        opt.option(
            opt.OUTPUT, "Write a report (.html, .md), image (.png) or numbers (.json).", metavar="FILE", dir_okay=False
        ),
    ] = None,
    overwrite: opt.Overwrite = False,
    mask_others: opt.MaskOthers = False,
    no_image_output: opt.NoImageOutput = False,
    head: opt.Head = None,
    detector: opt.WhichDetector = "mien",
    min_face: opt.MinFace = None,
    rotate: opt.Rotate = "auto",
    flip: opt.Flip = True,
    threads: opt.Threads = 0,
) -> None:
    """Show which parts of a face drove its prediction.

    Each explanation is tested: its effect, faithfulness and stability are reported.

    Examples:
      mien explain photo.jpg --out explanation.png
      mien explain photo.jpg --emotion sad
      mien explain holiday/ --out explanations.html
      mien explain --sanity
    """
    from ..benchmarking.images import PORTRAITS
    from ..errors import OptionError
    from ..explanations.explainer import explain as explain_images
    from ..explanations.explainer import randomization_test
    from ..explanations.report import FORMATS, SANITY_FORMATS, document, sanity_document, save
    from ..io.atomic import check_ending, check_free
    from ..options import ReadOptions
    from ..redaction import Privacy

    with_images = out if out and out.suffix.lower() != ".json" else None
    Privacy(no_image_output=no_image_output).refuse_images({"--out": with_images})
    if out:
        check_ending(out, SANITY_FORMATS if sanity else FORMATS)
        check_free(out.parent, [out.name], "the report of an earlier run", overwrite=overwrite)
    if sanity and (method != "occlusion" or mask_others):
        raise OptionError("--sanity cannot be combined with --method or --mask-others", hint="Leave them out.")
    if sanity and is_run(model):
        raise OptionError(f"--sanity requires ONNX weights, got {model}", hint="Export them: mien lab export")
    if not (images or sanity):
        raise OptionError("no image was given", hint="Give one, for example: mien explain photo.jpg")
    options = ReadOptions(
        emotions=emotions, model=model, head=head, detector=detector, min_face=min_face,
        min_confidence=min_confidence, flip=flip, threads=threads, rotate=opt.rotation(rotate),
    )  # fmt: skip
    console, notes = Console(highlight=False), Console(stderr=True, soft_wrap=True, highlight=False)
    errors: list[SourceError] = []
    results: Sequence[Explanation] | Sequence[Sanity]

    def show(frame: Frame, found: Sequence[Explanation]) -> None:
        if found:
            console.print(document(found).to_terminal(console.width), "")
        else:
            console.print(f"{frame.name}: no face found", markup=False)

    with progress_bar(notes, "explaining") as progress:
        if sanity:
            checked: list[ImageSource] = [*(images or PORTRAITS)]
            results = randomization_test(checked, options, emotion=emotion, on_error=errors.append, progress=progress)
            console.print(sanity_document(results).to_terminal(console.width))
        else:
            results = explain_images(
                [*(images or ())], options, emotion=emotion, mask_others=mask_others,
                explainer=_open(options, method == "hirescam"), on_image=show, on_error=errors.append,
                progress=progress,
            )  # fmt: skip
    if out and results:
        save(out, results)
        notes.print(f"written: {out}", markup=False)
    elif out:
        notes.print(f"not written: {out}: there is no face to explain", markup=False)
    for error in errors:
        notes.print(f"could not be read: {error}", *([f"  {error.hint}"] if error.hint else []), sep="\n", markup=False)
    if errors:
        raise typer.Exit(3)


def _open(options: ReadOptions, hirescam: bool) -> Explainer:
    from ..errors import OptionError
    from ..explanations.explainer import open_explainer
    from ..extras import check_installed

    if not is_run(str(options.model)):
        if hirescam:
            raise OptionError(
                f"--method hirescam requires a checkpoint, got the ONNX model {options.model}",
                hint="Give --model FILE.ckpt or the folder of a run, or leave --method out.",
            )
        return open_explainer(options)
    check_installed(["torch"], "lab")
    from ..lab.explaining import open_torch_explainer

    return open_torch_explainer(options, hirescam=hirescam)


def is_run(model: str) -> bool:
    """Whether a model is a checkpoint or the folder of a run; the name of an included model never is."""
    from ..model.card import shipped_models

    return model not in shipped_models() and (model.lower().endswith(".ckpt") or Path(model).is_dir())
