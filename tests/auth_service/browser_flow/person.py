"""A person in a browser without scripts, and the client that sent the person here."""

import base64
import hashlib
import json
import re
import secrets
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

HTML = {"accept": "text/html", "user-agent": "Test browser"}
CALLBACK = "https://app.example/callback"
_FORM = re.compile(r'<form method="post" action="([^"]*)">(.*?)</form>', re.DOTALL)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


class Pkce:
    """A verifier and its challenge, made apart from the code under test."""

    def __init__(self) -> None:
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    @property
    def parameters(self) -> dict[str, str]:
        return {"code_challenge": self.challenge, "code_challenge_method": "S256"}


class Person:
    """Follows redirects within the issuer, as a browser does, and stops where they leave it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.pkce = Pkce()

    def request(self, client_id: str = "app", **parameters: str | None) -> dict[str, str]:
        """Return the parameters of a good request, changed; None leaves one out."""
        usual = {
            "client_id": client_id,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid",
            "state": "st4te",
            **self.pkce.parameters,
        }
        return {name: value for name, value in {**usual, **parameters}.items() if value is not None}

    async def authorize(self, client_id: str = "app", **parameters: str | None) -> httpx.Response:
        """Open the client's link, and go as far as nothing is asked."""
        return await self.get("/authorize", self.request(client_id, **parameters))

    async def get(self, path: str, query: dict[str, str] | None = None) -> httpx.Response:
        return await self.follow(await self.http.get(path, params=query, headers=HTML))

    async def follow(self, response: httpx.Response) -> httpx.Response:
        while response.next_request is not None:
            if response.next_request.url.netloc != self.http.base_url.netloc:
                return response
            assert response.status_code == 303
            response = await self.http.get(response.next_request.url, headers=HTML)
        return response

    def form(self, page: httpx.Response) -> tuple[str, dict[str, str]]:
        """Return where the page's form goes, and its hidden fields."""
        found = _FORM.search(page.text)
        assert found is not None, page.text
        hidden = {name: unescape(value) for name, value in _HIDDEN.findall(found[2])}
        return unescape(found[1]), hidden

    async def submit(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Fill in the form of the page and go as far as nothing more is asked."""
        action, hidden = self.form(page)
        return await self.follow(
            await self.http.post(action, data={**hidden, **fields}, headers=HTML)
        )

    async def log_in(
        self, page: httpx.Response, username: str = "alice", password: str | None = None
    ) -> httpx.Response:
        password = password or "correct horse battery staple"
        return await self.submit(page, username=username, password=password)

    async def allow(self, page: httpx.Response) -> httpx.Response:
        return await self.submit(page, decision="allow")

    async def code(self, client_id: str = "app", **parameters: str | None) -> str:
        """Log in and agree, as far as asked; return the code."""
        response = await self.authorize(client_id, **parameters)
        if "Log in ·" in response.text:
            response = await self.log_in(response)
        if "Allow access?" in response.text:
            response = await self.allow(response)
        code: str = answer(response)["code"]
        return code

    def exchange(self, code: str, **parameters: str) -> dict[str, str]:
        """Return the token request for a code."""
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.pkce.verifier,
            **parameters,
        }


def answer(response: httpx.Response) -> dict[str, str]:
    """Return the parameters that go back to the client; each may come once."""
    assert response.status_code == 303, response.text
    values = parse_qs(urlsplit(response.headers["location"]).query, strict_parsing=True)
    assert all(len(value) == 1 for value in values.values())
    return {name: value for name, (value,) in values.items()}


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a token, unverified."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return claims
