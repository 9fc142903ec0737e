"""TLS without a network: a certificate made on the spot, and what it does to octets."""

import datetime
import ssl
import tempfile
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Encrypted:
    """What became of some octets; `overhead` counts the octets that were added."""

    octets: bytes
    overhead: int
    version: str


def server_context() -> tuple[ssl.SSLContext, bytes]:
    """Return a server's side for 127.0.0.1 and its self-signed certificate (PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:  # 0600, and gone at once
        file.write(certificate + private)
        file.flush()
        context.load_cert_chain(Path(file.name))
    return context, certificate


def client_context(certificate: bytes) -> ssl.SSLContext:
    """Return a client's side that trusts this certificate and no other."""
    return ssl.create_default_context(cadata=certificate.decode())


def octets_of_records(sent: bytes) -> Encrypted:
    """Encrypt octets as a TLS client does, after a handshake that is not counted."""
    server_side, certificate = server_context()
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    client = client_context(certificate).wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    to_server.read()
    client.write(sent)
    records = to_server.read()
    return Encrypted(records, len(records) - len(sent), client.version() or "TLS")
