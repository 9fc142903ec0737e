"""The docs cannot rot: what the code has, they name, and what they link to exists."""

import re
from pathlib import Path

import pytest
from fastapi import FastAPI

from auth_service.metrics import Metrics as AuthMetrics
from auth_service.settings import Settings as AuthSettings
from auth_service.store.audit_log import Event
from lab.__main__ import app as lab
from resource_service.settings import Settings as ResourceSettings
from shared import errors
from shared.errors import OAuthError
from shared.settings import ServiceSettings

REPOSITORY = Path(__file__).parent.parent
REFERENCE = (REPOSITORY / "docs/reference.md").read_text()
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


@pytest.mark.parametrize("settings", [AuthSettings, ResourceSettings])
def test_every_setting_is_documented_and_no_other(settings: type[ServiceSettings]) -> None:
    prefix = settings.model_config["env_prefix"]
    documented = set(re.findall(rf"`({prefix}[A-Z_]+)`", REFERENCE))
    assert documented == {f"{prefix}{name.upper()}" for name in settings.model_fields}


def test_every_endpoint_is_documented(unstarted_app: FastAPI) -> None:
    operations = {
        f"`{method.upper()} {path}`"
        for path, methods in unstarted_app.openapi()["paths"].items()
        for method in methods
    }
    assert {operation for operation in operations if operation not in REFERENCE} == set()


def test_every_error_code_is_documented_with_its_status() -> None:
    codes = {
        (error.error, error.status_code)
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, OAuthError) and error is not OAuthError
    }
    undocumented = {
        (error, status) for error, status in codes if f"| `{error}` | {status} |" not in REFERENCE
    }
    assert undocumented == set()


def test_every_metric_is_documented(unstarted_app: FastAPI) -> None:
    metrics = getattr(unstarted_app.state, "metrics", None) or AuthMetrics()
    names = {
        metric.name + ("_total" if metric.type == "counter" else "") for metric in metrics.collect()
    }
    assert names
    assert {name for name in names if f"`{name}`" not in REFERENCE} == set()


def test_every_event_of_the_audit_log_is_documented_as_it_is_meant_and_no_other() -> None:
    text = (REPOSITORY / "docs/audit.md").read_text()
    table = text.partition("| event | meaning |")[2].partition("\n\n")[0]
    documented = re.findall(r"^\| `([^`]+)` \| (.+) \|$", table, re.MULTILINE)
    assert documented == [(event.value, event.meaning) for event in Event]


@pytest.mark.parametrize("service", ["auth", "resource"])
def test_every_table_says_how_long_its_rows_are_kept(service: str) -> None:
    folder = REPOSITORY / f"{service}_service/store/migrations"
    files = "".join(file.read_text() for file in folder.glob("*.sql"))
    tables = set(re.findall(r"^CREATE TABLE (\w+)", files, re.MULTILINE)) | {"migrations"}
    text = (REPOSITORY / "docs/retention.md").read_text()
    section = text.partition(f"## The {service} service")[2].partition("\n## ")[0]
    first_cells = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(first_cells))) == tables


def test_every_command_of_the_lab_is_documented_and_no_other() -> None:
    commands = {
        command.callback.__name__ for command in lab.registered_commands if command.callback
    }
    assert set(re.findall(r"`python -m lab ([a-z]+)", REFERENCE)) == commands


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert {link for link in links if not (page.parent / link).exists()} == set()


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_every_command_named_is_there(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"`make ([a-z-]+)", text))
    makefile = (REPOSITORY / "Makefile").read_text()
    assert {target for target in targets if f"\n{target}:" not in makefile} == set()
    scripts = set(re.findall(r"scripts/[a-z-]+(?:\.sh)?", text))
    assert {script for script in scripts if not (REPOSITORY / script).exists()} == set()
