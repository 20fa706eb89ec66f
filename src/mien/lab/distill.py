"""Ask trained networks about several views of each training image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from ..data.dataset import Dataset
from ..emotions import label_set
from ..errors import RecipeError
from ..model.preprocess import channels_first
from .augment import augment, resize
from .evaluation.classifier import Classifier, Logits, predict
from .evaluation.metrics import probabilities_at
from .recipe import Recipe
from .train.teacher_targets import Taught

#: Images, each with all its views, that are made and asked about at a time.
_BATCH = 128


def ask(
    teachers: Sequence[Classifier],
    faces: Dataset,
    recipe: Recipe,
    *,
    views: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Taught:
    """Make views of images as the recipe's augmentation would, and note what the teachers say of them.

    The first view is the image as it is. Nothing is erased, blended or spoiled: a teacher cannot answer for what it cannot
    see, and a student may still be shown less of a view than its teachers saw. The same seed gives the same views.

    Args:
        teachers: each must know every head of the recipe; their probabilities are averaged, over mirror images too.
        faces: the training images.
        recipe: of the student.
        views: of each image, at least 1.
        progress: called with images done and images in all.

    Raises:
        RecipeError: a teacher lacks a head of the recipe, or its head tells other emotions apart.
    """
    for teacher in teachers:
        _check_heads(teacher, recipe)
    size, color = recipe.input.size, recipe.input.channels
    made = np.empty((len(faces), views, size, size, *([3] if color > 1 else [])), np.uint8)
    answers = {
        name: np.empty((len(faces), views, len(label_set(head.emotions))), np.float16)
        for name, head in recipe.heads.items()
    }
    torch.manual_seed(recipe.seed)
    for start in range(0, len(faces), _BATCH):
        rows = slice(start, start + _BATCH)
        pictures = torch.from_numpy(channels_first(faces.images[rows], color)).float() / 255
        for view in range(views):
            made[rows, view] = _pixels(_view(pictures, recipe, changed=view > 0))
            said = [predict(teacher, made[rows, view], flip=True) for teacher in teachers]
            for name, values in answers.items():
                values[rows, view] = _mean(said, name)
        progress(min(start + _BATCH, len(faces)), len(faces))
    return Taught(faces.names, made, answers)


def _view(pictures: torch.Tensor, recipe: Recipe, *, changed: bool) -> torch.Tensor:
    if not changed:
        return resize(pictures, recipe.input.size)
    return augment(
        pictures, recipe.augment.model_copy(update={"noise": 0.0, "spoil": 0.0}), recipe.input.size, strong=False
    )


def _pixels(pictures: torch.Tensor) -> npt.NDArray[np.uint8]:
    """Float (N, C, S, S), 0-1 -> uint8 (N, S, S) or (N, S, S, 3)."""
    values = (pictures.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    return values[:, 0] if values.shape[1] == 1 else np.ascontiguousarray(values.transpose(0, 2, 3, 1))


def _mean(said: Sequence[Logits], head: str) -> npt.NDArray[np.float64]:
    return np.asarray(np.mean([probabilities_at(logits[head], 1.0) for logits in said], axis=0), np.float64)


def _check_heads(teacher: Classifier, recipe: Recipe) -> None:
    for name, head in recipe.heads.items():
        if name not in teacher.heads or teacher.heads[name].emotions != label_set(head.emotions):
            known = ", ".join(f"{known} ({len(its.emotions)} emotions)" for known, its in teacher.heads.items())
            raise RecipeError(
                f"{teacher.name} has the heads {known}, expected {name} ({head.emotions}) among them",
                hint="Teach with models whose heads are those of the recipe.",
            )
