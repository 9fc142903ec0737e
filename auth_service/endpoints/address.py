"""Which address a request comes from."""

import ipaddress
from typing import Final

from fastapi import Request

_HOST_BITS: Final = 64  # of an IPv6 address: one household or one server has all of them


def address_of(request: Request) -> str:
    """Return the address as text, of IPv6 only its network; empty if there is none.

    Behind a proxy it is what the proxy says, if that is trusted: see `shared.http.server`.
    """
    if request.client is None:
        return ""
    try:
        address = ipaddress.ip_address(request.client.host)
    except ValueError:
        return request.client.host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, _HOST_BITS), strict=False))
