"""The packets that ship with Offboard: a folder each, as package data."""
