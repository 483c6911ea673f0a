"""Inline SVG, drawn on the server: classes and presentation attributes only, so that the strict CSP holds."""
