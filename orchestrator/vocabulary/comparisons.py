"""How much a comparison of the ledger covered, in words, for page and terminal."""

from __future__ import annotations

from collections.abc import Mapping


def extent(compared: Mapping[str, int]) -> list[str]:
    """What was compared, and in a second sentence what is left for the next comparisons, if anything is. `compared` has
    the fields of `Compared`."""
    done = [
        f"the workflows of {_counted(compared['workflows'], 'open run')}",
        f"{_counted(compared['rows'], 'row')} of {_counted(compared['runs'], 'run')}",
    ]
    sentences = [f"Compared: {', '.join(done)}. Read again in systems: {_counted(compared['steps'], 'step')}."]
    left = []
    if compared["workflows_left"]:
        left.append(f"the workflows of {_counted(compared['workflows_left'], 'open run')} (Temporal was too slow)")
    if compared["rows_left"]:
        left.append("rows of further runs")
    if compared["steps_left"]:
        left.append(f"{_counted(compared['steps_left'], 'step')} to read again (limits of a comparison or system)")
    if compared["step_runs_left"]:
        left.append(f"the steps of {_counted(compared['step_runs_left'], 'open run')}")
    if left:
        sentences.append(f"Left for the next comparisons: {', '.join(left)}.")
    return sentences


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
