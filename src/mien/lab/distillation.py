"""Distillation: predictions of trained models for several views of each training image, for students to learn from."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ..data.dataset import TRAIN, Dataset
from ..detection import create_detector, sure_score
from ..emotions import label_set
from ..errors import DataError, RecipeError, SourceError
from ..io.atomic import replacing
from ..io.discovery import find_images
from ..io.images import read_image
from ..model.preprocess import align_face, channels_first
from ..options import ReadOptions
from ..progress import Progress, no_progress
from .augment import augment, resize
from .evaluation.classifier import Classifier, open_classifier, predict
from .evaluation.metrics import probabilities_at
from .recipe import Recipe, load_recipe
from .sampling import subset

#: Images, each with all its views, in one batch.
_BATCH = 128
_PREFIX = "answers_"


@dataclass(frozen=True, eq=False)
class TeacherTargets:
    """V views of N images, uint8 (N, V, S, S), gray, or (N, V, S, S, 3), RGB, and the teachers' predictions for them.

    ``names``, str (N,), are those of the dataset; ``predictions`` are mean probabilities, float16 (N, V, K) for each head.
    ``unlabeled``, bool (N,), marks faces of photos, which are in no dataset.
    """

    names: npt.NDArray[np.str_]
    views: npt.NDArray[np.uint8]
    predictions: dict[str, npt.NDArray[np.float16]]
    unlabeled: npt.NDArray[np.bool_]

    def of(self, names: npt.NDArray[np.str_]) -> TeacherTargets:
        """The targets of these images, in their order, then the unlabeled ones; ``DataError`` if an image has none."""
        if np.array_equal(names, self.names[: len(names)]) and self.unlabeled[len(names) :].all():
            return self  # the views may take a gigabyte: no copy
        known = {name: place for place, name in enumerate(self.names.tolist())}
        rows = np.array([known.get(name, -1) for name in names.tolist()], np.int64)
        if len(missing := names[rows < 0]):
            raise DataError(
                f"distillation.teachers: no predictions for {len(missing):,} of {len(names):,} training images, "
                f"such as {str(missing[0])!r}",
                hint="Run 'mien lab distill' on the data (and the --manifest) that the student learns from.",
            )
        rows = np.concatenate([rows, np.flatnonzero(self.unlabeled)])
        predictions = {head: values[rows] for head, values in self.predictions.items()}
        return TeacherTargets(self.names[rows], self.views[rows], predictions, self.unlabeled[rows])

    def followed_by(self, others: TeacherTargets) -> TeacherTargets:
        """These targets and those of ``others``."""
        return TeacherTargets(
            np.concatenate([self.names, others.names]),
            np.concatenate([self.views, others.views]),
            {head: np.concatenate([values, others.predictions[head]]) for head, values in self.predictions.items()},
            np.concatenate([self.unlabeled, others.unlabeled]),
        )


def distill(
    teachers: Sequence[str | Path],
    data: Dataset,
    out: str | Path,
    *,
    recipe: Recipe | str | Path = "default",
    views: int = 8,
    photos: Sequence[str | Path] = (),
    on_error: Callable[[SourceError], object] = lambda _error: None,
    progress: Progress = no_progress,
) -> TeacherTargets:
    """Write the teachers' predictions for the training images of ``data``, for the student's ``distillation.teachers``.

    Args:
        teachers: runs, checkpoints, .onnx files or names of included models; their predictions are averaged.
        data: the student's training data.
        out: the .npz file to write.
        recipe: the student's recipe, for heads, image size and augmentation.
        views: number of views of each image; the first is unchanged, the others are augmented.
        photos: files and folders of photos; their faces are added without labels.
        on_error: called for each photo that cannot be read.
        progress: called with the number of images or photos done.

    Raises:
        ModelError, DataError, RecipeError: a teacher cannot be read, lacks a head of the recipe, or there is no such data,
            or no face in the photos.
        SourceError: there are no such photos.
        OutputError: ``out`` cannot be written.
    """
    student = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    opened = [open_classifier(Path(teacher)) for teacher in teachers]
    parts = [subset(data, student).part(TRAIN)]
    if photos:
        parts.append(faces_of_photos(photos, student, on_error, progress))
    each = [teacher_targets(opened, part, student, views=views, progress=progress) for part in parts]
    targets = each[0].followed_by(each[1]) if photos else each[0]
    predictions = {f"{_PREFIX}{name}": values for name, values in targets.predictions.items()}
    with replacing(Path(out)) as file:
        np.savez(
            file,
            allow_pickle=False,
            names=targets.names,
            views=targets.views,
            unlabeled=targets.unlabeled,
            **predictions,
        )
    return targets


def faces_of_photos(
    photos: Sequence[str | Path],
    recipe: Recipe,
    on_error: Callable[[SourceError], object] = lambda _error: None,
    progress: Progress = no_progress,
) -> Dataset:
    """The faces that the reader finds in photos, of at least the recipe's image size and without labels (-1)."""
    detector, files = create_detector(ReadOptions(min_face=recipe.input.size)), find_images(photos)
    sure, color = sure_score(ReadOptions()), "gray" if recipe.input.channels == 1 else "rgb"
    crops, names = list[npt.NDArray[np.uint8]](), list[str]()
    for done, file in enumerate(files, start=1):
        try:
            frame = read_image(file)
        except SourceError as error:
            on_error(error)
            continue
        finally:
            progress(done, len(files))
        faces = [face for face in detector.detect(frame) if face.score >= sure]
        crops += [align_face(frame, face, recipe.input.size, color) for face in faces]
        names += [f"{file}, face {number}" for number in range(1, len(faces) + 1)]
    if not crops:
        hint = f"Use photos with faces of at least {recipe.input.size} pixels, or leave --photos (photos) out."
        raise DataError(f"got {len(files):,} photos without a face, expected faces to learn from", hint=hint)
    count = len(crops)
    return Dataset("photos", np.stack(crops), np.full(count, -1), np.full(count, TRAIN), names=np.array(names))


