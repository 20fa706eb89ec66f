"""Distillation: predictions of trained models for several views of each training image, for students to learn from."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ..data.dataset import TRAIN, Dataset
from ..emotions import label_set
from ..errors import DataError, RecipeError
from ..io.atomic import replacing
from ..model.preprocess import channels_first
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
    """

    names: npt.NDArray[np.str_]
    views: npt.NDArray[np.uint8]
    predictions: dict[str, npt.NDArray[np.float16]]

    def of(self, names: npt.NDArray[np.str_]) -> TeacherTargets:
        """The targets of these images, in their order; ``DataError`` if there are none for an image."""
        if np.array_equal(names, self.names):
            return self  # the views may take a gigabyte: no copy
        known = {name: place for place, name in enumerate(self.names.tolist())}
        rows = np.array([known.get(name, -1) for name in names.tolist()], np.int64)
        if len(missing := names[rows < 0]):
            raise DataError(
                f"distillation.teachers: no predictions for {len(missing):,} of {len(names):,} training images, "
                f"such as {str(missing[0])!r}",
                hint="Run 'mien lab distill' on the data (and the --manifest) that the student learns from.",
            )
        predictions = {head: values[rows] for head, values in self.predictions.items()}
        return TeacherTargets(names, self.views[rows], predictions)


def distill(
    teachers: Sequence[str | Path],
    data: Dataset,
    out: str | Path,
    *,
    recipe: Recipe | str | Path = "default",
    views: int = 8,
    progress: Progress = no_progress,
) -> TeacherTargets:
    """Write the teachers' predictions for the training images of ``data``, for the student's ``distillation.teachers``.

    Args:
        teachers: runs, checkpoints, .onnx files or names of included models; their predictions are averaged.
        data: the student's training data.
        out: the .npz file to write.
        recipe: the student's recipe, for heads, image size and augmentation.
        views: number of views of each image; the first is unchanged, the others are augmented.
        progress: called with the number of images done.

    Raises:
        ModelError, DataError, RecipeError: a teacher cannot be read, lacks a head of the recipe, or there is no such data.
        OutputError: ``out`` cannot be written.
    """
    student = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    opened = [open_classifier(Path(teacher)) for teacher in teachers]
    targets = teacher_targets(opened, subset(data, student).part(TRAIN), student, views=views, progress=progress)
    predictions = {f"{_PREFIX}{name}": values for name, values in targets.predictions.items()}
    with replacing(Path(out)) as file:
        np.savez(file, allow_pickle=False, names=targets.names, views=targets.views, **predictions)
    return targets


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
    return TeacherTargets(faces.names, made, predictions)


def read_targets(path: Path, recipe: Recipe) -> TeacherTargets:
    """Read what ``distill`` wrote, for a student of ``recipe``; ``DataError`` if it is damaged or heads differ."""
    try:
        with np.load(path, allow_pickle=False) as file:
            names, views = file["names"], file["views"]
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
    return TeacherTargets(names, views, predictions)


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
