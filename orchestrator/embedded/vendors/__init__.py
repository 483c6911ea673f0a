"""Stateful simulators of vendors, written from the vendors' documents and without a look at the connectors.

A connector and a simulator therefore agree only where both read the documents alike. `simulator.py` has what all of
them share, `serving.py` puts one on a port of this machine, `faults.py` makes it fail, and `description.py` checks
every request and every answer against the vendor's own API description. Simulators that only tests use, and the tests
of all, are in `tests/vendors`.
"""
