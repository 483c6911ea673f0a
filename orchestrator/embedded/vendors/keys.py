"""The private key with which the apps of all simulators sign, and certificates for it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID
from joserfc.jwk import RSAKey


@cache
def private_key() -> RSAKey:
    """Made once in a process: it takes a while."""
    return RSAKey.generate_key(2048, {"kid": "simulated", "use": "sig"})


def private_pem() -> str:
    return private_key().as_pem(private=True).decode()


def certificate_of(key: RSAKey, *, days: float = 365) -> str:
    """A certificate that the key itself signed, as PEM; it began a year ago and ends in so many days."""
    signing = load_pem_private_key(key.as_pem(private=True), None)
    assert isinstance(signing, RSAPrivateKey)
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "offboard")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(signing.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=365))
        .not_valid_after(now + timedelta(days=days))
        .sign(signing, SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def thumbprint_of(certificate: str) -> str:
    """As in the header `x5t#S256` (RFC 7515 section 4.1.8)."""
    der = x509.load_pem_x509_certificate(certificate.encode()).public_bytes(Encoding.DER)
    return urlsafe_b64encode(sha256(der).digest()).decode().rstrip("=")
