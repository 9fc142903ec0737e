"""The key set in a file: what survives a restart, and what is not trusted."""

import asyncio
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from resource_service.key_set_file import KeySetFile
from shared.jws import SigningKey
from tests.resource_service.clock import Clock, MakeKeySet, fetched
from tests.resource_service.issuer import JwksServer

URI = "https://issuer.example/jwks.json"


class Wall:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def file(tmp_path: Path, wall: Wall) -> KeySetFile:
    return KeySetFile(tmp_path / "jwks", URI, time_of_day=wall)


def save(file: KeySetFile, *keys: SigningKey) -> None:
    file.save([{m: key.public_jwk[m] for m in ("kty", "kid", "n", "e")} for key in keys])


def test_what_was_saved_is_loaded_with_its_age(
    file: KeySetFile, wall: Wall, signing_key: SigningKey
) -> None:
    save(file, signing_key)
    wall.now += 60
    loaded = file.load()
    assert loaded is not None
    assert set(loaded.members) == {signing_key.kid}
    assert loaded.age == 60


def test_it_is_written_at_once_and_for_the_owner_only(
    file: KeySetFile, tmp_path: Path, signing_key: SigningKey, other_key: SigningKey
) -> None:
    save(file, signing_key)
    before = (tmp_path / "jwks").stat()
    save(file, other_key)
    after = (tmp_path / "jwks").stat()
    assert after.st_mode & 0o777 == 0o600
    assert after.st_ino != before.st_ino  # replaced, never half written
    assert os.listdir(tmp_path) == ["jwks"]


def test_a_folder_that_cannot_be_written_is_no_catastrophe(
    tmp_path: Path, signing_key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    save(KeySetFile(tmp_path / "none" / "jwks", URI), signing_key)
    assert "could not be written" in caplog.text


def open_to_others(path: Path) -> None:
    path.chmod(0o666)


def open_to_the_group(path: Path) -> None:
    path.chmod(0o660)


def link(path: Path) -> None:
    path.rename(path.with_name("target"))
    path.symlink_to("target")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def change(**members: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_text(json.dumps(json.loads(path.read_text()) | members))

    return change


def remove(path: Path) -> None:
    path.unlink()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "that is not there": remove,
    "that others may write": open_to_others,
    "that the group may write": open_to_the_group,
    "that is a link": link,
    "that is a folder": folder,
    "that is a pipe": pipe,
    "that was cut": cut,
    "that is empty": empty,
    "of another issuer": change(jwks_uri="https://evil.example/jwks.json"),
    "from the future": change(fetched_at=1_700_000_001.0),
    "of an absurd time": change(fetched_at=10**400),
    "of no time": change(fetched_at="NaN"),
    "with another sort of time": change(fetched_at=[]),
    "without keys": change(keys=[]),
    "with bad keys only": change(keys=[{"kty": "oct"}]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_does_not_load_a_file(
    file: KeySetFile, tmp_path: Path, signing_key: SigningKey, damage: Callable[[Path], None]
) -> None:
    save(file, signing_key)
    damage(tmp_path / "jwks")
    assert file.load() is None


async def test_a_replica_restarts_without_the_issuer_on_the_keys_of_its_earlier_life(
    clock: Clock,
    make: MakeKeySet,
    file: KeySetFile,
    wall: Wall,
    jwks: JwksServer,
    signing_key: SigningKey,
) -> None:
    async with make(file=file).kept_fresh():
        await fetched()
    await jwks.stop()
    wall.now += 3599
    reborn = make(file=file)
    assert reborn.trusted(signing_key.kid) is not None
    assert reborn.age == pytest.approx(3599)
    async with reborn.kept_fresh():
        await fetched()
        assert reborn.trusted(signing_key.kid) is not None
        await clock.advance(1)
        assert not reborn.usable  # the age of the file counts


async def test_a_key_that_is_withdrawn_while_the_file_is_written_does_not_stay_in_it(
    clock: Clock,
    make: MakeKeySet,
    tmp_path: Path,
    jwks: JwksServer,
    signing_key: SigningKey,
    other_key: SigningKey,
) -> None:
    class SlowDisk(KeySetFile):
        ready = threading.Event()

        def save(self, jwks: list[dict[str, str]], age: float = 0.0) -> None:
            assert self.ready.wait(10)
            super().save(jwks, age)

    file = SlowDisk(tmp_path / "jwks", jwks.url)
    jwks.serve(signing_key, other_key)
    async with make(file=file).kept_fresh():
        await fetched()
        jwks.serve(other_key)
        await clock.advance(3600)
        file.ready.set()
        for _ in range(200):
            loaded = file.load()
            if loaded is not None and list(loaded.members) == [other_key.kid]:
                break
            await asyncio.sleep(0.05)
        assert loaded is not None
        assert list(loaded.members) == [other_key.kid]


async def test_a_file_that_is_too_old_is_not_used(
    make: MakeKeySet, file: KeySetFile, wall: Wall, signing_key: SigningKey
) -> None:
    save(file, signing_key)
    wall.now += 3600
    keys = make(file=file)
    assert not keys.usable
    assert keys.trusted(signing_key.kid) is None


async def test_a_key_that_the_issuer_withdrew_meanwhile_is_gone_after_the_first_fetch(
    make: MakeKeySet,
    file: KeySetFile,
    jwks: JwksServer,
    signing_key: SigningKey,
    other_key: SigningKey,
) -> None:
    save(file, signing_key)
    jwks.serve(other_key)
    keys = make(file=file)
    assert keys.trusted(signing_key.kid) is not None
    async with keys.kept_fresh():
        await fetched()
        assert keys.trusted(signing_key.kid) is None
        assert keys.trusted(other_key.kid) is not None
