"""Errors as problem details (RFC 9457), with mien's code and what was got and expected."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from ..errors import DataError, MienError, MissingExtraError, ModelError, OptionError, SourceError, TooLargeError

MEDIA_TYPE = "application/problem+json"
#: The status of each error of mien; the first that fits.
_STATUS: tuple[tuple[type[MienError], int], ...] = (
    (TooLargeError, 413), (SourceError, 422), (OptionError, 400), (DataError, 400), (ModelError, 503),
    (MissingExtraError, 501),
)  # fmt: skip
_LONGEST_VALUE = 200


class Problem(Exception):  # noqa: N818 - named as in RFC 9457
    """An answer other than success.

    Args:
        status: HTTP status.
        code: what kind of problem, in snake_case; stable.
        what: what is wrong, a sentence.
        got, expected: what was given, and what is accepted.
        hint: what to do.
        retry_after_s: seconds after which to try again.
    """

    def __init__(
        self,
        status: int,
        code: str,
        what: str,
        *,
        got: Any = None,
        expected: str | None = None,
        hint: str = "",
        field: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(what)
        self.status, self.code, self.what, self.got, self.expected = status, code, what, got, expected
        self.hint, self.field, self.retry_after_s = hint, field, retry_after_s

    @staticmethod
    def of(error: MienError) -> Problem:
        """What an error of mien means to a client."""
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        code = re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()
        expected = getattr(error, "expected", None)
        return Problem(
            status, code, str(error), got=error.value, expected=expected, hint=error.hint, field=error.field or None
        )

    def headers(self) -> dict[str, str]:
        """Of the answer."""
        return {} if self.retry_after_s is None else {"retry-after": str(max(1, round(self.retry_after_s + 0.5)))}

    def to_dict(self, request_id: str) -> dict[str, Any]:
        """The body of the answer."""
        got = self.got if isinstance(self.got, int | float | bool | None) else str(self.got)[:_LONGEST_VALUE]
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.what,
            "code": self.code,
            "what": self.field or self.code,
            "got": got,
            "expected": self.expected,
            "hint": self.hint,
            "request_id": request_id,
        }
