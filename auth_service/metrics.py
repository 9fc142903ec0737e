"""What the auth service counts, in Prometheus's terms."""

from collections import defaultdict
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector


class Metrics(Collector):
    """The counters of one application: plain numbers, since one event loop counts.

    Nothing is global, so two applications in one process do not mix.
    """

    def __init__(self) -> None:
        self.tokens_issued: dict[str, int] = defaultdict(int)  # by grant type
        self.refusals: dict[str, int] = defaultdict(int)  # by error code
        self.refresh_replays = 0
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield what there is (see `prometheus_client.registry.Collector`)."""
        issued = CounterMetricFamily(
            "sealgate_tokens_issued", "Access tokens issued.", labels=["grant_type"]
        )
        for grant_type, count in self.tokens_issued.items():
            issued.add_metric([grant_type], count)
        refusals = CounterMetricFamily(
            "sealgate_refusals", "Requests refused with an error code.", labels=["error"]
        )
        for error, count in self.refusals.items():
            refusals.add_metric([error], count)
        yield issued
        yield refusals
        yield CounterMetricFamily(
            "sealgate_refresh_replays",
            "Refresh token families revoked because an old token came again.",
            self.refresh_replays,
        )

    def render(self) -> bytes:
        """Return them in the text exposition format."""
        return generate_latest(self._registry)
