"""Ending a log-in, by whatever means its scheme has: what a person who was robbed can do."""

import secrets
from http import HTTPStatus

from lab.client import NoAnswer, Request
from lab.fleet import Visitor
from lab.laboratory import Laboratory
from lab.schemes import Person
from lab.schemes.password_check import claims


async def log_out(lab: Laboratory, visitor: Visitor, front: str) -> bool:
    """End the visitor's log-in through this load balancer; false where nobody can.

    A session is closed at `/logout`, a token revoked at the issuer (RFC 7009), which does not
    help where replicas ask nobody. With Basic the password itself is changed. Raises `NoAnswer`
    if it was refused.
    """
    scheme = visitor.fleet.scheme
    if scheme.name in {"none", "hs256"}:
        return False
    if scheme.name == "basic":
        await _change_password(lab, visitor)
        return True
    if visitor.token:
        form = [("token", visitor.token), ("client_id", lab.account.public_client_id)]
        ending = Request.form(f"{lab.stack.auth_url}/revoke", form)
    else:
        ending = Request("POST", f"{front}/logout", visitor.log_in.credential)
    answer = await lab.client.send(ending)
    if answer.status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
        raise NoAnswer(f"the log-out was refused ({answer.status})")
    return True


async def _change_password(lab: Laboratory, visitor: Visitor) -> None:
    """Give the account another password; `Laboratory.prepare` gives it its own again."""
    [anybody] = await lab.people(1)
    person = Person(visitor.account.username, secrets.token_urlsafe(12), "", claims(anybody.token))
    await lab.seed(visitor.fleet.scheme, [person])
