"""Reading request bodies, bounded."""

from typing import Final

from fastapi import Request

from shared.errors import ContentTooLarge, InvalidRequest

MAXIMUM: Final = 65536  # octets


async def read(request: Request) -> bytes:
    """Return the whole body; `ContentTooLarge` as soon as it is longer than `MAXIMUM`."""
    body = bytearray()
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise InvalidRequest("the body ended early")
        body += message.get("body", b"")
        if len(body) > MAXIMUM:
            raise ContentTooLarge(f"the body is longer than {MAXIMUM} octets")
        if not message.get("more_body"):
            return bytes(body)
