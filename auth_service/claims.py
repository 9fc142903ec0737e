"""Claims about users: which there are, which scope stands for which, and the `claims` parameter.

OIDC Core §5.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.errors import InvalidRequest

SCOPES: Final[Mapping[str, tuple[str, ...]]] = {  # OIDC Core §5.4
    "profile": (
        *("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username"),
        *("profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale"),
        "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
}
SCOPE_OF: Final = {claim: scope for scope, claims in SCOPES.items() for claim in claims}
_KINDS: Final[Mapping[str, type]] = {
    "updated_at": int,
    "email_verified": bool,
    "phone_number_verified": bool,
    "address": dict,
}
_ADDRESS: Final = frozenset(  # OIDC Core §5.1.1
    {"formatted", "street_address", "locality", "region", "postal_code", "country"}
)


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """What the `claims` parameter asks for (OIDC Core §5.5), as far as it is known here.

    `sub`: only this user will do. `acr`: one of these is essential; empty: none is.
    """

    userinfo: frozenset[str] = frozenset()
    id_token: frozenset[str] = frozenset()
    sub: str | None = None
    acr: frozenset[str] = frozenset()

    @property
    def scope(self) -> frozenset[str]:
        """The scopes that the claims belong to: what a person is asked to agree to."""
        return frozenset(SCOPE_OF[claim] for claim in self.userinfo | self.id_token)

    def stored(self) -> dict[str, list[str]]:
        """Return what of it the tokens need, as JSON has it."""
        asked = {"userinfo": sorted(self.userinfo), "id_token": sorted(self.id_token)}
        return {where: names for where, names in asked.items() if names}


def parse_request(value: str | None) -> ClaimsRequest:
    """Read the `claims` parameter; `InvalidRequest` if it is malformed.

    Claims that are not known are ignored (OIDC Core §5.5), and so is `essential`, except for
    `acr`: what a user has not told us cannot be had by calling it essential.
    """
    if value is None:
        return ClaimsRequest()
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InvalidRequest("claims is not a JSON object")
    userinfo, id_token = _members(document, "userinfo"), _members(document, "id_token")
    acr = id_token.get("acr") or {}
    subjects = {
        str(wanted["value"])
        for wanted in (userinfo.get("sub"), id_token.get("sub"))
        if wanted and "value" in wanted
    }
    if len(subjects) > 1:
        raise InvalidRequest("claims asks for two users")
    return ClaimsRequest(
        frozenset(userinfo.keys() & SCOPE_OF.keys()),
        frozenset(id_token.keys() & SCOPE_OF.keys()),
        sub=subjects.pop() if subjects else None,
        acr=_values(acr) if acr.get("essential") is True else frozenset(),
    )


def released(
    claims: Mapping[str, Any], scope: frozenset[str], requested: frozenset[str]
) -> dict[str, Any]:
    """Return what a client gets to see of a user's claims: by scope (OIDC Core §5.4), or by name.

    What the user has not told us is left out, not null (§5.3.2).
    """
    return {
        claim: value
        for claim, value in claims.items()
        if claim in requested or SCOPE_OF.get(claim) in scope
    }


def check(claims: object) -> dict[str, Any]:
    """Return the claims if each is one of OIDC Core §5.1 and of its type, or raise `ValueError`."""
    if not isinstance(claims, dict):
        raise ValueError("the claims must be a JSON object")
    for claim, value in claims.items():
        if claim not in SCOPE_OF or claim == "preferred_username":
            raise ValueError(f"{claim} is no claim that can be set")
        if type(value) is not _KINDS.get(claim, str):
            raise ValueError(f"{claim} must be a {_KINDS.get(claim, str).__name__}")
    address = claims.get("address", {})
    if not address.keys() <= _ADDRESS or not all(isinstance(v, str) for v in address.values()):
        raise ValueError("the address has members that OIDC Core §5.1.1 does not know")
    return claims


def _members(document: dict[str, Any], name: str) -> dict[str, dict[str, Any] | None]:
    members = document.get(name)
    if members is None:
        return {}
    if not isinstance(members, dict) or not all(
        wanted is None or isinstance(wanted, dict) for wanted in members.values()
    ):
        raise InvalidRequest(f"the member {name} of claims is malformed")
    return members


def _values(wanted: dict[str, Any]) -> frozenset[str]:
    values = wanted.get("values", [wanted["value"]] if "value" in wanted else [])
    if not isinstance(values, list):
        raise InvalidRequest("the member acr of claims is malformed")
    return frozenset(map(str, values))
