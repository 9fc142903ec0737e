"""The key-encryption key: without it nothing can be read, and it can be replaced."""

import base64
import re
import secrets
from pathlib import Path
from typing import Any

import pytest

from auth_service.key_encryption import KeyEncryptionKey, KeyEncryptionKeyRefused
from auth_service.key_rewrapping import rewrap
from auth_service.store.audit_log import find
from tests.auth_service.ring import kid_of_new_token, published, stored, turn

MANUAL = Path(__file__).parent.parent.parent / "docs/operations-keys.md"


def new_line() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def write(path: Path, *lines: str) -> Path:
    path.touch(mode=0o600)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def copy(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def read(path: Path) -> str:
    return path.read_text().strip()


async def test_private_keys_cannot_be_read_in_the_database(issuer: Any) -> None:
    rows = await issuer.server.db.fetch("SELECT * FROM signing_keys")
    [active] = [row for row in rows if row["activated_at"] is not None]
    der = issuer.server.keys._view.signing.to_der()
    assert len(active["encrypted_private"]) > len(der)
    for start_at in range(len(der) - 16):
        assert der[start_at : start_at + 16] not in active["encrypted_private"]


async def test_a_row_cannot_be_put_in_another_rows_place(issuer: Any, start: Any) -> None:
    await issuer.server.db.execute(
        "UPDATE signing_keys SET encrypted_private ="
        " (SELECT encrypted_private FROM signing_keys WHERE activated_at IS NULL)"
        " WHERE activated_at IS NOT NULL"
    )
    async with start() as again:
        assert (await again.http.get("/health/ready")).status_code == 503


async def test_with_another_key_encryption_key_it_is_not_ready_and_says_why(
    start: Any, issuer: Any, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    before = (await issuer.http.get("/.well-known/jwks.json")).content
    other = tmp_path / "other"
    other.touch(mode=0o600)
    other.write_text("A" * 43)
    async with start(key_encryption_key_file=other) as wrong:
        for path in ("/health/ready", "/.well-known/jwks.json"):
            response = await wrong.http.get(path)
            assert (response.status_code, response.json()["error"]) == (
                503,
                "temporarily_unavailable",
            )
        assert (await wrong.token(grant_type="client_credentials")).status_code == 503
    assert "is not the one that encrypted" in caplog.text
    assert (await issuer.http.get("/.well-known/jwks.json")).content == before


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        pytest.param("A" * 43, 0o644, "others may read it", id="readable"),
        pytest.param("A" * 43, 0o660, "others may read it", id="group"),
        pytest.param("A" * 42 + "B", 0o600, "not 32 octets", id="spare bits"),
        pytest.param("A" * 40, 0o600, "not 32 octets", id="short"),
        pytest.param("A" * 300, 0o600, "not 32 octets", id="long"),
        pytest.param("A" * 43 + "\nAAAA", 0o600, "not 32 octets", id="bad second line"),
        pytest.param(("A" * 43 + "\n") * 5, 0o600, "not 32 octets", id="too many lines"),
        pytest.param("", 0o600, "not 32 octets", id="empty"),
    ],
)
def test_a_key_encryption_key_file_is_refused(
    tmp_path: Any, content: str, mode: int, message: str
) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(KeyEncryptionKeyRefused, match=re.escape(message)):
        KeyEncryptionKey.load(path)


def test_a_missing_key_encryption_key_file_is_named(tmp_path: Any) -> None:
    with pytest.raises(KeyEncryptionKeyRefused, match="No such file"):
        KeyEncryptionKey.load(tmp_path / "none")


