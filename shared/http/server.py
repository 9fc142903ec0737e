"""How both services serve: uvicorn behind a proxy, with the house's shape for broken HTTP too."""

from typing import Final

import uvicorn
from fastapi import FastAPI
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


def serve(app: FastAPI, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; what is under way may finish within 5 s."""
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=Protocol,
        log_config=None,
        access_log=False,
        server_header=False,
        # The address in X-Forwarded-For is used for nothing, so no proxy is trusted to say it.
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
