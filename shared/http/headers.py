"""Request headers that may come once (RFC 9110 §5.3): a second one is refused, not ignored."""

from fastapi import Request

from shared.errors import InvalidRequest


def single(request: Request, name: str) -> str | None:
    """Return the header, None without one; `InvalidRequest` if it came more than once."""
    values = request.headers.getlist(name)
    if len(values) > 1:
        raise InvalidRequest(f"more than one {name} header")
    return values[0] if values else None


def media_type(request: Request) -> str:
    """Return the body's media type in lower case, without parameters; empty if none is named."""
    return (single(request, "content-type") or "").partition(";")[0].strip().lower()
