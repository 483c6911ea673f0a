"""Connectors for the products of vendors, one file or package a vendor."""
