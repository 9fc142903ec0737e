"""docs/standards.md and docs/faults.md name only what exists."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
TABLE = REPOSITORY / "docs" / "standards.md"
_NAMED = re.compile(r"`((?:\w+/)+\w+\.py)(?:::(\w+))?`")


def test_every_module_and_every_test_that_is_named_exists() -> None:
    faults = REPOSITORY / "docs" / "faults.md"
    named = _NAMED.findall(TABLE.read_text() + faults.read_text())
    assert len(named) > 50
    missing = [
        f"{path} {test}"
        for path, test in named
        if not (REPOSITORY / path).is_file()
        or (test and f"def {test}(" not in (REPOSITORY / path).read_text())
    ]
    assert missing == []


def test_every_row_has_a_section_a_demand_a_module_and_a_test() -> None:
    rows = [line for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    for row in rows:
        assert [bool(cell.strip()) for cell in row.strip("|").split("|")] == [True] * 4, row
