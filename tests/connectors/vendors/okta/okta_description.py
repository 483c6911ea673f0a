"""Okta's own description, cut to the operations that the connector uses, to check requests and answers against."""

from __future__ import annotations

from tests.connectors.vendors.vendor_description import RECORDINGS, VendorDescription

__all__ = ["OPERATIONS", "RECORDINGS", "SCHEMAS", "check_answer", "check_request"]

_OKTA = VendorDescription("Okta", "okta_operations.json")
OPERATIONS, SCHEMAS = _OKTA.operations, _OKTA.schemas
check_request, check_answer = _OKTA.check_request, _OKTA.check_answer
