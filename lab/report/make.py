"""`python -m lab report`: docs/scaling.md, docs/scaling.html and the figures, from raw results."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lab import experiments, results
from lab.report import blocks
from lab.report.blocks import Block, Cell, Figure, Heading, Paragraph, Table
from lab.report.figures import figures
from lab.report.finding import Finding
from lab.report.findings import findings
from lab.report.table import at_a_million, matrix, the_table

Json = dict[str, Any]
DOCS: Final = Path(__file__).parent.parent.parent / "docs"
TITLE: Final = "Sessions against tokens, measured"
_FIGURES: Final = "scaling"  # the folder of the drawings, beside the Markdown

_OPENING: Final = (
    "'Sessions do not scale' is false as it is usually said. What holds: sessions in the memory of"
    " each process are **wrong** from two replicas on; a shared store mends that and adds a"
    " dependency with a cost, a round trip and a failure domain; a signed token takes that"
    " dependency off the request path, and pays with revocation delay, bytes, refresh traffic and"
    " the blast radius of one key. Every number below was measured by the command beside it; this"
    " page is made from the raw results in `lab/results` by `python -m lab report`."
)
_METHOD: Final = (
    "One machine. CPU time is the kernel's own accounting of the replica's process and of all"
    " processes of the store; the replica has a core for itself, everything else the other. Rounds"
    " are shuffled from a recorded seed and hold the `none` control; intervals are 95 % bootstrap"
    " intervals over rounds. Latency is open loop and counts from the intended send time. A slice"
    " in which the load generator took more than 70 % of a core is thrown away. Throughput is"
    " measured only on replicas with CPU quotas. The figures are of this machine, and other work"
    " may have run on it: ratios and differences within one run are what counts."
)
_CLIENTS: Final = (
    "The load comes from the lab's own client (`lab/bench/client.py`, `lab/client.py`): httpx"
    " would take about 2 ms of CPU a call. Sessions in Redis are read through valkey-py with"
    " libvalkey, those in PostgreSQL through asyncpg. `rs256+status` is the production service as"
    " it is, `rs256` the same without its status list; every other scheme is the same app with"
    " another authenticator."
)
_ABSENT: Final = (
    "Not here, because it was not measured: {waiting}P6, C7, the faults F8, F9, F11, F13 and F15 as"
    " rows of the matrix (F12 is P5), p99 at 40 % load, and the Universal Scalability Law: on two"
    " cores its parameters are not identifiable. Cells that say 'not measured' belong to schemes"
    " that are newer than the run."
)


def make(folder: Path, docs: Path = DOCS) -> list[Path]:
    """Write the report from a folder of results; return the files. The same bytes every time."""
    known = results.read(folder)
    content = _blocks(known)
    written = [docs / "scaling.md", docs / "scaling.html"]
    docs.mkdir(parents=True, exist_ok=True)
    written[0].write_text(blocks.markdown(content, _FIGURES))
    written[1].write_text(blocks.page(content, TITLE))
    drawings = docs / _FIGURES
    drawings.mkdir(exist_ok=True)
    for block in content:
        if isinstance(block, Figure):
            written.append(drawings / f"{block.name}.svg")
            written[-1].write_text(block.svg + "\n")
    return written


def _blocks(known: Mapping[str, Json]) -> list[Block]:
    measured = {name: result for name, result in known.items() if "experiment" in result}
    found = findings(measured)
    content: list[Block] = [Heading(1, TITLE), Paragraph(_OPENING)]
    content += [Heading(2, "The one table"), the_table(measured), Paragraph(_READING)]
    content += [Heading(2, "Claims"), _claims(found), *_contradictions(found)]
    drawn = figures(measured)
    content.append(Heading(2, "Figures"))
    for name, some in drawn.items():
        if name != "F":
            for figure in some:
                content += [Heading(3, f"{name}: {measured[name]['title']}"), figure]
    if "F" in measured:
        content += _faults(measured, drawn.get("F", []))
    content += [Heading(2, "Past one machine"), Paragraph(_MODEL)]
    if (million := at_a_million(measured)) is not None:
        content += [Paragraph(_MILLION), million]
    content += [Heading(2, "How it was measured"), Paragraph(_METHOD), Paragraph(_CLIENTS)]
    waiting = "".join(f"{name}, " for name in experiments.MODULES if name not in measured)
    return [*content, _runs(measured), Paragraph(_ABSENT.format(waiting=waiting))]


_READING: Final = (
    "Read it so: `over none` is what authentication adds to an app that asks nobody. The knee is"
    " the number of replicas from which the store is the limit, by service demands, if the store"
    " has a machine like one replica's. `sticky` costs what `memory` costs; its second cookie is"
    " the load balancer's. The time to the last 200 is of tokens that live 30 s, and the"
    " verifier's leeway of 30 s more; C1 has longer ones. 'leaked config is' says who can be"
    " impersonated with what one replica is told."
)
_MODEL: Final = (
    "Service demands D = U/X give the knee N* = (c_store / D_store) / (c_replica / D_app). Its"
    " assumptions: demands do not grow with load, machines differ only in size, nothing else is"
    " shared. So the choice flips with four numbers, and there is no one winner: **λ·TTL**"
    " (requests per token lifetime; below about 1 a token asks its issuer as often as a session"
    " its store), **the round trip to the store** (it is in every request of a session),"
    " **replicas** (below the knee a store is not felt), and **how soon a log-out must count**"
    " (a token of 5 minutes is good for up to 5 minutes and the leeway more)."
)
_MILLION: Final = (
    "By that model, with cores like this one: 10⁶ requests per second and 10⁸ sessions. Nobody"
    " measured it; it is the measured demand times a million."
)


def _claims(found: list[Finding]) -> Table:
    rows: list[list[str | Cell]] = [
        [
            f"{one.claim}: {one.title}",
            one.expected,
            one.found,
            Cell(one.verdict, "good" if one.agrees and one.numbers else "bad"),
            f'`make lab ARGS="--only {one.experiment}"`',
        ]
        for one in found
    ]
    return Table(["claim", "expected", "measured", "verdict", "command"], rows)


def _contradictions(found: list[Finding]) -> list[Block]:
    """Say plainly what came out otherwise."""
    if not found:
        return []
    contradicted = [one for one in found if not one.agrees]
    shifted = [one for one in found if one.agrees and not one.numbers]
    said: list[Block] = []
    for words, some in (
        ("Contradicts what was expected before the run", contradicted),
        ("Holds, but with other numbers than expected", shifted),
    ):
        names = "; ".join(f"**{one.claim}**, {one.title[0].lower()}{one.title[1:]}" for one in some)
        said.append(Paragraph(f"{words}: {names or 'nothing'}."))
    return [*said, Paragraph("The column `measured` stands, not the expectation.")]


def _faults(measured: Mapping[str, Json], drawn: list[Figure]) -> list[Block]:
    data = measured["F"]["data"]
    content: list[Block] = [
        Heading(2, "Faults"),
        Paragraph(
            f"{data['replicas']} replicas a scheme, {data['people']} people logged in, all schemes"
            " side by side under the same fault. A cell holds the share of requests lost from the"
            " fault on, by kind, until when, and who is logged out in the end. `memory` loses half"
            " of its requests without any fault; only what comes on top is shown."
        ),
    ]
    for front, words in (
        ("retrying", "The load balancer tries another replica"),
        ("plain", "The load balancer does not try again"),
    ):
        table, made, right = matrix(measured, front)
        content += [
            Heading(3, words),
            table,
            Paragraph(f"{right} of {made} cells came out as predicted beforehand."),
        ]
    return [*content, *drawn]


def _runs(measured: Mapping[str, Json]) -> Table:
    rows: list[list[str | Cell]] = []
    for name, result in measured.items():
        machine = result["machine"]
        rows.append(
            [
                name,
                result["started"],
                f"{result['took']:.0f} s",
                f"{result['seed']}{', quick' if result['quick'] else ''}",
                result["revision"],
                f"{machine['cores']} cores, {machine['cpu']}, {machine['memory_gib']} GiB,"
                f" Linux {machine['kernel']}, Python {machine['python']}, quotas"
                f" {'yes' if machine['cpu_quotas'] else 'no'}, load {machine['load_average']:g}",
            ]
        )
    return Table(["experiment", "started", "took", "seed", "revision", "machine"], rows)
