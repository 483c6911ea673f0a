"""Previews of a start, a replay, a restore and an erasure, as documents."""
