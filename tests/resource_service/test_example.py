"""The documented example does what it says."""

import runpy
from pathlib import Path

import pytest

import resource_service
from tests.resource_service.issuer import AUDIENCE, JwksServer, Sign, client

EXAMPLE = Path(resource_service.__file__).parents[1] / "docs/examples/protect_your_api.py"


async def test_one_line_protects_somebody_elses_api(
    jwks: JwksServer, sign: Sign, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = jwks.url.removesuffix("/jwks.json")
    monkeypatch.setenv("ISSUER", issuer)
    monkeypatch.setenv("AUDIENCE", AUDIENCE)
    app = runpy.run_path(str(EXAMPLE))["app"]
    async with client(app) as http:
        header = {"authorization": f"Bearer {sign(iss=issuer)}"}
        answer = await http.get("/notes", headers=header)
        assert (answer.status_code, answer.json()) == (200, ["a note of alice"])
        nobody = await http.get("/notes")
        assert nobody.status_code == 401
        assert nobody.headers["www-authenticate"] == 'Bearer realm="sealgate", scope="notes:read"'
        header = {"authorization": f"Bearer {sign(iss=issuer, scope='')}"}
        lacking = await http.get("/notes", headers=header)
        assert (lacking.status_code, lacking.json()["error"]) == (403, "insufficient_scope")
        security = app.openapi()["paths"]["/notes"]["get"]["security"]
        assert security == [{"oauth2": ["notes:read"]}, {"bearer": []}]


def test_it_is_a_dozen_lines() -> None:
    lines = EXAMPLE.read_text().splitlines()
    code = [line for line in lines if line.strip() and not line.lstrip().startswith('"""')]
    assert len(code) <= 12
    assert sum("Depends(requires(" in line for line in code) == 1
