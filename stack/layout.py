"""Where a stack listens, and what may differ from one stack to the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from stack.ports import free_ports

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
# For the auth service of a laboratory or a test, where one machine plays a crowd.
UNTHROTTLED: Final[Mapping[str, str]] = MappingProxyType(
    {"AUTH_LOG_IN_ATTEMPTS": "100000", "AUTH_ADDRESS_ATTEMPTS": "100000"}
)


@dataclass(frozen=True)
class Ports:
    """Where everything listens; `auth` and `resource` are the load balancer's."""

    auth: int = 8000
    auth_process: int = 8001
    resource: int = 8080
    replicas: Sequence[int] = (8081, 8082)

    @classmethod
    def free(cls, replicas: int = 2) -> "Ports":
        """Return ports that nobody uses, for a stack beside others."""
        auth, auth_process, resource, *rest = free_ports(3 + replicas)
        return cls(auth, auth_process, resource, tuple(rest))

    @classmethod
    def parse(cls, text: str) -> "Ports":
        """Read `AUTH,AUTH_PROCESS,RESOURCE,REPLICA,…`, or raise `ValueError`."""
        auth, auth_process, resource, *replicas = (int(word) for word in text.split(","))
        ports = (auth, auth_process, resource, *replicas)
        if not replicas or len(set(ports)) < len(ports) or not all(0 < p < 65536 for p in ports):
            raise ValueError("at least four different ports")
        return cls(auth, auth_process, resource, tuple(replicas))

    def purposes(self) -> dict[int, str]:
        """Return what each port is for."""
        return {
            self.auth: "load balancer, auth service",
            self.auth_process: "auth service",
            self.resource: "load balancer, resource service",
            **{port: f"replica {n}" for n, port in enumerate(self.replicas, 1)},
        }


@dataclass(frozen=True)
class Settings:
    """What may differ between `make run`, a test, the demo and the lab.

    `auth` and `resource` are further settings of the services (AUTH_*, RESOURCE_*). `restart`:
    start again what dies. `postgres`: settings for postgresql.conf. The database addresses take
    the place of the embedded server; `auth_owner_database_url` is for migrations only.
    """

    auth: Mapping[str, str] = field(default_factory=dict)
    resource: Mapping[str, str] = field(default_factory=dict)
    restart: bool = True
    postgres: Mapping[str, str] = field(default_factory=dict)
    auth_database_url: str | None = None
    auth_owner_database_url: str | None = None
    resource_database_url: str | None = None
