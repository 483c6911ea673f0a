"""GitHub's own description, cut to the operations that the connector uses, to check requests and answers against."""

from __future__ import annotations

from tests.connectors.vendors.vendor_description import VendorDescription

GITHUB_REST = VendorDescription("GitHub", "github_operations.json")
