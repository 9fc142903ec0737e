"""The live page in a real browser, over real services that are really killed."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from lab import analysis
from lab.live import run
from lab.live.numbers import numbers
from stack.ports import free_ports
from stack.processes import REPOSITORY
from tests.browser.docs_page import Traffic
from tests.browser.live_page import LivePage
from tests.browser.looked_at import inspect
from tests.processes import alive, descendants

# First of all, so that nothing is started when there is no browser.
pytestmark = pytest.mark.usefixtures("chromium_path")

LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
    "korean-phone-dark": {
        "locale": "ko-KR",
        "color_scheme": "dark",
        "viewport": {"width": 360, "height": 740},
    },
}


@pytest.fixture(scope="module")
async def url(chromium_path: str) -> AsyncIterator[str]:
    """The page's address; everything behind it runs once for all tests of this file."""
    assert chromium_path
    [port] = free_ports(1)
    async with run.stage() as stage:
        serving = asyncio.create_task(run.serve(stage, port))
        yield f"http://127.0.0.1:{port}/"
        serving.cancel()
        await asyncio.wait([serving])


@pytest.fixture
async def live(page: Page, url: str) -> LivePage:
    """The page, opened and still: to draw what flies takes half of a processor."""
    await page.emulate_media(reduced_motion="reduce")
    opened = LivePage(page, url)
    await opened.open()
    return opened


async def test_the_whole_story_with_all_that_flies(live: LivePage) -> None:
    traffic = Traffic()
    traffic.watch(live.page)
    await live.page.emulate_media(reduced_motion="no-preference")
    await live.open()
    await live.choose("right", "rs256")
    await live.log_in()
    await _predict_and_fire(live)
    await _kill_a_replica(live)
    await _kill_the_issuer(live)
    await _revoke(live)
    assert traffic.complaints == []
    assert traffic.hosts == {live.url.split("/")[2]}


async def _predict_and_fire(live: LivePage) -> None:
    """The guess is held against what came out: 50 % and nothing."""
    await live.press("Fire 20")
    await live.page.locator("#guess").get_by_label("Session in memory").fill("3")
    await live.press("That is my guess: fire")
    assert await live.outcome("left") == (
        "10 of 20 answered 200, 10 refused (401): 50 %. You guessed 3 refused; it was 10."
    )
    assert "20 of 20 answered 200, 0 refused (401): 0 %." in await live.outcome("right")
    assert await live.counter("left", "Wrongly refused") == 10
    assert await live.counter("right", "Wrongly refused") == 0
    assert await live.counter("right", "Round trips") == 0


async def _kill_a_replica(live: LivePage) -> None:
    """The one that remembers the session; its twin on the other side goes too."""
    home = await live.half("left").locator(".box.home b").inner_text()
    await live.break_("Kill", home)
    await live.said(f"{home} was killed")
    left, right = await live.fire()
    assert left.startswith("0 of 20 answered 200, 20 refused")
    assert right.startswith("20 of 20 answered 200")
    await live.break_("Restart", home)
    left, right = await live.fire()
    assert left.startswith("0 of 20 answered 200, 20 refused")  # a new process remembers nobody
    assert right.startswith("20 of 20 answered 200")


async def _kill_the_issuer(live: LivePage) -> None:
    """Nobody logs in, and the token is as good as before."""
    await live.break_("Kill", "Issuer", "right")
    _, right = await live.fire()
    assert right.startswith("20 of 20 answered 200")
    await live.press("Log in")
    await live.said("Right: the log-in failed (503).")
    await live.settled()
    await live.break_("Restart", "Issuer")


async def _revoke(live: LivePage) -> None:
    """At once where a store is asked, within a poll and a fetch where a list is followed."""
    await live.choose("left", "redis")
    await live.choose("right", "rs256+status")
    await live.forget_what_happened()
    await live.log_in()
    await live.press("Revoke me")
    await live.said("Right: the log-in was ended.")
    for number in range(2):
        side = live.page.locator(".side").nth(number)
        refused = side.locator(".outcome", has_text="20 refused (401): 100")
        await refused.wait_for(timeout=30_000)
    assert await live.counter("left", "Wrongly accepted") <= 1
    assert 0 < await live.counter("right", "Wrongly accepted") < 40
    assert 0 < await live.counter("right", "Last 200 after revoking") < 8


async def test_a_frozen_store_and_a_cut_wire_cost_who_asks_and_nobody_else(live: LivePage) -> None:
    await live.page.get_by_label("Let me guess first").uncheck()
    await live.choose("left", "redis")
    await live.log_in()
    left, right = await live.fire()
    assert (left[:8], right[:8]) == ("20 of 20", "20 of 20")
    assert await live.counter("left", "Round trips") >= 20
    await live.break_("Cut the wire of", "Redis")
    left, right = await live.fire()
    assert left.startswith("0 of 20 answered 200, 0 refused (401): 0 %. 20 without")
    assert right.startswith("20 of 20")
    await live.break_("Mend the wire of", "Redis")
    await live.break_("Freeze", "Redis")
    await live.break_("Thaw", "Redis")
    left, _ = await live.fire()
    assert left.startswith("20 of 20")


async def test_what_cannot_be_started_is_said_and_mends_itself(live: LivePage) -> None:
    await live.choose("left", "redis")
    await live.break_("Kill", "Redis")
    await live.try_to_choose("left", "postgres")
    await live.said("That did not work:")
    await live.choose("left", "memory")
    await live.choose("left", "redis")
    await live.break_("Restart", "Redis")
    await live.log_in()
    await live.page.get_by_label("Let me guess first").uncheck()
    left, right = await live.fire()
    assert (left[:8], right[:8]) == ("20 of 20", "20 of 20")


async def test_what_was_changed_on_the_way_is_refused_and_the_keys_turn_unnoticed(
    live: LivePage,
) -> None:
    await live.page.get_by_label("Let me guess first").uncheck()
    await live.choose("left", "hs256")
    await live.log_in()
    await live.press("Tamper")
    await live.said("changed on its way")
    assert [said[:7] for said in await live.fire()] == ["0 of 20", "0 of 20"]
    assert await live.counter("right", "Wrongly accepted") == 0
    assert await live.counter("right", "Wrongly refused") == 0
    await live.press("Tamper")
    await live.said("unchanged again")
    await live.press("Rotate keys")
    await live.said("the shared key is another one")
    await live.settled()
    left, right = await live.fire()
    assert (left[:7], right[:8]) == ("0 of 20", "20 of 20")


async def test_one_two_or_four_replicas(live: LivePage) -> None:
    await live.page.get_by_label("Let me guess first").uncheck()
    await live.choose("left", "memory")
    for size, share in ((4, "75 %"), (1, "0 %"), (2, "50 %")):
        await live.forget_what_happened()
        await live.page.get_by_label("Let me guess first").uncheck()
        await live.page.get_by_role("radio", name=str(size), exact=True).click(force=True)
        await live.said(f"{size} replicas on each side")
        await live.log_in()
        left, right = await live.fire()
        assert left.endswith(f"(401): {share}.")
        assert right.endswith("(401): 0 %.")
        assert await live.half("left").locator(".replicas .box").count() == size


async def test_it_works_by_keyboard_alone(live: LivePage) -> None:
    page = live.page
    await live.choose("left", "postgres")
    focused = page.locator(":focus")
    await page.locator("body").press("Tab")
    await expect(focused).to_have_text("Skip to the experiment")
    for _ in range(10):
        await page.keyboard.press("Tab")
        if await focused.inner_text() == "Log in":
            break
    await page.keyboard.press("Enter")
    await live.said("Right: logged in.")
    await live.settled()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")  # Fire 20: it asks first
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Tab")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Escape")  # changed our mind: nothing is fired
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(focused).to_have_text("Fire 20")
    await page.keyboard.press("Space")
    assert (await live.outcome("left")).startswith("20 of 20")
    unreachable = await page.evaluate(
        "[...document.querySelectorAll('button, select, input, summary')]"
        ".filter(e => e.tabIndex < 0).length"
    )
    assert unreachable == 0


@pytest.fixture(params=LOOKS)
async def look(chromium: Browser, request: pytest.FixtureRequest) -> AsyncIterator[BrowserContext]:
    """A browser profile of its own, with one way to look at things."""
    options = {"viewport": {"width": 1280, "height": 1000}, **LOOKS[request.param]}
    context = await chromium.new_context(**options)
    context.set_default_timeout(10_000)
    yield context
    await context.close()


async def test_everybody_can_use_it_and_it_fits(
    look: BrowserContext, url: str, request: pytest.FixtureRequest
) -> None:
    page = await look.new_page()
    await page.goto(url)
    await page.locator(".replicas .box").first.wait_for()
    await page.locator("#verdict:not(:empty)").wait_for()
    await page.locator("#log-in").click()
    await page.locator("#log li").nth(1).wait_for(timeout=60_000)
    await page.locator("#calculator details summary").click()
    for name in ("page", "guess"):
        if name == "guess":
            await page.locator("#fire").click()
            await page.get_by_role("dialog").wait_for()
        look = request.node.callspec.params["look"]
        await inspect(page, f"live-{name}-{look}", full_page=name == "page")
    await page.locator("#guess button").first.click()


async def test_english_and_korean_say_the_same_things(live: LivePage) -> None:
    await live.page.get_by_label("Let me guess first").uncheck()
    await live.log_in()
    await live.fire()
    keys = await live.page.evaluate(
        "import('./texts.js').then(({keys}) => Object.fromEntries(Object.entries(keys).map("
        "([kind, by]) => [kind, Object.fromEntries(Object.entries(by))])))"
    )
    for by_language in keys.values():
        english, korean = by_language["en"], by_language["ko"]
        assert english.keys() == korean.keys()
        for key, text in english.items():
            blanks = [set(re.findall(r"\{\w+\}", str(said))) for said in (text, korean[key])]
            assert blanks[0] == blanks[1], key
    await live.page.get_by_role("radio", name="한국어").check(force=True)
    assert await live.page.evaluate("document.documentElement.lang") == "ko"
    left = await live.page.locator("main, header, footer").all_inner_texts()
    assert "{" not in " ".join(left)
    english_words = re.findall(r"\b(?:the|your|replicas?|refused|log-in)\b", " ".join(left))
    assert english_words == []


async def test_without_motion_nothing_flies_and_everything_lands(
    chromium: Browser, url: str
) -> None:
    context = await chromium.new_context(reduced_motion="reduce")
    live = LivePage(await context.new_page(), url)
    await live.open()
    await live.page.get_by_label("Let me guess first").uncheck()
    await live.log_in()
    dots = "new MutationObserver(l => window.flew = true)"
    await live.page.evaluate(
        f"{dots}.observe(document.querySelector('.sky'), {{childList: true}}), null"
    )
    await live.fire()
    assert await live.half("left").locator(".chip").count() == 20
    assert not await live.page.evaluate("window.flew")
    await context.close()


async def test_the_calculator_flips_where_the_model_does(live: LivePage) -> None:
    measured = numbers()
    wanted = {"rate": 5, "ttl": 5, "count": 4, "trip": 0.5, "need": 60}
    assert await _verdict(live.page, measured, wanted) == "verdictTie"
    assert await _verdict(live.page, measured, wanted | {"count": 1}) == "verdictMemory"
    assert await _verdict(live.page, measured, wanted | {"need": 1}) == "verdictStore"
    assert await _verdict(live.page, measured, wanted | {"rate": 0.1}) == "verdictRare"
    assert await _verdict(live.page, measured, wanted | {"trip": 10}) == "verdictTrip"
    knee = analysis.knee(
        measured["app_us"]["redis"],
        measured["store_us"]["redis"],
        store_capacity=1,
        replica_capacity=1,
    )
    assert await _verdict(live.page, measured, wanted | {"count": knee + 1}) == "verdictKnee"
    assert await _verdict(live.page, measured, wanted | {"count": knee - 1}) == "verdictTie"
    before = await live.page.locator("#verdict").inner_text()
    await live.page.get_by_label("Replicas", exact=False).last.fill("0")
    await expect(live.page.locator("#verdict")).not_to_have_text(before)


async def _verdict(page: Page, measured: dict[str, Any], wanted: dict[str, float]) -> str:
    script = "([n, w]) => import('./calculator.js').then(({model}) => model(n, w).verdict)"
    return str(await page.evaluate(script, [measured, wanted]))


async def test_stopped_it_leaves_no_process() -> None:
    [port] = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lab", "live", "--port", str(port)),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    async with asyncio.timeout(120):
        while b"is ready" not in (line := await process.stdout.readline()):
            assert line, "it ended by itself"
    async with httpx.AsyncClient(trust_env=False) as http:
        for _ in range(50):
            try:
                assert (await http.get(f"http://127.0.0.1:{port}/")).status_code == 200
                break
            except httpx.TransportError:
                await asyncio.sleep(0.1)
        elsewhere = await http.get(f"http://127.0.0.1:{port}/", headers={"host": "evil.example"})
        assert elsewhere.status_code == 403
    started = descendants(process.pid)
    assert len(started) > 10
    process.send_signal(signal.SIGTERM)
    output = (await process.stdout.read()).decode()
    assert await process.wait() == 143, output
    assert "Stopped: no process and no file is left behind." in output
    assert {pid for pid in started if alive(pid)} == set()
