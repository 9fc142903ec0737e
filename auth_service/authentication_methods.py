"""The ways in which clients authenticate, by their names in RFC 7591 §2 and OIDC Core §9."""

from typing import Final

BASIC: Final = "client_secret_basic"
POST: Final = "client_secret_post"
PRIVATE_KEY_JWT: Final = "private_key_jwt"
NONE: Final = "none"
WITH_SECRET: Final = frozenset({BASIC, POST})
CONFIDENTIAL: Final = (BASIC, POST, PRIVATE_KEY_JWT)
METHODS: Final = (*CONFIDENTIAL, NONE)
