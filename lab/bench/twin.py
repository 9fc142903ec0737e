"""The resource service with one change: /whoami answers anybody, without a token.

The unprotected twin of the real one, in a process of its own: same routes, same place in the
router, same answer, served by the same command; all that it lacks is `requires()`.
"""

from fastapi import Request

from resource_service.__main__ import cli
from resource_service.endpoints.whoami import WhoAmI, router


@router.get("/whoami")
async def twin(request: Request) -> WhoAmI:
    """Answer as much as the real one does, for nobody in particular."""
    return WhoAmI(
        iss="http://127.0.0.1:8000",
        sub="5b0d3a52-6f0e-4d0c-9a57-3f4f9d5c1e11",
        aud="http://127.0.0.1:8080",
        client_id="demo",
        scope="notes:read notes:write",
        iat=1_700_000_000,
        exp=1_700_000_300,
        jti="b3Nq1yqJr0m4cPqO2mYw3A",
        replica=request.app.state.settings.replica,
    )


if __name__ == "__main__":
    router.routes[:] = router.routes[-1:]
    cli()
