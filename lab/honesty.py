"""A scheme that lets everybody in would win every race: each is tried with a forgery first."""

from http import HTTPStatus

from lab.client import Client, Headers, Request


class AcceptsForgeries(Exception):
    """A replica took a changed credential for a good one; nothing measured on it would count."""


async def require_refusal(client: Client, url: str, credential: Headers) -> None:
    """Send a credential as it is and with characters changed; raise `AcceptsForgeries`.

    The good one must be accepted, or refusing says nothing. One without a credential is refused
    as well.
    """
    if (await client.send(Request("GET", url, credential))).status != HTTPStatus.OK:
        raise AcceptsForgeries(f"{url} does not even accept what is good")
    for forged in ((), changed(credential)):
        status = (await client.send(Request("GET", url, forged))).status
        if status != HTTPStatus.UNAUTHORIZED:
            raise AcceptsForgeries(f"{url} answered {status} to a forged credential")


def changed(credential: Headers) -> Headers:
    """Return the credential with a stretch of its last header's secret replaced."""
    *others, (name, value) = credential
    middle = max(len(value) // 2, len(value) - 20)
    replaced = "".join("B" if character == "A" else "A" for character in value[middle : middle + 4])
    return (*others, (name, value[:middle] + replaced + value[middle + 4 :]))
