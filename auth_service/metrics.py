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
        self.log_in_failures: dict[str, int] = defaultdict(int)  # by reason
        self.refreshes: dict[str, int] = defaultdict(int)  # by what became of them
        self.logout_deliveries: dict[str, int] = defaultdict(int)  # by outcome
        self.mails: dict[str, int] = defaultdict(int)  # by outcome
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield what there is (see `prometheus_client.registry.Collector`)."""
        yield _by_label(
            "sealgate_tokens_issued", "Access tokens issued.", "grant_type", self.tokens_issued
        )
        yield _by_label(
            "sealgate_refusals", "Requests refused with an error code.", "error", self.refusals
        )
        yield _by_label(
            "sealgate_log_in_failures", "Passwords refused.", "reason", self.log_in_failures
        )
        yield _by_label("sealgate_refreshes", "Refresh tokens presented.", "event", self.refreshes)
        yield _by_label(
            "sealgate_logout_deliveries",
            "Attempts to tell a client of a log-out.",
            "outcome",
            self.logout_deliveries,
        )
        yield _by_label("sealgate_mails", "Mails given to the relay.", "outcome", self.mails)

    def render(self) -> bytes:
        """Return them in the text exposition format."""
        return generate_latest(self._registry)


def _by_label(name: str, about: str, label: str, counts: dict[str, int]) -> Metric:
    family = CounterMetricFamily(name, about, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family
