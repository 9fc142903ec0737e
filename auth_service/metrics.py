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
        self.refreshes: dict[str, int] = defaultdict(int)  # by what became of them
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
        refreshes = CounterMetricFamily(
            "sealgate_refreshes", "Refresh tokens presented.", labels=["event"]
        )
        for event, count in self.refreshes.items():
            refreshes.add_metric([event], count)
        yield refreshes

    def render(self) -> bytes:
        """Return them in the text exposition format."""
        return generate_latest(self._registry)
