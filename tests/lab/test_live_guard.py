"""Who may talk to the live page, which can kill processes: tried from outside, one rule each."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import msgspec
import pytest

from lab.live import actions
from lab.live.app import create_app
from lab.live.stage import Refused, Stage

PORT = 8090
HOME = f"http://127.0.0.1:{PORT}"
GOOD = {"origin": HOME, "content-type": "application/json"}
FIRE = b'{"do":"fire"}'


class Recorder:
    """Stands where the stage is, and notes what it is asked to do."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.refusal = ""

    async def act(self, action: object) -> None:
        if self.refusal:
            raise Refused(self.refusal)
        self.done.append(action)

    def watch(self) -> "asyncio.Queue[Any]":
        raise Refused("crowded")


@pytest.fixture
def stage() -> Recorder:
    return Recorder()


@pytest.fixture
async def http(stage: Recorder) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(cast("Stage", stage), PORT))
    async with httpx.AsyncClient(transport=transport, base_url=HOME) as client:
        yield client


async def test_the_page_itself_may_act(http: httpx.AsyncClient, stage: Recorder) -> None:
    answer = await http.post("/act", content=FIRE, headers=GOOD)
    assert (answer.status_code, stage.done) == (204, [actions.Fire()])


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"content-type": "application/json"}, id="no origin: a program, or a form"),
        pytest.param(GOOD | {"origin": "https://evil.example"}, id="another origin"),
        pytest.param(GOOD | {"origin": "null"}, id="a sandboxed frame"),
        pytest.param(GOOD | {"origin": f"http://localhost:{PORT}"}, id="the other loopback name"),
        pytest.param(GOOD | {"origin": "http://127.0.0.1:8080"}, id="another port here"),
        pytest.param(GOOD | {"content-type": "text/plain"}, id="what a form can send"),
        pytest.param(GOOD | {"sec-fetch-site": "cross-site"}, id="the browser says it is not us"),
        pytest.param(GOOD | {"sec-fetch-site": "same-site"}, id="another port, by the browser"),
        pytest.param(GOOD | {"host": f"evil.example:{PORT}"}, id="a name that leads here"),
        pytest.param(GOOD | {"host": "127.0.0.1"}, id="another port's host"),
    ],
)
async def test_nobody_else_may_act(
    headers: dict[str, str], http: httpx.AsyncClient, stage: Recorder
) -> None:
    answer = await http.post("/act", content=FIRE, headers=headers)
    assert (answer.status_code, stage.done) == (403, [])
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/events", "/numbers.json", "/main.js"])
async def test_nothing_is_read_under_another_name_or_from_another_origin(
    path: str, http: httpx.AsyncClient
) -> None:
    for headers in ({"host": "evil.example"}, {"origin": "https://evil.example"}):
        answer = await http.get(path, headers=headers)
        assert answer.status_code == 403
        assert "script" not in answer.text


async def test_a_second_host_or_origin_is_no_way_in(
    http: httpx.AsyncClient, stage: Recorder
) -> None:
    hosts = [("Host", f"127.0.0.1:{PORT}"), ("Host", "evil.example")]
    origins = [("Host", f"127.0.0.1:{PORT}"), ("Origin", "https://evil.example")]
    for doubled in (hosts, origins):
        answer = await http.post("/act", content=FIRE, headers=[*GOOD.items(), *doubled])
        assert answer.status_code == 403
    assert stage.done == []


async def test_long_bodies_are_refused_unread(http: httpx.AsyncClient, stage: Recorder) -> None:
    answer = await http.post("/act", content=FIRE + b" " * 1024, headers=GOOD)
    assert (answer.status_code, stage.done) == (403, [])


async def _in_pieces() -> AsyncIterator[bytes]:
    yield FIRE


async def test_a_body_without_a_length_is_refused(http: httpx.AsyncClient, stage: Recorder) -> None:
    answer = await http.post("/act", content=_in_pieces(), headers=GOOD)
    assert (answer.status_code, stage.done) == (403, [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"do":"format the disk"}',
        b'{"do":"fire","more":1}',
        b'{"do":"break","what":"kill","box":"init","number":1}',
        b'{"do":"break","what":"kill","box":"replica","number":5}',
        b'{"do":"break","what":"kill","box":"replica","number":0}',
        b'{"do":"resize","replicas":1000}',
        b'{"do":"choose","side":2,"scheme":"rs256"}',
        b'{"do":"stream","on":"yes"}',
        b"[" * 900,
    ],
)
async def test_what_is_not_understood_is_not_done(
    body: bytes, http: httpx.AsyncClient, stage: Recorder
) -> None:
    answer = await http.post("/act", content=body, headers=GOOD)
    assert (answer.status_code, stage.done) == (400, [])


async def test_what_cannot_be_done_now_says_why(http: httpx.AsyncClient, stage: Recorder) -> None:
    stage.refusal = "busy"
    answer = await http.post("/act", content=FIRE, headers=GOOD)
    assert (answer.status_code, answer.json()) == (409, {"error": "busy"})
    assert (await http.get("/events")).status_code == 503


async def test_every_file_comes_under_a_policy_that_allows_nothing_from_elsewhere(
    http: httpx.AsyncClient,
) -> None:
    kinds = {"/": "text/html", "/main.js": "text/javascript", "/style.css": "text/css"}
    for path, kind in kinds.items():
        answer = await http.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
    assert (await http.get("/../run.py")).status_code == 404
    assert (await http.get("/run.py")).status_code == 404


def test_every_action_is_told_apart_by_its_name() -> None:
    for action in (actions.LogIn(), actions.Tamper(on=True), actions.Break("cut", "store")):
        assert actions.decode(msgspec.json.encode(action)) == action
