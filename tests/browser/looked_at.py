"""A page as everybody gets it: a picture to look at, axe, and no scrolling sideways."""

import os
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

PICTURES = os.environ.get("SEALGATE_TEST_PICTURES")


async def inspect(page: Page, name: str, *, full_page: bool = True) -> None:
    """Take a picture if pictures are wanted; nothing is hard to read, and it fits the screen."""
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=full_page)
    found = await Axe().run(page)
    violations = [
        (violation["id"], [node["target"] for node in violation["nodes"]])
        for violation in found.response["violations"]
    ]
    assert violations == [], name
    fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert await page.evaluate(fits), name
