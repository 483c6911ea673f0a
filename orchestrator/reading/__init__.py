"""Queries for pages, API and command line. Each takes the viewer."""
