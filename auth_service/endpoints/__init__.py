"""HTTP in, HTTP out: one module per endpoint."""

from fastapi import Request

from auth_service.server import AuthorizationServer


def server_of(request: Request) -> AuthorizationServer:
    """Return the server that `app.create_app` built."""
    server: AuthorizationServer = request.app.state.server
    return server
