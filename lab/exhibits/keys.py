"""`keys`: how does the key get to the other side, and who says that it is the right one?"""

import asyncio
import secrets
from typing import Final

import msgspec

from lab.client import NoAnswer, Request
from lab.exhibits import Exhibit, tls
from lab.exhibits.sheet import Sheet
from lab.experiments import leaked_configuration
from lab.key_stand import KeyStand
from lab.laboratory import Laboratory
from resource_service.settings import Settings
from shared.access_token import TYPE
from shared.settings import UnusableSettings

VICTIM: Final = "the-administrator"


async def run(sheet: Sheet, lab: Laboratory) -> None:
    """Forge with what a replica holds; then with a key that a man in the middle hands out."""
    data = await leaked_configuration.run(lab, ("hs256", "rs256"))
    sheet.title("What a replica holds, and what it is good for in other hands")
    holds = {"hs256": "the secret that signs", "rs256": "the address of public keys"}
    rows = []
    for name, what in holds.items():
        tried = [row for row in data["attempts"] if row["scheme"] == name]
        rows.append((name, what, len(tried), sum(row["accepted"] for row in tried)))
    sheet.table(("scheme", "its replica holds", "forgeries tried", "accepted"), rows)
    sheet.say(
        "A secret key has to be carried to everybody who checks, and then any of them can sign."
        " A public key may be read by all: nobody can sign with it."
    )
    sheet.title("A man in the middle who swaps the public keys")
    context, _ = tls.server_context()
    async with KeyStand() as plain, KeyStand(context) as pretended:
        fooled: list[tuple[object, ...]] = [
            ("http, on this machine", *await _forge(lab, plain)),
            ("https, with a certificate that nobody vouches for", *await _forge(lab, pretended)),
            ("http, over a network", "-", _refused_at_start()),
        ]
    sheet.table(("the keys come by", "his JWKS fetched", "his forged token"), fooled)
    sheet.say(
        "A signature shows which key signed. Whose key it is must come from elsewhere: from TLS and"
        " its certificates. Where the keys cannot be had the answer is 503, not 401."
    )


async def _forge(lab: Laboratory, stand: KeyStand) -> tuple[object, ...]:
    """Let a replica fetch its keys from him, and send what he signed."""
    [person] = await lab.people(1)
    claims = msgspec.structs.replace(person.claims, sub=VICTIM, jti=secrets.token_urlsafe(16))
    token = stand.key.sign(msgspec.json.encode(claims), typ=TYPE)
    nothing = str(lab.stack.state.path / f"{secrets.token_hex(4)}.json")
    told = {"RESOURCE_JWKS_URI": stand.url, "RESOURCE_JWKS_FILE": nothing}
    async with lab.replica("rs256", label="deceived", variables=told, wait=False) as (_, port):
        there = f"http://127.0.0.1:{port}"
        await _until_it_lives(lab, there)
        bearer = (("authorization", f"Bearer {token}"),)
        answer = await lab.client.send(Request("GET", f"{there}/whoami", bearer))
    fooled = answer.status == 200 and answer.json()["sub"] == VICTIM
    return ("yes" if stand.fetches else "no", f"{answer.status}{': accepted' if fooled else ''}")


async def _until_it_lives(lab: Laboratory, there: str) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await lab.client.send(Request("GET", f"{there}/health/live"))
            except NoAnswer:
                await asyncio.sleep(0.05)
            else:
                return


def _refused_at_start() -> str:
    try:
        Settings.load(
            database_url="postgresql://", jwks_uri="http://issuer.example/.well-known/jwks.json"
        )
    except UnusableSettings:
        return "the service does not start"
    return "the service starts"


EXHIBIT: Final = Exhibit("The key delivery problem; and who sent it?", run)
