"""The strip chart shows what was counted, in the slice where it was due."""

from lab.load import Shot
from lab.strip import Lane, draw
from lab.timeline import Event


def _shot(due: float, status: int) -> Shot:
    return Shot(due=due, sent=due, finished=due + 3, status=status, replica="one")


def test_each_outcome_has_a_line_and_each_slice_a_digit() -> None:
    lane = Lane("session")
    for shot in (
        *[_shot(0.1, 200)] * 2,
        _shot(0.3, 401),
        _shot(0.5, 502),
        *[_shot(0.75, 200)] * 12,
        _shot(0.8, 0),
    ):
        lane.add(shot)
    lines = draw([lane], [Event("A", 0.6, "x")], page=0, until=1.0).plain.splitlines()

    assert lines == [
        "seconds       0   1   2   3   4   5   6   7   8   9   10  11  12  13  14  ",
        "                A" + " " * 57,
        "session  200  2··#",
        "         401  ·1··",
        "         5xx  ··1·",
        "         lost ···1",
    ]


def test_a_later_page_goes_on_where_the_first_ended() -> None:
    lane = Lane("JWT")
    lane.add(_shot(14.9, 200))
    lane.add(_shot(15.0, 200))
    lines = draw([lane], [Event("B", 15.5, "x")], page=1, until=15.5).plain.splitlines()
    assert lines[0].startswith("seconds       15  16  17")
    assert lines[1].index("B") == 16
    assert lines[2] == "JWT      200  1·"
