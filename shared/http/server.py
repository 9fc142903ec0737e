"""How both services serve: uvicorn behind a proxy, with the house's shape for broken HTTP too."""

from collections.abc import Sequence
from typing import Final

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_BODY: Final = b'{"error":"invalid_request","error_description":"this is not HTTP"}'
_REFUSAL: Final = b"\r\n".join(
    [
        b"HTTP/1.1 400 Bad Request",
        b"content-type: application/json",
        b"content-length: %d" % len(_BODY),
        b"cache-control: no-store",
        b"connection: close",
        b"",
        _BODY,
    ]
)


class Protocol(HttpToolsProtocol):
    """HTTP/1.1; what the parser does not understand, such as a made-up method, gets our JSON."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the interface of uvicorn
        """Refuse and hang up: where the next request begins nobody knows."""
        self.transport.write(_REFUSAL)
        self.transport.close()


def serve(app: FastAPI, host: str, port: int, *, trusted_proxies: Sequence[str] = ()) -> None:
    """Serve until SIGTERM or SIGINT; what is under way may finish within 5 s."""
    uvicorn.Server(configuration(app, host, port, trusted_proxies)).run()


def configuration(
    app: ASGIApp, host: str, port: int, trusted_proxies: Sequence[str] = ()
) -> uvicorn.Config:
    """Say how to serve.

    `trusted_proxies` are addresses or networks. From one of them `X-Forwarded-For` is believed:
    the client is the last address in it that is no such proxy (RFC 7239 §5.2, §8.1). From
    anybody else it is not read. Nothing that we say depends on `X-Forwarded-Proto` or a host
    header: we know our own address.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Protocol,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        timeout_graceful_shutdown=5,
    )
