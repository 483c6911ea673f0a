"""Starts: their limits, leavings that HR's record reports, and scheduled runs that become urgent."""
