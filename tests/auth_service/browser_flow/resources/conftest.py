"""Fixtures: an issuer with several resources."""

import pytest

from auth_service.settings import Settings
from tests.auth_service.browser_flow.resources.resources import FILES, MCP


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"resources": (MCP, FILES)})
