"""The docs page as a person uses it: authorize, try out, read the answer."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import ConsoleMessage, Locator, Page, Request


@dataclass
class Traffic:
    """What the page asked for and complained about."""

    hosts: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("request", self._request)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme in {"http", "https"}:
            self.hosts.add(url.netloc)

    def _console(self, message: ConsoleMessage) -> None:
        # The browser reports each refusal (4xx) as an error of the console; those are meant.
        refusal = message.text.startswith("Failed to load resource: the server responded")
        if message.type in {"error", "warning"} and not refusal:
            self.complaints.append(message.text)


@dataclass(frozen=True)
class Answer:
    """An answer as "Try it out" shows it."""

    status: int
    headers: str
    body: str


class DocsPage:
    """Swagger UI, by what is on the screen."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.traffic = Traffic()
        self.traffic.watch(page)

    async def open(self) -> None:
        await self.page.goto(f"{self.url}/docs")
        await self.page.locator(".opblock").first.wait_for()

    async def operations(self) -> set[tuple[str, str]]:
        """Return the method and path of every operation on the page."""
        return {
            (
                (await block.locator(".opblock-summary-method").inner_text()).lower(),
                await block.locator(".opblock-summary-path").get_attribute("data-path") or "",
            )
            for block in await self.page.locator(".opblock").all()
        }

    async def begin_log_in(self) -> Page:
        """Press Authorize; return the window of the issuer that opens."""
        form = await self._form("#client_id_authorizationCode")
        for box in await form.locator("input[type=checkbox]").all():
            await box.check()
        async with self.page.expect_popup() as opened:
            await form.locator("button.authorize").click()
        return await opened.value

    async def log_in(self, username: str, password: str) -> None:
        """Log in and agree on the issuer's pages, which bring the person back."""
        window = await self.begin_log_in()
        self.traffic.watch(window)
        await fill_in_log_in(window, username, password)
        async with window.expect_event("close"):
            await window.get_by_role("button", name="Allow").click()

    async def client_id(self) -> str:
        """Return what the Authorize dialogue has filled in for `client_id`."""
        form = await self._form("#client_id_authorizationCode")
        return await form.locator("[id^=client_id]").input_value()

    async def authorize_client(self, client_id: str, client_secret: str) -> None:
        """Fill in HTTP Basic credentials and close the dialogue."""
        form = await self._form("#auth-basic-username")
        await form.locator("#auth-basic-username").fill(client_id)
        await form.locator("#auth-basic-password").fill(client_secret)
        await form.locator("button.authorize").click()
        await self.close_dialogue()

    async def logged_in(self) -> None:
        """Wait until the dialogue says so, and close it."""
        await self.page.locator(".dialog-ux").get_by_text("Logout", exact=True).first.wait_for()
        await self.close_dialogue()

    async def refused(self) -> str:
        """Wait for the dialogue's error and return its text."""
        return await self.page.locator(".dialog-ux .errors").inner_text()

    async def close_dialogue(self) -> None:
        await self.page.locator(".dialog-ux .btn-done").first.click()

    async def try_out(self, method: str, path: str, body: str | None = None) -> Answer:
        """Open an operation, press "Try it out" and "Execute", and read the answer."""
        block = self.page.locator(f".opblock-{method}", has=self.page.locator(_path(path)))
        if "is-open" not in (await block.get_attribute("class") or ""):
            await block.locator(".opblock-summary-control").click()
            await block.locator(".try-out__btn").click()
        if body is not None:
            await block.locator("textarea.body-param__text").fill(body)
        if await block.locator("button.btn-clear").count():
            await block.locator("button.btn-clear").click()  # the answer of the time before
        await block.locator("button.execute").click()
        return await _answer(block.locator(".live-responses-table"))

    async def _form(self, field: str) -> Locator:
        """Open the Authorize dialogue; return the one of its forms that has this field."""
        dialogue = self.page.locator(".dialog-ux")
        if not await dialogue.is_visible():
            await self.page.locator(".auth-wrapper > button.authorize").click()
            await dialogue.wait_for()
        return dialogue.locator(".auth-container", has=self.page.locator(field))


async def fill_in_log_in(window: Page, username: str, password: str) -> None:
    """Fill in the issuer's log-in page."""
    await window.get_by_label("User name").fill(username)
    await window.get_by_label("Password").fill(password)
    await window.get_by_role("button", name="Log in").click()


def _path(path: str) -> str:
    return f'.opblock-summary-path[data-path="{path}"]'


async def _answer(table: Locator) -> Answer:
    row = table.locator("tr.response")
    headers = row.locator("pre.microlight", has=row.page.locator(".headerline"))
    await headers.wait_for()  # they are drawn last
    body = row.locator(".highlight-code .microlight")
    return Answer(
        status=int((await row.locator(".response-col_status").inner_text()).split()[0]),
        headers=await headers.inner_text(),
        body=await body.inner_text() if await body.count() else "",
    )
