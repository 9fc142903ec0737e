"""Somebody else's API. Run: uvicorn --app-dir docs/examples protect_your_api:app"""

import os
from typing import Annotated

from fastapi import Depends, FastAPI

from resource_service.protection import AccessToken, protect, requires

app = FastAPI(title="Somebody else's API")
protect(app, issuer=os.environ["ISSUER"], audience=os.environ["AUDIENCE"])


@app.get("/notes")
async def read_notes(token: Annotated[AccessToken, Depends(requires("notes:read"))]) -> list[str]:
    """Return the notes of whoever calls."""
    return [f"a note of {token.sub}"]
