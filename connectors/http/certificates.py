"""The certificate of a client that signs with its private key."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from connectors.errors import ActionRequiredError

EXPIRES_SOON: Final = timedelta(days=30)


class ClientCertificate:
    """An X.509 certificate as PEM, and nothing secret. `expires_at` is the last instant at which it is valid."""

    def __init__(self, pem: str) -> None:
        """Raises `ActionRequiredError("setting_invalid")`."""
        try:
            self._certificate = x509.load_pem_x509_certificate(pem.encode())
            self._public_key = self._certificate.public_key().public_bytes(Encoding.DER, _PUBLIC)
        except (ValueError, UnsupportedAlgorithm):
            raise _invalid(
                "The certificate is not a PEM document with an X.509 certificate.",
                "Set the certificate as PEM, beginning with -----BEGIN CERTIFICATE-----.",
            ) from None
        self.expires_at = self._certificate.not_valid_after_utc

    @property
    def thumbprint(self) -> str:
        """As in the header `x5t#S256` (RFC 7515 section 4.1.8): the SHA-256 of its DER form, as base64url."""
        return base64.urlsafe_b64encode(self._certificate.fingerprint(SHA256())).decode().rstrip("=")

    def require_key(self, private_key: str) -> None:
        """Raises `ActionRequiredError("setting_invalid")` unless it is the certificate of this private key (PEM)."""
        try:
            public = load_pem_private_key(private_key.encode(), None).public_key()
            belongs = public.public_bytes(Encoding.DER, _PUBLIC) == self._public_key
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise _invalid(
                "The private key is not a PEM document with a key that no password protects.",
                "Set the private key of the certificate as PEM, without a password.",
            ) from None
        if not belongs:
            raise _invalid(
                "The private key does not belong to the certificate.",
                "Set the certificate and the private key that were made together.",
            )

    def warning(self, now: datetime | None = None) -> str:
        """A sentence if it expires within 30 days or has expired; otherwise empty."""
        now = now or datetime.now(UTC)
        if now < self.expires_at - EXPIRES_SOON:
            return ""
        verb = "expires" if now < self.expires_at else "expired"
        return f"The certificate {verb} on {self.expires_at:%Y-%m-%d}: add a new one to the app, then set it here."


_PUBLIC: Final = PublicFormat.SubjectPublicKeyInfo


def _invalid(said: str, remedy: str) -> ActionRequiredError:
    return ActionRequiredError("setting_invalid", said, remedy=remedy, happened="no")
