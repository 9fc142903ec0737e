"""URLs that strangers give: which of them a strict client uses, and where their metadata are."""

from typing import Final
from urllib.parse import SplitResult, urlsplit

from resource_service.diagnosis.findings import shown

_MOST_LEVELS: Final = 8  # to be asked for metadata, besides the root
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def problem(url: object, *, secure: bool, query: bool = False) -> str:
    """Say what is wrong with a URL; empty if nothing is.

    https, or http on the loopback interface unless `secure`: a walk that began with https does
    not leave it. No fragment, no user; a query only where `query` allows one.
    """
    split = _split(url)
    if split is None or split.scheme not in {"http", "https"} or not split.hostname:
        return f"{shown(url)} is no http or https URL"
    if split.username is not None or "#" in str(url):
        return f"{shown(url)} has a user or a fragment"
    if split.query and not query:
        return f"{shown(url)} has a query"
    if split.scheme == "http" and (secure or split.hostname not in _LOOPBACK):
        return f"{shown(url)} is not https"
    return ""


def well_known(url: str, name: str) -> str:
    """Insert the well-known part between host and path (RFC 8414 §3.1, RFC 9728 §3.1)."""
    split = urlsplit(url)
    return f"{split.scheme}://{split.netloc}/.well-known/{name}{split.path.rstrip('/')}"


def ancestors(url: str) -> list[str]:
    """Return the URL without query and trailing slash, and the ones above it, the root last."""
    split = urlsplit(url)
    root, path = f"{split.scheme}://{split.netloc}", split.path.rstrip("/")
    found = [root + path]
    while path:
        path = path.rpartition("/")[0].rstrip("/")
        found.append(root + path)
    return [*found[:_MOST_LEVELS], root] if len(found) > _MOST_LEVELS else found


def _split(url: object) -> SplitResult | None:
    try:
        plain = isinstance(url, str) and url.isascii() and url.isprintable()
        split = urlsplit(str(url)) if plain else None
        _ = split and split.port  # it is read when it is asked for
    except ValueError:
        return None
    return split
