"""What Prometheus is told. Counted as plain integers, since that costs a request nothing."""

import math
from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from resource_service.authenticator import Authenticator, BearerAuthenticator
from resource_service.remote_key_set import RemoteKeySet
from resource_service.remote_status_lists import RemoteStatusLists


class Metrics(Collector):
    """Reads the counters of the parts when it is asked; each app has its own."""

    def __init__(
        self,
        keys: RemoteKeySet | None,
        authenticator: Authenticator,
        statuses: RemoteStatusLists | None = None,
    ) -> None:
        self.answers: Counter[int] = Counter()  # by status code
        self.registry = CollectorRegistry()
        self._keys = keys
        self._statuses = statuses
        self._authenticator = authenticator
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of this replica."""
        answers = CounterMetricFamily(
            "sealgate_http_responses", "Answers given, by status code.", labels=["status"]
        )
        for status, number in sorted(self.answers.items()):
            answers.add_metric([str(status)], number)
        yield answers
        if isinstance(self._authenticator, BearerAuthenticator):
            yield _verifications(self._authenticator)
        if self._keys is not None:
            yield from _key_set(self._keys)
        if self._statuses is not None:
            yield from _status_lists(self._statuses)


def _verifications(authenticator: BearerAuthenticator) -> Metric:
    metric = CounterMetricFamily(
        "sealgate_token_verifications",
        "Requests by what was found of their token; `error` is empty for a good one.",
        labels=["error", "reason"],
    )
    metric.add_metric(["", ""], authenticator.accepted)
    for (error, reason), number in sorted(authenticator.refused.items()):
        metric.add_metric([error, reason], number)
    return metric


def _key_set(keys: RemoteKeySet) -> Iterator[Metric]:
    fetches = CounterMetricFamily(
        "sealgate_jwks_fetches", "Fetches of the issuer's key set.", labels=["outcome"]
    )
    for outcome, number in sorted(keys.fetches.items()):
        fetches.add_metric([outcome], number)
    yield fetches
    if keys.age is not None:
        yield GaugeMetricFamily(
            "sealgate_jwks_age_seconds", "Since the last good fetch.", value=keys.age
        )
    yield GaugeMetricFamily(
        "sealgate_jwks_usable", "1 if tokens can be verified, else 0.", value=int(keys.usable)
    )


def _status_lists(statuses: RemoteStatusLists) -> Iterator[Metric]:
    fetches = CounterMetricFamily(
        "sealgate_status_list_fetches", "Polls of the issuer's status lists.", labels=["outcome"]
    )
    for outcome, number in sorted(statuses.fetches.items()):
        fetches.add_metric([outcome], number)
    yield fetches
    ages = GaugeMetricFamily(
        "sealgate_status_list_age_seconds",
        "Since the issuer last confirmed the list; infinite if it never did.",
        labels=["uri"],
    )
    for uri, age in statuses.ages.items():
        ages.add_metric([uri], math.inf if age is None else age)
    yield ages
