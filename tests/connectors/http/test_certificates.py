"""A client's certificate: its thumbprint, its key and its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from joserfc.jwk import RSAKey

from connectors.errors import ActionRequiredError
from connectors.http.certificates import ClientCertificate
from orchestrator.embedded.vendors.keys import certificate_of, private_key, private_pem, thumbprint_of


def test_the_thumbprint_is_the_sha_256_of_the_der_form() -> None:
    pem = certificate_of(private_key())
    wanted = thumbprint_of(pem)
    assert ClientCertificate(pem).thumbprint == wanted
    assert ClientCertificate(private_pem() + pem).thumbprint == wanted, "a file with the key as well"


def test_it_warns_from_thirty_days_before_its_end() -> None:
    certificate = ClientCertificate(certificate_of(private_key(), days=100))
    end = certificate.expires_at
    assert end > datetime.now(UTC) + timedelta(days=99)
    assert certificate.warning() == "" and certificate.warning(end - timedelta(days=31)) == ""
    assert certificate.warning(end - timedelta(days=29)).startswith(f"The certificate expires on {end:%Y-%m-%d}")
    assert certificate.warning(end + timedelta(days=1)).startswith(f"The certificate expired on {end:%Y-%m-%d}")


@pytest.mark.parametrize("pem", ["", "s3cret", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused_without_repeating_it(pem: str) -> None:
    with pytest.raises(ActionRequiredError, match="setting_invalid") as refused:
        ClientCertificate(pem)
    assert "s3cret" not in refused.value.detail


def test_the_key_must_be_its_own() -> None:
    certificate = ClientCertificate(certificate_of(private_key()))
    certificate.require_key(private_pem())
    other = RSAKey.generate_key(2048).as_pem(private=True).decode()
    with pytest.raises(ActionRequiredError) as refused:
        certificate.require_key(other)
    assert refused.value.detail == "The private key does not belong to the certificate."
    with pytest.raises(ActionRequiredError, match="setting_invalid"):
        certificate.require_key("no key")
