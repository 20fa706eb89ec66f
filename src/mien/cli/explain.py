"""``mien explain``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

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
from .progress import progress_bar

if TYPE_CHECKING:
    from ..explanations.explainer import Explainer
    from ..explanations.explanation import Explanation
    from ..options import ReadOptions
    from ..types import Frame

#: The checkpoint of a run is a file of this ending, or lies in a folder.
_CHECKPOINT = ".ckpt"
#: Endings of ``--out``.
FORMATS = (".png", ".html", ".htm", ".json")


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
    _check_output(out, (".png", ".json") if sanity else FORMATS, overwrite=overwrite)
    if sanity:
        if method != "occlusion":
            raise OptionError("--sanity checks the occlusion map: got --method hirescam", hint="Leave --method out.")
        if mask_others:
            raise OptionError("--sanity checks the method: got --mask-others", hint="Leave --mask-others out.")
        failures = _sanity(photos or [], options, emotion, out)
    else:
        failures = _explain(photos or [], options, emotion, out, hirescam=method == "hirescam", mask_others=mask_others)
    if failures:
        raise typer.Exit(3)


def _explain(
    photos: Sequence[str],
    options: ReadOptions,
    emotion: str | None,
    out: Path | None,
    *,
    hirescam: bool,
    mask_others: bool,
) -> list[str]:
    """Explain every face of every photo; gives what could not be read."""
    from ..errors import OptionError
    from ..explanations.report import save
    from ..io.discovery import find_images

    if not photos:
        raise OptionError("no photo was given", hint="Name one, as in: mien explain photo.jpg")
    paths = find_images(photos)
    explainer = _opened(options, hirescam)
    if emotion:
        explainer.known(emotion)
    notes, console = Console(stderr=True, soft_wrap=True, highlight=False), Console(highlight=False)
    explanations: list[Explanation] = []
    failures: list[str] = []
    with progress_bar(notes, "explaining") as progress:
        for frame in _masked(_frames(paths, failures), options) if mask_others else _frames(paths, failures):
            found = list(explainer.explain(frame, emotion, progress))
            explanations += found
            if not found:
                console.print(f"{frame.name}: no face found", markup=False)
            for explanation in found:
                _show(console, explanation)
    if out and explanations:
        save(out, explanations)
        notes.print(f"written: {out}", markup=False)
    elif out:
        notes.print(f"not written: {out}, for there is no face to explain", markup=False)
    return _shown(notes, failures)


def _sanity(photos: Sequence[str], options: ReadOptions, emotion: str | None, out: Path | None) -> list[str]:
    """Run the randomization test; gives what could not be read."""
    from ..benchmarking.images import PORTRAITS
    from ..errors import OptionError, SourceError
    from ..explanations.explainer import randomization_test
    from ..io.atomic import write_atomically
    from ..io.discovery import find_images

    if is_run(str(options.model)):
        raise OptionError(
            f"--sanity: got the checkpoint {options.model}, expected ONNX weights", hint="Export it: mien lab export"
        )
    paths = find_images(photos) if photos else list(PORTRAITS)
    notes, console = Console(stderr=True, soft_wrap=True, highlight=False), Console(highlight=False)
    failures: list[str] = []
    with progress_bar(notes, "explaining") as progress:
        checks = randomization_test(_frames(paths, failures), options, emotion=emotion, progress=progress)
    if not checks:
        raise SourceError("no face was found in any photo", hint="Give a photo with a face, or none at all.")
    for check in checks:
        each = ", ".join(f"{value:+.2f}" for value in check.correlations)
        console.print(f"{check.name}, face {check.number}: {check.emotion}", markup=False, style="bold")
        console.print(f"  rank correlation with maps of shuffled weights: {check.mean:+.2f} ({each})", soft_wrap=True)
        console.print(
            "  passed: the map depends on the trained weights"
            if check.passed
            else "  FAILED: random weights give a similar map"
        )
    if len(checks) > 1:
        console.print(f"Mean over {len(checks)} faces: {sum(check.mean for check in checks) / len(checks):+.2f}")
    if out:
        if out.suffix.lower() == ".png":
            from ..explanations.image import sanity_image

            write_atomically(out, sanity_image(checks))
        else:
            table = [check.to_dict() for check in checks]
            write_atomically(out, (json.dumps(table, ensure_ascii=False, allow_nan=False) + "\n").encode())
        notes.print(f"written: {out}", markup=False)
    return _shown(notes, failures)


def _opened(options: ReadOptions, hirescam: bool) -> Explainer:
    from ..errors import OptionError
    from ..explanations.explainer import open_explainer
    from ..extras import check_installed

    if not is_run(str(options.model)):
        if hirescam:
            raise OptionError(
                f"--method hirescam looks into a checkpoint: got the ONNX model {options.model}",
                hint="Give --model FILE.ckpt or the folder of a run, or leave --method out.",
            )
        return open_explainer(options)
    check_installed(["torch", *(["captum"] if hirescam else [])], "lab")
    from ..lab.explaining.opening import open_torch_explainer

    return open_torch_explainer(options, hirescam=hirescam)


def _masked(photos: Iterator[Frame], options: ReadOptions) -> Iterator[Frame]:
    from ..detection import create_detector
    from ..redaction import PhotoMasker, masking_options

    detector, masker = create_detector(masking_options(options)), PhotoMasker(options)
    for photo in photos:
        yield masker.select(photo, detector.detect(photo))[0]


def is_run(model: str) -> bool:
    """Whether a model is a checkpoint, or the folder of a run; a folder by the name of a model that ships hides none."""
    from ..model.card import shipped_models

    return model not in shipped_models() and (model.lower().endswith(_CHECKPOINT) or Path(model).is_dir())


def _check_output(out: Path | None, formats: tuple[str, ...], *, overwrite: bool) -> None:
    """See that ``out`` can be written, before any work is done.

    Raises:
        OptionError: its name ends in none of ``formats``.
        OutputError: it exists.
    """
    from ..errors import OptionError, OutputError
    from ..extras import check_installed

    if out is None:
        return
    if out.suffix.lower() not in formats:
        raise OptionError(
            f"--out: got {out.name!r}, expected a name that ends in {', '.join(formats)}",
            hint=f"Rename the output, for example to {out.stem}{formats[0]}.",
        )
    if out.exists() and not overwrite:
        raise OutputError(f"{out} exists", hint="Use --overwrite to replace it, or write elsewhere.")
    if out.suffix.lower() in (".html", ".htm"):
        check_installed(["jinja2"], "explain")


def _frames(paths: Sequence[Path], failures: list[str]) -> Iterator[Frame]:
    """The photos that can be read; of the others ``failures`` is told, unless there is but one."""
    from ..errors import SourceError
    from ..io.images import read_image

    for path in paths:
        try:
            yield read_image(path)
        except SourceError as error:
            if len(paths) == 1:
                raise
            failures.append(str(error))


def _show(console: Console, explanation: Explanation) -> None:
    from ..explanations.report import short, summarize

    console.print(Text(f"{explanation.name}, face {explanation.number}", "bold"))
    summary = summarize(explanation)
    for lines, style in ((summary.findings, ""), (summary.checks, "dim")):
        for line in lines:
            console.print(Text(f"  {line}", style), soft_wrap=not console.is_terminal)
    for part in explanation.parts:
        bar = "█" * round(24 * min(1.0, abs(part.share)))
        color = "orange3" if part.share >= 0 else "medium_purple"
        console.print(Text.assemble(f"  {part.name:<8}", (bar, color), f"{' ' * bool(bar)}{short(part)}"))
    console.print()


def _shown(notes: Console, failures: Sequence[str]) -> list[str]:
    for failure in failures:
        notes.print(f"could not be read: {failure}", markup=False)
    return list(failures)
