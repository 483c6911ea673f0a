"""Checks of a packet: the whole, its HR section, its expressions, and its steps for every system of a class."""
