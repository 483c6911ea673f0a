"""Microsoft Graph's own description, cut to the operations that the connector for Entra uses."""

from __future__ import annotations

from tests.connectors.vendors.vendor_description import VendorDescription

GRAPH = VendorDescription("Microsoft", "entra_operations.json", base_path="/v1.0")
