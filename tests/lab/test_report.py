"""The report is made from the raw results alone, and always the same."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from lab import experiments, results, schemes
from lab.report import blocks, drawing, measured
from lab.report.blocks import Cell, Paragraph, Table
from lab.report.drawing import Axis
from lab.report.findings import findings
from lab.report.make import DOCS, make
from lab.report.predictions import outcome, predicted
from lab.report.table import matrix

COMMITTED = results.read(results.FOLDER)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def made(folder: Path) -> list[Path]:
    """The files of the report of the committed results; to make them takes seconds."""
    return make(results.FOLDER, folder)


def test_the_docs_are_byte_for_byte_what_the_committed_results_give(
    made: list[Path], folder: Path
) -> None:
    for file in made:
        assert file.read_bytes() == (DOCS / file.relative_to(folder)).read_bytes(), file.name


def test_no_drawing_is_left_from_an_earlier_report(made: list[Path]) -> None:
    drawings = {file.name for file in made if file.suffix == ".svg"}
    assert {file.name for file in (DOCS / "scaling").iterdir()} == drawings


def test_every_committed_result_says_where_it_is_from() -> None:
    for name, result in COMMITTED.items():
        if name == "run":
            continue
        assert name in experiments.MODULES
        assert result["command"] == f'make lab ARGS="--only {name}"'
        assert result["machine"]["cores"] >= 1
        assert not result["quick"]


def test_the_page_needs_nothing_from_elsewhere(made: list[Path], folder: Path) -> None:
    assert folder / "scaling.html" in made
    page = (folder / "scaling.html").read_text()
    assert not re.search(r"<(script|link|img|iframe|object)\b|\burl\(|@import", page)
    addresses = set(re.findall(r"https?://[^\s\"'<]+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}


def test_every_drawing_is_well_formed(made: list[Path]) -> None:
    for file in made:
        if file.suffix == ".svg":
            root = ElementTree.fromstring(file.read_text())  # noqa: S314 - our own
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            assert "nan" not in file.read_text()


def test_every_claim_has_a_number_and_a_command_that_exists() -> None:
    found = findings({name: r for name, r in COMMITTED.items() if "experiment" in r})
    assert {one.experiment for one in found} <= set(experiments.MODULES)
    assert all(re.search(r"\d", one.found) for one in found)


def test_without_results_there_is_a_report_that_claims_nothing(tmp_path: Path) -> None:
    make(tmp_path / "nothing", tmp_path)
    text = (tmp_path / "scaling.md").read_text()
    assert "| as expected |" not in text
    assert "Contradicts" not in text


def test_what_is_said_cannot_become_markup() -> None:
    page = blocks.page([Paragraph("a < b & `c > d` **e**"), Table(["<i>"], [["x", "<b>"]])], "<t>")
    assert "<p>a &lt; b &amp; <code>c &gt; d</code> <strong>e</strong></p>" in page
    assert "&lt;i&gt;" in page
    assert "&lt;b&gt;" in page
    assert "<title>&lt;t&gt;</title>" in page


def test_a_table_is_the_same_in_both_forms() -> None:
    table = Table(["scheme", "lost"], [["`memory`", Cell("half", "worse")]])
    assert (
        blocks.markdown([table], "f") == "| scheme | lost |\n| --- | --- |\n| `memory` | half |\n"
    )
    assert '<td class="worse">half</td>' in blocks.page([table], "")


@pytest.mark.parametrize("log", [False, True])
def test_points_lie_where_the_axes_say(log: bool) -> None:
    axis = Axis("x", log=log, low=1.0, high=100.0)
    svg = drawing.lines({"a": [(1.0, 0.0), (10.0, 5.0), (100.0, 10.0)]}, axis, Axis("y"))
    places = [float(x) for x in re.findall(r'cx="([\d.]+)"', svg)]
    share = (places[1] - places[0]) / (places[2] - places[0])
    assert share == pytest.approx(0.5 if log else 9 / 99, abs=0.01)


def test_there_are_colours_enough_for_every_scheme_and_a_theory_beside_them() -> None:
    names = [*schemes.SCHEMES, "theory", "another"]
    places = drawing._places(names)
    assert len(set(places.values())) == len(names)
    more = [*names, "even", "more", "curves"]
    svg = drawing.lines({name: [(0.0, 0.0), (1.0, 1.0)] for name in more}, Axis("x"), Axis("y"))
    assert svg.count('<path class="s') == len(more)


def _cell(before: dict[str, int], after: dict[str, int], logged_out: int) -> dict[str, object]:
    slices = [{"counts": before}, {"counts": after}]
    return {"slices": slices, "logged_out": logged_out, "people": 10}


@pytest.mark.parametrize(
    ("before", "after", "logged_out", "expected"),
    [
        pytest.param({"200": 10}, {"200": 10}, 0, "nothing", id="all is well"),
        pytest.param({"200": 10}, {"200": 9, "5xx": 1}, 0, "some", id="one lost"),
        pytest.param({"200": 10}, {"200": 10}, 1, "logged out", id="one logged out"),
        pytest.param({"200": 5, "401": 5}, {"200": 48, "401": 52}, 0, "nothing", id="as before"),
    ],
)
def test_a_cell_of_the_matrix_is_classed_by_harm(
    before: dict[str, int], after: dict[str, int], logged_out: int, expected: str
) -> None:
    data = {"begin": 1.0, "slice": 1.0}
    assert outcome(data, _cell(before, after, logged_out)) == expected


@pytest.mark.parametrize(
    ("after", "expected", "share", "until"),
    [
        pytest.param([{"401": 2}] * 8, "nothing", 0.0, 0.0, id="all refused"),
        pytest.param([{"200": 2}] * 8, "accepted", 1.0, 8.0, id="none refused"),
        pytest.param(
            [{"200": 2}] * 2 + [{"401": 2}] * 6, "accepted for a while", 0.25, 2.0, id="for 2 s"
        ),
    ],
)
def test_after_a_log_out_harm_is_what_is_let_in(
    after: list[dict[str, int]], expected: str, share: float, until: float
) -> None:
    counts = [{"200": 2}, {"200": 2}, *after]  # before, and while people were logging out
    one = {"slices": [{"counts": c} for c in counts], "ends": True, "mended": 1.99}
    data = {"begin": 1.0, "slice": 1.0}
    assert outcome(data, one) == expected
    assert measured.wrongly_accepted(data, one) == pytest.approx((share, until), abs=0.02)


def test_the_matrix_says_whom_a_leaked_configuration_lets_in() -> None:
    cell = {"fault": "F1", "front": "plain", "slices": [], "logged_out": 0, "people": 1}
    cells = [{**cell, "scheme": name} for name in ("sticky", "hs256", "rs256")]
    attempts = [
        {"scheme": "memory", "accepted": False},
        {"scheme": "hs256", "accepted": True},
        {"scheme": "rs256", "accepted": True},  # which nobody foresaw
    ]
    results: dict[str, dict[str, Any]] = {
        "F": {"data": {"cells": cells, "begin": 0.0, "slice": 1.0}},
        "P5": {"data": {"attempts": attempts}},
    }
    table, made, right = matrix(results, "plain")
    assert [cell.text for cell in table.rows[-1][1:] if isinstance(cell, Cell)] == [
        "nobody can be impersonated",
        "anybody can be impersonated",
        "anybody can be impersonated (predicted otherwise)",
    ]
    assert (made, right) == (3 + 3, 2)  # F1 was expected to do some harm, and shows none here


def test_predictions_differ_where_the_load_balancer_does() -> None:
    assert predicted("F1", "rs256", "retrying") == "nothing"
    assert predicted("F1", "rs256", "plain") == "some"
    assert predicted("F1", "sticky", "retrying") == "logged out"