def teacher_targets(
    teachers: Sequence[Classifier], faces: Dataset, recipe: Recipe, *, views: int, progress: Progress = no_progress
) -> TeacherTargets:
    """Make views of images as the recipe's augmentation would, and predict them with the teachers.

    Views are not erased, blended or corrupted; this may be done for the student. The same seed produces the same views.
    Probabilities are averaged over the teachers and over mirror images.
    """
    for teacher in teachers:
        _check_heads(teacher, recipe)
    size, color = recipe.input.size, recipe.input.channels
    made = np.empty((len(faces), views, size, size, *([3] if color > 1 else [])), np.uint8)
    predictions = {
        name: np.empty((len(faces), views, len(label_set(head.emotions))), np.float16)
        for name, head in recipe.heads.items()
    }
    changes = recipe.augment.model_copy(update={"noise": 0.0, "corrupt": 0.0})
    torch.manual_seed(recipe.seed)
    for start in range(0, len(faces), _BATCH):
        rows = slice(start, start + _BATCH)
        images = torch.from_numpy(channels_first(faces.images[rows], color)).float() / 255
        for view in range(views):
            made[rows, view] = _pixels(augment(images, changes, size, strong=False) if view else resize(images, size))
            logits = [predict(teacher, made[rows, view], flip=True) for teacher in teachers]
            for name, values in predictions.items():
                values[rows, view] = np.mean([probabilities_at(each[name], 1.0) for each in logits], axis=0)
        progress(min(start + _BATCH, len(faces)), len(faces))
    return TeacherTargets(faces.names, made, predictions, faces.labels < 0)


def read_targets(path: Path, recipe: Recipe) -> TeacherTargets:
    """Read what ``distill`` wrote, for a student of ``recipe``; ``DataError`` if it is damaged or heads differ."""
    try:
        with np.load(path, allow_pickle=False) as file:
            names, views, unlabeled = file["names"], file["views"], file["unlabeled"]
            predictions = {key.removeprefix(_PREFIX): file[key] for key in file.files if key.startswith(_PREFIX)}
    except FileNotFoundError as error:
        hint = "Make it with 'mien lab distill', or set distillation.teachers to ''."
        raise DataError(f"distillation.teachers: no file {path}", hint=hint) from error
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(
            f"distillation.teachers: {path} is not a file of 'mien lab distill': {error}", hint="Make it again."
        ) from error
    for name, head in recipe.heads.items():
        expected = (*views.shape[:2], len(label_set(head.emotions)))
        found = predictions[name].shape if name in predictions else None
        if found != expected:
            raise DataError(
                f"distillation.teachers: {path}: predictions of the head {name}: got {found or 'none'}, expected {expected}",
                hint="Distill models whose heads are those of the recipe.",
            )
    return TeacherTargets(names, views, predictions, unlabeled)


def _pixels(images: torch.Tensor) -> npt.NDArray[np.uint8]:
    """Float (N, C, S, S), 0-1 -> uint8 (N, S, S) or (N, S, S, 3)."""
    values = (images.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    return values[:, 0] if values.shape[1] == 1 else np.ascontiguousarray(values.transpose(0, 2, 3, 1))


def _check_heads(teacher: Classifier, recipe: Recipe) -> None:
    for name, head in recipe.heads.items():
        if name not in teacher.heads or teacher.heads[name].emotions != label_set(head.emotions):
            known = ", ".join(f"{known} ({len(its.emotions)} emotions)" for known, its in teacher.heads.items())
            message = f"{teacher.name} has the heads {known}, expected {name} ({head.emotions}) among them"
            raise RecipeError(message, hint="Use teachers whose heads are those of the recipe.", field=f"heads.{name}")
