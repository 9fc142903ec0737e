"""Every attack on the verifier, for whoever has a way to try them."""

from typing import Final

from tests.attacks import claims, jose_header, serialisation

ATTACKS: Final = [
    *jose_header.ALGORITHM,
    *jose_header.KEY,
    *jose_header.HEADER,
    *serialisation.TEXT,
    *serialisation.SERIALISATION,
    *claims.CLAIM,
]
