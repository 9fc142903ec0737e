"""An issuer's key set, key by key (RFC 7517), and its clock."""

import re
from collections import Counter
from typing import Any, Final

from resource_service.diagnosis.clock import difference
from resource_service.diagnosis.findings import cut, shown
from resource_service.diagnosis.remarks import Remarks
from resource_service.doctor.client import Answer, Client
from resource_service.doctor.record import Record
from shared import jws
from shared.access_token import LEEWAY
from shared.jwks import KeySetRefused, read_key_set

_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,10})", re.IGNORECASE)
_SHORTEST: Final = 60  # seconds, as is the next
_LONGEST: Final = 86_400


async def examine(record: Record, client: Client, jwks_uri: str) -> None:
    """Check the set that verifiers fetch."""
    document = await record.document(client, jwks_uri, "key set", "RFC 7517 §5")
    answer, keys = document.answer, document.members.get("keys")
    good = isinstance(keys, list) and all(isinstance(key, dict) for key in keys)
    record.require(
        good,
        "keys",
        "RFC 7517 §5",
        f"{len(keys or ())} in the set" if good else shown(keys),
        "Put the keys into a list under the member keys, each as an object.",
    )
    _check_keys(record, keys or [])
    _check_usable(record, answer)
    _check_life(record, answer)
    _check_clock(record, answer)


def _check_keys(record: Record, keys: list[dict[str, Any]]) -> None:
    secret = [_name(key) for key in keys if _PRIVATE & key.keys() or key.get("kty") == "oct"]
    record.expect(
        not secret,
        "public keys only",
        "RFC 7517 §9.2",
        f"private or symmetric: {_listed(secret)}" if secret else "no private member",
        "Everybody can sign tokens now. Make new keys at once, and publish public members only.",
    )
    times = Counter(key["kid"] for key in keys if isinstance(key.get("kid"), str))
    wrong = [kid for kid, count in times.items() if count > 1]
    wrong += [_name(key) for key in keys if not jws.is_kid(key.get("kid"))]
    record.expect(
        not wrong,
        "a kid of its own for each",
        "RFC 7517 §4.5",
        f"repeated, missing or malformed: {_listed(wrong)}" if wrong else _listed([*times]),
        "Give each key a kid of its own, such as its thumbprint (RFC 7638).",
    )
    rsa = [key for key in keys if key.get("kty") == "RSA"]
    small = [f"{_name(key)} ({bits} bits)" for key in rsa if (bits := _bits(key)) < 2048]
    record.expect(
        not small,
        "2048 bits or more",
        "RFC 7518 §3.3",
        f"too small: {_listed(small)}" if small else f"{len(rsa)} RSA keys",
        "Make an RSA key of at least 2048 bits, and withdraw this one.",
    )
    other = [_name(key) for key in rsa if not _is_for_rs256(key)]
    record.expect(
        not other,
        "use and alg",
        "RFC 7517 §4.2, §4.4",
        f"not for RS256 signatures: {_listed(other)}" if other else 'each "sig" and "RS256"',
        'Say "use": "sig" and "alg": "RS256" with each key that signs tokens, and no other.',
    )


def _check_usable(record: Record, answer: Answer) -> None:
    """Read the set as this service's own cache does."""
    remarks = Remarks()
    try:
        with remarks.kept():
            saw, good = f"{len(read_key_set(answer.body))} for RS256", True
    except KeySetRefused as error:
        saw, good = "; ".join((str(error), *remarks.texts)), False
    record.require(
        good,
        "usable keys",
        "RFC 9068 §4",
        saw,
        "Publish at least one RSA key for RS256 signatures, in at most 32 keys and 256 KiB.",
    )


def _check_life(record: Record, answer: Answer) -> None:
    said = answer.headers.get("cache-control", "")
    max_age = _MAX_AGE.search(said)
    record.expect(
        max_age and _SHORTEST <= int(max_age[1]) <= _LONGEST and "no-store" not in said.lower(),
        "cache life",
        "RFC 9111 §5.2.2.1",
        shown(said) if said else "no Cache-Control header",
        f"Send Cache-Control: max-age={_SHORTEST} to {_LONGEST}, so that verifiers know how long"
        " to keep the keys.",
    )


def _check_clock(record: Record, answer: Answer) -> None:
    found = difference(answer.headers, answer.asked_at, answer.received_at)
    record.expect(
        found is not None and abs(found.ahead) - found.within <= LEEWAY,
        "clock",
        "RFC 7519 §4.1.4",
        f"the issuer's is {found}" if found else "no Date header",
        f"Set both clocks by NTP: tokens of a clock more than {LEEWAY} s away are refused, or"
        " live too long.",
    )


def _is_for_rs256(key: dict[str, Any]) -> bool:
    return (key.get("use", "sig"), key.get("alg", jws.ALGORITHM)) == ("sig", jws.ALGORITHM)


def _bits(key: dict[str, Any]) -> int:
    try:
        return int.from_bytes(jws.decode(key["n"].encode("ascii")), "big").bit_length()
    except (LookupError, AttributeError, ValueError):
        return 0


def _name(key: dict[str, Any]) -> str:
    return shown(key.get("kid")) if "kid" in key else "a key without kid"


def _listed(names: list[str]) -> str:
    return cut(", ".join(names))
