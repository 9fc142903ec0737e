"""User codes (RFC 8628 §6.1): short enough to type, and stored so that nobody can read them."""

import re
import secrets
from typing import Final

from auth_service.server import AuthorizationServer

# No vowels, so that it is no word; nothing that looks like something else.
_ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH: Final = 8  # of 20 letters: 34.5 bits
_CODE: Final = re.compile(f"[{_ALPHABET}]{{{_LENGTH}}}")
_BETWEEN: Final = re.compile(r"[^A-Za-z]+")
_TYPED: Final = 64  # characters; what is longer is not looked at


def new() -> str:
    """Make a code, as it is shown: `WDJB-MJHT`."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    return f"{letters[:4]}-{letters[4:]}"


def read(typed: str) -> str | None:
    """Return the code that somebody means, in whatever case and with whatever between the letters.

    None for what cannot be one.
    """
    letters = _BETWEEN.sub("", typed[:_TYPED]).upper()
    return f"{letters[:4]}-{letters[4:]}" if _CODE.fullmatch(letters) else None


def mac(server: AuthorizationServer, user_code: str) -> bytes:
    """Return what is stored of a code: it is short, so a hash needs a key to hide it."""
    return server.visitor_key.mac(b"code of a device\0" + user_code.encode("ascii"))
