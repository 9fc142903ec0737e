"""Client authentication by private_key_jwt (RFC 7523 §3, OIDC Core §9)."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from auth_service import client_assertions, revocation
from auth_service.store import clients
from shared import jws
from shared.jws import SigningKey
from tests.auth_service.clients.assertion import ISSUER, TYPE, Signer, with_assertion
from tests.auth_service.conftest import SECRET
from tests.resource_service.issuer import JwksServer, respond

GRANT = {"grant_type": "client_credentials"}


async def ask(app: Any, form: dict[str, str]) -> httpx.Response:
    response: httpx.Response = await app.http.post("/token", data={**GRANT, **form})
    return response


def assert_refused(response: httpx.Response) -> None:
    assert (response.status_code, response.json()) == (401, {"error": "invalid_client"})
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("typ", ["JWT", "client-authentication+jwt"])
async def test_a_client_proves_by_its_key_who_it_is(app: Any, signer: Signer, typ: str) -> None:
    response = await ask(app, with_assertion(signer.assertion(typ=typ)))
    assert response.status_code == 200, response.text
    # A client_id beside the assertion is not needed, but may be there (RFC 7521 §4.2).
    response = await ask(app, {"client_id": "keyed", **signer.form()})
    assert response.status_code == 200, response.text


async def test_an_assertion_without_typ_is_taken(
    app: Any, signer: Signer, signing_key: SigningKey
) -> None:
    _, payload, _ = signer.assertion().encode().split(b".")
    header = jws.encode(json.dumps({"alg": "RS256", "kid": signing_key.kid}).encode())
    signature = jws.encode(signing_key._key.sign(header + b"." + payload))
    untyped = b".".join((header, payload, signature)).decode()
    assert (await ask(app, with_assertion(untyped))).status_code == 200


@pytest.mark.parametrize("path", ["/revoke", "/introspect"])
async def test_the_other_endpoints_take_it_too(app: Any, signer: Signer, path: str) -> None:
    token = (await ask(app, signer.form())).json()["access_token"]
    response = await app.http.post(path, data={"token": token, **signer.form()})
    assert response.status_code == 200, response.text
    assert_refused(await app.http.post(path, data={"token": token, "client_id": "keyed"}))


async def test_an_assertion_works_once(app: Any, signer: Signer, clock: Any) -> None:
    form = signer.form()
    assert (await ask(app, form)).status_code == 200
    assert_refused(await ask(app, form))
    # Nor at another endpoint, nor at the last moment of its life.
    assert_refused(await app.http.post("/introspect", data={"token": "x", **form}))
    clock.seconds += 60 + 29
    assert_refused(await ask(app, form))


async def test_an_assertion_works_once_however_many_come_at_the_same_time(
    app: Any, signer: Signer
) -> None:
    form = signer.form()
    responses = await asyncio.gather(*(ask(app, form) for _ in range(50)))
    assert sorted(response.status_code for response in responses) == [200] + [401] * 49


async def test_what_is_refused_does_not_use_the_assertion_up(
    app: Any, signer: Signer, other_key: SigningKey
) -> None:
    jti = "the-same"
    assert_refused(await ask(app, with_assertion(signer.assertion(jti=jti, key=other_key))))
    assert_refused(await ask(app, signer.form(jti=jti, aud="https://other.example")))
    assert (await ask(app, signer.form(jti=jti))).status_code == 200


async def test_two_clients_may_use_one_jti(app: Any, signer: Signer) -> None:
    for client_id in ("keyed", "hosted"):
        assert (await ask(app, signer.form(client_id, jti="1"))).status_code == 200


async def test_used_assertions_are_forgotten_when_their_date_refuses_them(
    app: Any, signer: Signer, clock: Any
) -> None:
    form = signer.form()
    await ask(app, form)
    for seconds, left in ((60 + 30 + 29, 1), (2, 0)):
        clock.seconds += seconds
        await client_assertions.forget(app.server)
        assert await app.server.db.fetchval("SELECT count(*) FROM client_assertions") == left
    assert_refused(await ask(app, form))


NOW = 1_800_000_000


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"iss": "other"}, id="iss"),
        pytest.param({"iss": None}, id="no iss"),
        pytest.param({"sub": "hosted"}, id="sub"),
        pytest.param({"sub": None}, id="no sub"),
        pytest.param({"iss": "batch", "sub": "batch"}, id="a client without keys"),
        pytest.param({"iss": "nobody", "sub": "nobody"}, id="no client"),
        pytest.param({"sub": "\0", "iss": "\0"}, id="NUL as sub"),
        pytest.param({"aud": None}, id="no aud"),
        pytest.param({"aud": "https://other.example"}, id="another aud"),
        pytest.param({"aud": f"{ISSUER}/token"}, id="the token endpoint as aud"),
        pytest.param({"aud": [ISSUER]}, id="aud in a list"),
        pytest.param({"aud": [ISSUER, "https://other.example"]}, id="two aud"),
        pytest.param({"exp": None}, id="no exp"),
        pytest.param({"exp": NOW - 30}, id="expired"),
        pytest.param({"exp": NOW + 3631}, id="too long a life"),
        pytest.param({"exp": 10**400}, id="absurd exp"),
        pytest.param({"exp": "2027"}, id="exp as a string"),
        pytest.param({"iat": NOW + 31}, id="iat in the future"),
        pytest.param({"nbf": NOW + 31}, id="nbf in the future"),
        pytest.param({"jti": None}, id="no jti"),
        pytest.param({"jti": ""}, id="empty jti"),
        pytest.param({"jti": "x" * 256}, id="long jti"),
        pytest.param({"jti": "a\0"}, id="NUL in jti"),
        pytest.param({"jti": 1}, id="jti as a number"),
    ],
)
async def test_claims_that_are_not_as_they_must_be(
    app: Any, signer: Signer, claims: dict[str, Any]
) -> None:
    assert_refused(await ask(app, signer.form(**claims)))


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"exp": NOW - 29}, id="expired within the leeway"),
        pytest.param({"exp": NOW + 3600}, id="an hour"),
        pytest.param({"iat": None}, id="no iat"),
        pytest.param({"iat": NOW + 30, "nbf": NOW + 30}, id="a clock ahead"),
    ],
)
async def test_claims_that_just_do(app: Any, signer: Signer, claims: dict[str, Any]) -> None:
    assert (await ask(app, signer.form(**claims))).status_code == 200


async def test_the_signature_counts(app: Any, signer: Signer, other_key: SigningKey) -> None:
    header, payload, signature = signer.assertion().split(".")
    other = signer.assertion(jti="other").split(".")[1]
    assert_refused(await ask(app, with_assertion(f"{header}.{other}.{signature}")))
    assert_refused(await ask(app, with_assertion(f"{header}.{payload}.")))
    assert_refused(await ask(app, with_assertion(signer.assertion(key=other_key))))


def forged(**members: Any) -> str:
    header = jws.encode(json.dumps(members).encode()).decode()
    claims = {"iss": "keyed", "sub": "keyed", "aud": ISSUER, "exp": NOW + 60, "jti": "1"}
    return f"{header}.{jws.encode(json.dumps(claims).encode()).decode()}.c2ln"


@pytest.mark.parametrize(
    "assertion",
    [
        pytest.param("x", id="no JWT"),
        pytest.param("x" * 8193, id="too long"),
        pytest.param(forged(alg="none", kid="k"), id="none"),
        pytest.param(forged(alg="HS256", kid="k"), id="HS256"),
        pytest.param(forged(alg="ES256", kid="k"), id="ES256"),
        pytest.param(forged(alg="RS256"), id="no kid"),
        pytest.param(forged(alg="RS256", kid="k", typ="at+jwt"), id="an access token's typ"),
        pytest.param(forged(alg="RS256", kid="k", crit=["x"]), id="crit"),
        pytest.param(forged(alg="RS256", kid="unknown"), id="unknown kid"),
    ],
)
async def test_what_is_no_assertion(app: Any, assertion: str) -> None:
    assert_refused(await ask(app, with_assertion(assertion)))


async def test_an_access_token_of_ours_is_no_assertion(app: Any, signer: Signer) -> None:
    token = (await ask(app, signer.form())).json()["access_token"]
    assert_refused(await ask(app, with_assertion(token)))


async def test_a_client_uses_the_method_that_it_registered(app: Any) -> None:
    assert_refused(await ask(app, {"client_id": "keyed"}))
    assert_refused(await ask(app, {"client_id": "keyed", "client_secret": "x"}))
    assert_refused(await app.http.post("/token", data=GRANT, auth=("keyed", "")))


@pytest.mark.parametrize(
    ("also", "auth"),
    [
        pytest.param({"client_secret": "x"}, None, id="post"),
        pytest.param({}, ("keyed", "x"), id="basic"),
        pytest.param({}, ("batch", SECRET), id="basic of another client"),
        pytest.param({"client_id": "batch"}, None, id="another client_id"),
    ],
)
async def test_more_than_one_method_is_a_bad_request(
    app: Any, signer: Signer, also: dict[str, str], auth: tuple[str, str] | None
) -> None:
    data = {**GRANT, **signer.form(), **also}
    response = await app.http.post("/token", data=data, auth=auth)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_half_an_assertion_is_refused(app: Any, signer: Signer) -> None:
    response = await ask(app, {"client_assertion": signer.assertion(), "client_id": "keyed"})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    response = await ask(app, {"client_assertion_type": TYPE, "client_id": "keyed"})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
    assert_refused(await ask(app, {**signer.form(), "client_assertion_type": saml}))


async def test_a_disabled_client_is_refused_and_its_assertion_stays_unused(
    app: Any, signer: Signer
) -> None:
    await revocation.disable_client(app.server, "keyed")
    assert_refused(await ask(app, signer.form()))
    assert await app.server.db.fetchval("SELECT count(*) FROM client_assertions") == 0


async def test_refusals_of_a_known_client_are_in_the_audit_log(app: Any, signer: Signer) -> None:
    await ask(app, signer.form(aud="https://other.example"))
    await ask(app, signer.form("nobody"))
    rows = await app.server.db.fetch(
        "SELECT client_id, detail->>'reason' FROM audit_log WHERE event = 'client refused'"
    )
    assert [tuple(row) for row in rows] == [("keyed", "aud 'https://other.example'")]


async def test_keys_at_an_address_are_fetched_once_and_kept(
    app: Any, signer: Signer, site: JwksServer, clock: Any
) -> None:
    for _ in range(3):
        assert (await ask(app, signer.form("hosted"))).status_code == 200
    assert site.connections == 1
    clock.seconds += 301
    assert (await ask(app, signer.form("hosted"))).status_code == 200
    assert site.connections == 2


async def test_concurrent_requests_share_one_fetch(
    app: Any, signer: Signer, site: JwksServer
) -> None:
    forms = [signer.form("hosted") for _ in range(20)]
    responses = await asyncio.gather(*(ask(app, form) for form in forms))
    assert {response.status_code for response in responses} == {200}
    assert site.connections == 1


async def test_a_new_key_is_found_and_a_flood_of_unknown_ones_is_no_flood_of_fetches(
    app: Any, signer: Signer, site: JwksServer, other_key: SigningKey, clock: Any
) -> None:
    assert (await ask(app, signer.form("hosted"))).status_code == 200
    clock.seconds += 31
    site.serve(signer.key, other_key)
    signed = with_assertion(signer.assertion("hosted", key=other_key))
    assert (await ask(app, signed)).status_code == 200
    unknown = SigningKey.generate()
    for _ in range(5):
        assert_refused(await ask(app, with_assertion(signer.assertion("hosted", key=unknown))))
    assert site.connections == 2


async def test_keys_out_of_reach_are_503_and_are_not_asked_for_at_every_request(
    app: Any, signer: Signer, site: JwksServer, clock: Any
) -> None:
    await site.stop()
    for _ in range(3):
        response = await ask(app, signer.form("hosted"))
        assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")
        assert int(response.headers["retry-after"]) >= 1
    await site.start()
    assert (await ask(app, signer.form("hosted"))).status_code == 503
    clock.seconds += 30
    assert (await ask(app, signer.form("hosted"))).status_code == 200


async def test_one_address_makes_us_fetch_so_many_key_sets(
    app: Any, start: Any, signer: Signer, site: JwksServer
) -> None:
    hosted = await clients.find(app.server.db, "hosted")
    assert hosted is not None
    for number in range(3):
        one = {"client_id": f"hosted-{number}", "jwks_uri": f"{site.url}?{number}"}
        assert await clients.add(app.server.db, replace(hosted, **one))  # type: ignore[arg-type]
    async with start(address_attempts=2) as strict:
        answers = [await ask(strict, signer.form(f"hosted-{number}")) for number in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].json()["error"] == "too_many_requests"
        assert site.connections == 2
        assert (await ask(strict, signer.form("hosted-0"))).status_code == 200  # it is at hand


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"{}", "200 OK", id="no key set"),
        pytest.param(b'{"keys":[]}', "200 OK", id="no key"),
        pytest.param(b"x" * (256 * 1024 + 1), "200 OK", id="too long"),
        pytest.param(b'{"keys":[]}', "404 Not Found", id="404"),
        pytest.param(b"", "302 Found\r\nLocation: /elsewhere", id="redirect"),
    ],
)
async def test_what_is_no_key_set_authenticates_nobody(
    app: Any, signer: Signer, site: JwksServer, body: bytes, status: str
) -> None:
    site.answer = respond(body, status=status)
    assert_refused(await ask(app, signer.form("hosted")))
    assert site.connections == 1


async def test_the_commands_register_keys(run: Any, signing_key: SigningKey, tmp_path: Any) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [signing_key.public_jwk]}))
    named = ("clients", "create", "keyed", "--name", "K", "--scope", "notes:read")
    create = (*named, "--grant", "client_credentials")
    code, output, errors = await run(*create, "--jwks-file", str(file), "--json")
    assert (code, errors) == (0, "")
    assert "client_secret" not in json.loads(output)
    assert json.loads(output)["public"] is False
    for words, message in (
        (("--jwks-file", str(tmp_path / "none.json")), "none.json"),
        (("--jwks-uri", "http://client.example/keys"), "it is not https"),
        (("--jwks-uri", "https://client.example/keys", "--public"), "exclude each other"),
    ):
        code, output, errors = await run(*create, *words)
        assert (code, output) == (1, "")
        assert message in errors
