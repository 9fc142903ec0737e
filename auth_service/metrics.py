"""What the auth service counts, in Prometheus's terms."""

from prometheus_client import CollectorRegistry, Counter, generate_latest


class Metrics:
    """The counters of one application; nothing is global, so two in one process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.tokens_issued = Counter(
            "sealgate_tokens_issued",
            "Access tokens issued.",
            ["grant_type"],
            registry=self._registry,
        )
        self.refusals = Counter(
            "sealgate_refusals", "Requests refused.", ["error"], registry=self._registry
        )
        self.refresh_replays = Counter(
            "sealgate_refresh_replays",
            "Refresh token families revoked because an old token came again.",
            registry=self._registry,
        )

    def render(self) -> bytes:
        """Return them in the text exposition format."""
        return generate_latest(self._registry)
