"""Simulators of vendors that only tests use, and the tests of all simulators.

The other simulators are in `orchestrator/embedded/vendors`, with what all of them share. `reduction.py` cuts a vendor's
own API description down to the facts that a simulator is checked against.
"""
