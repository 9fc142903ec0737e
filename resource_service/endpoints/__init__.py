"""HTTP in, HTTP out: a module per resource."""

from typing import Final

from resource_service.protection import ProtectedRoute
from shared.errors import InvalidRequest, InvalidToken, MissingToken, TemporarilyUnavailable
from shared.http.strict import StrictRoute


class Route(ProtectedRoute, StrictRoute):
    """The route of every endpoint here: first the token is verified, then the input checked."""


# What every protected endpoint may refuse with.
PROTECTED: Final = (InvalidRequest, MissingToken, InvalidToken, TemporarilyUnavailable)
