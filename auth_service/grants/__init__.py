"""One module per grant type; `GRANTS` is what this server offers."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from auth_service.device_authorization import GRANT_TYPE
from auth_service.grants.authorization_code import authorization_code
from auth_service.grants.client_credentials import client_credentials
from auth_service.grants.device_code import device_code
from auth_service.grants.password import password
from auth_service.grants.refresh_token import refresh_token
from auth_service.parameters import Parameters
from auth_service.server import AuthorizationServer
from auth_service.store.clients import Client
from auth_service.tokens import TokenResponse

Grant: TypeAlias = Callable[[AuthorizationServer, Client, Parameters], Awaitable[TokenResponse]]

GRANTS: Final[dict[str, Grant]] = {
    "client_credentials": client_credentials,
    "password": password,
    "refresh_token": refresh_token,
    "authorization_code": authorization_code,
    GRANT_TYPE: device_code,
}
