"""A whole stack on one machine: PostgreSQL, the auth service, replicas, and Caddy in front."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from stack import caddy, demo_accounts
from stack.admin_commands import run_admin_command
from stack.caddy import Front
from stack.databases import Databases
from stack.layout import NOTHING, Ports, Settings
from stack.ports import free_ports, require_free
from stack.processes import Process, Program
from stack.state import State

# On one machine nobody has to be kept from bringing a client along, such as an MCP one.
_FOR_TRYING_OUT: Final[Mapping[str, str]] = {
    "AUTH_CLIENT_REGISTRATION": "open",
    "AUTH_CLIENT_ID_METADATA_DOCUMENTS": "true",
    "AUTH_FETCH_FROM_LOOPBACK": "true",
}


class Stack:
    """The processes of one stack, from `start` to `stop`; also an async context manager.

    After `start`, everything is ready and `demo` holds the variables of `demo.env`.
    """

    def __init__(
        self,
        state: Path,
        ports: Ports,
        settings: Settings | None = None,
        *,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """`tell` gets a line about what is being done and about each process that dies."""
        self.state = State(state)
        self.ports = ports
        self.settings = settings or Settings()
        self.auth_url = f"http://127.0.0.1:{ports.auth}"
        self.api_url = f"http://127.0.0.1:{ports.resource}"
        self.databases = Databases(self.state, self.settings, tell)
        self.replicas: list[Process] = []
        self.demo: dict[str, str] = {}
        self.mailbox_url = ""  # if there is no relay for mails
        self._smtp_url = ""
        self._tell = tell
        self._processes: list[Process] = []  # in the order of their start

    async def __aenter__(self) -> "Stack":
        """Start, or stop what was started before the start failed."""
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    async def start(self) -> None:
        """Start everything; `StackError` says what stands in the way. `stop` after that too."""
        self.state.acquire()
        for port, purpose in self.ports.purposes().items():
            require_free(port, purpose)
        await self.databases.start()
        self.state.write_variables("resource.env", self._resource_settings())
        if "AUTH_SMTP_URL" not in os.environ | dict(self.settings.auth):
            await self._start_mailbox()
        environment = await self._prepare_auth()
        self.auth = await self.start_process(
            "auth", "auth_service", self.ports.auth_process, environment
        )
        self.caddy = await self.start_load_balancer(
            "caddy",
            [
                # By liveness: without its database the issuer still has keys to show.
                Front(
                    self.ports.auth,
                    [self.ports.auth_process],
                    health_path="/health/live",
                    try_for=2,
                    answer_within=15,
                ),
                Front(self.ports.resource, self.ports.replicas),
            ],
        )
        await self.auth.wait_until_ready()
        await self.caddy.wait_until_ready()
        self.demo = await self._demo_accounts(environment)
        for number, port in enumerate(self.ports.replicas, 1):
            self.replicas.append(await self.start_replica(f"replica-{number}", port))
        await asyncio.gather(*(replica.wait_until_ready() for replica in self.replicas))

    async def stop(self) -> None:
        """Stop everything in the reverse order of its start; the data stays."""
        for process in reversed(self._processes):
            process.restart = False
        # The load balancers first: no request is taken that nobody would answer.
        fronts = [process for process in self._processes if process.name.startswith("caddy")]
        rest = [process for process in self._processes if process not in fronts]
        for group in (fronts, rest):
            await asyncio.gather(*(process.stop() for process in group))
        self._processes.clear()
        await self.databases.stop()
        self.state.release()

    async def start_replica(
        self,
        name: str,
        port: int,
        module: str = "resource_service",
        environment: Mapping[str, str] = NOTHING,
    ) -> Process:
        """Start a resource service, or another `module` with the same settings, on `port`.

        `environment` is added to the settings. Comes back before it is ready.
        """
        return await self.start_process(
            name, module, port, {**self._resource_environment(name, port), **environment}
        )

    async def start_load_balancer(self, name: str, fronts: Sequence[Front]) -> Process:
        """Start one more Caddy, whose name begins with `caddy`; ready when its first front is."""
        file = self.state.caddy / f"{name}.Caddyfile"
        file.write_text(caddy.caddyfile(fronts, self.state.caddy))
        program = Program(
            name,
            [caddy.executable(), "run", "--adapter", "caddyfile", "--config", str(file)],
            f"http://127.0.0.1:{fronts[0].port}{fronts[0].health_path}",
            {
                "PATH": os.defpath,
                "HOME": str(self.state.caddy),
                "XDG_DATA_HOME": str(self.state.caddy),
                "XDG_CONFIG_HOME": str(self.state.caddy),
            },
        )
        return await self._start(program)

    async def start_process(
        self, name: str, module: str, port: int, environment: Mapping[str, str]
    ) -> Process:
        """Start `python -m MODULE serve`, which answers at /health/ready on `port`."""
        return await self._start(
            Program(
                name,
                [sys.executable, "-m", module, "serve"],
                f"http://127.0.0.1:{port}/health/ready",
                environment,
            )
        )

    async def _start(self, program: Program) -> Process:
        process = Process(program, self.state.logs, restart=self.settings.restart, tell=self._tell)
        self._processes.append(process)
        await process.start()
        return process

    async def _start_mailbox(self) -> None:
        """Start what takes the auth service's mails, since there is no relay for them."""
        page, smtp = free_ports(2)
        environment = {
            "PATH": os.defpath,
            "MAILBOX_PORT": str(page),
            "MAILBOX_SMTP_PORT": str(smtp),
            "MAILBOX_FOLDER": str(self.state.mailbox),
        }
        mailbox = await self.start_process("mailbox", "stack.mailbox", page, environment)
        await mailbox.wait_until_ready()
        self.mailbox_url = f"http://127.0.0.1:{page}"
        self._smtp_url = f"smtp://127.0.0.1:{smtp}"

    async def _prepare_auth(self) -> dict[str, str]:
        """Write the settings of the admin commands, migrate; return the service's environment.

        The address of the database's owner is for the commands, not for the service.
        """
        trying_out = {name: os.environ.get(name, value) for name, value in _FOR_TRYING_OUT.items()}
        settings, owner_url = trying_out | self._auth_settings(), self.databases.auth_owner_url
        owner = {} if owner_url is None else {"AUTH_MIGRATION_DATABASE_URL": owner_url}
        self.state.write_variables("auth.env", settings | owner)
        environment = _environment("AUTH_") | settings
        environment.pop("AUTH_MIGRATION_DATABASE_URL", None)
        if owner:
            await run_admin_command(environment | owner, ["migrate"])
        return environment

    async def _demo_accounts(self, environment: Mapping[str, str]) -> dict[str, str]:
        before = self.state.read_variables("demo.env")
        demo = await demo_accounts.ready(environment, self.auth_url, self.api_url, before)
        demo = {**demo, "AUTH_URL": self.auth_url, "API_URL": self.api_url}
        self.state.write_variables("demo.env", demo)
        return demo

    def _auth_settings(self) -> dict[str, str]:
        ports = (self.ports.auth, self.ports.resource, *self.ports.replicas)
        origins = [f"http://{host}:{port}" for port in ports for host in ("127.0.0.1", "localhost")]
        return {
            "AUTH_ISSUER": self.auth_url,
            "AUTH_AUDIENCE": self.api_url,
            "AUTH_HOST": "127.0.0.1",
            "AUTH_PORT": str(self.ports.auth_process),
            "AUTH_DATABASE_URL": self.databases.auth_url,
            "AUTH_KEY_ENCRYPTION_KEY_FILE": str(self.state.key_encryption_key_file()),
            "AUTH_CORS_ORIGINS": " ".join(origins),
            # Our own load balancer, which says who it was that asked.
            "AUTH_TRUSTED_PROXIES": "127.0.0.1",
            **({"AUTH_SMTP_URL": self._smtp_url} if self._smtp_url else {}),
            **self.settings.auth,
        }

    def _resource_environment(self, name: str, port: int) -> dict[str, str]:
        return _environment("RESOURCE_") | {
            "RESOURCE_HOST": "127.0.0.1",
            "RESOURCE_PORT": str(port),
            "RESOURCE_REPLICA": name,
            "RESOURCE_DATABASE_URL": self.databases.resource_url,
            "RESOURCE_JWKS_FILE": str(self.state.key_sets / f"{name}.json"),
            "RESOURCE_STATUS_FILE": str(self.state.key_sets / f"{name}-status-lists.json"),
            "RESOURCE_DOCS_CLIENT_ID": self.demo["DEMO_PUBLIC_CLIENT_ID"],
            **self._resource_settings(),
        }

    def _resource_settings(self) -> dict[str, str]:
        """What the replicas share, and commands need that see tokens as a replica does."""
        return {
            "RESOURCE_ISSUER": self.auth_url,
            "RESOURCE_AUDIENCE": self.api_url,
            **self.settings.resource,
        }


def _environment(prefix: str) -> dict[str, str]:
    """Return our environment for a service: with its own settings, without the other's."""
    others = tuple({"AUTH_", "RESOURCE_"} - {prefix})
    return {name: value for name, value in os.environ.items() if not name.startswith(others)}
