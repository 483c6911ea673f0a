"""Google's own discovery documents, cut to the operations that the connector for Google Workspace uses."""

from __future__ import annotations

from tests.connectors.vendors.vendor_description import VendorDescription

GOOGLE = VendorDescription("Google", "google_workspace_operations.json")
