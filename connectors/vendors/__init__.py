"""Connectors for the products of vendors, one file a vendor."""
