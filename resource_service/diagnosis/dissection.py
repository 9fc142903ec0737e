"""A token taken apart as far as it goes, to be looked at even where it is bad."""

from functools import cached_property
from typing import Any

import msgspec

from shared import jose_header, jws
from shared.access_token import MAXIMUM_LENGTH, AccessToken

_FIELDS = {field.encode_name: field for field in msgspec.structs.fields(AccessToken)}
_read_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Dissection:
    """Parts of one token; each raises `ValueError` or `RecursionError` if it cannot be had.

    It reads as `AccessTokenVerifier` reads, with the same readers, but piece by piece.
    """

    def __init__(self, token: str) -> None:
        self.token = token

    @cached_property
    def parts(self) -> list[bytes]:
        """Header, payload and signature, as they stand in the token; of a long one nothing."""
        if len(self.token) > MAXIMUM_LENGTH:
            raise ValueError("too long to be looked at")
        if not self.token.isascii():
            raise ValueError("characters that are not ASCII")
        parts = self.token.encode("ascii").split(b".")
        if len(parts) != 3:
            raise ValueError(f"{len(parts)} {'part' if len(parts) == 1 else 'parts'}, not 3")
        return parts

    @cached_property
    def header(self) -> jose_header.Members:
        """The members of the JOSE header."""
        return jose_header.read(self.parts[0])

    @cached_property
    def signature(self) -> bytes:
        """The octets of the signature. They are shown to nobody."""
        return jws.decode(self.parts[2])

    @cached_property
    def signing_input(self) -> bytes:
        """What was signed (RFC 7515 §5.1)."""
        return self.parts[0] + b"." + self.parts[1]

    @cached_property
    def payload(self) -> bytes:
        """The octets of the payload."""
        return jws.decode(self.parts[1])

    @cached_property
    def text(self) -> str:
        """The payload as text."""
        return self.payload.decode("utf-8")

    @cached_property
    def claims(self) -> dict[str, msgspec.Raw]:
        """Every member of the payload, in the order of the token, not yet read."""
        return _read_members(self.text)

    def claim(self, name: str) -> Any:
        """Return a claim as the verifier reads it; its default if it is left out.

        `ValueError` for a wrong type or value, or if a claim that must be there is not.
        """
        field = _FIELDS[name]
        raw = self.claims.get(name)
        if raw is not None:
            return msgspec.json.decode(raw, type=field.type)
        if field.required:
            raise ValueError("missing")
        return field.default
