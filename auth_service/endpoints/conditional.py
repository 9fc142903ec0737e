"""Conditional requests (RFC 9110 §13.1.2)."""


def matches(if_none_match: str | None, etag: str) -> bool:
    """Tell whether the client has this representation already; weak comparison."""
    if if_none_match is None:
        return False
    tags = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in tags