def test_the_first_line_encrypts_and_every_line_decrypts(tmp_path: Path) -> None:
    old, new = new_line(), new_line()
    under_old = KeyEncryptionKey.load(write(tmp_path / "a", old)).encrypt(b"secret", name="x")
    both = KeyEncryptionKey.load(write(tmp_path / "b", new, old))
    assert both.decrypt(under_old, name="x") == b"secret"
    under_new = both.encrypt(b"secret", name="x")
    with pytest.raises(KeyEncryptionKeyRefused, match="is not the one that encrypted x"):
        KeyEncryptionKey.load(tmp_path / "a").decrypt(under_new, name="x")
    assert KeyEncryptionKey.load(write(tmp_path / "c", new)).decrypt(under_new, name="x")
    with pytest.raises(KeyEncryptionKeyRefused):
        both.decrypt(under_new, name="y")


def test_the_file_is_read_again_when_what_is_at_hand_does_not_decrypt(tmp_path: Path) -> None:
    old, new = new_line(), new_line()
    key = KeyEncryptionKey.load(write(tmp_path / "key", old))
    under_new = KeyEncryptionKey.load(write(tmp_path / "new", new)).encrypt(b"secret", name="x")
    with pytest.raises(KeyEncryptionKeyRefused):
        key.decrypt(under_new, name="x")
    write(tmp_path / "key", new)
    assert key.decrypt(under_new, name="x") == b"secret"


async def encrypt_anew(issuer: Any, path: Path) -> int:
    server = issuer.server
    new = KeyEncryptionKey.load(path)
    return await rewrap(server.db, server.key_encryption_key, new, server.time())


async def test_rewrapping_moves_every_secret_to_the_new_key(
    start: Any, issuer: Any, tmp_path: Path, key_encryption_key_file: Path, clock: Any
) -> None:
    clock.seconds += 600
    await issuer.server.rotation.rotate(issuer.server.db)
    refresh_token = (await issuer.log_in())["refresh_token"]
    before = await published(issuer)
    new = write(tmp_path / "new", new_line())
    assert await encrypt_anew(issuer, new) == 5  # three signing keys, two others
    [row] = [row for row in await find(issuer.server.db) if row.event == "secrets rewrapped"]
    assert row.detail == {"count": 5}
    async with start(key_encryption_key_file=new) as other:
        assert await published(other) == before
        assert (await other.refresh(refresh_token)).status_code == 200
    async with start() as outdated:
        assert (await outdated.http.get("/health/ready")).status_code == 503
        copy(new, key_encryption_key_file)
        await outdated.server.prepare()  # the file is read again
        assert (await outdated.http.get("/health/ready")).json() == {"status": "ready"}


