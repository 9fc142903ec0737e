"""How strong a log-in was: `amr` (RFC 8176) summed up as `acr` (OIDC Core §2)."""

from collections.abc import Collection
from typing import Final

PASSWORD: Final = ("pwd",)
TOTP: Final = ("pwd", "otp", "mfa")
RECOVERY_CODE: Final = ("pwd", "mfa")  # RFC 8176 has no name for it
ONE_FACTOR: Final = "1"
TWO_FACTORS: Final = "2"
SUPPORTED: Final = (ONE_FACTOR, TWO_FACTORS)


def acr(amr: Collection[str]) -> str:
    """Return the class of a log-in by these methods."""
    return TWO_FACTORS if "mfa" in amr else ONE_FACTOR
