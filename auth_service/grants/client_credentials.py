"""The client credentials grant (RFC 6749 §4.4)."""

from auth_service import scope as scopes
from auth_service import tokens
from auth_service.parameters import Parameters
from auth_service.server import AuthorizationServer
from auth_service.store.clients import Client
from auth_service.tokens import TokenResponse
from shared.errors import UnauthorizedClient


async def client_credentials(
    server: AuthorizationServer, client: Client, parameters: Parameters
) -> TokenResponse:
    """Issue a token to a confidential client acting for itself (RFC 6749 §4.4.2).

    Writes nothing. There is no refresh token (§4.4.3).
    """
    if client.is_public:
        raise UnauthorizedClient("this grant is for confidential clients")
    # There is no user whom `openid` and its like could be about.
    allowed = client.scope - set(scopes.ABOUT_USER)
    scope = scopes.granted(parameters.get("scope"), allowed)
    aud = tokens.audience(server, scope, parameters.get("resource", ""))
    return tokens.for_client(server, client, scope, aud)
