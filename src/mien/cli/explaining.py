"""The runs behind ``mien explain``: photos in; words, images, pages and numbers out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import TaskID
from rich.text import Text

from ..detection.registry import create_detector
from ..errors import OptionError, OutputError, SourceError
from ..explain.explainer import LOOKS, Explainer, open_explainer
from ..explain.values import Explanation
from ..explain.words import short, told
from ..extras import check_installed
from ..io.atomic import write_atomically
from ..io.discovery import find_images
from ..io.images import read_image
from ..model.registry import shipped_models
from ..options import ReadOptions
from ..redaction import PhotoMasker, masking_options
from ..types import Frame
from .data import progress_bar

_FORMATS = (".png", ".html", ".htm", ".json")
#: The checkpoint of a run is a file of this ending, or lies in a folder.
_CHECKPOINT = ".ckpt"


def run(
    photos: Sequence[str],
    options: ReadOptions,
    emotion: str | None,
    out: Path | None,
    *,
    overwrite: bool,
    hirescam: bool = False,
    mask_others: bool = False,
) -> list[str]:
    """Explain every face of every photo, or with ``mask_others`` the widest of each.

    Returns:
        What could not be read, in words; already shown.

    Raises:
        MienError: something that concerns the whole run and not one photo.
    """
    if not photos:
        raise OptionError("no photo was given", hint="Name one, as in: mien explain photo.jpg")
    check_output(out, _FORMATS, overwrite=overwrite)
    paths = find_images(photos, recursive=False)
    explainer = _opened(options, hirescam)
    if emotion:
        explainer.known(emotion)
    notes, console = Console(stderr=True, soft_wrap=True, highlight=False), Console(highlight=False)
    made: list[Explanation] = []
    failures: list[str] = []
    with patient(notes, len(paths) * LOOKS) as asked:
        for frame in _covered(frames(paths, failures), options) if mask_others else frames(paths, failures):
            found = list(explainer.explain(frame, emotion, asked))
            made += found
            if not found:
                console.print(f"{frame.name}: no face found", markup=False)
            for explanation in found:
                _show(console, explanation)
    if out and made:
        write_atomically(out, _content(made, out))
        notes.print(f"written: {out}", markup=False)
    elif out:
        notes.print(f"not written: {out}, for there is no face to explain", markup=False)
    return told_failures(notes, failures)


def _opened(options: ReadOptions, hirescam: bool) -> Explainer:
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


def _covered(photos: Iterator[Frame], options: ReadOptions) -> Iterator[Frame]:
    detector, hider = create_detector(masking_options(options)), PhotoMasker(options)
    for photo in photos:
        yield hider.select(photo, detector.detect(photo))[0]


def is_run(model: str) -> bool:
    """Whether a model is a checkpoint, or the folder of a run; a folder by the name of a model that ships hides none."""
    return model not in shipped_models() and (model.lower().endswith(_CHECKPOINT) or Path(model).is_dir())


def check_output(out: Path | None, formats: tuple[str, ...], *, overwrite: bool) -> None:
    """See that ``out`` can be written, before any work is done.

    Raises:
        OptionError: its name ends in none of ``formats``.
        OutputError: it exists.
    """
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


def frames(paths: Sequence[Path], failures: list[str]) -> Iterator[Frame]:
    """The photos that can be read; of the others ``failures`` is told, unless there is but one."""
    for path in paths:
        try:
            yield read_image(path)
        except SourceError as error:
            if len(paths) == 1:
                raise
            failures.append(str(error))


@contextmanager
def patient(notes: Console, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar that only shows itself once the work has taken two seconds; a photo counts as one face at first."""
    begun = time.monotonic()
    done = 0
    task: TaskID | None = None
    with progress_bar(notes) as bar:

        def asked(count: int) -> None:
            nonlocal done, task
            done += count
            if task is None and time.monotonic() - begun > 2:
                task = bar.add_task("explaining", total=total)
            if task is not None:
                bar.update(task, completed=done, total=max(total, done))

        yield asked


def _show(console: Console, explanation: Explanation) -> None:
    console.print(Text(f"{explanation.name}, face {explanation.number}", "bold"))
    for line in told(explanation):
        console.print(Text(f"  {line}", "dim" if line.startswith("Check") else ""), soft_wrap=not console.is_terminal)
    for part in explanation.parts:
        bar = "█" * round(24 * min(1.0, abs(part.share)))
        color = "orange3" if part.share >= 0 else "medium_purple"
        console.print(Text.assemble(f"  {part.name:<8}", (bar, color), f"{' ' * bool(bar)}{short(part)}"))
    console.print()


def _content(made: Sequence[Explanation], out: Path) -> bytes:
    kind = out.suffix.lower()
    if kind == ".json":
        return (json.dumps([one.as_dict() for one in made], ensure_ascii=False, allow_nan=False) + "\n").encode()
    if kind == ".png":
        from ..explain.image import image

        return image(made)
    from ..explain.page import page

    names = {one.name for one in made}
    return page(made, Path(made[0].name).name if len(names) == 1 else f"{len(names)} photos")


def told_failures(notes: Console, failures: Sequence[str]) -> list[str]:
    """Show what could not be read, and hand it back."""
    for failure in failures:
        notes.print(f"could not be read: {failure}", markup=False)
    return list(failures)
