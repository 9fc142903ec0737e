"""The OpenAPI docs page at /docs: Swagger UI from our own origin, under a strict policy.

Nothing comes from a CDN: the assets are the ones that the package fastapi-offline carries.
"""

import base64
import re
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html, get_swagger_ui_oauth2_redirect_html
from fastapi.responses import FileResponse, HTMLResponse, Response

_DIRECTORY: Final = Path(str(files("fastapi_offline") / "static"))
_ASSETS: Final = ("swagger-ui-bundle.js", "swagger-ui.css")
# The version is in the address, so what is cached may be kept for ever.
_ASSETS_URL: Final = f"/docs/{version('fastapi-offline')}"
_ASSET_HEADERS: Final = {
    "cache-control": "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
}
_FAVICON: Final = "data:image/svg+xml," + (
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Ccircle cx='16' cy='16' r='15' fill='%238b1e2d'/%3E"
    "%3Cpath d='M11 15v-3a5 5 0 0 1 10 0v3h1v8H10v-8zm2 0h6v-3a3 3 0 0 0-6 0z' fill='%23fff'/%3E"
    "%3C/svg%3E"
)
_PARAMETERS: Final = {
    "defaultModelsExpandDepth": -1,  # no list of schemas under the operations
    "displayRequestDuration": True,
    "validatorUrl": None,  # it would send the document's address to a stranger
}
_INLINE_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def install(
    app: FastAPI,
    *,
    oauth: dict[str, Any] | None = None,
    connect: tuple[str, ...] = (),
    path: str = "",
) -> None:
    """Serve the page at /docs; make the app with `docs_url=None, redoc_url=None`.

    `path`: where browsers find the app, if not at the root of its origin. `oauth` prefills the
    Authorize dialogue (Swagger UI's `initOAuth`: `clientId`, `scopes`, …); `connect` names the
    other origins that the page may call, such as the issuer's.
    """
    page = get_swagger_ui_html(
        openapi_url=f"{path}{app.openapi_url or '/openapi.json'}",
        title=app.title,
        oauth2_redirect_url=f"{path}/docs/oauth2-redirect",
        init_oauth=oauth,
        swagger_js_url=f"{path}{_ASSETS_URL}/swagger-ui-bundle.js",
        swagger_css_url=f"{path}{_ASSETS_URL}/swagger-ui.css",
        swagger_favicon_url=_FAVICON,
        swagger_ui_parameters=_PARAMETERS,
    )
    redirect = get_swagger_ui_oauth2_redirect_html()
    _serve(app, "/docs", page.body, _page_headers(page, connect))
    _serve(app, "/docs/oauth2-redirect", redirect.body, _page_headers(redirect))
    for name in _ASSETS:
        _serve_asset(app, name)


def _serve(app: FastAPI, path: str, html: bytes | memoryview, headers: dict[str, str]) -> None:
    async def answer(_request: Request) -> Response:
        return HTMLResponse(html, headers=headers)

    app.add_route(path, answer, include_in_schema=False)


def _serve_asset(app: FastAPI, name: str) -> None:
    async def answer(_request: Request) -> Response:
        return FileResponse(_DIRECTORY / name, headers=_ASSET_HEADERS)

    app.add_route(f"{_ASSETS_URL}/{name}", answer, include_in_schema=False)


def _page_headers(page: HTMLResponse, connect: tuple[str, ...] = ()) -> dict[str, str]:
    """Allow the page its own inline scripts, by hash, and no others (CSP3 §8.3).

    No Cross-Origin-Opener-Policy: it would cut the window of the authorization code flow off
    from the page that opened it.
    """
    html = bytes(page.body).decode()
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in _INLINE_SCRIPT.findall(html))
    policy = {
        "default-src": "'none'",
        "script-src": f"'self' {hashes}",
        "style-src": "'self' 'unsafe-inline'",  # Swagger UI sets style attributes
        "img-src": "'self' data:",
        "connect-src": " ".join(("'self'", *connect)),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {what}" for name, what in policy.items()),
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cache-control": "no-cache",
    }


def _digest(script: str) -> str:
    return base64.b64encode(sha256(script.encode()).digest()).decode()
