"""`rfc`: every check names its section; which standards are held to, and by which tests."""

import re
import time
from collections import Counter
from typing import Final

from lab.exhibits import Exhibit
from lab.exhibits.jwt import real_keys
from lab.exhibits.sheet import Sheet
from lab.laboratory import Laboratory
from resource_service.diagnosis.explanation import explain
from stack.processes import REPOSITORY

_HEADING: Final = re.compile(r"^## (.+)$")
_ROW: Final = re.compile(r"^\| (?!section|---)")


async def run(sheet: Sheet, lab: Laboratory) -> None:
    """Take a real token through every check, and count docs/standards.md."""
    [person] = await lab.people(1)
    keys = await real_keys(lab)
    explained = await explain(
        person.token, keys, lab.stack.auth_url, lab.stack.api_url, now=time.time()
    )
    sheet.title("What a replica checks of a token, in this order")
    sheet.table(
        ("check", "asked for by", "result"),
        [(one.check, one.section, one.outcome.value) for one in explained.findings],
    )
    sheet.line(f"  verdict of the verifier itself: {explained.verdict.answer}")
    statements, standards, tests = _standards()
    sheet.title("docs/standards.md: what each section asks, which module does it, which test")
    sheet.line(f"  {statements} statements of {standards} documents, held by {tests} tests")


def _standards() -> tuple[int, int, int]:
    """Count the statements, the headings over them, and the tests that hold them."""
    rows: Counter[str] = Counter()
    tests: set[str] = set()
    heading = ""
    for line in (REPOSITORY / "docs/standards.md").read_text().splitlines():
        if found := _HEADING.match(line):
            heading = found.group(1)
        elif _ROW.match(line) and heading:
            rows[heading] += 1
            tests |= set(re.findall(r"`([^`]+)`", line.rstrip("| ").rpartition("|")[2]))
    return rows.total(), len(rows), len(tests)


EXHIBIT: Final = Exhibit("RFC: every check has a section", run)