async def test_a_rewrapping_that_is_cut_off_has_not_happened(
    start: Any, issuer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = KeyEncryptionKey.load(write(tmp_path / "new", new_line()))
    server, before = issuer.server, await stored(issuer)
    encrypt, calls = new.encrypt, 0

    def fail_at_the_last(plaintext: bytes, *, name: str) -> bytes:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return encrypt(plaintext, name=name)

    monkeypatch.setattr(new, "encrypt", fail_at_the_last)
    with pytest.raises(KeyboardInterrupt):
        await rewrap(server.db, server.key_encryption_key, new, server.time())
    assert await stored(issuer) == before
    async with start() as again:
        assert (await again.http.get("/health/ready")).status_code == 200


async def test_it_can_be_run_again_from_either_side(
    issuer: Any, tmp_path: Path, key_encryption_key_file: Path
) -> None:
    new = write(tmp_path / "new", new_line())
    assert await encrypt_anew(issuer, new) == 4
    assert await encrypt_anew(issuer, new) == 4
    old = KeyEncryptionKey.load(key_encryption_key_file)
    server = issuer.server
    assert await rewrap(server.db, KeyEncryptionKey.load(new), old, server.time()) == 4


async def test_with_a_key_that_fits_nothing_it_is_refused_and_nothing_changes(
    issuer: Any, tmp_path: Path
) -> None:
    before = await stored(issuer)
    wrong = KeyEncryptionKey.load(write(tmp_path / "wrong", new_line()))
    with pytest.raises(KeyEncryptionKeyRefused):
        await rewrap(issuer.server.db, wrong, wrong, issuer.server.time())
    assert await stored(issuer) == before


async def test_a_running_issuer_goes_on_and_says_what_to_do_until_it_has_the_new_key(
    issuer: Any,
    tmp_path: Path,
    key_encryption_key_file: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = await published(issuer)
    key = issuer.server.keys.trusted(before[0])
    new = write(tmp_path / "new", new_line())
    await encrypt_anew(issuer, new)
    await turn(issuer)
    await turn(issuer)
    assert await kid_of_new_token(issuer) == before[0]
    ready = await issuer.http.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["warning"].startswith("the signing keys were encrypted anew: put the new")
    assert caplog.text.count("the signing keys were encrypted anew") == 1
    copy(new, key_encryption_key_file)
    assert await published(issuer) == before
    assert (await issuer.http.get("/health/ready")).json() == {"status": "ready"}
    assert issuer.server.keys.trusted(before[0]) is key


async def test_a_new_key_that_it_cannot_read_makes_it_not_ready_but_it_goes_on(
    start: Any, issuer: Any, tmp_path: Path, key_encryption_key_file: Path, clock: Any
) -> None:
    old, following = await published(issuer)
    new = write(tmp_path / "new", new_line())
    await encrypt_anew(issuer, new)
    clock.seconds += 600
    with pytest.raises(KeyEncryptionKeyRefused):  # it would be the only one to read it
        await issuer.server.rotation.rotate(issuer.server.db)
    async with start(key_encryption_key_file=new) as other:
        assert await other.server.rotation.rotate(other.server.db) == following
        kids = await published(other)
        await issuer.server.keys.reload(issuer.server.db)
        ready = await issuer.http.get("/health/ready")
        assert (ready.status_code, ready.json()["error"]) == (503, "temporarily_unavailable")
        assert "put the new key-encryption key" in ready.json()["error_description"]
        response = await issuer.http.get("/.well-known/jwks.json")
        assert [key["kid"] for key in response.json()["keys"]] == [old, following]
        assert await kid_of_new_token(issuer) == following
        copy(new, key_encryption_key_file)
        assert await published(issuer) == kids
        assert (await issuer.http.get("/health/ready")).status_code == 200


@pytest.mark.parametrize("new_first", [False, True])
async def test_with_both_lines_in_the_file_nobody_notices(
    start: Any,
    issuer: Any,
    tmp_path: Path,
    key_encryption_key_file: Path,
    clock: Any,
    new_first: bool,
) -> None:
    old_line, line = read(key_encryption_key_file), new_line()
    new = write(tmp_path / "new", line)
    write(key_encryption_key_file, *((line, old_line) if new_first else (old_line, line)))
    async with start() as restarted:
        clock.seconds += 600
        await restarted.server.rotation.rotate(restarted.server.db)
        await encrypt_anew(restarted, new)
        clock.seconds += 600
        # Whatever the order of the lines, a new key is encrypted under the key of all the others.
        await restarted.server.rotation.rotate(restarted.server.db)
        kids = await published(restarted)
        assert await published(issuer) == kids
    async with start(key_encryption_key_file=new) as afterwards:
        assert await published(afterwards) == kids


async def test_when_it_is_lost_the_statements_of_the_manual_make_a_new_beginning(
    start: Any, issuer: Any, tmp_path: Path
) -> None:
    lost = await published(issuer)
    refresh_token = (await issuer.log_in())["refresh_token"]
    [statements] = re.findall(r"```sql\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    await issuer.server.db.execute(statements)
    async with start(key_encryption_key_file=write(tmp_path / "new", new_line())) as again:
        kids = await published(again)
        assert len(kids) == 2
        assert not set(kids) & set(lost)
        assert await kid_of_new_token(again) == kids[0]
        assert (await again.refresh(refresh_token)).json()["error"] == "invalid_grant"
