"""Browsers and times, as the account pages name them."""

from datetime import datetime, timedelta
from typing import Final

from auth_service.pages.texts import Texts

# The first that occurs in the User-Agent header counts: most name others too.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Whale/", "Whale"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_JUST_NOW: Final = timedelta(minutes=2)
_HOURS: Final = timedelta(hours=2)
_DAYS: Final = timedelta(days=2)


def browser(user_agent: str, t: Texts) -> str:
    """Name a browser for people; whoever wants to can send any User-Agent, so trust it little."""
    name = next((name for word, name in _BROWSERS if word in user_agent), None)
    system = next((name for word, name in _SYSTEMS if word in user_agent), None)
    if name and system:
        return f"{name} {t['on']} {system}"
    return name or system or t["unknown_browser"]


def ago(time: datetime, now: datetime, t: Texts) -> str:
    """Say how long ago something was: a page without scripts does not know the time zone."""
    past = now - time
    if past < _JUST_NOW:
        return t["just_now"]
    if past < _HOURS:
        return t["minutes_ago"].format(past // timedelta(minutes=1))
    if past < _DAYS:
        return t["hours_ago"].format(past // timedelta(hours=1))
    return t["days_ago"].format(past.days)
