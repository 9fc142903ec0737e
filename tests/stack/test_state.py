"""The state folder: one stack at a time, and its secrets for its owner alone."""

import base64
from pathlib import Path

import pytest

from stack.errors import StackError
from stack.state import State


def test_two_stacks_cannot_have_one_folder_at_the_same_time(tmp_path: Path) -> None:
    first, second = State(tmp_path), State(tmp_path)
    first.acquire()
    with pytest.raises(StackError, match=r"a stack is running on .* already \(process \d+\)"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match=r"the state folder .* cannot be used"):
        State(tmp_path / "file").acquire()


def test_the_folder_and_what_is_in_it_are_closed_to_others(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.acquire()
    state.write_variables("demo.env", {"DEMO_PASSWORD": "p"})
    assert mode(state.path) == 0o700
    assert mode(state.logs) == 0o700
    assert mode(state.path / "demo.env") == 0o600
    assert mode(state.key_encryption_key_file()) == 0o600
    state.release()


def test_the_key_encryption_key_is_made_once_and_has_32_octets(tmp_path: Path) -> None:
    file = State(tmp_path).key_encryption_key_file()
    key = file.read_text()
    assert len(base64.urlsafe_b64decode(key)) == 32
    assert State(tmp_path).key_encryption_key_file().read_text() == key


def test_variables_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    variables = {"A": 'it\'s $HOME `x` "y" \\', "B": "", "C": "a=b\nc"}
    State(tmp_path).write_variables("some.env", variables)
    assert State(tmp_path).read_variables("some.env") == variables
    assert State(tmp_path).read_variables("none.env") == {}


def test_a_new_run_begins_new_logs_and_keeps_the_last_ones(tmp_path: Path) -> None:
    state = State(tmp_path)
    (state.logs / "auth.log").write_text("the last run")
    state.acquire()
    assert not (state.logs / "auth.log").exists()
    assert (state.logs / "auth.log.1").read_text() == "the last run"
    state.release()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777
