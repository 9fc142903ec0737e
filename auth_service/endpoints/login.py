"""Logging in and registering, on pages; and choosing an account."""

from fastapi import APIRouter, Request, Response

from auth_service import accounts, pages, redirect_uris, second_factor
from auth_service.authentication_context import PASSWORD
from auth_service.endpoints import browser, entrance, password_reset, second_step, server_of
from auth_service.endpoints.address import address_of
from auth_service.endpoints.browser import Browser, PageRoute
from auth_service.parameters import Parameters
from auth_service.store import authorization_requests
from shared.errors import AccessDenied, Conflict, InvalidRequest, OAuthError, TooManyRequests

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/login")
async def login_page(request: Request) -> Response:
    """Show the log-in form."""
    parameters = Parameters.parse(request.scope["query_string"])
    return await _page(request, "login", parameters, await browser.of(request))


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Log in, and go on with what waits."""
    visitor = await browser.of(request)
    parameters = await browser.form(request, visitor)
    server = server_of(request)
    try:
        user = await accounts.verified_user(
            server,
            parameters.get("username", ""),
            parameters.get("password", ""),
            browser.caller(request),
        )
        if user is None:
            raise AccessDenied("wrong user name or password")
    except OAuthError as error:
        return await _again(request, "login", parameters, visitor, error)
    if user.has_second_factor:
        ticket = second_factor.ticket(server, user, visitor.cookie)
        return await second_step.ask(request, parameters, visitor, ticket=ticket)
    return await entrance.enter(request, parameters, visitor, user, PASSWORD)


@router.get("/register")
async def register_page(request: Request) -> Response:
    """Show the registration form."""
    _check_open(request)
    parameters = Parameters.parse(request.scope["query_string"])
    return await _page(request, "register", parameters, await browser.of(request))


@router.post("/register")
async def register(request: Request) -> Response:
    """Register, log in, and go on with what waits."""
    _check_open(request)
    visitor = await browser.of(request)
    parameters = await browser.form(request, visitor)
    try:
        user = await accounts.register(
            server_of(request),
            parameters.get("username", ""),
            parameters.get("password", ""),
            address_of(request),
        )
    except OAuthError as error:
        return await _again(request, "register", parameters, visitor, error)
    return await entrance.enter(request, parameters, visitor, user, PASSWORD)


@router.get("/accounts")
async def accounts_page(request: Request) -> Response:
    """Let the person stay who they are, or be somebody else."""
    visitor = await browser.of(request)
    parameters = Parameters.parse(request.scope["query_string"])
    waiting, asked = await browser.waiting(request, parameters)
    if visitor.session is None:
        return browser.see_other(entrance.url(request, "authorize/continue", parameters))
    return pages.render(
        request,
        "accounts",
        ui_locales=waiting.parameters.get("ui_locales"),
        form_action=[redirect_uris.source(asked.destination.redirect_uri)],
        csrf_token=visitor.csrf_token,
        request_id=waiting.request_id,
        client_name=asked.client.name,
        username=visitor.session.username,
        login_url=entrance.url(request, "login", parameters),
    )


@router.post("/accounts")
async def choose_account(request: Request) -> Response:
    """Note that the person stays who they are."""
    visitor = await browser.of(request)
    parameters = await browser.form(request, visitor)
    waiting, _ = await browser.waiting(request, parameters)
    await authorization_requests.choose_account(server_of(request).db, waiting.request_id)
    return browser.see_other(entrance.url(request, "authorize/continue", parameters))


def _check_open(request: Request) -> None:
    if server_of(request).settings.registration == "closed":
        raise AccessDenied("registration is closed")


async def _page(
    request: Request,
    template: str,
    parameters: Parameters,
    visitor: Browser,
    error: OAuthError | None = None,
) -> Response:
    """Show one of the two forms, anew with what is wrong with it."""
    values, ui_locales, sources = await entrance.context(request, parameters)
    settings = server_of(request).settings
    closed, sends_mails = settings.registration == "closed", settings.smtp_url is not None
    response = pages.render(
        request,
        template,
        status_code=200 if error is None else error.status_code,
        ui_locales=ui_locales,
        form_action=sources,
        headers={} if error is None else browser.retry_after(error),
        problem=None if error is None else _problem(template, error),
        csrf_token=visitor.csrf_token,
        login_url=entrance.url(request, "login", parameters),
        forgot_url=settings.issuer + password_reset.FORGOT if sends_mails else None,
        register_url=None if closed else entrance.url(request, "register", parameters),
        **values,
    )
    return browser.with_cookie(request, response, visitor.cookie) if visitor.is_new else response


async def _again(
    request: Request, template: str, parameters: Parameters, visitor: Browser, error: OAuthError
) -> Response:
    browser.count(request, error)
    return await _page(request, template, parameters, visitor, error)


def _problem(template: str, error: OAuthError) -> str:
    """Name the text that tells the person what to mend."""
    if isinstance(error, Conflict):
        return "name_taken"
    if isinstance(error, TooManyRequests):
        return "too_often"
    if isinstance(error, InvalidRequest) and "name" in error.description:
        return "bad_username"
    if isinstance(error, AccessDenied | InvalidRequest):
        return "wrong_password" if template == "login" else "bad_password"
    return "too_many"
