"""The colour of a mark, by its meaning."""

from __future__ import annotations

from typing import Literal

Tone = Literal["good", "active", "warn", "bad", "quiet"]
"""`active` is the accent: work is going on or a person is asked. Never the only difference between two states."""
