"""`same-origin`: which requests carry the cookie, and what may be read: asked of a real browser."""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from lab.exhibits import Exhibit, Missing
from lab.exhibits.sheet import Sheet
from stack.ports import free_ports
from stack.tether import tethered

COOKIES: Final = ("strict", "lax", "none")
_SET: Final = (
    "strict=1; Path=/; HttpOnly; SameSite=Strict",
    "lax=1; Path=/; HttpOnly; SameSite=Lax",
    "none=1; Path=/; HttpOnly; SameSite=None; Secure",
)
_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)
# What each page does: ask home twice by script, say what could be read, and go on.
_PAGE: Final = """<!doctype html><title>x</title><script>
const home = {home!r}, from = {from_!r}, next = {next!r};
async function ask(path) {{
  const read = await fetch(`${{home}}${{path}}?from=${{from}}`, {{credentials: "include"}})
    .then((answer) => answer.text()).then(() => "yes", () => "no");
  await fetch(`/read?from=${{from}}&path=${{path}}&read=${{read}}`);
}}
ask("/closed").then(() => ask("/open")).then(() => {{ location = next; }});
</script>"""
_FORM: Final = """<!doctype html><title>x</title>
<form method="post" action="{home}/post?from=another site"></form>
<script>document.forms[0].submit()</script>"""


@dataclass
class Site:
    """The server of both ports: it notes the cookies of each request, and what could be read."""

    home: str
    neighbour: str
    stranger: str
    cookies: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    read: dict[tuple[str, str], str] = field(default_factory=dict)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = _headers(head)
            url = urlsplit(head.split()[1])
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            more, body = self._respond(url.path, query, headers)
            lines = ["HTTP/1.1 200 OK", "Connection: close", "Content-Type: text/html", *more]
            writer.write("\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode())
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _respond(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[list[str], str]:
        from_ = query.get("from", "")
        if path in {"/closed", "/open", "/visit", "/post"}:
            sent = {pair.partition("=")[0].strip() for pair in headers.get("cookie", "").split(";")}
            self.cookies[path, from_] = sent & set(COOKIES)
        if path == "/read":
            self.read[query["path"], from_] = query["read"]
        if path == "/post":
            self.over.set()
        cors = [
            f"Access-Control-Allow-Origin: {headers.get('origin', self.home)}",
            "Access-Control-Allow-Credentials: true",
        ]
        return (cors if path == "/open" else []) + self._cookies(path), self._body(path)

    def _cookies(self, path: str) -> list[str]:
        return [f"Set-Cookie: {cookie}" for cookie in _SET] if path == "/start" else []

    def _body(self, path: str) -> str:
        home = self.home
        pages = {
            "/start": ("the same origin", f"{self.neighbour}/neighbour"),
            "/neighbour": ("another port", f"{self.stranger}/stranger"),
            "/stranger": ("another site", f"{home}/visit?from=another site"),
        }
        if path in pages:
            from_, next_ = pages[path]
            return _PAGE.format(home=home, from_=from_, next=next_)
        if path == "/visit":
            return f"<!doctype html><script>location = {self.stranger + '/form'!r}</script>"
        return _FORM.format(home=home) if path == "/form" else "text"


async def run(sheet: Sheet) -> None:
    """Let a browser go from page to page, and show what it sent along."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise Missing("this lesson needs Chromium (Debian: apt-get install chromium)")
    site = await _visit(browser)
    ways = [
        ("a script asks", "/closed", "the same origin"),
        ("a script asks", "/closed", "another port"),
        ("a script asks", "/closed", "another site"),
        ("the same, CORS allows it", "/open", "another port"),
        ("the same, CORS allows it", "/open", "another site"),
        ("a link is followed", "/visit", "another site"),
        ("a form is posted", "/post", "another site"),
    ]
    sheet.title("Which cookies of http://127.0.0.1:A went along, by their SameSite")
    sheet.table(
        ("what", "from a page of", *map(str.title, COOKIES), "read"),
        [
            (
                what,
                from_,
                *("sent" if name in site.cookies[path, from_] else "-" for name in COOKIES),
                site.read.get((path, from_), ""),
            )
            for what, path, from_ in ways
        ],
    )
    sheet.say(
        "The same-origin policy restricts reading answers, not sending requests: the request that"
        " could not be read arrived all the same. Cookies follow Domain, Path, SameSite and Secure,"
        " and ignore ports (RFC 6265 §8.5): another port is another origin and the same site."
    )
    embedded = site.cookies["/closed", "another site"]
    sheet.say(
        "To a script of another site this browser gives "
        + ("only those that say None." if embedded else "no cookies at all, None or not.")
    )


async def _visit(browser: str) -> Site:
    a, b = free_ports(2)
    site = Site(f"http://127.0.0.1:{a}", f"http://127.0.0.1:{b}", f"http://localhost:{b}")
    servers = [await asyncio.start_server(site.answer, "127.0.0.1", port) for port in (a, b)]
    with tempfile.TemporaryDirectory(prefix="sealgate-browser-") as folder:
        command = [browser, *_FLAGS, f"--user-data-dir={folder}", f"{site.home}/start"]
        process = await asyncio.create_subprocess_exec(
            *tethered(command, 9),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "HOME": folder},
            start_new_session=True,
        )
        try:
            await asyncio.wait_for(site.over.wait(), 30)
        finally:
            process.terminate()
            await process.wait()
            for server in servers:
                server.close()
            _remove_what_is_left(Path(folder))
    return site


def _remove_what_is_left(folder: Path) -> None:
    """The browser's children may still write for a moment."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)


def _headers(head: str) -> dict[str, str]:
    lines = [line.partition(":") for line in head.split("\r\n")[1:]]
    return {name.lower(): value.strip() for name, _, value in lines}


EXHIBIT: Final = Exhibit("Same origin, same site, and cookies", alone=run)
