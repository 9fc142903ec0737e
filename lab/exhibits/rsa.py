"""`rsa`: a pair of keys, and its two uses, which are not the same thing backwards."""

from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lab.exhibits import Exhibit
from lab.exhibits.sheet import Sheet

MESSAGE: Final = b"transfer 10 to mary"
CHANGED: Final = b"transfer 99 to mary"
_OAEP: Final = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
_SIGNING: Final = padding.PKCS1v15()


async def run(sheet: Sheet) -> None:
    """Encrypt, sign, tamper, and use the wrong key."""
    ours, other = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    secret = ours.public_key().encrypt(MESSAGE, _OAEP)
    signature = ours.sign(MESSAGE, _SIGNING, hashes.SHA256())
    sheet.title("To keep a secret: encrypt with the public key (RFC 8017 §7.1, OAEP)")
    sheet.table(
        ("who tries", "result"),
        [
            ("the private key decrypts", _tried(lambda: ours.decrypt(secret, _OAEP) == MESSAGE)),
            ("another private key", _tried(lambda: other.decrypt(secret, _OAEP) == MESSAGE)),
            (
                "one bit changed on the way",
                _tried(lambda: ours.decrypt(_flip(secret), _OAEP) == b""),
            ),
            ("the public key", "it has no such operation"),
        ],
    )
    sheet.line(f"  Anybody could have written it: all have the public key. {len(secret)} octets.")
    sheet.title("To prove who wrote it: sign with the private key (RFC 8017 §8.2)")
    public = ours.public_key()
    sheet.table(
        ("who checks what", "result"),
        [
            ("the public key, as it was signed", _checked(public, signature, MESSAGE)),
            ("the message was changed", _checked(public, signature, CHANGED)),
            ("the signature was changed", _checked(public, _flip(signature), MESSAGE)),
            ("with another public key", _checked(other.public_key(), signature, MESSAGE)),
            ("the same, sent a second time", _checked(public, signature, MESSAGE)),
        ],
    )
    sheet.say(f"  The message itself is there to be read by everybody: {MESSAGE.decode()!r}.")
    sheet.say(
        "A pair of keys is asymmetric; symmetric is one key for both ends. A signature is not"
        " encryption with the private key: nothing is hidden, another padding is used, and a"
        " signature that is sent twice is good twice."
    )


def _flip(octets: bytes) -> bytes:
    return octets[:40] + bytes([octets[40] ^ 1]) + octets[41:]


def _tried(attempt: Callable[[], bool]) -> str:
    try:
        return "yes, it reads the message" if attempt() else "no, something else came out"
    except ValueError:
        return "no: decryption fails"


def _checked(key: rsa.RSAPublicKey, signature: bytes, message: bytes) -> str:
    try:
        key.verify(signature, message, _SIGNING, hashes.SHA256())
    except InvalidSignature:
        return "refused"
    return "good"


EXHIBIT: Final = Exhibit("RSA: encrypting is not signing", alone=run)
