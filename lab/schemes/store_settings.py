"""What a replica with sessions in a shared store is told, from LAB_* variables."""

from pydantic import Field, SecretStr

from lab.schemes.password_check import ClientSettings


class StoreSettings(ClientSettings):
    """The store's address. `touch_every`: seconds until a read writes the session's use down.

    `burden`: rows that the store must count for each look-up; a planted slowness.
    """

    store_url: SecretStr
    touch_every: float = Field(default=60.0, ge=0)
    burden: int = Field(default=0, ge=0)
