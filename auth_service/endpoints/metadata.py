"""The issuer's metadata (RFC 8414, OpenID Connect Discovery §3)."""

from typing import Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from auth_service import authentication_context, claims, pkce, scope, status_lists
from auth_service.authentication_methods import CONFIDENTIAL, METHODS
from auth_service.authorization_request import PROMPTS
from auth_service.authorization_response import RESPONSE_MODES
from auth_service.endpoints import (
    authorize,
    device_authorization,
    introspection,
    jwks,
    logout,
    par,
    registration,
    revocation,
    server_of,
    token,
    userinfo,
)
from auth_service.grants import GRANTS
from auth_service.pages.texts import LANGUAGES
from shared.jws import ALGORITHM

PATHS: Final = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
_MAX_AGE: Final = 300  # seconds
_ADDRESS: Final = ("https://", "http://")
_ABOUT_THE_LOG_IN: Final = ("iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "sid")

router = APIRouter(tags=["discovery"])


class Metadata(BaseModel):
    """What is true of this issuer, of RFC 8414 §2 and OpenID Connect Discovery §3.

    `status_list_aggregation_endpoint` is of draft-ietf-oauth-status-list §9.1,
    `protected_resources` of RFC 9728 §4: those that have an address.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "issuer": "http://127.0.0.1:8000",
                    "authorization_endpoint": "http://127.0.0.1:8000/authorize",
                    "token_endpoint": "http://127.0.0.1:8000/token",
                    "jwks_uri": "http://127.0.0.1:8000/.well-known/jwks.json",
                    "response_types_supported": ["code"],
                    "code_challenge_methods_supported": ["S256"],
                }
            ]
        }
    )

    issuer: str
    authorization_endpoint: str
    device_authorization_endpoint: str
    token_endpoint: str
    pushed_authorization_request_endpoint: str
    registration_endpoint: str | None = None
    userinfo_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    status_list_aggregation_endpoint: str
    jwks_uri: str
    end_session_endpoint: str
    backchannel_logout_supported: bool
    backchannel_logout_session_supported: bool
    scopes_supported: list[str]
    claims_supported: list[str]
    acr_values_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    prompt_values_supported: list[str]
    subject_types_supported: list[str]
    claim_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_signing_alg_values_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_signing_alg_values_supported: list[str]
    code_challenge_methods_supported: list[str]
    ui_locales_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    claims_parameter_supported: bool
    request_parameter_supported: bool
    request_uri_parameter_supported: bool
    require_pushed_authorization_requests: bool
    client_id_metadata_document_supported: bool
    protected_resources: list[str] | None = None
    service_documentation: str


@router.get(
    PATHS[0],
    summary="Metadata (RFC 8414)",
    response_model_exclude_none=True,
    response_description="The metadata.",
    operation_id="read_oauth_metadata",
)
@router.get(
    PATHS[1],
    summary="Metadata (OpenID)",
    response_model_exclude_none=True,
    response_description="The metadata.",
    operation_id="read_openid_configuration",
)
async def metadata(request: Request, response: Response) -> Metadata:
    """Return what this issuer offers, and where; both addresses have the same document."""
    response.headers["cache-control"] = f"public, max-age={_MAX_AGE}"
    settings = server_of(request).settings
    issuer, closed = settings.issuer, settings.client_registration == "closed"
    return Metadata(
        issuer=issuer,
        authorization_endpoint=issuer + authorize.PATH,
        device_authorization_endpoint=issuer + device_authorization.PATH,
        token_endpoint=issuer + token.PATH,
        pushed_authorization_request_endpoint=issuer + par.PATH,
        registration_endpoint=None if closed else issuer + registration.PATH,
        userinfo_endpoint=issuer + userinfo.PATH,
        revocation_endpoint=issuer + revocation.PATH,
        introspection_endpoint=issuer + introspection.PATH,
        status_list_aggregation_endpoint=issuer + status_lists.PATH,
        jwks_uri=issuer + jwks.PATH,
        end_session_endpoint=issuer + logout.PATH,
        backchannel_logout_supported=True,
        backchannel_logout_session_supported=True,
        scopes_supported=list(scope.ADVERTISED),
        claims_supported=[*_ABOUT_THE_LOG_IN, *sorted(claims.SCOPE_OF)],
        acr_values_supported=list(authentication_context.SUPPORTED),
        response_types_supported=["code"],
        response_modes_supported=list(RESPONSE_MODES),
        grant_types_supported=list(GRANTS),
        prompt_values_supported=sorted(PROMPTS),
        subject_types_supported=["public"],
        claim_types_supported=["normal"],
        id_token_signing_alg_values_supported=[ALGORITHM],
        token_endpoint_auth_methods_supported=list(METHODS),
        token_endpoint_auth_signing_alg_values_supported=[ALGORITHM],
        revocation_endpoint_auth_methods_supported=list(METHODS),
        revocation_endpoint_auth_signing_alg_values_supported=[ALGORITHM],
        introspection_endpoint_auth_methods_supported=list(CONFIDENTIAL),
        introspection_endpoint_auth_signing_alg_values_supported=[ALGORITHM],
        code_challenge_methods_supported=[pkce.METHOD],
        ui_locales_supported=list(LANGUAGES),
        authorization_response_iss_parameter_supported=True,
        claims_parameter_supported=True,
        request_parameter_supported=False,
        request_uri_parameter_supported=False,  # ours only, from `/par` (RFC 9126 §5)
        client_id_metadata_document_supported=settings.client_id_metadata_documents,
        require_pushed_authorization_requests=False,  # only of clients that are registered so
        protected_resources=[at for at in settings.audiences if at.startswith(_ADDRESS)] or None,
        service_documentation=f"{issuer}/docs",
    )
