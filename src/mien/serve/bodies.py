"""Request bodies: images as multipart files or as JSON with base64, limited before anything is decoded."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ..errors import shorten
from ..io.sources import from_base64
from .problems import Problem

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """Unknown fields are errors."""

    model_config = ConfigDict(extra="forbid")


class EncodedImage(Strict):
    """An image file in base64."""

    data: str
    name: str = ""


class ImagesBody(Strict):
    """Images as JSON."""

    images: list[EncodedImage] = Field(min_length=1)


class FeedbackBody(Strict):
    """What someone says about a reading.

    ``emotion`` is an emotion, ``unknown`` or ``no_face``; one per annotator and reading, the last one counts. ``crop`` is
    the face as an image file in base64; it is stored only with ``consent`` of the person it shows. With ``keep_images``
    the server has the crop itself.
    """

    reading: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    emotion: Annotated[str, Field(max_length=40)]
    annotator: Annotated[str, Field(max_length=100)] = ""
    crop: str | None = None
    consent: bool = False


class ReadParameters(Strict):
    """How to read; what is left out is as the server is set."""

    emotions: Literal["happy-sad", "four", "seven", "eight"] | None = Field(None, description="Label set.")
    head: str | None = Field(None, max_length=50, description="Head of the model.")
    min_face: int | None = Field(None, ge=4, le=10_000, description="Smallest face to look for, pixels.")
    min_confidence: float | None = Field(None, ge=0, le=1, description="Abstain below this confidence.")


Parameters = Annotated[ReadParameters, Query()]


def _body(**content: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI says of a body that is read here rather than by FastAPI, by the schema of each media type."""
    kinds = {"json": "application/json", "form": "multipart/form-data"}
    return {"requestBody": {"required": True, "content": {kinds[kind]: {"schema": content[kind]} for kind in content}}}


def _object(**required: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": required}


_FILE = {"type": "string", "format": "binary"}
IMAGES_BODY = _body(
    form=_object(files={"type": "array", "items": _FILE}),
    json=_object(images={"type": "array", "minItems": 1, "items": EncodedImage.model_json_schema()}),
)
VIDEO_BODY = _body(form=_object(file=_FILE))
FEEDBACK_BODY = _body(json=FeedbackBody.model_json_schema())


class _OnDisk(MultiPartParser):
    """Keeps larger files in temporary files, and refuses bodies that end early."""

    complete = False

    def on_end(self) -> None:
        self.complete = True

    async def parse(self) -> FormData:
        form = await super().parse()
        if not self.complete:
            for file in self._files_to_close_on_error:
                file.close()
            raise MultiPartException("it ends early")
        return form


class _InMemory(_OnDisk):
    """Keeps files in memory: the body is limited, and images must not reach the disk."""

    spool_max_size = 1 << 40


async def read_form(request: Request, max_files: int, *, on_disk: bool = False) -> FormData:
    """Parse a multipart body; ``Problem`` where it is malformed or has more files."""
    kind = _OnDisk if on_disk else _InMemory
    stream: AsyncGenerator[bytes, None] = request.stream()
    try:
        return await kind(request.headers, stream, max_files=max_files, max_fields=16, max_part_size=10_000).parse()
    except MultiPartException as error:
        expected = f"multipart/form-data with at most {max_files} files"
        raise Problem(400, "malformed_body", f"the body is malformed: {error.message}", expected=expected) from error


async def read_images(request: Request, max_files: int) -> list[tuple[str, bytes]]:
    """Names and contents of the image files in a body."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = parse_json(ImagesBody, await request.body())
        images = [(image.name, decoded(image.data)) for image in body.images[: max_files + 1]]
    elif kind == "multipart/form-data":
        form = await read_form(request, max_files)
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        images = [(file.filename or "", await file.read()) for file in files]
        await form.close()
    else:
        expected = "multipart/form-data or application/json"
        raise Problem(415, "unsupported_media_type", "unsupported content type", got=kind, expected=expected)
    if not 1 <= len(images) <= max_files:
        got, expected = len(images), f"1 to {max_files} images"
        raise Problem(413 if images else 400, "image_count", "wrong number of images", got=got, expected=expected)
    return [(shorten(name) or f"image {number}", content) for number, (name, content) in enumerate(images)]


def parse_json(model: type[Model], content: bytes) -> Model:
    """Validate a JSON body; ``Problem`` 400 names the first field that is wrong."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_context=False)) from error


def invalid(errors: Any) -> Problem:
    """The first of pydantic's errors. Its input is left out where it may be an image."""
    first = errors[0]
    field = ".".join(str(part) for part in first["loc"] if part not in ("query", "body")) or "body"
    got = first.get("input")
    got = got if isinstance(got, int | float | str) and len(str(got)) <= 100 else type(got).__name__
    return Problem(400, "invalid_request", f"{field} is not valid", got=got, expected=first["msg"], field=field)


def decoded(data: str) -> bytes:
    """An image in base64, also as a ``data:`` address; ``Problem`` 400 where it is none."""
    try:
        return from_base64(data.partition(",")[2] if data[:5].lower() == "data:" else data)
    except ValueError as error:
        raise Problem(
            400, "malformed_body", f"an image is not valid base64: {error}", expected="base64", field="data"
        ) from error
