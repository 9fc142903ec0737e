"""A stack whose issuer is at an https address with a path, behind a Caddy that terminates TLS.

The Caddyfile is the one of deploy/, with Caddy's own certificate authority.
"""

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack import caddy
from stack.layout import Ports, Settings
from stack.ports import free_ports
from stack.stack import Stack
from stack.tether import tethered

REPOSITORY: Final = Path(__file__).parent.parent
_GLOBAL: Final = """{{
	admin off
	persist_config off
	skip_install_trust
	auto_https disable_redirects
	local_certs
	storage file_system "{storage}"
	default_bind 127.0.0.1
{deploy}
https://localhost:{site_port} {{
	root * {site}
	file_server
}}
"""


@dataclass(frozen=True)
class TlsProxy:
    """A running Caddy; `authority` is the file with the root certificate of its authority.

    What lies in `site` is at `site_origin`, for everybody to read. `log` is what it has written.
    """

    log: Path
    origin: str
    authority: Path
    site: Path
    site_origin: str

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.authority)


@dataclass(frozen=True)
class SecureSite:
    """A stack and the proxy before its issuer."""

    stack: Stack
    proxy: TlsProxy
    issuer: str


@asynccontextmanager
async def tls_proxy(folder: Path, upstreams: Sequence[int], path: str) -> AsyncIterator[TlsProxy]:
    """Run deploy/Caddyfile on a free port, for the host `localhost`."""
    folder.mkdir()  # noqa: ASYNC240 - in tests
    port, site_port = free_ports(2)
    storage, site = folder / "storage", folder / "site"
    site.mkdir()
    file = folder / "Caddyfile"
    # Ours go before its own global options, of which there can be one block only.
    _, begin, deploy = (REPOSITORY / "deploy/Caddyfile").read_text().partition("\n{\n")
    assert begin
    file.write_text(_GLOBAL.format(storage=storage, deploy=deploy, site=site, site_port=site_port))
    command = [caddy.executable(), "run", "--adapter", "caddyfile", "--config", str(file)]
    log = folder / "caddy.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *tethered(command, signal.SIGTERM),
            stderr=errors,
            env={
                "PATH": os.defpath,
                **dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(folder)),
                "SEALGATE_HOST": f"localhost:{port}",
                "SEALGATE_PATH": path,
                "SEALGATE_UPSTREAM": " ".join(f"127.0.0.1:{upstream}" for upstream in upstreams),
            },
        )
    authority = storage / "pki/authorities/local/root.crt"
    proxy = TlsProxy(
        log, f"https://localhost:{port}", authority, site, f"https://localhost:{site_port}"
    )
    try:
        await _wait(proxy, port, process)
        yield proxy
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def secure_site(
    state: Path, *, path: str = "/tenant", settings: Settings | None = None
) -> AsyncIterator[SecureSite]:
    """Start a stack behind such a proxy; its replicas fetch the keys through the proxy too."""
    ports, usual = Ports.free(), settings or Settings()
    async with tls_proxy(
        state.with_name(f"{state.name}-proxy"), [ports.auth_process], path
    ) as proxy:
        issuer = f"{proxy.origin}{path}"
        trust = {"SSL_CERT_FILE": str(proxy.authority)}
        auth = {"AUTH_ISSUER": issuer, "AUTH_TRUSTED_PROXIES": "127.0.0.1", **trust}
        resource = {"RESOURCE_ISSUER": issuer, **trust}
        changed = Settings(
            auth={**auth, **usual.auth},
            resource={**resource, **usual.resource},
            postgres=usual.postgres,
        )
        async with Stack(state, ports, changed) as stack:
            yield SecureSite(stack, proxy, issuer)


async def _wait(proxy: TlsProxy, port: int, process: asyncio.subprocess.Process) -> None:
    for _ in range(200):
        assert process.returncode is None, "Caddy has ended"
        try:
            context = proxy.trust()
            _, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname="localhost"
            )
        except OSError:  # not there yet, nor its authority
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise AssertionError("Caddy did not get ready")
