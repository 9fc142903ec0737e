"""Settings from the environment: strict in names, silent about values."""

from typing import Any

import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings, UnusableSettings


class Example(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="EXAMPLE_", frozen=True, extra="forbid")

    name: str
    pin: SecretStr = SecretStr("")
    count: int = 1


def test_is_read_from_variables_with_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_NAME", "x")
    monkeypatch.setenv("EXAMPLE_COUNT", "2")
    settings = Example.load()
    assert (settings.name, settings.count) == ("x", 2)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(UnusableSettings, match=r"^EXAMPLE_NAME: Field required$"):
        Example.load()


def test_a_misspelt_name_is_no_silent_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_NAME", "x")
    monkeypatch.setenv("EXAMPLE_COUNTS", "2")
    monkeypatch.setenv("EXAMPLE_ALSO", "2")
    with pytest.raises(UnusableSettings, match=r"^unknown setting EXAMPLE_ALSO, EXAMPLE_COUNTS$"):
        Example.load()


def test_other_peoples_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_NAME", "x")
    monkeypatch.setenv("EXAMPLES_NAME", "y")
    assert Example.load().name == "x"


def test_every_problem_is_told_and_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_COUNT", "hunter2")
    with pytest.raises(UnusableSettings) as refusal:
        Example.load()
    assert "EXAMPLE_NAME" in str(refusal.value)
    assert "EXAMPLE_COUNT" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_overrides_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_NAME", "x")
    assert Example.load(name="y").name == "y"


@pytest.mark.parametrize("name", ["name", "count"])
def test_is_frozen(name: str) -> None:
    settings: Any = Example(name="x")
    with pytest.raises(ValueError, match="frozen"):
        setattr(settings, name, "2")
