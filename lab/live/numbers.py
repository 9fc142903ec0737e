"""What the calculator reckons with: demands as measured, from the results of the docs."""

from typing import Any

from lab import results
from lab.report import measured
from resource_service.status_list import POLL
from shared.access_token import LEEWAY

_SUBJECTS = {
    "memory": "memory",
    "redis": "redis",
    "postgres": "postgres",
    "token": "rs256, new token",
}


def numbers() -> dict[str, Any]:
    """Return microseconds per request by scheme, and what else is needed; {} without results."""
    known = results.read(results.FOLDER)
    if not {"P1", "C4", "C10"} <= known.keys():
        return {}
    data = known["P1"]["data"]
    app, store = measured.costs(data, "app_us"), measured.costs(data, "store_us")
    sizes = known["C10"]["data"]["sizes"]
    most = max(row["sessions"] for row in sizes)
    return {
        "app_us": {name: app[subject].value for name, subject in _SUBJECTS.items()},
        "store_us": {name: store[subject].value for name, subject in _SUBJECTS.items()},
        "operations_per_refresh": known["C4"]["data"]["transactions_per_refresh"],
        "octets_per_session": {
            row["store"]: row["octets"] / row["sessions"]
            for row in sizes
            if row["sessions"] == most
        },
        "leeway": LEEWAY,
        "poll": POLL,
        "measured": known["P1"]["started"],
        "cpu": known["P1"]["machine"]["cpu"],
    }
