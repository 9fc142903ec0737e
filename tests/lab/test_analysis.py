"""The analysis finds what was put into synthetic data."""

import random
import statistics
from math import inf

import pytest

from lab import analysis
from lab.analysis import Interval

APP, STORE = 200e-6, 100e-6  # seconds of CPU per request


def test_a_quantile_is_the_value_that_so_many_do_not_exceed() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [analysis.quantile(values, share) for share in (0.01, 0.5, 0.99, 1)] == [1, 50, 99, 100]


def test_the_interval_holds_the_true_median_about_as_often_as_it_says() -> None:
    chance = random.Random(1)  # noqa: S311 - always the same data
    held = 0
    for _ in range(60):
        found = analysis.interval([chance.gauss(100, 5) for _ in range(12)])
        held += found.low <= 100 <= found.high
    assert held >= 52


def test_the_same_rounds_always_give_the_same_interval() -> None:
    rounds = [3.0, 1.0, 4.0, 1.0, 5.0]
    assert analysis.interval(rounds) == analysis.interval(rounds)
    assert analysis.interval([2.0] * 6) == Interval(2.0, 2.0, 2.0)


def test_the_slope_of_latency_over_distance_is_recovered() -> None:
    chance = random.Random(2)  # noqa: S311 - always the same data
    points = [(rtt, 3 + 1.0 * rtt + chance.gauss(0, 0.2)) for rtt in (0.1, 2, 10, 30, 80)]
    assert analysis.slope(points) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("slowness", "knee"), [pytest.param(s, 2 / s, id=f"store {s} times as slow") for s in (1, 2, 8)]
)
def test_a_slower_store_moves_the_knee_in_proportion(slowness: float, knee: float) -> None:
    found = analysis.knee(APP, STORE * slowness, store_capacity=0.05, replica_capacity=0.05)
    assert found == pytest.approx(knee)


def test_without_a_store_there_is_no_knee() -> None:
    assert analysis.knee(APP, 0, store_capacity=1, replica_capacity=1) == inf


@pytest.mark.parametrize("capacity", [0.075, 0.1, 0.125])
def test_the_knee_is_found_in_the_throughputs_that_the_model_gives(capacity: float) -> None:
    chance = random.Random(3)  # noqa: S311 - always the same data
    sizes = (1, 2, 3, 4, 6, 8)
    points = [
        (
            n,
            analysis.throughput(n, APP, STORE, store_capacity=capacity, replica_capacity=0.05)
            * chance.uniform(0.98, 1.02),
        )
        for n in sizes
    ]
    expected = analysis.knee(APP, STORE, store_capacity=capacity, replica_capacity=0.05)
    assert analysis.measured_knee(points) == pytest.approx(expected, rel=0.1)


def test_a_straight_line_has_no_knee() -> None:
    assert analysis.measured_knee([(n, 250.0 * n) for n in (1, 2, 4, 8)]) == inf


def test_another_statistic_can_be_given() -> None:
    assert analysis.interval([1.0, 2.0, 6.0], statistics.fmean).value == 3
