"""Which address a request comes from, and a warning when it is that of a proxy nobody has named."""

import ipaddress
import logging
import math
from collections.abc import Callable
from typing import Final

from fastapi import Request

_HOST_BITS: Final = 64  # of an IPv6 address: one household or one server has all of them
_FORWARDED: Final = frozenset({b"x-forwarded-for", b"forwarded"})
_SILENCE: Final = 3600.0  # seconds between two warnings
_LOG = logging.getLogger(__name__)


class UntrustedProxies:
    """Says in the log, once an hour at most, that all people behind a proxy count as one.

    In the log only, and not to whoever asks about our health: anybody can send such a header.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._silent_until = -math.inf

    def look_at(self, host: str, headers: list[tuple[bytes, bytes]]) -> None:
        """Take a request that bears one of `_FORWARDED`, and the address that we have it from.

        If the header was believed, the address is one that it names.
        """
        if self._now() < self._silent_until:
            return
        said = [(name, value.decode("latin-1")) for name, value in headers if name in _FORWARDED]
        if any(host in value for name, value in said if name == b"x-forwarded-for"):
            return
        self._silent_until = self._now() + _SILENCE
        _LOG.warning(
            "requests come from %s with %s, which is not read: if that is a proxy, all people "
            "behind it count as one caller and wait for each other's mistakes; it must be named "
            "in AUTH_TRUSTED_PROXIES and send X-Forwarded-For (docs/behind-a-proxy.md)",
            host,
            " and ".join(sorted({name.decode().title() for name, _ in said})),
        )


def address_of(request: Request) -> str:
    """Return the address as text, of IPv6 only its network; empty if there is none.

    Behind a proxy it is what the proxy says, if that is trusted: see `shared.http.server`.
    """
    if request.client is None:
        return ""
    host = request.client.host
    if any(name in _FORWARDED for name, _ in request.scope["headers"]):
        request.app.state.untrusted_proxies.look_at(host, request.scope["headers"])
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, _HOST_BITS), strict=False))
