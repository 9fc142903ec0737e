"""Redirect URIs: which may be registered, and when one is the registered one."""

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

_VISIBLE: Final = re.compile(r"[!-~]{1,2000}")
# The loopback interface by literal address (RFC 8252 §7.3), and what follows the port.
_LOOPBACK: Final = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::([0-9]{1,5}))?((?:[/?].*)?)")
_HIGHEST_PORT: Final = 65535
_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class RedirectUriRefused(ValueError):
    """A redirect URI that nobody may register; the text says why."""


def check(redirect_uri: str) -> None:
    """Refuse what must not be registered (RFC 6749 §3.1.2, RFC 8252, RFC 9700 §4.1).

    Allowed are https, http on the machine itself, and private-use schemes in reverse domain
    order such as `com.example.app:/callback` (RFC 8252 §7.1). Nothing stands for anything else:
    there are no wildcards.
    """
    if not _VISIBLE.fullmatch(redirect_uri) or "\\" in redirect_uri:
        raise RedirectUriRefused("it must be 1 to 2000 visible ASCII characters")
    try:
        url = urlsplit(redirect_uri)
        host, _ = url.hostname, url.port
    except ValueError:
        raise RedirectUriRefused("it is no URI") from None
    if "#" in redirect_uri:
        raise RedirectUriRefused("it must have no fragment (RFC 6749 §3.1.2)")
    if url.scheme not in {"http", "https"}:
        if "." not in url.scheme:
            raise RedirectUriRefused("a private-use scheme has a dot in it (RFC 8252 §7.1)")
        return
    if not host or "@" in url.netloc:
        raise RedirectUriRefused("it must have a host and no user")
    if url.scheme == "http" and host not in _LOCAL:
        raise RedirectUriRefused("it must be https, except on the loopback interface")


def is_registered(redirect_uri: str, registered: Collection[str]) -> bool:
    """Tell whether it is one of them, character by character (RFC 9700 §4.1.3).

    Only the port of a loopback address may be another one (RFC 8252 §7.3), and only where the
    address is literal: `localhost` is a name, which may lead elsewhere (§8.3).
    """
    if redirect_uri in registered:
        return True
    portless = _without_port(redirect_uri)
    return portless is not None and portless in {_without_port(uri) for uri in registered}


def is_native(redirect_uri: str) -> bool:
    """Tell whether an app on the user's own machine takes it (RFC 8252 §7)."""
    url = urlsplit(redirect_uri)
    return url.scheme not in {"http", "https"} or url.hostname in _LOCAL


def source(redirect_uri: str) -> str:
    """Return what a Content-Security-Policy calls it (CSP3 §2.3.1)."""
    url = urlsplit(redirect_uri)
    if url.scheme not in {"http", "https"} or "[" in url.netloc:
        return f"{url.scheme}:"  # the grammar knows no IPv6 address
    return f"{url.scheme}://{url.netloc}"


def _without_port(redirect_uri: str) -> str | None:
    loopback = _LOOPBACK.fullmatch(redirect_uri)
    if loopback is None:
        return None
    host, port, rest = loopback.groups()
    if port is not None and not 0 < int(port) <= _HIGHEST_PORT:
        return None
    return f"{host}{rest}"
