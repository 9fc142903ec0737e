"""The pages that people see: rendered on the server, without scripts, from our own origin.

Nothing a page says comes unescaped, nothing is stored by caches, nobody may frame it, and its
forms lead nowhere but where the page says.
"""

import base64
import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from auth_service.pages.texts import LANGUAGES, Texts, language

_FOLDER: Final = Path(__file__).parent
_STYLE: Final = (_FOLDER / "style.css").read_bytes()
# The hash is in the address, so what is cached may be kept for ever.
STYLE_PATH: Final = f"/pages/{hashlib.sha256(_STYLE).hexdigest()[:16]}.css"
_SUBMIT: Final = "document.forms[0].submit()"
_SUBMIT_HASH: Final = base64.b64encode(hashlib.sha256(_SUBMIT.encode()).digest()).decode()

_templates: Final = Environment(
    loader=FileSystemLoader(_FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
router = APIRouter(include_in_schema=False)


def render(
    request: Request,
    template: str,
    *,
    status_code: int = 200,
    ui_locales: str | None = None,
    form_action: Collection[str] = (),
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:
    """Return a page.

    `form_action`: the sources that a form may lead to beyond ourselves. A browser applies it
    to the redirects after the form too (CSP3 §6.4.1), so a page whose form ends at a client
    names the client.
    """
    tag = language(ui_locales, request.headers.get("accept-language"))
    issuer: str = request.app.state.server.settings.issuer
    html = _templates.get_template(f"{template}.html").render(
        t=LANGUAGES[tag], language=tag, issuer=issuer, style=issuer + STYLE_PATH, **values
    )
    actions = " ".join(("'self'", *form_action))
    fixed = _headers(f"form-action {actions}") | {"content-language": tag}
    return HTMLResponse(html, status_code, fixed | dict(headers or {}))


def texts(request: Request) -> Texts:
    """Return what the pages say, in the language that the browser prefers."""
    return LANGUAGES[language_of(request)]


def language_of(request: Request) -> str:
    """Return the language that the browser prefers, of those that we speak."""
    return language(None, request.headers.get("accept-language"))


def form_post(request: Request, action: str, parameters: Mapping[str, str]) -> Response:
    """Return the page that hands parameters over by POST (OAuth 2.0 Form Post Response Mode §2).

    Its one script sends the form; without scripts a person does. No `form-action` here, since
    where the client redirects to afterwards is not ours to know.
    """
    tag = language(None, request.headers.get("accept-language"))
    issuer: str = request.app.state.server.settings.issuer
    html = _templates.get_template("form_post.html").render(
        t=LANGUAGES[tag],
        language=tag,
        issuer=issuer,
        style=issuer + STYLE_PATH,
        action=action,
        parameters=parameters,
        script=_SUBMIT,
    )
    return HTMLResponse(html, 200, _headers(f"script-src 'sha256-{_SUBMIT_HASH}'"))


@router.get(STYLE_PATH)
async def style() -> Response:
    """Return the style sheet."""
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(_STYLE, 200, headers, "text/css")


def _headers(directive: str) -> dict[str, str]:
    policy = (
        f"default-src 'none'; style-src 'self'; {directive}; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    return {
        "content-security-policy": policy,
        "x-frame-options": "DENY",  # for browsers that do not know frame-ancestors
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }
