"""The live page as a person uses it: by what is written on it."""

from dataclasses import dataclass
from typing import Literal

from playwright.async_api import Locator, Page, expect

Half = Literal["left", "right"]


@dataclass(frozen=True)
class LivePage:
    """One browser window with the page in it."""

    page: Page
    url: str

    async def open(self) -> None:
        await self.page.goto(self.url)
        await self.settled()

    async def settled(self) -> None:
        """Wait until nothing is being done, by the words on the page."""
        await self.page.locator("#status", has_text="Ready.").wait_for(timeout=60_000)

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click()

    def half(self, half: Half) -> Locator:
        return self.page.locator(".side").nth(0 if half == "left" else 1)

    async def choose(self, half: Half, scheme: str) -> None:
        await self.try_to_choose(half, scheme)
        await self.said(f"{half.capitalize()}: ", "is ready.")

    async def try_to_choose(self, half: Half, scheme: str) -> None:
        async with self.page.expect_response("**/act", timeout=60_000):
            await self.half(half).get_by_label("Scheme").select_option(scheme)
        await self.settled()

    async def log_in(self) -> None:
        await self.press("Log in")
        for half in ("Left", "Right"):
            await self.said(f"{half}: logged in.")
        await self.settled()

    async def said(self, *words: str) -> None:
        """Wait until a line of what happened has all these words."""
        line = self.page.locator("#log li")
        for word in words:
            line = line.filter(has_text=word)
        await line.first.wait_for(timeout=60_000)

    async def forget_what_happened(self) -> None:
        """Open the page anew: the lines are those of this window only."""
        await self.open()

    async def fire(self) -> tuple[str, str]:
        """Fire 20 at both; return what is said of each side when all have been answered."""
        left = self.half("left")
        before = await left.get_attribute("data-volley")
        await self.press("Fire 20")
        if before is not None:  # what is said of the last one is not the answer
            await expect(left).not_to_have_attribute("data-volley", before, timeout=60_000)
        return await self.outcome("left"), await self.outcome("right")

    async def outcome(self, half: Half) -> str:
        outcome = self.half(half).locator(".outcome", has_text="of 20 answered")
        await outcome.wait_for(timeout=60_000)
        return (await outcome.inner_text()).replace("\u00a0", " ")

    async def break_(self, what: str, box: str, half: Half = "left") -> None:
        # The answer comes when it is done, not before.
        async with self.page.expect_response("**/act", timeout=60_000):
            await self.half(half).get_by_role("button", name=f"{what} {box}", exact=True).click()
        await self.settled()

    async def counter(self, half: Half, name: str) -> float:
        tile = self.half(half).locator(".counters > div", has_text=name)
        said = await tile.locator("dd").inner_text(timeout=30_000)
        return float(said.replace("\u00a0", " ").split()[0].replace(",", ""))
