"""Request parameters, read the way RFC 6749 §3.1, §3.2 and appendix B demand."""

import re
from typing import Final
from urllib.parse import unquote

from shared.errors import InvalidRequest

MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
MAXIMUM_FIELDS: Final = 64
_BROKEN_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Parameters(dict[str, str]):
    """The parameters of one request, each present at most once; an empty one is absent.

    Unrecognised ones are kept and mean nothing (RFC 6749 §3.2). Repeating is refused without
    exception, so a client cannot name several resources (allowed by RFC 8707 §2).
    """

    repeated: frozenset[str] = frozenset()  # of `parse` only: names that came more than once
    address: str = ""  # where they came from, as `endpoints.client_form` has found out

    @classmethod
    def from_form(cls, content_type: str | None, body: bytes) -> "Parameters":
        """Read a form, or raise `InvalidRequest`.

        A wrong media type is `invalid_request` as well and not 415: RFC 6749 §5.2 has this code
        for a request that is malformed in whatever way.
        """
        check_media_type(content_type)
        parameters = cls.parse(body)
        if parameters.repeated:
            raise InvalidRequest("a parameter is repeated")
        return parameters

    @classmethod
    def parse(cls, encoded: bytes) -> "Parameters":
        """Read a form's body or a query string, or raise `InvalidRequest`.

        A name that came more than once is in `repeated` and has no value.
        """
        parameters, repeated = cls(), set()
        try:
            for field in _fields(encoded):
                name, value = map(_decode, field.split("=", 1))
                if name in parameters:
                    repeated.add(name)
                parameters[name] = value
        except ValueError as error:
            raise InvalidRequest("the form is malformed") from error
        for name in [name for name, value in parameters.items() if not value or name in repeated]:
            del parameters[name]
        parameters.repeated = frozenset(repeated)
        return parameters

    def required(self, name: str) -> str:
        """Return a parameter, or refuse the request."""
        try:
            return self[name]
        except KeyError:
            raise InvalidRequest(f"{name} is missing") from None


def check_media_type(content_type: str | None) -> None:
    """Refuse a body that is no form."""
    if content_type is None or content_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise InvalidRequest(f"the media type must be {MEDIA_TYPE}")


def _fields(body: bytes) -> list[str]:
    if body.count(b"&") >= MAXIMUM_FIELDS:
        raise InvalidRequest("there are too many parameters")
    return body.decode("ascii").split("&") if body else []


def _decode(text: str) -> str:
    """Decode one name or value; `ValueError` unless it is well-formed UTF-8 without NUL."""
    text = text.replace("+", " ")
    if "%" in text:
        if _BROKEN_PERCENT.search(text):
            raise ValueError("broken percent-encoding")
        text = unquote(text, errors="strict")
    if "\0" in text:
        raise ValueError("NUL")
    return text
