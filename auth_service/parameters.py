"""Request parameters, read the way RFC 6749 §3.1, §3.2 and appendix B demand."""

import re
from typing import Final
from urllib.parse import parse_qsl

from shared.errors import InvalidRequest

MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
_MAXIMUM_FIELDS: Final = 64
_BROKEN_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Parameters(dict[str, str]):
    """The parameters of one request, each present at most once; an empty one is absent.

    Unrecognised ones are kept and mean nothing (RFC 6749 §3.2). Repeating is refused without
    exception, so a client cannot name several resources (allowed by RFC 8707 §2).
    """

    @classmethod
    def from_form(cls, content_type: str | None, body: bytes) -> "Parameters":
        """Read a form, or raise `InvalidRequest`.

        A wrong media type is `invalid_request` as well and not 415: RFC 6749 §5.2 has this code
        for a request that is malformed in whatever way.
        """
        if content_type is None or content_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
            raise InvalidRequest(f"the media type must be {MEDIA_TYPE}")
        try:
            text = body.decode("ascii")
            pairs = parse_qsl(
                text,
                keep_blank_values=True,
                strict_parsing=True,
                errors="strict",
                max_num_fields=_MAXIMUM_FIELDS,
            )
        except ValueError as error:
            raise InvalidRequest("the form is malformed") from error
        if "%" in text and _BROKEN_PERCENT.search(text):
            raise InvalidRequest("the form is malformed")
        parameters = cls(pairs)
        if len(parameters) != len(pairs):
            raise InvalidRequest("a parameter is repeated")
        if "%00" in text or "\0" in text:
            raise InvalidRequest("a parameter contains NUL")
        for name in [name for name, value in parameters.items() if not value]:
            del parameters[name]
        return parameters

    def required(self, name: str) -> str:
        """Return a parameter, or refuse the request."""
        try:
            return self[name]
        except KeyError:
            raise InvalidRequest(f"{name} is missing") from None
