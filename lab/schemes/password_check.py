"""User name and password of a log-in at a replica, checked at the issuer.

So every scheme has the same users with the same claims.
"""

from http import HTTPStatus
from urllib.parse import parse_qs

import httpx
import msgspec
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from lab.schemes import SCOPE
from shared import jws
from shared.access_token import AccessToken
from shared.errors import InvalidGrant, InvalidRequest, TemporarilyUnavailable
from shared.settings import ServiceSettings


class ClientSettings(ServiceSettings):
    """The client that this application is at the issuer, from LAB_* variables."""

    model_config = SettingsConfigDict(env_prefix="LAB_", frozen=True, extra="forbid")

    client_id: str
    client_secret: SecretStr


def credentials(form: bytes) -> tuple[str, str]:
    """Read username and password from a form body, or raise `InvalidRequest`."""
    try:
        parameters = parse_qs(form.decode("ascii"), strict_parsing=True, max_num_fields=2)
        [username], [password] = parameters["username"], parameters["password"]
    except (KeyError, ValueError) as error:
        raise InvalidRequest("send username and password, as a form") from error
    return username, password


async def check_password(
    issuer: str, client_settings: ClientSettings, username: str, password: str
) -> AccessToken:
    """Return who the user is, by the issuer's password grant (RFC 6749 §4.3).

    The token is read without a check of its signature: it comes from the issuer itself, over
    our own connection (as OpenID Connect Core §3.1.3.7 allows for an ID token).
    """
    secret = client_settings.client_secret.get_secret_value()
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=10.0) as http:
            answer = await http.post(
                f"{issuer}/token",
                data={
                    "grant_type": "password",
                    "username": username,
                    "password": password,
                    "scope": SCOPE,
                },
                auth=(client_settings.client_id, secret),
            )
    except httpx.TransportError as error:
        raise TemporarilyUnavailable("the issuer does not answer", reason=str(error)) from error
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise TemporarilyUnavailable("the issuer cannot check passwords now")
    if answer.status_code != HTTPStatus.OK:
        raise InvalidGrant(reason=answer.text)
    return claims(answer.json()["access_token"])


def claims(token: str) -> AccessToken:
    """Return the claims of a token, unverified."""
    payload = token.split(".")[1]
    return msgspec.json.decode(jws.decode(payload.encode("ascii")), type=AccessToken)
