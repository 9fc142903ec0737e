"""`several-servers`: each with a memory of its own: who is refused?"""

from typing import Final

from lab.exhibits import Exhibit
from lab.exhibits.sheet import Sheet
from lab.experiments import per_process_sessions
from lab.laboratory import Laboratory

SIZES: Final = (1, 2, 4, 8)
SCHEMES: Final = ("memory", "sticky", "redis", "rs256")


async def run(sheet: Sheet, lab: Laboratory) -> None:
    """Log in once, and send 40 requests through a load balancer that goes round."""
    data = await per_process_sessions.run(lab, SCHEMES, SIZES, rounds=1)
    shares = {
        (row["scheme"], row["replicas"]): row["refused"] / row["requests"]
        for row in data["volleys"]
    }
    sheet.title(f"Share of {per_process_sessions.REQUESTS} requests answered 401, after one log-in")
    rows = [("1 - 1/N", *(f"{1 - 1 / size:.1%}" for size in SIZES))]
    rows += [(name, *(f"{shares[name, size]:.1%}" for size in SIZES)) for name in SCHEMES]
    sheet.table(("N servers:", *map(str, SIZES)), rows)
    sheet.say(
        "One process of N knows the session. A shared store mends that, and so does a token, which"
        " every server can check by itself. Sticky hides it until the server restarts."
    )


EXHIBIT: Final = Exhibit("Several servers, each with its own memory", run)
