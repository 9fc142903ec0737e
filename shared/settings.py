"""What the settings of both services have in common."""

import os
from typing import Any, ClassVar, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

S = TypeVar("S", bound="ServiceSettings")


class UnusableSettings(Exception):
    """The environment does not make valid settings; the text says what to mend."""


class ServiceSettings(BaseSettings):
    """Settings read from variables that begin with the service's prefix; frozen."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(frozen=True, extra="forbid")

    @classmethod
    def load(cls: type[S], **overrides: Any) -> S:
        """Read the environment, or raise `UnusableSettings`.

        A variable with our prefix that is no setting stops the start: a misspelt
        setting must not be a silent default.
        """
        prefix = cls.model_config.get("env_prefix", "")
        known = {f"{prefix}{name}".upper() for name in cls.model_fields}
        unknown = sorted(
            name for name in os.environ if name.startswith(prefix) and name not in known
        )
        if unknown:
            raise UnusableSettings(f"unknown setting {', '.join(unknown)}")
        try:
            return cls(**overrides)
        except ValidationError as error:
            # Never the input itself: it may be a secret.
            problems = (
                f"{prefix}{'.'.join(map(str, problem['loc']))}".upper() + f": {problem['msg']}"
                for problem in error.errors(include_input=False, include_url=False)
            )
            raise UnusableSettings("; ".join(problems)) from None
