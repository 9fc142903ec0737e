"""Reading request bodies: bounded, and refused in our own shape (FastAPI would answer 422)."""

import json
import re
from typing import Any, Final, TypeVar

import msgspec
from fastapi import Request

from shared.errors import ContentTooLarge, InvalidRequest, UnsupportedMediaType

MAXIMUM: Final = 64 * 1024  # octets
_UNQUOTABLE: Final = re.compile(r"[^ !#-\[\]-~]")  # in error_description (RFC 6749 §5.2)
T = TypeVar("T", bound=msgspec.Struct)


async def read_body(request: Request) -> bytes:
    """Return the whole body; `ContentTooLarge` as soon as it is longer than `MAXIMUM`."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > MAXIMUM:
        raise ContentTooLarge(f"the body is longer than {MAXIMUM} octets")
    body = bytearray()
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise InvalidRequest("the body is not complete")
        body += message.get("body", b"")
        if len(body) > MAXIMUM:
            raise ContentTooLarge(f"the body is longer than {MAXIMUM} octets")
        if not message.get("more_body"):
            return bytes(body)


async def read_json(request: Request, shape: type[T]) -> T:
    """Read a JSON object; a member that is unknown, repeated or of the wrong type is refused.

    So are query parameters, which these endpoints have none of.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType("the media type must be application/json")
    if request.scope["query_string"]:
        raise InvalidRequest("there are no query parameters here")
    body = await read_body(request)
    try:
        text = body.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_no_repeats, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # no lone surrogates
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_UNQUOTABLE.sub("'", str(error))[:200]) from None
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("the body is not a JSON object of the right shape") from error


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is repeated")
    return members


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
