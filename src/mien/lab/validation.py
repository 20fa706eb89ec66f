"""Settings in TOML files, validated by pydantic, with its errors as mien's: field, value, expected, and a hint."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ..emotions import EMOTIONS, LABEL_SETS
from ..errors import RecipeError
from .recipes import read_text

if TYPE_CHECKING:
    from importlib.abc import Traversable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def _known(names: Collection[str]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in names:
            raise RecipeError(value=name, expected=f"one of {', '.join(names)}")
        return name

    return AfterValidator(check)


Share = Annotated[float, Field(ge=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Index = Annotated[int, Field(ge=0)]
LabelSet = Annotated[str, _known(LABEL_SETS)]
Emotion = Annotated[str, _known(EMOTIONS)]


class Settings(BaseModel):
    """Base of settings: immutable, no unknown fields, no conversion of types, no infinite numbers."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


def invalid(field: str, value: object, expected: str, hint: str = "") -> RecipeError:
    """An error to raise in a validator; ``field`` is relative to the validated table."""
    return RecipeError(field=field, value=value, expected=expected, hint=hint)


def read_table(name_or_path: str | Path, folder: Traversable) -> dict[str, Any]:
    """The content of a TOML file, as in ``read_text``; one that is not TOML raises a ``RecipeError``, too."""
    try:
        return tomllib.loads(read_text(name_or_path, folder))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{name_or_path} is not valid TOML: {error}") from error


#: What is expected, by pydantic's type of error; the placeholders are those of the error's context.
_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "int_type": "an integer",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "missing": "a value",
    "model_type": "a table",
    "string_pattern_mismatch": "letters, digits and underscores",
    "string_type": "a string",
    "too_long": "at most {max_length} values",
    "too_short": "at least {min_length}",
    "tuple_type": "a list",
}


def field_error(error: ValidationError, model: type[BaseModel]) -> RecipeError:
    """The first of pydantic's errors about ``model`` as one of mien's: the field's path, its value and what is expected."""
    first = error.errors(include_url=False)[0]
    place, context = [step for step in first["loc"] if step != "[key]"], first.get("ctx", {})
    field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")
    own = context.get("error")
    if isinstance(own, RecipeError):
        field = ".".join(part for part in (field, own.field) if part)
        return invalid(field, own.value, own.expected, own.hint)
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, place[:-1])
        near = difflib.get_close_matches(str(place[-1]), known, 1)
        hint = f"Did you mean {near[0]!r}?" if near else ""
        return invalid(field, first["input"], f"a known field: {', '.join(known)}", hint)
    expected = _EXPECTED.get(first["type"], "another value").format(**context)
    value = None if first["type"] == "missing" else first["input"]
    return invalid(field, value, expected)


def _fields_at(model: Any, place: list[int | str]) -> list[str]:
    """The fields of the table at ``place``; the names of heads are keys, not fields."""
    for step in place:
        if step in model.model_fields:
            annotation = model.model_fields[step].annotation
            model = (get_args(annotation) or (annotation,))[-1]
    return list(model.model_fields)
