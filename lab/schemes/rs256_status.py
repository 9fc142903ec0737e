"""`rs256+status`: the signed access token as in production: `resource_service` as it is.

Its replicas follow the issuer's status lists, so a token that was revoked is refused within a
poll and a fetch; still nobody is asked on a request.
"""

from dataclasses import replace
from typing import Final

from lab.schemes import rs256
from stack.layout import NOTHING

SCHEME: Final = replace(
    rs256.SCHEME,
    name="rs256+status",
    title="signed access token (JWT), with the status list",
    settings=NOTHING,
)
