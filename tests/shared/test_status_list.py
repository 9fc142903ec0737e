"""Packing and unpacking status lists, against the draft's examples and hostile ones."""

import json
import random
import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import jws
from shared.status_list import MAXIMUM_OCTETS, Entries, Status, StatusListToken, pack, unpack

VECTORS = Path(__file__).parent.parent / "vectors"
LARGEST = 8 * MAXIMUM_OCTETS


def entries(octets: bytes) -> list[int]:
    return [idx for idx in range(8 * len(octets)) if octets[idx >> 3] >> (idx & 7) & 1]


def packed(octets: bytes) -> str:
    return jws.encode(zlib.compress(octets)).decode()


def test_the_example_of_section_4_is_read_from_the_least_significant_bit() -> None:
    octets = unpack("eNrbuRgAAhcBXQ")  # draft-ietf-oauth-status-list-18 §4.2
    assert octets == b"\xb9\xa3"
    assert entries(octets) == [0, 3, 4, 5, 7, 8, 9, 13, 15]
    assert unpack(pack(entries(octets), 16)) == octets


def test_the_test_vector_of_appendix_c_1_is_read_and_made_no_longer() -> None:
    vector = json.loads((VECTORS / "status_list_c1.json").read_text())
    octets = unpack(vector["lst"])
    assert 8 * len(octets) == 2**20
    assert entries(octets) == vector["set"]
    lst = pack(vector["set"], 2**20)
    assert unpack(lst) == octets
    assert len(lst) <= len(vector["lst"])


@given(st.sets(st.integers(0, 999), max_size=200))
@settings(max_examples=50)
def test_what_is_packed_is_what_is_unpacked(revoked: set[int]) -> None:
    assert entries(unpack(pack(revoked, 1000))) == sorted(revoked)


def test_a_list_is_no_longer_than_with_the_slow_full_search() -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    for share in (0.0001, 0.05):
        octets = bytearray(2**17)
        revoked = chance.sample(range(2**20), int(share * 2**20))
        for idx in revoked:
            octets[idx >> 3] |= 1 << (idx & 7)
        assert len(pack(revoked, 2**20)) <= len(jws.encode(zlib.compress(octets, 9)))


def test_the_largest_list_is_unpacked_and_a_larger_one_is_not() -> None:
    assert len(unpack(packed(bytes(MAXIMUM_OCTETS)))) == MAXIMUM_OCTETS
    with pytest.raises(ValueError, match="longer than"):
        unpack(packed(bytes(MAXIMUM_OCTETS + 1)))


def test_a_bomb_is_not_unpacked() -> None:
    bomb = packed(bytes(64 * 1024 * 1024))
    assert len(bomb) < 100_000
    with pytest.raises(ValueError, match="longer than"):
        unpack(bomb)


@pytest.mark.parametrize(
    "lst",
    [
        pytest.param("", id="empty"),
        pytest.param("eNrbuRgAAhcBXQ==", id="padding"),
        pytest.param("eNrbuRgAAhcBXQ\n", id="a newline"),
        pytest.param("é", id="not ASCII"),
        pytest.param("AAAA", id="not zlib"),
        pytest.param(jws.encode(zlib.compress(bytes(1000))[:-1]).decode(), id="cut off"),
        pytest.param(jws.encode(zlib.compress(bytes(1000))[:5]).decode(), id="cut off early"),
        pytest.param(jws.encode(zlib.compress(bytes(8)) + b"more").decode(), id="something after"),
        pytest.param(jws.encode(b"\x1f\x8b" + bytes(20)).decode(), id="gzip"),
    ],
)
def test_what_is_no_list_is_refused(lst: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(lst)


@pytest.mark.parametrize(
    "claim",
    [
        pytest.param({}, id="without a list"),
        pytest.param({"status_list": {}}, id="without members"),
        pytest.param({"status_list": {"idx": 0}}, id="without uri"),
        pytest.param({"status_list": {"uri": "https://a.example/1"}}, id="without idx"),
        pytest.param({"status_list": {"idx": -1, "uri": "https://a.example/1"}}, id="negative"),
        pytest.param({"status_list": {"idx": "0", "uri": "https://a.example/1"}}, id="text"),
        pytest.param({"status_list": {"idx": 0.5, "uri": "https://a.example/1"}}, id="fraction"),
        pytest.param({"status_list": {"idx": True, "uri": "https://a.example/1"}}, id="true"),
        pytest.param({"status_list": {"idx": LARGEST, "uri": "https://a.example/1"}}, id="huge"),
        pytest.param({"status_list": {"idx": 0, "uri": ""}}, id="empty uri"),
        pytest.param({"status_list": {"idx": 0, "uri": "x" * 513}}, id="long uri"),
        pytest.param({"status_list": [0, "https://a.example/1"]}, id="an array"),
        pytest.param({"other": {"idx": 0, "uri": "https://a.example/1"}}, id="another mechanism"),
        pytest.param("revoked", id="a string"),
    ],
)
def test_a_malformed_status_claim_is_refused(claim: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(claim), type=Status)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"sub": None}, id="without sub"),
        pytest.param({"iat": None}, id="without iat"),
        pytest.param({"exp": None}, id="without exp"),
        pytest.param({"ttl": 0}, id="no ttl"),
        pytest.param({"ttl": "5"}, id="ttl as text"),
        pytest.param({"exp": 1e400}, id="exp without end"),
        pytest.param({"status_list": {"bits": 2, "lst": "eNrbuRgAAhcBXQ"}}, id="two bits"),
        pytest.param({"status_list": {"bits": 1}}, id="without lst"),
        pytest.param({"status_list": {"bits": 1, "lst": [1]}}, id="lst as a list"),
    ],
)
def test_a_malformed_status_list_token_is_refused(change: dict[str, object]) -> None:
    claims: dict[str, object] = {
        "sub": "https://a.example/1",
        "iat": 1,
        "exp": 2,
        "status_list": {"bits": 1, "lst": "eNrbuRgAAhcBXQ"},
    }
    msgspec.json.decode(json.dumps(claims), type=StatusListToken)
    changed = {name: value for name, value in (claims | change).items() if value is not None}
    with pytest.raises((msgspec.ValidationError, msgspec.DecodeError)):
        msgspec.json.decode(json.dumps(changed), type=StatusListToken)


def test_entries_are_read_until_they_are_too_old_and_no_further_than_they_go() -> None:
    entries_read = Entries(b"\x02", usable_until=10)
    entries_read.used = False
    assert entries_read.is_revoked(1, now=10) is None
    assert not entries_read.used
    assert [entries_read.is_revoked(idx, now=9.9) for idx in range(9)] == [
        *(False, True, False, False, False, False, False, False, None),
    ]
    assert entries_read.used


def test_of_a_list_that_was_never_had_nothing_is_known() -> None:
    assert Entries().is_revoked(0, now=-1e9) is None
